"""How far lists are from the catalogue at every depth, the top counting most."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from audits.evidence import ABSENT, Evidence
from audits.exposure import Labelled, labelled
from audits.lists import list_means
from audits.metrics.metric import Metric
from audits.statistics import Cell, Floats, Smooth

_ROWS = 4096


def measure(evidence: Evidence) -> Smooth:
    """NDKL: mean over lists of (1 / Z) sum_i KL(categories of the first i items || catalogue) / log2(i + 1).

    Z = sum_i 1 / log2(i + 1); natural logarithm. Every known category of the *catalogue* belongs to the target, whether
    it occurs in the list or not, so a category that is missing everywhere raises the figure; as all of them have a
    positive share no smoothing is needed. Prefixes without any labelled item are left out of both sums. Range [0, -ln
    of the smallest category's share], 0 if every prefix mirrors the catalogue, which short prefixes cannot; lower is
    better. Geyik, Ambler & Kenthapadi (KDD 2019).

    Example: a documentary above a comedy, half of the catalogue each: (ln 2 * 1 + 0 * 0.6309) / 1.6309 = 0.4250.
    """
    kinds = labelled(evidence)
    found = [per_list(evidence, each, each.parity) for each in kinds]
    nothing = np.zeros((evidence.subjects, 0))
    cells = [
        Cell(n=int(counted.sum()), span=-math.log(each.parity.min()), attribute=each.attribute)
        for each, (_, counted) in zip(kinds, found, strict=True)
    ]
    return list_means(
        cells,
        np.hstack([nothing, *(values[:, None] for values, _ in found)]),
        np.hstack([nothing, *(counted[:, None] for _, counted in found)]),
        np.arange(len(kinds)),
    )


def per_list(evidence: Evidence, each: Labelled, target: Floats) -> tuple[Floats, Floats]:
    """NDKL of every list against a positive ``target`` (c,), and 1.0 where it has any labelled item; (n,) each."""
    found = np.zeros((2, evidence.subjects))
    labels = _labels(each, target)
    for at in range(0, evidence.subjects, _ROWS):
        found[:, at : at + _ROWS] = _discounted(evidence.lists[at : at + _ROWS], labels, target.size)
    return found[0], found[1]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Labels:
    """Each item's categories, (m, w), padded with shares of 0; their shares; its mass and its sum of share * ln t."""

    categories: NDArray[np.int64]
    shares: Floats
    mass: Floats
    log_target: Floats


def _labels(each: Labelled, target: Floats) -> _Labels:
    width = max(int((each.shares > 0).sum(axis=1).max(initial=0)), 1)
    order = np.argsort(-each.shares, axis=1, kind="stable")[:, :width]
    return _Labels(
        categories=order,
        shares=np.take_along_axis(each.shares, order, axis=1),
        mass=each.shares.sum(axis=1),
        log_target=each.shares @ np.log(target),
    )


def _discounted(lists: NDArray[np.int64], labels: _Labels, width: int) -> Floats:
    """NDKL and whether it counts, (2, rows).

    KL = (sum_g N_g ln N_g - sum_g N_g ln t_g) / N - ln N for category counts N_g and their sum N. Each rank changes the
    counts of the categories of one item alone, so a list costs its items' categories and not all categories.
    """
    from scipy.special import xlogy

    rows = np.arange(lists.shape[0])
    counts, own = np.zeros((rows.size, width)), np.zeros(rows.size)
    total, against, sums, weights = (np.zeros(rows.size) for _ in range(4))
    for rank, item in enumerate(lists.T):
        here = item != ABSENT
        for slot in range(labels.shares.shape[1]):
            category = labels.categories[item, slot]
            before = counts[rows, category]
            after = before + labels.shares[item, slot] * here
            own += xlogy(after, after) - xlogy(before, before)
            counts[rows, category] = after
        total += labels.mass[item] * here
        against += labels.log_target[item] * here
        counted = here & (total > 0)
        weight = counted / math.log2(rank + 2)
        labelled_items = np.where(counted, total, 1.0)
        sums += weight * np.maximum((own - against) / labelled_items - np.log(labelled_items), 0.0)
        weights += weight
    return np.stack([sums / np.where(weights > 0, weights, 1.0), weights > 0])


METRIC = Metric(
    slug="ndkl",
    title="Divergence from the catalogue at every depth (NDKL)",
    formula="mean over lists of the Kullback-Leibler divergence (ln) of prefixes from the catalogue, weighted by 1 / "
    "log2(length + 1)",
    low=0.0,
    high=math.inf,
    better="lower",
    needs=frozenset({"attributes"}),
    measure=measure,
)
