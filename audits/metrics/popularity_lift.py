"""Whether lists are more popular than what the same subjects choose."""

import math

import numpy as np
from numpy.typing import NDArray

from audits.evidence import Evidence
from audits.means import by_group, group_names
from audits.metrics.metric import Metric
from audits.popularity import list_popularity, popularity_of, profile_popularity
from audits.statistics import Cell, Smooth


def measure(evidence: Evidence) -> Smooth:
    """Popularity lift: (GAP_r - GAP_p) / GAP_p, of all subjects and of each group.

    phi(i) = interactions with item i before the audit; GAP_r = mean over subjects of mean phi over the list, GAP_p the
    same over the profile: the history where one is given, otherwise the held-out choices, which are a random part of
    what that subject chose (the report says which). Subjects without profile count in neither. Range [-1, inf); 0 is
    "as popular as what subjects choose", above 0 the lists push popular titles. Abdollahpouri et al. (RMSE 2019).

    Example: a list of titles with 30 and 10 interactions against one choice with 10: 20 / 10 - 1 = 1.
    """
    of_lists, listed = list_popularity(evidence)
    of_profiles, has_profile = profile_popularity(evidence)
    counted = listed & has_profile
    channels = by_group(evidence, np.stack([np.where(counted, each, 0.0) for each in (of_lists, of_profiles)], axis=1))
    sizes = by_group(evidence, counted[:, None].astype(np.float64)).sums()
    most, width = float(popularity_of(evidence).max()), sizes.size
    typical = channels.sums()[width:] / np.maximum(sizes, 1.0)
    spans = np.divide(most, typical, out=np.zeros_like(typical), where=typical > 0)
    cells = [
        Cell(n=int(size), span=float(span), group=group, target=0.0)
        for size, span, group in zip(sizes, spans, group_names(evidence), strict=True)
    ]

    def value_of(means: NDArray[np.inexact]) -> NDArray[np.inexact]:
        lift: NDArray[np.inexact] = means[..., :width] / means[..., width:] - 1.0
        return lift

    return Smooth(cells=tuple(cells), channels=channels, value_of=value_of)


METRIC = Metric(
    slug="popularity_lift",
    title="Popularity lift",
    formula="mean popularity of recommended titles / mean popularity of the titles the same subjects chose, less 1",
    low=-1.0,
    high=math.inf,
    better="target",
    needs=frozenset({"popularity", "profile"}),
    measure=measure,
)
