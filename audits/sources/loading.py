"""A whole audit input from places."""

from collections.abc import Callable, Iterable

import pyarrow as pa
import pyarrow.compute as pc

from audits.sources.errors import MalformedSource
from audits.sources.formats import source_at
from audits.sources.groups import read_groups
from audits.sources.labels import read_items
from audits.sources.lists import read_recommendations
from audits.sources.pairs import count_popularity, read_history, read_popularity, read_relevance
from audits.sources.rows import Progress, untold
from audits.sources.source import Place
from audits.tables import AuditInput

Told = Callable[[str], Progress]
"""Given what is read now ("recommendations"), who is told how far it is."""


def untold_of(what: str) -> Progress:  # noqa: ARG001 - the interface of who is told
    """Nobody, whatever is read."""
    return untold


def load(
    *,
    recommendations: Place,
    items: Place,
    relevance: Place | None = None,
    history: Place | None = None,
    popularity: Place | None = None,
    groups: Place | None = None,
    baseline: Place | None = None,
    allow_unlisted: bool = False,
    progress: Told = untold_of,
) -> AuditInput:
    """Read every table of an audit, each from a file, a folder or a table in an engine.

    The catalogue is all items that ``items`` lists. An item that another table names and ``items`` does not is refused;
    with ``allow_unlisted`` it joins the catalogue without a category, and so counts as unknown. Popularity is counted
    from ``history`` where it is not given.

    Raises:
        UnknownSource: nothing is at one of the places, or no format is known for it.
        MissingEngine: what reads one of them is not installed.
        MalformedSource: what is there breaks its layout, or names items that ``items`` does not list.
        InvalidTable: the tables do not fit each other.
    """
    membership, listed = read_items(items, progress=progress("items"))
    lists = read_recommendations(recommendations, progress=progress("recommendations"))
    other = None if baseline is None else read_recommendations(baseline, progress=progress("baseline"))
    relevant = None if relevance is None else read_relevance(relevance, progress=progress("relevance"))
    chosen = None if history is None else read_history(history, progress=progress("history"))
    counts = None
    if popularity is not None:
        counts = read_popularity(popularity, progress=progress("popularity"))
    elif history is not None:
        counts = count_popularity(history, progress=progress("popularity"))
    named = [
        (place, pc.unique(table["item"]))
        for place, table in (
            (relevance, relevant),
            (history, chosen),
            (history if popularity is None else popularity, counts),
        )
        if table is not None
    ]
    shown = [(place, each.lists.names) for place, each in ((recommendations, lists), (baseline, other)) if each]
    return AuditInput(
        recommendations=lists,
        membership=membership,
        items=_catalogue(listed, [*shown, *named], items, allow_unlisted=allow_unlisted),
        relevance=relevant,
        history=chosen,
        popularity=counts,
        subject_groups=None if groups is None else read_groups(groups, progress=progress("groups")),
        baseline=other,
    )


def _catalogue(
    listed: tuple[str, ...], named: Iterable[tuple[Place | None, pa.Array]], items: Place, *, allow_unlisted: bool
) -> tuple[str, ...]:
    known, others = pa.array(listed, pa.string()), set[str]()
    for place, distinct in named:
        unlisted = distinct.filter(pc.invert(pc.is_in(distinct, value_set=known)))
        if len(unlisted) and not allow_unlisted:
            msg = (
                f"{source_at(place).place}, column item: expected items that {source_at(items).place} lists, "
                f"got {len(unlisted)} others of {len(distinct)}; list these too, without a category where none is known"
            )
            raise MalformedSource(msg)
        others.update(unlisted.to_pylist())
    return tuple(sorted({*listed, *others}))
