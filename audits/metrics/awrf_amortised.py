"""How much all lists together look like the catalogue: AWRF of the pooled attention."""

from audits.evidence import Evidence
from audits.metrics.awrf import LOWEST
from audits.metrics.metric import Metric
from audits.pooled import jensen_shannon, one_figure_each
from audits.statistics import Stepped


def measure(evidence: Evidence) -> Stepped:
    """1 - JSD(pooled attention by category, catalogue), natural logarithm.

    As ``awrf``, but the lists of all subjects are pooled first: a platform may balance what no single list can. Range
    [1 - ln 2, 1], higher is better. It is never below ``awrf`` of lists with equal labelled attention, because
    divergence is convex. AWRF: Sapiezynski et al. (WWW 2019 Companion), with TREC's distance; that attention is owed
    over many rankings, not in each: Biega, Gummadi & Weikum (SIGIR 2018).

    Example: one subject sees only documentaries, one only comedies, half of the catalogue each: 1 (and ``awrf``
        0.7842).
    """
    return one_figure_each(evidence, lambda shares, parity: 1.0 - jensen_shannon(shares, parity), low=LOWEST, high=1.0)


METRIC = Metric(
    slug="awrf_amortised",
    title="All lists together mirror the catalogue (amortised AWRF)",
    formula="1 - Jensen-Shannon divergence (ln) of all attention together from the catalogue",
    low=LOWEST,
    high=1.0,
    better="higher",
    needs=frozenset({"attributes"}),
    measure=measure,
)
