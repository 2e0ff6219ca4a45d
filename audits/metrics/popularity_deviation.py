"""Whether lists hold head, middle and tail in the mix that their subjects chose."""

import numpy as np
from numpy.typing import NDArray

from audits.divergence import jensen_shannon
from audits.evidence import Evidence
from audits.labels import labels_of
from audits.means import mean_by_group
from audits.metrics.metric import Metric
from audits.popularity import tiers_of
from audits.profiles import category_mix, chosen, listed
from audits.statistics import Cell, Smooth
from audits.tiers import HEAD, MIDDLE, TAIL


def measure(evidence: Evidence) -> Smooth:
    """User popularity deviation, UPD: mean over groups of the mean divergence of a subject's profile and list.

    The divergence is Jensen-Shannon in bits between the shares of head, middle and tail in the profile (the history, or
    held-out choices without one) and in the list. Each group counts the same, however small; with several ways to
    divide subjects their UPDs are averaged, with none it is the mean over subjects. Range [0, 1]; 0 is a list as
    popular as the profile; lower is better. Groups of which nobody has a profile are left out. Abdollahpouri et al.
    (UMAP 2021).

    Example: profile half head, half tail, list all head: JSD((1/2, 1/2), (1, 0)) = H(3/4, 1/4) - 1/2 = 0.3113.
    """
    tier = labels_of(np.asarray(tiers_of(evidence)[:, None] == np.array([HEAD, MIDDLE, TAIL]), dtype=np.float64))
    profile = chosen(evidence)
    divergence = jensen_shannon(category_mix(profile, tier), category_mix(listed(evidence), tier))
    counted = np.diff(profile.indptr) > 0
    by_group = mean_by_group(evidence, divergence[:, None], counted, span=1.0)
    return by_group if len(by_group.cells) == 1 else _mean_of_groups(evidence, by_group)


def _mean_of_groups(evidence: Evidence, by_group: Smooth) -> Smooth:
    """The same cells, the first of them the mean of groups instead of the mean of subjects."""
    everybody, *groups = by_group.cells
    owner = np.repeat(np.arange(len(evidence.groupings)), [len(each.groups) for each in evidence.groupings])
    kept = np.flatnonzero([cell.n > 0 for cell in groups])
    _, division, sizes = np.unique(owner[kept], return_inverse=True, return_counts=True)
    weights = 1.0 / (sizes.size * sizes[division]) if kept.size else np.zeros(0)
    n = min((groups[at].n for at in kept), default=0)
    # The function alone: a closure over the statistic would keep its array alive.
    figures = by_group.value_of

    def value_of(means: NDArray[np.inexact]) -> NDArray[np.inexact]:
        each = figures(means)[..., 1:]
        mean = each[..., kept] @ weights if kept.size else np.full(means.shape[:-1], np.nan)
        return np.concatenate([mean[..., None], each], axis=-1)

    return Smooth(cells=(Cell(n=n, span=everybody.span), *groups), channels=by_group.channels, value_of=value_of)


METRIC = Metric(
    slug="popularity_deviation",
    title="Popularity deviation (UPD)",
    formula="mean over groups of the mean Jensen-Shannon divergence (bits) of head, middle, tail, profile against list",
    low=0.0,
    high=1.0,
    better="lower",
    needs=frozenset({"popularity", "profile"}),
    measure=measure,
)
