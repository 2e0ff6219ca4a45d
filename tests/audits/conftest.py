"""Builders with plain arguments."""

from collections.abc import Callable, Mapping, Sequence

import pyarrow as pa
import pytest

from audits.tables import AuditInput, Membership, Recommendations

Build = Callable[..., AuditInput]


def _pairs(rows: Sequence[tuple[str, str]], first: str, second: str) -> pa.Table:
    return pa.table(
        {
            first: pa.array([row[0] for row in rows], pa.string()),
            second: pa.array([row[1] for row in rows], pa.string()),
        }
    )


def _build(
    lists: Mapping[str, Sequence[str]],
    *,
    items: Sequence[str],
    genres: Mapping[str, Sequence[str]] | None = None,
    targets: Mapping[str, Sequence[str]] | None = None,
    popularity: Mapping[str, int] | None = None,
    groups: Mapping[str, str] | None = None,
    backwards: bool = False,
) -> AuditInput:
    rows = [(subject, item, rank) for subject, shown in lists.items() for rank, item in enumerate(shown, start=1)]
    rows = rows[::-1] if backwards else rows
    labels = [(item, category) for item, categories in (genres or {}).items() for category in categories]
    labels = labels[::-1] if backwards else labels
    return AuditInput(
        recommendations=Recommendations(
            pa.table(
                {
                    "subject": [r[0] for r in rows],
                    "item": [r[1] for r in rows],
                    "rank": pa.array([r[2] for r in rows], pa.int32()),
                }
            )
        ),
        membership=Membership(
            pa.table(
                {
                    "item": pa.array([row[0] for row in labels], pa.string()),
                    "attribute": pa.array(["genre"] * len(labels), pa.string()),
                    "category": pa.array([row[1] for row in labels], pa.string()),
                }
            )
        ),
        items=items[::-1] if backwards else items,
        relevance=None
        if targets is None
        else _pairs([(s, i) for s, wanted in targets.items() for i in wanted], "subject", "item"),
        popularity=None
        if popularity is None
        else pa.table({"item": list(popularity), "count": list(popularity.values())}),
        subject_groups=None if groups is None else _pairs(list(groups.items()), "subject", "group"),
    )


@pytest.fixture(scope="session")
def build() -> Build:
    """A whole audit input from dictionaries."""
    return _build
