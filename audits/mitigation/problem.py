"""The problem that exposure prices solve, refused with a reason where it cannot be solved."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from audits.errors import InfeasibleLimits, InvalidConfig

Floats = NDArray[np.float64]
Scores = NDArray[np.float32] | NDArray[np.float64]
Ints = NDArray[np.int64]
Mask = NDArray[np.bool_]
Name = tuple[str, str]

_SLACK = 1e-9
_TIMES_A_LIST = 8


def shares_of_lists(lists: Ints, groups: Floats, attention: Floats) -> Floats:
    """Share of each list's attention on each category, (n, G): lists (n, k), category shares of items (m, G)."""
    found = np.zeros((lists.shape[0], groups.shape[1]))
    # Rank by rank, for all ranks together take k times the memory.
    for rank, weight in enumerate(attention / attention.sum()):
        found += weight * groups[lists[:, rank]]
    return found


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Problem:
    """Scores (n, m), category shares of items (m, G), attention (k,), limits (G,), items to leave out (n, m).

    The categories of one attribute sum to 1 per item; several attributes can stand side by side.

    Raises:
        InvalidConfig: shapes that do not fit, scores that are not finite, weights that grow, fewer items than ranks for
            some subject.
        InfeasibleLimits: limits that contradict each other or what the lists can reach, whatever the scores.
    """

    scores: Scores
    groups: Floats
    names: tuple[Name, ...]
    weights: Floats
    lower: Floats
    upper: Floats
    excluded: Mask | None

    def __post_init__(self) -> None:
        _check_shapes(self)
        _check_limits(self)
        for block in self.blocks:
            if self.complete(block) and _pinned(self.lower[block], self.upper[block]):
                self._pin(block)

    def _pin(self, block: Ints) -> None:
        """Make floor and ceiling equal where either side already decides every share."""
        exact = self.lower if self.lower[block].sum() >= 1 - _SLACK else self.upper
        for side in ("lower", "upper"):
            limits = getattr(self, side).copy()
            limits[block] = exact[block]
            object.__setattr__(self, side, limits)

    @property
    def blocks(self) -> tuple[Ints, ...]:
        """Columns of each attribute."""
        attributes = dict.fromkeys(name[0] for name in self.names)
        return tuple(np.flatnonzero([name[0] == attribute for name in self.names]) for attribute in attributes)

    def complete(self, block: Ints) -> bool:
        """Whether every item's shares in these columns sum to 1."""
        return bool((self.groups[:, block].sum(axis=1) >= 1 - _SLACK).all())

    @property
    def fixed(self) -> Mask:
        """Categories whose price is 0 by convention, shape (G,).

        Where floors or ceilings of a whole attribute sum to 1 they pin every share, and one number added to all its
        prices changes nothing: the category with the largest floor is the zero from which the others count.
        """
        fixed = np.zeros(len(self.names), dtype=bool)
        for block in self.blocks:
            if self.complete(block) and _pinned(self.lower[block], self.upper[block]):
                fixed[block[np.argmax(self.lower[block])]] = True
        return fixed


def _check_shapes(problem: Problem) -> None:
    m, size, k = problem.scores.shape[1], len(problem.names), problem.weights.size
    checks = (
        (problem.scores.size > 0, "at least one subject and one item"),
        (bool(np.isfinite(problem.scores).all()), "finite scores"),
        (problem.groups.shape == (m, size) and size > 0, f"category shares of shape ({m}, {size})"),
        (bool((problem.groups >= 0).all() and (problem.groups <= 1 + _SLACK).all()), "category shares between 0 and 1"),
        (len(set(problem.names)) == size, "distinct category names"),
        (
            0 < k <= m and bool((problem.weights > 0).all() and (np.diff(problem.weights) <= 0).all()),
            "positive attention that falls with rank",
        ),
        (problem.lower.shape == problem.upper.shape == (size,), "one floor and one ceiling per category"),
        (
            problem.excluded is None or problem.excluded.shape == problem.scores.shape,
            "an exclusion mask of the scores' shape",
        ),
        (
            problem.excluded is None or int((~problem.excluded).sum(axis=1).min()) >= k,
            "at least k items left for every subject",
        ),
    )
    for holds, expected in checks:
        if not holds:
            got = f"scores of shape {problem.scores.shape} with {size} categories and k = {k}"
            msg = f"prices: expected {expected}, got {got}"
            raise InvalidConfig(msg)


def _check_limits(problem: Problem) -> None:
    for name, low, high in zip(problem.names, problem.lower, problem.upper, strict=True):
        if not 0.0 <= low <= high <= 1.0:
            msg = f"exposure limits of {' '.join(name)}: expected 0 <= floor <= ceiling <= 1, got {low:g} and {high:g}"
            raise InfeasibleLimits(msg)
    for block in problem.blocks:
        low, high = problem.lower[block].sum(), problem.upper[block].sum()
        if low > 1 + _SLACK or (problem.complete(block) and high < 1 - _SLACK):
            expected = "floors that sum to at most 1 and ceilings to at least 1"
            msg = f"exposure limits of {problem.names[block[0]][0]}: expected {expected}, got {low:g} and {high:g}"
            raise InfeasibleLimits(msg)
    for j in np.flatnonzero(problem.lower > 0):
        _check_reachable(problem, int(j))


def _reached(excluded: Mask, column: Floats, weights: Floats) -> Floats:
    """Attention that each subject's list can give the category at most, (n,)."""
    # The first k allowed items in descending order of membership, subject by subject: a running count finds them
    # without sorting rows. Most subjects need but the first few, whoever needs more is looked at again.
    order = np.argsort(-column, kind="stable")
    reached = np.zeros(excluded.shape[0])
    rows, width = np.arange(excluded.shape[0]), min(_TIMES_A_LIST * weights.size, column.size)
    while rows.size:
        allowed = ~excluded[np.ix_(rows, order[:width])]
        place = np.cumsum(allowed, axis=1, dtype=np.int32)
        rank = np.where(allowed & (place <= weights.size), place, 0)
        reached[rows] = np.r_[0.0, weights][rank] @ column[order[:width]]
        rows, width = rows[(place[:, -1] < weights.size) & (width < column.size)], column.size
    return reached


def _pinned(lower: Floats, upper: Floats) -> bool:
    return bool(lower.sum() >= 1 - _SLACK or upper.sum() <= 1 + _SLACK)


def _check_reachable(problem: Problem, j: int) -> None:
    """The lists that favour category j above all: no floor can lie higher than its share there."""
    column = problem.groups[:, j]
    if problem.excluded is None:
        best = np.sort(column)[::-1][: problem.weights.size] @ problem.weights / problem.weights.sum()
    else:
        best = _reached(problem.excluded, column, problem.weights).mean() / problem.weights.sum()
    if problem.lower[j] > best + _SLACK:
        expected = f"a floor of at most {best:.4f}, the most that lists can give it"
        msg = f"exposure limits of {' '.join(problem.names[j])}: expected {expected}, got {problem.lower[j]:g}"
        raise InfeasibleLimits(msg)
