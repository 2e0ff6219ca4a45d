"""How much farther the categories of a list are from the history's than chance alone explains."""

from audits.calibration import LARGEST, expected_by_chance, has_history, kullback_leibler
from audits.evidence import Evidence
from audits.means import mean_by_group
from audits.metrics.metric import Metric
from audits.statistics import Smooth


def measure(evidence: Evidence) -> Smooth:
    """C_KL less its mean under chance, for each attribute, over subjects with a history, of all and of each group.

    The null is a list of as many items drawn from the subject's own history, weighted by attention: a recommender that
    samples from the subject's taste. Range [-4.6052, 4.6052]; 0 is as close as sampling, below 0 closer (a calibrating
    re-ranker gets there), above 0 farther. C_KL: Steck (RecSys 2018); the null: ``audits.calibration``.

    Example: history half drama, half comedy, one item in the list: any draw gives C_KL = 1.9585, so the null is 1.9585
        and the excess 0, where the raw figure seems far from calibrated.
    """
    values = kullback_leibler(evidence) - expected_by_chance(evidence)
    names = [attribute.name for attribute in evidence.attributes]
    span = 2.0 * LARGEST
    return mean_by_group(evidence, values, has_history(evidence), span=span, attributes=names, target=0.0)


METRIC = Metric(
    slug="miscalibration_excess",
    title="Miscalibration beyond chance",
    formula="mean over subjects of C_KL less the mean C_KL of as many titles drawn from the subject's history",
    low=-LARGEST,
    high=LARGEST,
    better="lower",
    needs=frozenset({"attributes", "history"}),
    measure=measure,
)
