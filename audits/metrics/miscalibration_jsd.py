"""How far the categories of a list are from those its subject chose, bounded and without smoothing."""

from audits.calibration import has_history, jensen_shannon_bits
from audits.evidence import Evidence
from audits.means import mean_by_group
from audits.metrics.metric import Metric
from audits.statistics import Smooth


def measure(evidence: Evidence) -> Smooth:
    """Jensen-Shannon divergence of history and list, for each attribute, over subjects with a history, by group too.

    JSD(p, q) = H((p + q) / 2) - (H(p) + H(q)) / 2 in bits; p, q as in ``miscalibration``. Range [0, 1]; lower is
    closer. The divergence itself, not its square root. Calibration of Vrijenhoek et al. (RecSys 2022), with attention
    as the rank discount.

    Example: history half drama, half comedy, list all drama: H(3/4, 1/4) - 1/2 = 0.3113.
    """
    names = [attribute.name for attribute in evidence.attributes]
    return mean_by_group(evidence, jensen_shannon_bits(evidence), has_history(evidence), span=1.0, attributes=names)


METRIC = Metric(
    slug="miscalibration_jsd",
    title="Miscalibration (Jensen-Shannon)",
    formula="mean over subjects of the Jensen-Shannon divergence (bits) of category shares of history and list",
    low=0.0,
    high=1.0,
    better="lower",
    needs=frozenset({"attributes", "history"}),
    measure=measure,
)
