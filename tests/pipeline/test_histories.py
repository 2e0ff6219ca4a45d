"""What a measurement reads of stored events: one row for each pair, the same bits whatever the order of the rows."""

from datetime import UTC, datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from governance.pipeline.interactions import histories, interested
from governance.policy.privacy_rules import Interest

# Ibis calls what this DuckDB already calls by another name.
pytestmark = pytest.mark.filterwarnings("ignore:fetch_arrow_table:DeprecationWarning")

RULE = Interest(view_completion=0.5, rating_stars=4.0)
TIME = pa.timestamp("us", tz="UTC")


def _at(minute: int) -> datetime:
    return datetime(2026, 11, 1, 12, minute, tzinfo=UTC)


def _table(rows: list[tuple[Any, ...]], *columns: str) -> pa.Table:
    named = [dict(zip(("subject", "item", "at", *columns), row, strict=True)) for row in rows]
    kinds = {"at": TIME, "purposes": pa.list_(pa.string())}
    kinds |= {name: pa.float64() for name in ("seconds", "duration", "stars")}
    return pa.Table.from_pylist(
        named, schema=pa.schema([(name, kinds.get(name, pa.string())) for name in ("subject", "item", "at", *columns)])
    )


VIEWS = _table(
    [
        ("s1", "a", _at(1), 60.0, 100.0, ["p"]),
        ("s1", "a", _at(9), 80.0, 100.0, ["p"]),
        ("s1", "a", _at(20), 10.0, 100.0, ["p"]),  # too little: moves nothing
        ("s1", "b", _at(2), 100.0, 100.0, ["q"]),  # not for this purpose
        ("s2", "b", _at(3), 100.0, 100.0, ["p", "q"]),
        ("s3", "b", _at(3), 100.0, 100.0, ["p"]),  # not asked for
    ],
    "seconds", "duration", "purposes",
)  # fmt: skip
RATINGS = _table(
    [("s1", "a", _at(5), 4.5, ["p"]), ("s1", "c", _at(6), 5.0, ["p"]), ("s2", "c", _at(6), 3.5, ["p"])],
    "stars", "purposes",
)  # fmt: skip


def test_each_pair_has_its_latest_moment_its_best_view_and_its_rating() -> None:
    found = histories(VIEWS, RATINGS, ["s1", "s2"], interest=RULE, purpose="p").to_pylist()

    assert found == [
        {"subject": "s1", "item": "a", "time": int(_at(9).timestamp()), "completion": 0.8, "stars": 4.5},
        {"subject": "s1", "item": "c", "time": int(_at(6).timestamp()), "completion": None, "stars": 5.0},
        {"subject": "s2", "item": "b", "time": int(_at(3).timestamp()), "completion": 1.0, "stars": None},
    ]


def test_the_pairs_are_those_that_serving_reads() -> None:
    pairs = interested(VIEWS, RATINGS, ["s1", "s2"], interest=RULE, purpose="p")

    assert pairs == histories(VIEWS, RATINGS, ["s1", "s2"], interest=RULE, purpose="p").select(["subject", "item"])


def test_the_order_of_the_rows_changes_no_bit() -> None:
    expected = histories(VIEWS, RATINGS, ["s1", "s2"], interest=RULE, purpose="p")
    rng = np.random.default_rng(1)
    views, ratings = (each.take(rng.permutation(each.num_rows)) for each in (VIEWS, RATINGS))

    assert histories(views, ratings, ["s2", "s1"], interest=RULE, purpose="p") == expected
