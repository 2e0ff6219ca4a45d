"""Means over subjects, of all and of each group, as the bootstrap takes them."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from audits.evidence import Evidence
from audits.statistics import Cell, Smooth

Floats = NDArray[np.float64]


def mean_by_group(
    evidence: Evidence,
    values: Floats,
    counted: NDArray[np.bool_],
    *,
    span: float | Sequence[float],
    attributes: Sequence[str | None] = (None,),
    target: float | None = None,
) -> Smooth:
    """Mean over counted subjects: of all, then of each group, for one attribute after the other.

    Args:
        evidence: whose groups divide the subjects.
        values: one number per subject and attribute, shape (n, attributes).
        counted: whether a subject has these numbers, shape (n,).
        span: by how much a mean could differ were every subject different; one for all attributes, or one each.
        attributes: what the columns of ``values`` are about.
        target: the mean that means parity, if there is one.
    """
    spans = [span] * len(attributes) if isinstance(span, int | float) else list(span)
    members = memberships(evidence) * counted[:, None]
    sizes = members.sum(axis=0)
    cells = tuple(
        Cell(n=int(size), span=width, attribute=attribute, group=group, target=target)
        for attribute, width in zip(attributes, spans, strict=True)
        for group, size in zip(group_names(evidence), sizes, strict=True)
    )
    present = np.where(counted[:, None], values, 0.0)
    columns = [members * present[:, [column]] for column in range(len(attributes))]
    width = len(cells)

    def value_of(means: NDArray[np.inexact]) -> NDArray[np.inexact]:
        counts = np.concatenate([means[..., width:]] * len(attributes), axis=-1)
        return np.asarray(means[..., :width] / counts)

    return Smooth(cells=cells, channels=np.hstack([*columns, members]), value_of=value_of)


def memberships(evidence: Evidence) -> Floats:
    """1.0 where a subject belongs to everybody (first column) and to each group, shape (n, 1 + groups)."""
    columns = [np.ones((evidence.subjects, 1), dtype=bool)]
    columns += [grouping.codes[:, None] == np.arange(len(grouping.groups)) for grouping in evidence.groupings]
    return np.hstack(columns).astype(np.float64)


def group_names(evidence: Evidence) -> tuple[str | None, ...]:
    """Names of the columns of ``memberships``; None is everybody."""
    return (None, *(label for grouping in evidence.groupings for label in grouping.labels))
