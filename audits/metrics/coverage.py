"""How much of the catalogue anybody sees."""

import numpy as np

from audits.evidence import ABSENT, Evidence
from audits.metrics.metric import Metric
from audits.presence import perhaps_missed
from audits.statistics import Cell, Stepped


def measure(evidence: Evidence) -> Stepped:
    """Share of the catalogue that occurs in at least one list.

    C = |union of lists| / m. Range (0, 1], higher is broader. Ge, Delgado-Battenfeld & Jannach (RecSys 2010),
    "catalogue coverage". It can only grow with the number of lists: it describes an audience of this size. How far it
    can lie above its average over such audiences follows from how many subjects show each title (``audits.presence``).

    Example: lists (a, b) and (a, c) from a catalogue a, b, c, d: 3 / 4 = 0.75. Without the first subject b is lost:
        0.5.
    """
    lists = evidence.lists
    shown_by = np.bincount(lists[lists != ABSENT], minlength=evidence.items)
    figure = np.count_nonzero(shown_by) / evidence.items
    only_here = (shown_by[lists] == 1) & (lists != ABSENT)
    n, m = evidence.subjects, evidence.items

    def reach(error: float) -> tuple[float, float]:
        return perhaps_missed(shown_by, n, error=error), 1.0 - figure

    # If a share f of subjects had other lists, f n lists of k items could each add k / m.
    cell = Cell(n=n, span=lists.shape[1] * n / m, reach=reach)
    return Stepped(
        cells=(cell,), figures=np.array([figure]), leave_one_out=(only_here.sum(axis=1) / evidence.items)[:, None]
    )


METRIC = Metric(
    slug="coverage",
    title="Catalogue coverage",
    formula="titles in at least one list / titles in the catalogue",
    low=0.0,
    high=1.0,
    better="higher",
    needs=frozenset(),
    measure=measure,
)
