"""From stored events to interactions: which subject counts as interested in which item.

One Ibis expression, run by DuckDB here and by any engine that Ibis speaks elsewhere.
"""

from collections.abc import Mapping, Sequence

import pyarrow as pa

from governance.pipeline.home import Home
from governance.policy.rules import Interest
from pseudonymisation.pseudonym import Pseudonym

INTERACTIONS = pa.schema([("subject", pa.string()), ("item", pa.string())])


def interested(
    views: pa.Table, ratings: pa.Table, subjects: Sequence[str], *, interest: Interest, purpose: str
) -> pa.Table:
    """Distinct (subject, item) pairs, ordered by both.

    A pair counts when the subject watched at least ``interest.view_completion`` of the item in one view, or rated it at
    least ``interest.rating_stars``, in a row that may be used for ``purpose``.

    Args:
        views: columns subject, item, seconds, duration, purposes.
        ratings: columns subject, item, stars, purposes.
        subjects: the only subjects whose rows are read.
        interest: the public rule.
        purpose: slug that must be among a row's purposes.
    """
    import ibis  # takes half a second, which who reads no events need not wait for

    seen, rated = ibis.memtable(views), ibis.memtable(ratings)
    chosen = ibis.memtable(pa.table({"subject": pa.array(list(subjects), pa.string())}))
    watched = seen.filter(
        seen.purposes.contains(purpose), seen.seconds / seen.duration >= interest.view_completion
    ).select("subject", "item")
    liked = rated.filter(rated.purposes.contains(purpose), rated.stars >= interest.rating_stars).select(
        "subject", "item"
    )
    pairs = ibis.union(watched, liked).semi_join(chosen, "subject").distinct().order_by("subject", "item")
    # A connection of its own, closed again: the shared default one outlives the command and complains at its end.
    engine = ibis.duckdb.connect()
    try:
        table: pa.Table = engine.to_pyarrow(pairs).cast(INTERACTIONS)
    finally:
        engine.disconnect()
    return table


FEW = 1_000
"""Up to so many subjects are looked up by their buckets; beyond, reading everything once is faster."""


def read_interactions(
    home: Home, subjects: Sequence[Pseudonym], *, purpose: str, versions: Mapping[str, int] | None = None
) -> pa.Table:
    """Interactions of these subjects in rows that may be used for ``purpose``.

    Read at the given lake versions, or the newest.

    Raises:
        UnknownVersion: an erasure has since made the version unreadable: take a new snapshot.
    """
    at, chosen = versions or {}, subjects if len(subjects) <= FEW else None
    views, ratings = (
        home.lake.scan(kind, columns=columns, version=at.get(kind), subjects=chosen)
        for kind, columns in (
            ("view", ["subject", "item", "seconds", "duration", "purposes"]),
            ("rating", ["subject", "item", "stars", "purposes"]),
        )
    )
    return interested(views, ratings, subjects, interest=home.policies.privacy.value.interest, purpose=purpose)
