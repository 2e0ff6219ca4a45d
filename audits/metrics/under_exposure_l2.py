"""Missing exposure of all categories of an attribute in one number that weighs large gaps more."""

import numpy as np

from audits.evidence import Evidence
from audits.metrics.metric import Metric
from audits.metrics.under_exposure import missing
from audits.pooled import Numbers, one_figure_each
from audits.statistics import Floats, Stepped


def measure(evidence: Evidence) -> Stepped:
    """Euclidean norm of the categories' under-exposure.

    sqrt(sum_g max(t_g - s_g, 0)^2). Range [0, 1], 0 is parity; lower is better. TREC fair ranking track 2022 (there
    without the root).

    Example: three categories miss 0.3, 0.4 and nothing: sqrt(0.09 + 0.16) = 0.5.
    """
    return one_figure_each(evidence, _norm, low=0.0, high=1.0)


def _norm(shares: Numbers, parity: Floats) -> Numbers:
    squares = (missing(shares, parity) ** 2).sum(axis=-1)
    # At parity the root has no derivative; there the figure is 0 and so is its first-order change.
    root: Numbers = np.where(squares == 0, 0.0, np.sqrt(np.where(squares == 0, 1.0, squares)))
    return root


METRIC = Metric(
    slug="under_exposure_l2",
    title="Missing exposure of all categories (Euclidean)",
    formula="square root of the sum over categories of (missing share of attention)^2",
    low=0.0,
    high=1.0,
    better="lower",
    needs=frozenset({"attributes"}),
    measure=measure,
)
