"""From stored events to interactions: which subject counts as interested in which item.

One Ibis expression, run by DuckDB here and by any engine that Ibis speaks elsewhere.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from governance.pipeline.home import Home
from governance.policy.privacy_rules import Interest
from pseudonymisation.pseudonym import Pseudonym
from recommender.weighting import Weighting

INTERACTIONS = pa.schema([("subject", pa.string()), ("item", pa.string())])
HISTORIES = pa.schema([*INTERACTIONS, ("time", pa.int64()), ("completion", pa.float64()), ("stars", pa.float64())])

if TYPE_CHECKING:
    import ibis.expr.types as ir


def interested(
    views: pa.Table, ratings: pa.Table, subjects: Sequence[str], *, interest: Interest, purpose: str
) -> pa.Table:
    """Distinct (subject, item) pairs, ordered by both.

    A pair counts when the subject watched at least ``interest.view_completion`` of the item in one view, or rated it at
    least ``interest.rating_stars``, in a row that may be used for ``purpose``.

    Args:
        views: columns subject, item, at, seconds, duration, purposes.
        ratings: columns subject, item, at, stars, purposes.
        subjects: the only subjects whose rows are read.
        interest: the public rule.
        purpose: slug that must be among a row's purposes.
    """
    import ibis  # takes half a second, which who reads no events need not wait for

    rows = _counting(views, ratings, subjects, interest=interest, purpose=purpose)
    return answered(ibis.duckdb.connect(), rows.select("subject", "item").distinct().order_by("subject", "item")).cast(
        INTERACTIONS
    )


def histories(
    views: pa.Table, ratings: pa.Table, subjects: Sequence[str], *, interest: Interest, purpose: str
) -> pa.Table:
    """The same pairs with what their weight in a history may depend on: the schema ``HISTORIES``.

    ``time`` is the latest moment that counted, in seconds since 1970 UTC; ``completion`` the largest share that was
    watched and ``stars`` the highest rating, where any such row counted. Largest values have no order to depend on, so
    every engine gives the same bits.

    Args:
        views: columns subject, item, at, seconds, duration, purposes.
        ratings: columns subject, item, at, stars, purposes.
        subjects: the only subjects whose rows are read.
        interest: the public rule.
        purpose: slug that must be among a row's purposes.
    """
    import ibis

    rows = _counting(views, ratings, subjects, interest=interest, purpose=purpose)
    found = rows.group_by(["subject", "item"]).aggregate(
        time=rows["at"].epoch_seconds().max(), completion=rows["completion"].max(), stars=rows["stars"].max()
    )
    return answered(ibis.duckdb.connect(), found.order_by("subject", "item")).cast(HISTORIES)


def _counting(
    views: pa.Table, ratings: pa.Table, subjects: Sequence[str], *, interest: Interest, purpose: str
) -> "ir.Table":
    """Every row that counts as an interaction: subject, item, at, completion, stars."""
    import ibis

    seen, rated = ibis.memtable(views), ibis.memtable(ratings)
    chosen = ibis.memtable(pa.table({"subject": pa.array(list(subjects), pa.string())}))
    completion, no_number = seen.seconds / seen.duration, ibis.null("float64")
    watched = seen.filter(seen.purposes.contains(purpose), completion >= interest.view_completion).select(
        "subject", "item", "at", completion=completion.cast("float64"), stars=no_number
    )
    liked = rated.filter(rated.purposes.contains(purpose), rated.stars >= interest.rating_stars).select(
        "subject", "item", "at", completion=no_number, stars=rated.stars.cast("float64")
    )
    return ibis.union(watched, liked).semi_join(chosen, "subject")


def answered(engine: Any, asked: "ir.Table") -> pa.Table:  # noqa: ANN401 - an Ibis backend
    """What an engine that was connected for this one expression says to it."""
    # A connection of its own, closed again: the shared default one outlives the command and complains at its end.
    try:
        table: pa.Table = engine.to_pyarrow(asked)
    finally:
        engine.disconnect()
    return table


FEW = 1_000
"""Up to so many subjects are looked up by their buckets; beyond, reading everything once is faster."""


def read_interactions(home: Home, subjects: Sequence[Pseudonym], *, purpose: str) -> pa.Table:
    """Interactions of these subjects in rows that may be used for ``purpose``, as the lake is now."""
    views, ratings = _read(home, subjects, {})
    return interested(views, ratings, subjects, interest=home.policies.privacy.value.interest, purpose=purpose)


def read_histories(
    home: Home, subjects: Sequence[Pseudonym], *, purpose: str, versions: Mapping[str, int], as_of: datetime
) -> pa.Table:
    """What a measurement reads of these subjects at the given lake versions, for ``recommender.interactions_from``.

    Columns subject, item, time and, where the policy weighs histories, importance, which counts ages back from
    ``as_of``.

    Raises:
        UnknownVersion: an erasure has since made the version unreadable: take a new snapshot.
    """
    privacy = home.policies.privacy.value
    views, ratings = _read(home, subjects, versions)
    found = histories(views, ratings, subjects, interest=privacy.interest, purpose=purpose)
    rule = Weighting(**asdict(privacy.history))
    if rule.neutral:
        return found.select(["subject", "item", "time"])
    times, completion, stars = (found[name].to_numpy() for name in ("time", "completion", "stars"))
    importance = rule.importance(completion=completion, ages_s=int(as_of.timestamp()) - times, stars=stars)
    return found.select(["subject", "item", "time"]).append_column("importance", pa.array(importance))


def _read(home: Home, subjects: Sequence[Pseudonym], versions: Mapping[str, int]) -> tuple[pa.Table, pa.Table]:
    chosen = subjects if len(subjects) <= FEW else None
    views, ratings = (
        home.lake.scan(
            kind,
            columns=columns,
            version=versions.get(kind),
            subjects=chosen,
            # A kind of event that came after the versions were fixed has no row in them.
            where=None if kind in versions or not versions else pc.scalar(False),  # noqa: FBT003 - Arrow's own
        )
        for kind, columns in (
            ("view", ["subject", "item", "at", "seconds", "duration", "purposes"]),
            ("rating", ["subject", "item", "at", "stars", "purposes"]),
        )
    )
    return views, ratings
