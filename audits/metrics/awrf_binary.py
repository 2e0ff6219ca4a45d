"""How far each single list is from the catalogue in one category: AWRF with two groups."""

import numpy as np

from audits.evidence import Evidence
from audits.exposure import category_cells, labelled
from audits.lists import list_means
from audits.metrics.metric import Metric
from audits.statistics import Smooth


def measure(evidence: Evidence) -> Smooth:
    """Mean over lists of |share of the category in the list's attention - its share of the catalogue|.

    Range [0, 1], 0 if every list gives the category its part; lower is better. Lists without any labelled item are not
    counted. Sapiezynski et al. (2019) for two groups; in Raj & Ekstrand (SIGIR 2022) as AWRF.

    Example: weights 1 and 0.6309, a documentary above a comedy, half of the catalogue each: |0.6131 - 0.5| = 0.1131.
    """
    kinds = labelled(evidence)
    nothing = np.zeros((evidence.subjects, 0))
    each_list = [each.list_shares() for each in kinds]
    return list_means(
        [
            cell
            for each, (_, counted) in zip(kinds, each_list, strict=True)
            for cell in category_cells(each, int(counted.sum()), span=1.0)
        ],
        np.hstack(
            [nothing, *(np.abs(shares - each.parity) for each, (shares, _) in zip(kinds, each_list, strict=True))]
        ),
        np.hstack([nothing, *(counted[:, None] for _, counted in each_list)]).astype(np.float64),
        np.repeat(np.arange(len(kinds)), [len(each.categories) for each in kinds]),
    )


METRIC = Metric(
    slug="awrf_binary",
    title="Distance of single lists from the catalogue, by category",
    formula="mean over lists of |the category's share of the list's attention - its share of the catalogue|",
    low=0.0,
    high=1.0,
    better="lower",
    needs=frozenset({"attributes"}),
    measure=measure,
)
