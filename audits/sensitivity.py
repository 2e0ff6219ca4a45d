"""How far figures depend on the attention model, which nobody knows for certain.

Rankings of recommenders change with the model (Raj & Ekstrand, SIGIR 2022). Every figure that uses attention is
measured again under each model of a stated list: smallest and largest value, and which model gives them. No resampling,
so the band says nothing about chance; it stands beside the intervals.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from audits.attention import Attention
from audits.evidence import Evidence, with_attention
from audits.statistics import Cell

if TYPE_CHECKING:
    from audits.metrics.metric import Metric  # metrics made of measurements import the report, which carries the bands

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

MOST_SUBJECTS = 5_000
_TRIED_ON = 500
_SAME = 1e-12

# Uniform attention comes first: what does not change from the audit's own model to that uses no attention at all.
MODELS = (
    Attention("uniform"),
    Attention("logarithmic"),
    Attention("clipped"),
    *(Attention("geometric", stop) for stop in (0.05, 0.1, 0.2, 0.5)),
    Attention("rbp", 0.85),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Band:
    """One figure under every model of the list.

    Attributes:
        metric: slug of the metric.
        attribute: attribute of the category, or None.
        category: category it is about, or None for the whole catalogue.
        group: group of subjects it is about, or None for all.
        low: smallest figure.
        low_model: the model that gives it, with its parameter.
        high: largest figure.
        high_model: the model that gives it.
    """

    metric: str
    attribute: str | None
    category: str | None
    group: str | None
    low: float
    low_model: str
    high: float
    high_model: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Sensitivity:
    """Bands of every figure that uses attention.

    Attributes:
        models: the models tried, the audit's own first.
        subjects: subjects measured: all, or at most 5,000 evenly spaced ones. Figures that describe an audience of
            their size, such as concentration, are then those of that many subjects.
        bands: in the order of the report's measurements.
    """

    models: tuple[str, ...]
    subjects: int
    bands: tuple[Band, ...]


def sensitivity(
    evidence: Evidence,
    metrics: "Sequence[Metric]",
    own: Attention,
    models: Sequence[Attention] = MODELS,
    *,
    min_subjects: int,
) -> Sensitivity:
    """Measure every metric that uses attention under the audit's own model and each of ``models``.

    Cells that some model leaves undefined have no band, and neither have those that rest on fewer than ``min_subjects``
    of the subjects measured.
    """
    others = [model for model in models if model != own]
    few = _evenly(evidence, _TRIED_ON)
    pair = (few, with_attention(few, others[0])) if others else ()
    attended = [metric for metric in metrics if pair and _uses_attention(metric, pair)]
    some = _evenly(evidence, MOST_SUBJECTS)
    tried = [some, *(with_attention(some, model) for model in others)]
    names = tuple(model.text for model in (own, *others))
    bands = tuple(band for metric in attended for band in _bands(metric, tried, names, min_subjects))
    return Sensitivity(models=names, subjects=some.subjects, bands=bands)


def _uses_attention(metric: "Metric", few: Sequence[Evidence]) -> bool:
    """Whether the figures of a few subjects change with the model."""
    ours, theirs = (metric.measure(each).values() for each in few)
    return not np.allclose(ours, theirs, rtol=_SAME, atol=_SAME, equal_nan=True)


def _bands(metric: "Metric", tried: Sequence[Evidence], names: Sequence[str], min_subjects: int) -> Iterator[Band]:
    found = [metric.measure(each) for each in tried]
    figures = np.stack([each.values() for each in found])
    for cell, column in zip(found[0].cells, figures.T, strict=True):
        if cell.n >= min_subjects and np.isfinite(column).all():
            yield _band(metric, cell, column, names)


def _band(metric: "Metric", cell: Cell, figures: Floats, names: Sequence[str]) -> Band:
    low, high = int(figures.argmin()), int(figures.argmax())
    return Band(
        metric=metric.slug,
        attribute=cell.attribute,
        category=cell.category,
        group=cell.group,
        low=float(figures[low]),
        low_model=names[low],
        high=float(figures[high]),
        high_model=names[high],
    )


def _evenly(evidence: Evidence, most: int) -> Evidence:
    """Evidence of at most so many subjects, evenly spaced in the order of their names."""
    if evidence.subjects <= most:
        return replace(evidence, baseline=None)
    rows = np.linspace(0, evidence.subjects - 1, most).astype(np.int64)
    return replace(
        evidence,
        lists=evidence.lists[rows],
        looks=evidence.looks[rows],
        exposure=evidence.exposure[rows],
        targets=None if evidence.targets is None else evidence.targets[rows],
        history=None if evidence.history is None else evidence.history[rows],
        groupings=tuple(replace(grouping, codes=grouping.codes[rows]) for grouping in evidence.groupings),
        baseline=None,
    )
