"""Concentration of exposure over the whole catalogue."""

import numpy as np
from numpy.typing import NDArray

from audits.concentration import gini, gini_without_each
from audits.evidence import Evidence
from audits.metrics.metric import Metric
from audits.remembered import remembered
from audits.statistics import Cell, Stepped

Floats = NDArray[np.float64]


@remembered
def measure(evidence: Evidence) -> Stepped:
    """Gini coefficient of item exposure.

    G = sum_i (2i - m - 1) x_(i) / (m sum x), x ascending, m = every item of the catalogue, shown or not. Range [0, 1 -
    1/m]: 0 if all items are shown equally, near 1 if few take everything; lower is more even. Gini (1912). Leaving out
    items that were never shown, as some libraries do, makes a recommender that hides half of the catalogue look more
    even.

    Example: exposures 0, 0, 1, 3 (m = 4): (-3*0 - 1*0 + 1*1 + 3*3) / (4 * 4) = 10 / 16 = 0.625.

    Guarantees:
      - adding an item that is never shown raises it
    """
    exposure = np.asarray(evidence.exposure.sum(axis=0), dtype=np.float64)
    figure = gini(exposure)
    # A share f of subjects with other lists moves the exposure distribution by at most f in total variation, Gini by at
    # most 2 f.
    cell = Cell(n=evidence.subjects, span=2.0)
    return Stepped(
        cells=(cell,), figures=np.array([figure]), leave_one_out=(figure - without_each(evidence, exposure))[:, None]
    )


def without_each(evidence: Evidence, exposure: Floats) -> Floats:
    """Gini without each subject in turn, shape (n,); the Gini of all where a subject's list is all that there is."""
    return gini_without_each(evidence.lists, evidence.looks, exposure)


METRIC = Metric(
    slug="exposure_gini",
    title="Concentration of exposure (Gini)",
    formula="Gini coefficient of attention per title over the whole catalogue, titles never shown included",
    low=0.0,
    high=1.0,
    better="lower",
    needs=frozenset(),
    measure=measure,
)
