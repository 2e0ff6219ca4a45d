"""How far lists are from the catalogue at every depth, the top counting most."""

import math
from collections.abc import Iterator

import numpy as np

from audits.evidence import Evidence
from audits.exposure import Labelled, labelled
from audits.lists import list_means
from audits.metrics.metric import Metric
from audits.prefixes import Prefix, over_prefixes
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
    from scipy.special import xlogy

    log_target = np.log(target)

    def discounted(prefixes: Iterator[Prefix], rows: int) -> Floats:
        sums, weights = np.zeros(rows), np.zeros(rows)
        for prefix in prefixes:
            counted = prefix.here & (prefix.total > 0)
            total = np.where(counted, prefix.total, 1.0)
            # KL = sum p ln(p / t) with p = counts / total, in one logarithm per category.
            own = xlogy(prefix.counts, prefix.counts).sum(axis=1) - prefix.counts @ log_target
            weight = counted / math.log2(prefix.length + 1)
            sums += weight * np.maximum(own / total - np.log(total), 0.0)
            weights += weight
        return np.stack([sums / np.where(weights > 0, weights, 1.0), weights > 0], axis=1)

    found = over_prefixes(evidence, each, discounted, 2)
    return found[:, 0], found[:, 1]


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
