"""Means over subjects, of all and of each group, as the bootstrap takes them."""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from audits.channels import Crossed, crossed, divisions
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
    ends: tuple[float, float] = (-math.inf, math.inf),
) -> Smooth:
    """Mean over counted subjects: of all, then of each group, for one attribute after the other.

    Args:
        evidence: whose groups divide the subjects.
        values: one number per subject and attribute, shape (n, attributes).
        counted: whether a subject has these numbers, shape (n,).
        span: by how much a mean could differ were every subject different; one for all attributes, or one each.
        attributes: what the columns of ``values`` are about.
        target: the mean that means parity, if there is one.
        ends: between which every one of ``values`` lies.
    """
    spans = [span] * len(attributes) if isinstance(span, int | float) else list(span)
    # How many count stands beside what they have, one group after the other.
    channels = by_group(evidence, np.column_stack([np.where(counted[:, None], values, 0.0), counted]))
    sizes = channels.sums()[-len(group_names(evidence)) :]
    cells = tuple(
        Cell(n=int(size), span=width, attribute=attribute, group=group, target=target, ends=ends)
        for attribute, width in zip(attributes, spans, strict=True)
        for group, size in zip(group_names(evidence), sizes, strict=True)
    )
    width = len(cells)

    def value_of(means: NDArray[np.inexact]) -> NDArray[np.inexact]:
        counts = np.concatenate([means[..., width:]] * len(attributes), axis=-1)
        return np.asarray(means[..., :width] / counts)

    return Smooth(cells=cells, channels=channels, value_of=value_of)


def by_group(evidence: Evidence, values: Floats, *, everybody: bool = True) -> Crossed:
    """Numbers of each subject (n, v), for everybody (unless told otherwise) and for each group."""
    whole = [np.zeros(evidence.subjects, dtype=np.int64)] if everybody else []
    codes = [*whole, *(grouping.codes for grouping in evidence.groupings)]
    sizes = [1] * len(whole) + [len(grouping.groups) for grouping in evidence.groupings]
    return crossed(values, divisions(codes, sizes, evidence.subjects))


def group_names(evidence: Evidence) -> tuple[str | None, ...]:
    """Names of the columns of ``by_group`` for one number; None is everybody."""
    return (None, *(label for grouping in evidence.groupings for label in grouping.labels))
