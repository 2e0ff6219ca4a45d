"""How far the categories of a list are from those its subject chose."""

from audits.calibration import LARGEST, has_history, kullback_leibler
from audits.evidence import Evidence
from audits.means import mean_by_group
from audits.metrics.metric import Metric
from audits.statistics import Smooth


def measure(evidence: Evidence) -> Smooth:
    """Steck's C_KL, for each attribute, mean over subjects with a history, of all and of each group.

    C_KL = sum_g p_g log(p_g / ((1 - a) q_g + a p_g)), natural log, a = 0.01; p = category shares of the history,
    weighted, q = those of the list, weighted by attention. Range [0, log 100 = 4.6052]; lower is closer, but a list of
    k titles cannot reach 0: see ``miscalibration_excess``. Steck (RecSys 2018).

    Example: history half drama, half comedy, list all drama: 0.5 log(0.5 / 0.995) + 0.5 log(0.5 / 0.005) = 1.9585.
    """
    names = [attribute.name for attribute in evidence.attributes]
    span = LARGEST
    return mean_by_group(evidence, kullback_leibler(evidence), has_history(evidence), span=span, attributes=names)


METRIC = Metric(
    slug="miscalibration",
    title="Miscalibration (C_KL)",
    formula="mean over subjects of sum of p log(p / (0.99 q + 0.01 p)), p category shares of history, q of the list",
    low=0.0,
    high=LARGEST,
    better="lower",
    needs=frozenset({"attributes", "history"}),
    measure=measure,
)
