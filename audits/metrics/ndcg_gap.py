"""How far a group's nDCG lies from everybody else's."""

from audits.evidence import Evidence
from audits.metrics import ndcg
from audits.metrics.metric import Metric
from audits.quality import gap_by_group
from audits.statistics import Smooth


def measure(evidence: Evidence) -> Smooth:
    """Mean nDCG of a group less the mean of all other subjects that have a group.

    Range [-1, 1]; 0 is equal quality, below 0 the group is served worse. A difference that can have either sign is
    tested instead of the spread "largest less smallest", whose resampled interval never contains 0. Two groups' quality
    compared: Ekstrand et al. (FAT* 2018); its difference as "user-oriented fairness": Li et al. (WWW 2021).

    Example: group A has means 0.2 and 0.4, the rest has one subject with 0.5: 0.3 - 0.5 = -0.2.
    """
    return gap_by_group(ndcg.per_subject(evidence), evidence)


METRIC = Metric(
    slug="ndcg_gap",
    title="nDCG gap of a group",
    formula="mean nDCG of the group - mean nDCG of all other grouped subjects",
    low=-1.0,
    high=1.0,
    better="target",
    needs=frozenset({"relevance", "groups"}),
    measure=measure,
)
