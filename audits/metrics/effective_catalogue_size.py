"""Netflix's effective catalogue size."""

import math

import numpy as np

from audits.evidence import Evidence
from audits.metrics import exposure_gini
from audits.metrics.metric import Metric
from audits.statistics import Cell, Stepped


def measure(evidence: Evidence) -> Stepped:
    """Effective catalogue size, ECS = 2 sum_i i p_(i) - 1, p_(1) >= p_(2) >= ... the items' shares of all attention.

    Range [1, m]: 1 if one item takes everything, m if all are shown equally; higher is more even. Gomez-Uribe & Hunt
    (ACM TMIS 2015), there with shares of hours viewed. It is m (1 - Gini) of the same exposure, and is computed so.

    Example: exposures 2, 1, 1, 0: 2 (1 * 1/2 + 2 * 1/4 + 3 * 1/4) - 1 = 2.5.
    """
    concentration = exposure_gini.measure(evidence)
    return Stepped(
        cells=(Cell(n=evidence.subjects, span=float(evidence.items)),),
        figures=np.asarray(evidence.items * (1.0 - concentration.figures), dtype=np.float64),
        leave_one_out=np.asarray(-evidence.items * concentration.leave_one_out, dtype=np.float64),
    )


METRIC = Metric(
    slug="effective_catalogue_size",
    title="Effective catalogue size (ECS)",
    formula="2 sum of i p_i - 1, p_i the share of all attention of the i-th most shown title",
    low=1.0,
    high=math.inf,
    better="higher",
    needs=frozenset(),
    measure=measure,
)
