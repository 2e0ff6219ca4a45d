"""How much each single list looks like the catalogue: AWRF as TREC's fair ranking track computes it."""

import numpy as np

from audits.evidence import Evidence
from audits.exposure import labelled
from audits.lists import list_means
from audits.metrics.metric import Metric
from audits.pooled import jensen_shannon
from audits.statistics import Cell, Smooth

LOWEST = 0.3068528194  # 1 - ln 2 in the ten digits of a report


def measure(evidence: Evidence) -> Smooth:
    """Mean over lists of 1 - JSD(attention by category, catalogue), natural logarithm.

    JSD is the *squared* Jensen-Shannon distance; items of unknown category are dropped on both sides, and a list
    without any labelled item is not counted. Range [1 - ln 2, 1] = [0.307, 1], 1 if every list mirrors the catalogue; a
    list shorter than the number of categories cannot. Sapiezynski et al. (2019); TREC 2021 and 2022 use the attention
    model ``clipped``. ``awrf_amortised`` pools the lists first, and is higher.

    Example: one documentary alone, where half of the catalogue is documentaries: m = (3/4, 1/4), JSD = (ln(4/3) +
        ln(2/3) / 2 + ln(2) / 2) / 2 = 0.2158, so 0.7842.
    """
    each_list = [(each, *each.list_shares()) for each in labelled(evidence)]
    cells = [Cell(n=int(counted.sum()), span=1.0 - LOWEST, attribute=each.attribute) for each, _, counted in each_list]
    nothing = np.zeros((evidence.subjects, 0))
    alike = [np.clip(1.0 - jensen_shannon(shares, each.parity), LOWEST, 1.0) for each, shares, _ in each_list]
    return list_means(
        cells,
        np.hstack([nothing, *(column[:, None] for column in alike)]),
        np.hstack([nothing, *(counted[:, None] for _, _, counted in each_list)]).astype(np.float64),
        np.arange(len(each_list)),
    )


METRIC = Metric(
    slug="awrf",
    title="Lists that mirror the catalogue (AWRF)",
    formula="mean over lists of 1 - Jensen-Shannon divergence (ln) of the list's attention from the catalogue",
    low=LOWEST,
    high=1.0,
    better="higher",
    needs=frozenset({"attributes"}),
    measure=measure,
)
