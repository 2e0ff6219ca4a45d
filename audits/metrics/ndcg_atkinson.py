"""How unequally quality is spread over subjects, with most weight on the worst served."""

import numpy as np
from numpy.typing import NDArray

from audits.evidence import Evidence
from audits.metrics import ndcg
from audits.metrics.metric import Metric
from audits.statistics import Cell, Smooth


def measure(evidence: Evidence) -> Smooth:
    """Atkinson index of per-subject nDCG with aversion 1/2.

    A = 1 - (mean of sqrt(u))^2 / (mean of u). Range [0, 1): 0 if all subjects are served equally, near 1 if few have
    everything; it is the share of all quality that one would give up to have the rest spread equally. Needs no groups.
    Atkinson (1970).

    Example: nDCG 1 and 0.25: 1 - 0.75^2 / 0.625 = 0.1.
    """
    quality = ndcg.per_subject(evidence)
    counted = quality.counted.astype(np.float64)
    channels = np.stack([np.sqrt(quality.values) * counted, quality.values * counted, counted], axis=1)

    def value_of(means: NDArray[np.inexact]) -> NDArray[np.inexact]:
        root, plain, n = means[..., :1], means[..., 1:2], means[..., 2:]
        index: NDArray[np.inexact] = 1.0 - root * root / (plain * n)
        return index

    return Smooth(cells=(Cell(n=int(counted.sum()), span=1.0),), channels=channels, value_of=value_of)


METRIC = Metric(
    slug="ndcg_atkinson",
    title="Inequality of quality over subjects (Atkinson)",
    formula="1 - (mean of the square roots of nDCG)^2 / mean nDCG, over subjects with held-out targets",
    low=0.0,
    high=1.0,
    better="lower",
    needs=frozenset({"relevance"}),
    measure=measure,
)
