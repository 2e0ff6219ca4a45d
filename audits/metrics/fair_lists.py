"""How many lists pass the FA*IR test for a category."""

from audits.evidence import Evidence
from audits.fair_prefixes import columns, tested
from audits.metrics.metric import Metric
from audits.statistics import Smooth


def measure(evidence: Evidence) -> Smooth:
    """Share of lists in which every prefix holds at least m(i) items of the category.

    m(i) is the smallest m with F(m; i, p) >= a, F the binomial distribution function, p the share of the catalogue's
    items that have the category, a adjusted so that a list of fair draws fails with probability 0.1 or as near as steps
    allow. Range [0, 1], higher is better; about 0.9 if lists were fair draws. FA*IR, Zehlike et al. (CIKM 2017). A
    category with so small a share that m(i) = 0 throughout passes always.

    Example: half of the catalogue is documentaries, lists of four: a just above 1 / 8, m = 0, 0, 1, 1, so a list that
        begins with three comedies fails and any other passes; fair draws do so one time in eight.
    """
    return columns(tested(evidence), lambda each: each.passes, evidence.subjects)


METRIC = Metric(
    slug="fair_lists",
    title="Lists that pass the FA*IR test for a category",
    formula="share of lists whose prefixes all hold as many titles of the category as fair draws would at error 0.1",
    low=0.0,
    high=1.0,
    better="higher",
    needs=frozenset({"attributes"}),
    measure=measure,
)
