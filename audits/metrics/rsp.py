"""Whether items of every category have the same chance to be recommended."""

import math

import numpy as np

from audits.chances import ones_of, shown_among, spread_of_chances
from audits.evidence import Evidence
from audits.labels import counts
from audits.metrics.metric import Metric
from audits.statistics import Stepped


def measure(evidence: Evidence) -> Stepped:
    """RSP, ranking-based statistical parity: std_g / mean_g of P(R@k | g), one figure for every attribute.

    P(R@k | g) = sum over subjects of items of g in the list / sum over subjects of items of g that the subject had not
    yet (all items where no history is given); known ones of the history are left out on both sides. Range [0,
    sqrt(categories - 1)], 0 is parity; lower is better. Zhu, Wang & Caverlee (SIGIR 2020). With categories head and
    tail it is PopRSP.

    Example: one subject, two documentaries and two comedies open, both documentaries shown: P = 1 and 0, std 0.5, mean
        0.5, so 1.
    """
    history = ones_of(evidence.history, evidence)
    known = shown_among(evidence, history)
    return spread_of_chances(
        evidence, lambda each: np.maximum(each.slots - counts(known, each.labels), 0.0), history, all_but=True
    )


METRIC = Metric(
    slug="rsp",
    title="Unequal chance to be recommended (RSP)",
    formula="standard deviation / mean over categories of: recommended titles / titles the subjects had not yet",
    low=0.0,
    high=math.inf,
    better="lower",
    needs=frozenset({"attributes"}),
    measure=measure,
)
