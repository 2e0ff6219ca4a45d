"""How plausible it is that lists treat a category as its share of the catalogue would: the FA*IR score."""

from audits.evidence import Evidence
from audits.fair_prefixes import columns, tested
from audits.metrics.metric import Metric
from audits.statistics import Smooth


def measure(evidence: Evidence) -> Smooth:
    """Mean over lists and prefixes i of F(T_i; i, p_g), F the binomial distribution function.

    T_i is the number of items with category g among the first i (an item of several categories has each of them whole),
    p_g the share of the catalogue's items that have it. Range [0, 1]: small where lists hold fewer than fair draws
    would, 1 where they hold at least as many as any; higher is better for that category. FA*IR, Zehlike et al. (CIKM
    2017); ``audits.fair_prefixes`` has its table of least numbers.

    Example: list (comedy, documentary), half of the catalogue has each: documentaries (F(0; 1, 0.5) + F(1; 2, 0.5)) / 2
        = (0.5 + 0.75) / 2 = 0.625, comedies (1 + 0.75) / 2 = 0.875.
    """
    return columns(tested(evidence), lambda each: each.scores, evidence.subjects)


METRIC = Metric(
    slug="fair_score",
    title="Plausibility of fair lists for a category (FA*IR)",
    formula="mean over lists and prefixes of the binomial chance of so few titles of the category or fewer",
    low=0.0,
    high=1.0,
    better="higher",
    needs=frozenset({"attributes"}),
    measure=measure,
)
