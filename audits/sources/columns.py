"""Which column of a source is which of ours."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from audits.sources.errors import MalformedSource
from audits.sources.source import Source

ALIASES: dict[str, tuple[str, ...]] = {
    "subject": ("subject", "subject_id", "list", "list_id", "user", "user_id", "query_id"),
    "item": ("item", "item_id"),
    "rank": ("rank",),
    "score": ("score",),
    "attribute": ("attribute",),
    "category": ("category",),
    "weight": ("weight",),
    "grade": ("grade",),
    "group": ("group",),
    "count": ("count",),
    "cohort": ("cohort",),
    "title": ("title", "title_id", "item", "item_id"),
    "image": ("image", "image_id"),
    "propensity": ("propensity",),
    "clicked": ("clicked",),
    "person": ("person", "person_id"),
    "share": ("share",),
    "probability": ("probability",),
}
"""Names under which readers find a column by themselves, in every format; any other is named by the caller."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a table has to bring.

    ``either`` means the first of these that is there; ``wide`` takes every further column, as values of an attribute.
    """

    what: str
    required: tuple[str, ...]
    optional: tuple[str, ...] = ()
    either: tuple[str, ...] = ()
    wide: bool = False

    @property
    def named(self) -> tuple[str, ...]:
        """The columns that are asked for by name."""
        return (*self.required, *self.optional, *self.either)


def choose(found: Sequence[str], wanted: Wanted, source: Source, *, schema: bool = True) -> dict[str, str]:
    """Our name of each of the source's columns that is read, in the source's order.

    Without a ``schema`` the names come from a first line that may be data, and are not repeated in messages.

    Raises:
        MalformedSource: a column is missing, or there are two of it.
    """
    doubled = sorted({name for name in found if list(found).count(name) > 1})
    if doubled:
        raise _wrong(source, wanted, f"each column once, got {len(doubled)} twice")
    has = _listed(found) if schema else f"{len(found)} others; the first line has to name the columns"
    ours = {name: _find(name, found, wanted, source, has) for name in (*wanted.required, *wanted.optional)}
    missing = [name for name in wanted.required if ours[name] is None]
    first = next((name for name in wanted.either if _find(name, found, wanted, source, has)), None)
    if first is not None:
        ours[first] = _find(first, found, wanted, source, has)
    elif wanted.either:
        missing.append(" or ".join(wanted.either))
    if missing:
        raise _wrong(source, wanted, f"the columns {', '.join(missing)}, got {has}")
    chosen = {theirs: name for name, theirs in ours.items() if theirs is not None}
    if wanted.wide:
        chosen |= _attributes(found, chosen, wanted, source, has)
    return {name: chosen[name] for name in found if name in chosen}


def _find(name: str, found: Sequence[str], wanted: Wanted, source: Source, has: str) -> str | None:
    if name in source.columns:
        theirs = source.columns[name]
        if theirs not in found:
            raise _wrong(source, wanted, f"a column {theirs}, as the caller says, got {has}")
        return theirs
    known = [alias for alias in ALIASES.get(name, (name,)) if alias in found]
    if len(known) > 1:
        raise _wrong(source, wanted, f"one column for the {name}, got {' and '.join(known)}: say which")
    return known[0] if known else None


def _attributes(
    found: Sequence[str], chosen: Mapping[str, str], wanted: Wanted, source: Source, has: str
) -> dict[str, str]:
    """Every further column under its own name, or those that the caller named."""
    if source.attributes is None:
        return {name: name for name in found if name and name not in chosen}
    missing = sorted(set(source.attributes) - set(found))
    if missing:
        raise _wrong(source, wanted, f"the columns {', '.join(missing)}, as the caller says, got {has}")
    return {name: name for name in source.attributes if name not in chosen}


def _listed(found: Sequence[str]) -> str:
    return ", ".join(found[:20]) + (" …" if len(found) > 20 else "")  # noqa: PLR2004 - a screen's worth


def _wrong(source: Source, wanted: Wanted, expected: str) -> MalformedSource:
    return MalformedSource(f"{source.place}: for {wanted.what} expected {expected}")
