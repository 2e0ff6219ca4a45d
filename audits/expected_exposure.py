"""Expected exposure of Diaz et al. (CIKM 2020): what lists give, against what their subjects' relevance would give.

The target of a subject shares, among the items of one grade, the attention of the ranks that grade fills in an ideal
list of k: the mean over all ideal lists. With RBP weights each of m relevant items gets (1 - g^m) / (m (1 - g)), with
the cascade (1 - (g (1 - s))^m) / (m (1 - g (1 - s))), m <= k; other weights are summed. Items without a grade share
what is left. One list per subject is known, so its exposure stands for the expectation.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from audits.evidence import Evidence
from audits.exposure import Labelled, labelled
from audits.grades import grades_shown, has_targets, ideal_grades, largest_grade, ranked_targets, shown_only
from audits.labels import mass, row_sums
from audits.pooled import Numbers, joined, pooled
from audits.remembered import remembered
from audits.statistics import Cell, Floats, Stepped

if TYPE_CHECKING:
    from scipy import sparse


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Target:
    """Target exposure of every subject, without an (n, m) array.

    Attributes:
        rest: attention that each item without a grade should get, (n,).
        above: how much more than ``rest`` each graded item should get, sparse (n, m).
        square: squared norm of the target over all items, (n,).
    """

    rest: Floats
    above: "sparse.csr_array"
    square: Floats


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ExpectedExposure:
    """EE-L, EE-D and EE-R; the first cell of each is by item, then one by category for every attribute.

    By item: the mean over subjects with targets of |e - e*|^2, |e|^2 and <e, e*>. By category (known ones): e and e*
    are multiplied with the items' shares and averaged over subjects first, so that subjects balance each other.

    Guarantees:
      - loss = disparity - 2 * relevance + |e*|^2
    """

    loss: Stepped
    disparity: Stepped
    relevance: Stepped


@remembered
def expected_exposure(evidence: Evidence) -> ExpectedExposure:
    """All three, computed together."""
    target = target_exposure(evidence)
    counted = has_targets(evidence).astype(np.float64)
    shown = row_sums(evidence.exposure, evidence.exposure.data)
    disparity = row_sums(evidence.exposure, evidence.exposure.data**2)
    met = shown_only(evidence, grades_shown(evidence.lists, target.above), evidence.looks)
    relevance = target.rest * shown + row_sums(met, met.data)
    loss = np.maximum(disparity - 2.0 * relevance + target.square, 0.0)
    groups = [_by_category(evidence, each, target, counted) for each in labelled(evidence)]

    def whole(by_item: Floats, at: int) -> Stepped:
        first = _mean(by_item, counted, _cell(evidence, counted, None))
        return joined([first, *(group[at] for group in groups)], evidence.subjects)

    return ExpectedExposure(loss=whole(loss, 0), disparity=whole(disparity, 1), relevance=whole(relevance, 2))


def target_exposure(evidence: Evidence) -> Target:
    """What each subject's relevance would give each item."""
    from scipy import sparse

    if evidence.targets is None:
        msg = "expected exposure needs held-out targets"
        raise ValueError(msg)
    k, sizes = evidence.lists.shape[1], np.diff(evidence.targets.indptr)
    row, place, item, grade = ranked_targets(evidence.targets)
    # Attention of the first j ranks of an ideal list, one row where all subjects look alike.
    reached = _attention_so_far(evidence)
    of = row if reached.shape[0] > 1 else np.zeros_like(row)
    begins = np.r_[True, (row[1:] != row[:-1]) | (grade[1:] != grade[:-1])] if row.size else np.zeros(0, dtype=bool)
    kind = np.cumsum(begins) - 1
    count = np.bincount(kind)
    start = place[begins]
    filled = reached[of[begins], np.minimum(start + count, k)] - reached[of[begins], np.minimum(start, k)]
    each = (filled / count)[kind]
    whose = np.arange(evidence.subjects) if reached.shape[0] > 1 else np.zeros(evidence.subjects, dtype=np.int64)
    others = evidence.items - sizes
    rest = (reached[whose, k] - reached[whose, np.minimum(sizes, k)]) / np.maximum(others, 1)
    rest = np.where(others > 0, rest, 0.0)
    shape = (evidence.subjects, evidence.items)
    return Target(
        rest=rest,
        above=sparse.csr_array((each - rest[row], (row, item)), shape=shape),
        square=np.bincount(row, weights=each**2, minlength=evidence.subjects) + others * rest**2,
    )


def _attention_so_far(evidence: Evidence) -> Floats:
    attention, k = evidence.attention, evidence.lists.shape[1]
    if evidence.targets is None or not attention.needs_relevance:
        looks = attention.weights(k)[None, :]
    else:
        looks = attention.following(ideal_grades(evidence.targets, k), largest_grade(evidence.targets))
    return np.hstack([np.zeros((looks.shape[0], 1)), np.cumsum(looks, axis=1)])


def _by_category(
    evidence: Evidence, each: Labelled, target: Target, counted: Floats
) -> tuple[Stepped, Stepped, Stepped]:
    due = mass(target.above, each.labels) + target.rest[:, None] * each.shares.sum(axis=0)
    channels = np.hstack([each.seen * counted[:, None], due * counted[:, None], counted[:, None]])
    c, cell = len(each.categories), _cell(evidence, counted, each.attribute)

    def loss(means: Numbers) -> Numbers:
        return _squares(means[..., :c] - means[..., c : 2 * c], means)

    def disparity(means: Numbers) -> Numbers:
        return _squares(means[..., :c], means)

    def relevance(means: Numbers) -> Numbers:
        product: Numbers = (means[..., :c] * means[..., c : 2 * c]).sum(axis=-1, keepdims=True) / means[..., -1:] ** 2
        return product

    first, second, third = (
        pooled([cell], channels, value_of, low=0.0, high=np.inf) for value_of in (loss, disparity, relevance)
    )
    return first, second, third


def _squares(values: Numbers, means: Numbers) -> Numbers:
    total: Numbers = (values**2).sum(axis=-1, keepdims=True) / means[..., -1:] ** 2
    return total


def _mean(values: Floats, counted: Floats, cell: Cell) -> Stepped:
    def value_of(means: Numbers) -> Numbers:
        mean: Numbers = means[..., :1] / means[..., 1:]
        return mean

    return pooled([cell], np.stack([values * counted, counted], axis=1), value_of, low=0.0, high=np.inf)


def _cell(evidence: Evidence, counted: Floats, attribute: str | None) -> Cell:
    # Two distributions of the same attention differ by less than both squares together.
    most = float(evidence.looks.sum(axis=1).max())
    return Cell(n=int(counted.sum()), span=2.0 * most**2, attribute=attribute)
