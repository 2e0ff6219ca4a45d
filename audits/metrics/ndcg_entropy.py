"""How unequally quality is spread over subjects, with most weight on the best served."""

import math

import numpy as np
from numpy.typing import NDArray

from audits.evidence import Evidence
from audits.metrics import ndcg
from audits.metrics.metric import Metric
from audits.statistics import Cell, Smooth


def measure(evidence: Evidence) -> Smooth:
    """Generalised entropy of order 2 of per-subject nDCG: half its squared coefficient of variation.

    GE(2) = (mean of u^2 / (mean of u)^2 - 1) / 2. Range [0, (n - 1) / 2]: 0 if all subjects are served equally. Needs
    no groups. Shorrocks (1980); as inequality of a model's benefits in Speicher et al. (KDD 2018).

    Example: nDCG 1 and 0.25: mean 0.625, mean of squares 0.53125, so (1.36 - 1) / 2 = 0.18.
    """
    quality = ndcg.per_subject(evidence)
    counted = quality.counted.astype(np.float64)
    channels = np.stack([quality.values**2 * counted, quality.values * counted, counted], axis=1)
    n = int(counted.sum())

    def value_of(means: NDArray[np.inexact]) -> NDArray[np.inexact]:
        square, plain, part = means[..., :1], means[..., 1:2], means[..., 2:]
        index: NDArray[np.inexact] = (square * part / (plain * plain) - 1.0) / 2.0
        return index

    return Smooth(cells=(Cell(n=n, span=max(n - 1, 1) / 2.0),), channels=channels, value_of=value_of)


METRIC = Metric(
    slug="ndcg_entropy",
    title="Inequality of quality over subjects (generalised entropy)",
    formula="(mean of squared nDCG / squared mean nDCG - 1) / 2, over subjects with held-out targets",
    low=0.0,
    high=math.inf,
    better="lower",
    needs=frozenset({"relevance"}),
    measure=measure,
)
