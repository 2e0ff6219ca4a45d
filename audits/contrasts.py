"""A category against all other known categories of its attribute: ratios, and logarithms of ratios.

Per-share figures compare what groups receive as it is (Raj & Ekstrand, SIGIR 2022); per-item figures divide by the
number of items first (Singh & Joachims, KDD 2018). Where exposure is divided by relevance, the number of items cancels.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from audits.evidence import Evidence
from audits.exposure import Labelled, category_cells, labelled, side_by_side
from audits.grades import has_targets, shown_only
from audits.labels import mass
from audits.pooled import Numbers
from audits.quality import gains
from audits.remembered import remembered
from audits.statistics import Cell, Floats, Smooth

if TYPE_CHECKING:
    from scipy import sparse

_NOTHING = 1e-12  # what is left of a sum of shares when everything was subtracted
SMOOTHING = 1e-6
"""Added to exposure per subject before a logarithm, as in Raj & Ekstrand's code: the log of nothing stays finite."""

_ALONE = 0.05  # error of an interval that stands alone: the least that a cell without variation must allow for


def log_contrast(evidence: Evidence, *, per_item: bool) -> Smooth:
    """ln(exposure of the category + 1e-6) - ln(exposure of the others + 1e-6), exposure per subject (and item)."""
    kinds = labelled(evidence)
    sizes = [each.shares.sum(axis=0) if per_item else np.ones(len(each.categories)) for each in kinds]
    rest = [each.sum() - each if per_item else np.ones_like(each) for each in sizes]
    own, others = np.concatenate([np.zeros(0), *sizes]), np.concatenate([np.zeros(0), *rest])
    beside = beside_each(kinds)
    seen = side_by_side(evidence, lambda each: each.seen)

    def value_of(means: Numbers) -> Numbers:
        found: Numbers = np.log(means / own + SMOOTHING) - np.log((means @ beside) / others + SMOOTHING)
        return found

    mean = seen.mean(axis=0)
    spans = log_spans(mean / own, (mean @ beside) / others, evidence)
    return Smooth(cells=_cells(kinds, seen_by(seen, beside), spans, 0.0), channels=seen, value_of=value_of)


def seen_by(received: Floats, beside: Floats) -> NDArray[np.int64]:
    """Subjects who received something of each category, or of the others where those are fewer, (c,).

    A logarithm rests on them alone: where nobody received any it is that of the smoothing, and no resample differs.
    """
    own, others = (received > 0).sum(axis=0), (received @ beside > _NOTHING).sum(axis=0)
    return np.asarray(np.minimum(own, others), dtype=np.int64)


def beside_each(kinds: Sequence[Labelled]) -> Floats:
    """``x @ beside_each`` sums, for each category, the other known categories of its attribute; (c, c)."""
    owner = np.repeat(np.arange(len(kinds)), [len(each.categories) for each in kinds])
    beside: Floats = (owner[:, None] == owner).astype(np.float64) - np.eye(owner.size)
    return beside


def log_spans(own: Floats, others: Floats, evidence: Evidence) -> Floats:
    """By how much a difference of logarithms could move, per share of subjects that differ.

    The logarithm is concave, so its slope bounds the change; near 0, where the slope says nothing, the whole range
    does.
    """
    most = float(evidence.looks.sum(axis=1).max())
    slope = most / (own + SMOOTHING) + most / (others + SMOOTHING)
    whole = 2.0 * np.log((most + SMOOTHING) / SMOOTHING) / (1.0 - _ALONE ** (1.0 / evidence.subjects))
    return np.asarray(np.minimum(slope, whole), dtype=np.float64)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Earned:
    """What categories receive and what they earn by relevance, over the subjects with held-out targets.

    Attributes:
        kinds: the attributes.
        channels: received (c columns), then relevance (c columns), (n, 2c).
        n: for each category, subjects with a relevant item in it or in the others, whichever are fewer.
    """

    kinds: tuple[Labelled, ...]
    channels: Floats
    n: NDArray[np.int64]


@remembered
def treatment(evidence: Evidence) -> Earned:
    """Attention received: what EUR divides by relevance."""
    counted = has_targets(evidence)[:, None]
    return _earned(evidence, side_by_side(evidence, lambda each: each.seen) * counted)


@remembered
def impact(evidence: Evidence) -> Earned:
    """Relevance met by attention, sum over shown items of grade * attention: what RUR divides by relevance."""
    met = shown_only(evidence, gains(evidence), evidence.looks)
    return _earned(evidence, side_by_side(evidence, lambda each: mass(met, each.labels)))


def ratio_to_others(earned: Earned, evidence: Evidence) -> Smooth:
    """(received / relevance) of each category divided by the same of the others."""
    width, beside = earned.n.size, beside_each(earned.kinds)

    def value_of(means: Numbers) -> Numbers:
        received, relevance = means[..., :width], means[..., width:]
        return (received / relevance) / ((received @ beside) / (relevance @ beside))

    return Smooth(
        cells=_cells(earned.kinds, earned.n, _ratio_spans(earned, evidence), 1.0),
        channels=earned.channels,
        value_of=value_of,
    )


def log_ratio_to_others(earned: Earned, evidence: Evidence) -> Smooth:
    """Ln of ``ratio_to_others``, with 1e-6 added to what is received per subject."""
    width, beside = earned.n.size, beside_each(earned.kinds)

    def value_of(means: Numbers) -> Numbers:
        received, relevance = means[..., :width], means[..., width:]
        own = np.log(received + SMOOTHING) - np.log(relevance)
        found: Numbers = own - np.log(received @ beside + SMOOTHING) + np.log(relevance @ beside)
        return found

    mean = earned.channels[:, :width].mean(axis=0)
    spans = log_spans(mean, mean @ beside, evidence)
    n = np.minimum(earned.n, seen_by(earned.channels[:, :width], beside))
    return Smooth(cells=_cells(earned.kinds, n, spans, 0.0), channels=earned.channels, value_of=value_of)


def _earned(evidence: Evidence, received: Floats) -> Earned:
    targets = _relevance(evidence)
    kinds = labelled(evidence)
    relevance = side_by_side(evidence, lambda each: mass(targets, each.labels))
    others = relevance @ beside_each(kinds)
    n = np.minimum((relevance > 0).sum(axis=0), (others > _NOTHING).sum(axis=0))
    return Earned(kinds=kinds, channels=np.hstack([received, relevance]), n=n.astype(np.int64))


def _ratio_spans(earned: Earned, evidence: Evidence) -> Floats:
    width, beside = earned.n.size, beside_each(earned.kinds)
    mean = earned.channels.mean(axis=0)
    received, relevance = mean[:width] @ beside, mean[width:]
    most = float(evidence.looks.sum(axis=1).max())
    with np.errstate(divide="ignore", invalid="ignore"):
        span = most * (relevance @ beside) / (relevance * received)
    return np.where(np.isfinite(span), span, 0.0)


def _cells(
    kinds: Sequence[Labelled], n: Sequence[int] | NDArray[np.int64], spans: Floats, target: float
) -> tuple[Cell, ...]:
    ends = np.cumsum([0, *(len(each.categories) for each in kinds)])
    return tuple(
        cell
        for each, start, end in zip(kinds, ends[:-1], ends[1:], strict=True)
        for cell in category_cells(each, [int(size) for size in n[start:end]], span=spans[start:end], target=target)
    )


def _relevance(evidence: Evidence) -> "sparse.csr_array":
    if evidence.targets is None:
        msg = "exposure by relevance needs held-out targets"
        raise ValueError(msg)
    return evidence.targets
