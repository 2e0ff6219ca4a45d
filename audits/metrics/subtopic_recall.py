"""How many categories a list reaches."""

import numpy as np

from audits.categories import UNKNOWN
from audits.evidence import Evidence
from audits.means import mean_by_group
from audits.metrics.metric import Metric
from audits.profiles import listed
from audits.statistics import Smooth


def measure(evidence: Evidence) -> Smooth:
    """Subtopic recall: mean part of an attribute's categories that occur in a list, of all and of each group.

    S-recall = |categories of the list's items| / |categories of the attribute|; "unknown" is none. A list of k items
    with one category each reaches at most k. Range [0, 1]; higher is broader. Zhai, Cohen & Lafferty (SIGIR 2003), with
    an attribute's categories as the subtopics.

    Example: categories drama, comedy, western; a list of two dramas and a comedy: 2 / 3.
    """
    lists = listed(evidence)
    values = np.zeros((evidence.subjects, len(evidence.attributes)))
    for column, attribute in enumerate(evidence.attributes):
        named = np.array([category != UNKNOWN for category in attribute.categories])
        reached = (lists @ (attribute.shares[:, named] > 0).astype(np.float64)) > 0
        values[:, column] = reached.sum(axis=1) / max(int(named.sum()), 1)
    everybody = np.ones(evidence.subjects, dtype=bool)
    names = [attribute.name for attribute in evidence.attributes]
    return mean_by_group(evidence, values, everybody, span=1.0, attributes=names)


METRIC = Metric(
    slug="subtopic_recall",
    title="Categories reached by a list",
    formula="mean over lists of categories that occur in the list / categories of the attribute",
    low=0.0,
    high=1.0,
    better="higher",
    needs=frozenset({"attributes"}),
    measure=measure,
)
