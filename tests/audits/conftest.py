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


def _chosen(chosen: Mapping[str, Sequence[str]]) -> pa.Table:
    return _pairs([(subject, item) for subject, items in chosen.items() for item in items], "subject", "item")


def _lists(lists: Mapping[str, Sequence[str]], *, backwards: bool) -> Recommendations:
    rows = [(subject, item, rank) for subject, shown in lists.items() for rank, item in enumerate(shown, start=1)]
    rows = rows[::-1] if backwards else rows
    return Recommendations(
        pa.table(
            {
                "subject": [row[0] for row in rows],
                "item": [row[1] for row in rows],
                "rank": pa.array([row[2] for row in rows], pa.int32()),
            }
        )
    )


def _build(
    lists: Mapping[str, Sequence[str]],
    *,
    items: Sequence[str],
    genres: Mapping[str, Sequence[str]] | None = None,
    targets: Mapping[str, Sequence[str]] | None = None,
    history: Mapping[str, Sequence[str]] | None = None,
    popularity: Mapping[str, int] | None = None,
    groups: Mapping[str, str] | None = None,
    baseline: Mapping[str, Sequence[str]] | None = None,
    backwards: bool = False,
) -> AuditInput:
    labels = [(item, category) for item, categories in (genres or {}).items() for category in categories]
    labels = labels[::-1] if backwards else labels
    return AuditInput(
        recommendations=_lists(lists, backwards=backwards),
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
        relevance=None if targets is None else _chosen(targets),
        history=None if history is None else _chosen(history),
        popularity=None
        if popularity is None
        else pa.table({"item": list(popularity), "count": list(popularity.values())}),
        subject_groups=None if groups is None else _pairs(list(groups.items()), "subject", "group"),
        baseline=None if baseline is None else _lists(baseline, backwards=backwards),
    )


@pytest.fixture(scope="session")
def build() -> Build:
    """A whole audit input from dictionaries."""
    return _build
