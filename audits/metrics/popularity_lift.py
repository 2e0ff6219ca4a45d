"""Whether lists are more popular than what the same subjects choose."""

import math

import numpy as np

from audits.evidence import ABSENT, Evidence
from audits.metrics.metric import Metric
from audits.quality import target_counts
from audits.statistics import Cell, Smooth, ratios


def measure(evidence: Evidence) -> Smooth:
    """Popularity lift: (GAP_r - GAP_p) / GAP_p.

    phi(i) = interactions with item i before the audit; GAP_r = mean over subjects of mean phi over the list, GAP_p the
    same over the subject's held-out targets, which are a random part of what that subject chose. Subjects without
    targets or list count in neither. Range [-1, inf); 0 is "as popular as what subjects choose", above 0 the lists push
    popular titles. Abdollahpouri et al. (2019).

    Example: a list of titles with 30 and 10 interactions against one target with 10: 20 / 10 - 1 = 1.
    """
    if evidence.targets is None or evidence.popularity is None:
        msg = "popularity lift needs held-out targets and item popularity"
        raise ValueError(msg)
    shown = evidence.lists != ABSENT
    listed, chosen = shown.sum(axis=1), target_counts(evidence)
    both = (listed > 0) & (chosen > 0)
    of_lists = (evidence.popularity[evidence.lists] * shown).sum(axis=1) / np.maximum(listed, 1) * both
    of_targets = (evidence.targets.sign() @ evidence.popularity) / np.maximum(chosen, 1) * both
    typical = of_targets.sum() / max(both.sum(), 1)
    span = float(evidence.popularity.max() / typical) if typical > 0 else 0.0
    cell = Cell(n=int(both.sum()), span=span, target=0.0)
    return ratios([cell], of_lists[:, None].astype(np.float64), of_targets[:, None].astype(np.float64), offset=-1.0)


METRIC = Metric(
    slug="popularity_lift",
    title="Popularity lift",
    formula="mean popularity of recommended titles / mean popularity of the titles the same subjects chose, less 1",
    low=-1.0,
    high=math.inf,
    better="target",
    needs=frozenset({"relevance", "popularity"}),
    measure=measure,
)
