"""Every metric that an audit can measure. A new one is a file beside these and a line below."""

from audits.metrics import (
    coverage,
    exposure_gini,
    exposure_ratio,
    exposure_share,
    ndcg,
    ndcg_gap,
    popularity_lift,
    recall,
    recall_gap,
)

METRICS = (
    exposure_share.METRIC,
    exposure_ratio.METRIC,
    exposure_gini.METRIC,
    coverage.METRIC,
    popularity_lift.METRIC,
    ndcg.METRIC,
    recall.METRIC,
    ndcg_gap.METRIC,
    recall_gap.METRIC,
)
