"""Concentration of recommendations over the whole catalogue, wherever in the list they stand."""

import numpy as np

from audits.concentration import gini, gini_without_each
from audits.evidence import ABSENT, Evidence
from audits.metrics.metric import Metric
from audits.statistics import Cell, Stepped


def measure(evidence: Evidence) -> Stepped:
    """Gini coefficient of how often each item is recommended.

    As ``exposure_gini`` with x_i = number of lists that hold item i; m = every item of the catalogue, shown or not.
    Range [0, 1 - 1/m]; lower is more even. The figure that LensKit and RecBole call Gini; others divide by m - 1, give
    1 - G, or count recommended items only, which makes hiding part of the catalogue look even. Gini
    (1912); of recommended items Fleder & Hosanagar (Management Science 55(5), 2009).

    Example: lists (a, b), (a, c), (a, d) of a catalogue a to e: counts 0, 1, 1, 1, 3, so (-4*0 - 2*1 + 0*1 + 2*1 + 4*3)
        / (5 * 6) = 0.4.

    Guarantees:
      - adding an item that is never shown raises it
    """
    lists = evidence.lists
    counts = np.bincount(lists[lists != ABSENT], minlength=evidence.items).astype(np.float64)
    figure = gini(counts)
    without = gini_without_each(lists, np.broadcast_to(1.0, lists.shape), counts)
    return Stepped(
        cells=(Cell(n=evidence.subjects, span=2.0),),
        figures=np.array([figure]),
        leave_one_out=(figure - without)[:, None],
    )


METRIC = Metric(
    slug="recommendation_gini",
    title="Concentration of recommendations (Gini)",
    formula="Gini coefficient of the number of lists with a title over the whole catalogue, those never shown included",
    low=0.0,
    high=1.0,
    better="lower",
    needs=frozenset(),
    measure=measure,
)
