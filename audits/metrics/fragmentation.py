"""How different what two subjects see is, by categories."""

import numpy as np

from audits.evidence import Evidence
from audits.fragmentation import mean_divergence_to_others, without_each_of_pairs
from audits.metrics.metric import Metric
from audits.profiles import category_mix
from audits.statistics import Cell, Stepped


def measure(evidence: Evidence) -> Stepped:
    """Mean divergence between two subjects' lists, for each attribute.

    F = mean over pairs u != v of JSD(q_u, q_v), Jensen-Shannon in bits, q_u = shares of the subject's attention by
    category. Range [0, 1]; 0: everybody sees the same mix; near 1: nobody has anything in common with anybody, the
    filter bubble. Fragmentation of Vrijenhoek et al. (RADio, RecSys 2022), with attention as the rank discount.

    Beyond 1 million pairs a part of them is used, with a standard deviation of at most 0.0005 from all of them
    (``audits.fragmentation``). The interval includes it, since a subject's influence is taken from its own pairs.

    Example: two subjects, one sees only dramas, one half dramas, half comedies: H(3/4, 1/4) - 1/2 = 0.3113.
    """
    mixes = [category_mix(evidence.exposure, attribute.labels) for attribute in evidence.attributes]
    to_others = np.column_stack([mean_divergence_to_others(mix) for mix in mixes])
    cells = [Cell(n=evidence.subjects, span=1.0, attribute=attribute.name) for attribute in evidence.attributes]
    return Stepped(cells=tuple(cells), figures=to_others.mean(axis=0), leave_one_out=without_each_of_pairs(to_others))


METRIC = Metric(
    slug="fragmentation",
    title="Fragmentation between subjects",
    formula="mean over pairs of subjects of the Jensen-Shannon divergence (bits) of their category shares of attention",
    low=0.0,
    high=1.0,
    better="lower",
    needs=frozenset({"attributes"}),
    measure=measure,
)
