"""The per-list options as they are asked for: for certain subjects, at a strength given or found.

Subjects without a history have no mix of their own: calibration leaves their lists in the order of the scores.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from audits.errors import InvalidConfig
from audits.mitigation.prices import serve
from audits.mitigation.problem import Floats, Ints, Mask, Scores
from audits.mitigation.queues import queues_of
from audits.mitigation.reranking import (
    LARGEST_DIVERGENCE,
    Alike,
    CategoryMix,
    calibrated_from,
    intra_list_diversity,
    marginally_relevant_from,
    miscalibration,
    require_lists,
)

Progress = Callable[[int, int], None]

_HALVINGS, _BISECTIONS = 30, 8


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ListOption:
    """A per-list option for certain subjects.

    Attributes:
        name: "calibrated" or "diverse".
        figure: what it is there to change, in words.
        span: the range of that figure.
        lists: their lists at a strength, (n, k).
        measured: the figure of each of such lists, (n,).
        counted: whose lists it changes at all, (n,).
    """

    name: str
    figure: str
    span: float
    lists: Callable[[float], Ints]
    measured: Callable[[Ints], Floats]
    counted: Mask


def calibrated_option(
    scores: Scores, groups: Floats, wanted: Floats, attention: Floats, *, excluded: Mask | None = None
) -> ListOption:
    """Lists with the mix that each subject chose before (``audits.mitigation.reranking.calibrated``).

    ``groups`` (m, G) are category shares of items, ``wanted`` (n, G) of subjects' histories: zeros without one.

    Raises:
        InvalidConfig: scores from which not everybody can be given a list, or shares that are none.
    """
    require_lists(scores, attention, excluded)
    known = np.asarray(wanted.sum(axis=1) > 0, dtype=bool)
    mix = CategoryMix(groups=groups, wanted=wanted[known])
    barred = None if excluded is None else excluded[known]
    queues = queues_of(scores[known], mix.kinds[1], attention.size, barred)
    by_score = serve(scores, np.zeros(groups.shape[0]), attention.size, excluded)

    def lists(strength: float) -> Ints:
        found = by_score.copy()
        found[known] = calibrated_from(queues, mix, attention, strength=strength)
        return found

    def measured(lists: Ints) -> Floats:
        found = np.zeros(lists.shape[0])
        found[known] = miscalibration(lists[known], mix, attention)
        return found

    return ListOption(
        name="calibrated",
        figure="miscalibration",
        span=LARGEST_DIVERGENCE,
        lists=lists,
        measured=measured,
        counted=known,
    )


def diverse_option(scores: Scores, groups: Floats, attention: Floats, *, excluded: Mask | None = None) -> ListOption:
    """Lists of items that share few categories (``audits.mitigation.reranking.marginally_relevant``).

    Raises:
        InvalidConfig: scores from which not everybody can be given a list.
    """
    require_lists(scores, attention, excluded)
    alike = Alike.by_categories(groups)
    queues = queues_of(scores, alike.kinds, attention.size, excluded)

    def lists(strength: float) -> Ints:
        return marginally_relevant_from(queues, alike, attention.size, strength=strength)

    def measured(lists: Ints) -> Floats:
        return intra_list_diversity(lists, alike)

    everyone = np.ones(scores.shape[0], dtype=bool)
    return ListOption(
        name="diverse", figure="intra-list diversity", span=1.0, lists=lists, measured=measured, counted=everyone
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Strength:
    """How strongly an option is applied.

    Attributes:
        value: 0 is the order of the scores, 1 looks at categories alone.
        keep: the part of their utility that subjects should keep, where the value was chosen by that.
        kept: the part that those kept on whom it was chosen.
    """

    value: float
    keep: float | None = None
    kept: float | None = None


def strongest(
    option: ListOption, utility: Callable[[Ints], Floats], keep: float, *, progress: Progress | None = None
) -> Strength:
    """The largest strength at which the option's subjects keep this part of their utility, to 0.4 % of it.

    ``utility`` gives that of each list, (n,). Halved from 1 until enough is kept, then bisected between that and its
    double: so it does not matter on what scale scores are. What is kept need not fall with every step of the strength,
    but the strength returned does keep it.

    Raises:
        InvalidConfig: a part that is none, no utility to keep a part of, or no strength that keeps it.
    """
    if not 0.0 < keep <= 1.0:
        msg = f"re-ranking, keep: expected a part above 0 and at most 1, got {keep:g}"
        raise InvalidConfig(msg)
    before = float(utility(option.lists(0.0)).mean())
    if not before > 0:
        msg = f"re-ranking, keep: expected a positive utility to keep a part of, got {before:g}"
        raise InvalidConfig(msg)

    steps = 0

    def kept_at(strength: float) -> float:
        nonlocal steps
        steps += 1
        if progress is not None:
            progress(steps, max(steps, 2 * _BISECTIONS))
        return float(utility(option.lists(strength)).mean()) / before

    low, kept = 1.0, kept_at(1.0)
    while kept < keep:
        low /= 2
        if low < 2.0**-_HALVINGS:
            msg = f"re-ranking, keep: expected a strength at which {keep:g} of the utility is kept, got none"
            raise InvalidConfig(msg)
        kept = kept_at(low)
    high = min(2 * low, 1.0)
    for _ in range(_BISECTIONS if low < high else 0):
        middle = (low + high) / 2
        if (found := kept_at(middle)) >= keep:
            low, kept = middle, found
        else:
            high = middle
    return Strength(value=low, keep=keep, kept=kept)
