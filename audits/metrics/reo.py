"""Whether wanted items of every category have the same chance to be recommended."""

import math

from audits.chances import ones_of, shown_among, spread_of_chances
from audits.evidence import Evidence
from audits.labels import counts
from audits.metrics.metric import Metric
from audits.statistics import Stepped


def measure(evidence: Evidence) -> Stepped:
    """REO, ranking-based equal opportunity: std_g / mean_g of P(R@k | g, wanted), one figure for every attribute.

    P(R@k | g, wanted) = sum over subjects of held-out items of g in the list / sum over subjects of held-out items of
    g: both sums run over the same subjects. Range [0, sqrt(categories - 1)], 0 is parity; lower is better. Where a
    category has no held-out item it is undefined, n = 0. Zhu, Wang & Caverlee (SIGIR 2020). With categories head and
    tail it is PopREO.

    Example: documentaries have 1 of 1 wanted items shown, comedies 1 of 2: std 0.25, mean 0.75, so 0.3333.
    """
    wanted = ones_of(evidence.targets, evidence)
    found = shown_among(evidence, wanted)
    return spread_of_chances(evidence, lambda each: counts(found, each.labels), wanted, all_but=False)


METRIC = Metric(
    slug="reo",
    title="Unequal chance of wanted titles to be recommended (REO)",
    formula="standard deviation / mean over categories of: recommended held-out titles / held-out titles",
    low=0.0,
    high=math.inf,
    better="lower",
    needs=frozenset({"attributes", "relevance"}),
    measure=measure,
)
