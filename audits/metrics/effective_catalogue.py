"""How many equally shown items would be as even as what is shown."""

import math

import numpy as np

from audits.evidence import Evidence
from audits.metrics import exposure_entropy
from audits.metrics.metric import Metric
from audits.statistics import Cell, Stepped


def measure(evidence: Evidence) -> Stepped:
    """Effective catalogue, 2^H with H from ``exposure_entropy``.

    The number of items that, shown equally, have the same entropy (the perplexity; Hill number of order 1, Hill 1973).
    Range [1, m]; higher is more even.

    Example: exposures 2, 1, 1 have H = 1.5, so 2^1.5 = 2.8284.
    """
    entropy = exposure_entropy.measure(evidence)
    figures = np.exp2(entropy.figures)
    return Stepped(
        cells=(Cell(n=evidence.subjects, span=float(evidence.items)),),
        figures=figures,
        leave_one_out=figures - np.exp2(entropy.figures - entropy.leave_one_out),
    )


METRIC = Metric(
    slug="effective_catalogue",
    title="Effective catalogue (by entropy)",
    formula="2^H, H the entropy of exposure in bits",
    low=1.0,
    high=math.inf,
    better="higher",
    needs=frozenset(),
    measure=measure,
)
