"""How far lists are from the catalogue at every depth, the top counting most."""

import math

import numpy as np
from numpy.typing import NDArray

from audits.evidence import Evidence
from audits.exposure import Labelled, labelled
from audits.lists import list_means
from audits.metrics.metric import Metric
from audits.prefixes import Standing, so_far, some_lists, standing
from audits.statistics import Cell, Floats, Smooth


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
    width = each.labels.categories.shape[1]
    mass, log_target = each.shares.sum(axis=1), each.shares @ np.log(target)
    for rows, lists in some_lists(evidence.lists):
        here = standing(lists, each.labels, each.labels.shares)
        # Rank by rank, the labels of one item after each other: the sum up to an item's last label is the item's.
        own = so_far(_changes(here, whole=each.labels.whole))[width - 1 :: width]
        total, against = (so_far(of.take(here.items) * here.shown) for of in (mass, log_target))
        found[:, rows] = _discounted(here.shown, own, total, against)
    return found[0], found[1]


def _changes(here: Standing, *, whole: bool) -> Floats:
    """By how much every label changes the sum of N_g ln N_g over categories, (labels, rows)."""
    from scipy.special import xlogy

    if not whole:
        after = here.above + here.added
        return np.asarray(xlogy(after, after) - xlogy(here.above, here.above), dtype=np.float64)
    # Counts of undivided items are few numbers, whose logarithms are looked up.
    number = np.arange(here.above.shape[0] + 1.0)
    steps = np.diff(xlogy(number, number))
    return np.asarray(steps.take(here.above.astype(np.int64)) * here.added, dtype=np.float64)


def _discounted(shown: NDArray[np.bool_], own: Floats, total: Floats, against: Floats) -> Floats:
    """NDKL and whether it counts, (2, rows); from sums over prefixes, (k, rows) each.

    KL = (sum_g N_g ln N_g - sum_g N_g ln t_g) / N - ln N for category counts N_g and their sum N. Each rank changes the
    counts of the categories of one item alone, so a list costs its items' categories and not all categories.
    """
    counted = shown & (total > 0)
    weight = counted / np.array([math.log2(rank + 2) for rank in range(shown.shape[0])])[:, None]
    labelled_items = np.where(counted, total, 1.0)
    divergence = np.maximum((own - against) / labelled_items - np.log(labelled_items), 0.0)
    sums, weights = (weight * divergence).sum(axis=0), weight.sum(axis=0)
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
