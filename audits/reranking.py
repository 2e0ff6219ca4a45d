"""Per-list options: a mix of categories like the subject's own, or items unlike each other.

Both look at one subject's list at a time, so neither can protect a category whose part is below 1 / k of a list: that
takes prices (``audits.mitigation``). Greedy, and vectorised over subjects: each rank is one pass over a batch.
"""

from dataclasses import dataclass

import numpy as np

from audits.errors import InvalidConfig
from audits.exposure_problem import Floats, Ints, Mask, Scores

_NUMBERS = 1 << 21
"""Scores worked on at a time."""
_SUM_TOLERANCE = 1e-6

SMOOTHING = 0.01
"""How much of the wanted mix is blended into the list's, so that a missing category costs much and not infinitely."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CategoryMix:
    """Category shares of items, (m, G), and the mix each subject should see, (n, G); both have rows that sum to 1."""

    groups: Floats
    wanted: Floats

    def __post_init__(self) -> None:
        for name, shares in (("items", self.groups), ("subjects", self.wanted)):
            sums = shares.sum(axis=1)
            if not (bool((shares >= 0).all()) and bool(np.abs(sums - 1.0).max(initial=0.0) <= _SUM_TOLERANCE)):
                msg = f"re-ranking: expected category shares of {name} that sum to 1, got others"
                raise InvalidConfig(msg)


def calibrated(
    scores: Scores, mix: CategoryMix, attention: Floats, *, strength: float, excluded: Mask | None = None
) -> Ints:
    """Lists whose mix of categories follows each subject's own (Steck, RecSys 2018), (n, k).

    Greedy on (1 - strength) * S - strength * C_KL: S is the list's attention-weighted mean score, C_KL = sum_g p_g log
    (p_g / ((1 - a) q_g + a p_g)) with p the wanted mix, q the list's with the weights of its ranks, a = 0.01. While the
    list grows, q counts the ranks that are filled against the whole list's attention, so that its last value is C_KL
    itself and each step can only gain.

    ``strength`` in [0, 1]: 0 is the order of the scores. Ties go to the item that comes first.

    Guarantees:
      - with equal attention on all ranks and scores of 0 or more, the gain over an empty list is at worst 1 - 1/e =
        0.63 of the largest possible (Nemhauser, Wolsey & Fisher 1978: the objective is monotone and submodular)
      - with ``strength`` 0, the k largest scores

    Raises:
        InvalidConfig: shapes that do not fit, a strength out of range, fewer than k items left for a subject.
    """
    _check(scores, attention, strength, excluded)
    if mix.groups.shape[0] != scores.shape[1] or mix.wanted.shape != (scores.shape[0], mix.groups.shape[1]):
        msg = f"re-ranking: expected category shares for scores of shape {scores.shape}, got others"
        raise InvalidConfig(msg)
    kinds, kind_of = np.unique(mix.groups, axis=0, return_inverse=True)
    weights = attention / attention.sum()
    lists = np.empty((scores.shape[0], attention.size), dtype=np.int64)
    for rows in _batches(scores.shape[0], max(scores.shape[1], kinds.size)):
        merit, closed, wanted = (1.0 - strength) * scores[rows], _closed(scores, excluded, rows), mix.wanted[rows]
        mixed = np.zeros_like(wanted)
        for rank, weight in enumerate(weights):
            # All items of one kind would change the mix alike.
            fit = _log_fit(mixed[:, None, :] + weight * kinds, wanted[:, None, :])
            lists[rows, rank] = chosen = _take(weight * merit + strength * fit[:, kind_of.ravel()], closed)
            mixed += weight * mix.groups[chosen]
    return lists


def miscalibration(lists: Ints, mix: CategoryMix, attention: Floats) -> Floats:
    """C_KL of each list, (n,): 0 where the mix is the wanted one; at most log(1 / 0.01) = 4.6."""
    shown = np.einsum("r,urg->ug", attention / attention.sum(), mix.groups[lists])
    wanted = mix.wanted
    entropy = np.where(wanted > 0, wanted * np.log(np.where(wanted > 0, wanted, 1.0)), 0.0).sum(axis=1)
    return np.asarray(entropy - _log_fit(shown, wanted), dtype=np.float64)


def marginally_relevant(
    scores: Scores, similarity: Floats, k: int, *, strength: float, excluded: Mask | None = None
) -> Ints:
    """Lists of items unlike each other: maximal marginal relevance (Carbonell & Goldstein, SIGIR 1998), (n, k).

    Each rank takes the largest (1 - strength) * score - strength * (largest similarity to what is in the list).
    ``similarity`` (m, m), of the scores' scale. ``strength`` in [0, 1]: 0 is the order of the scores. Ties go to the
    item that comes first.

    Raises:
        InvalidConfig: shapes that do not fit, a strength out of range, fewer than k items left for a subject.
    """
    _check(scores, np.ones(k), strength, excluded)
    if similarity.shape != (scores.shape[1],) * 2 or not np.isfinite(similarity).all():
        msg = f"re-ranking: expected finite similarities of {scores.shape[1]} items, got shape {similarity.shape}"
        raise InvalidConfig(msg)
    lists = np.empty((scores.shape[0], k), dtype=np.int64)
    for rows in _batches(scores.shape[0], scores.shape[1]):
        merit, closed = (1.0 - strength) * scores[rows], _closed(scores, excluded, rows)
        closest = np.zeros(merit.shape)
        for rank in range(k):
            lists[rows, rank] = chosen = _take(merit - strength * closest, closed)
            near = similarity[chosen]
            closest = near if rank == 0 else np.maximum(closest, near)
    return lists


def _log_fit(mixed: Floats, wanted: Floats) -> Floats:
    """sum_g p_g log((1 - a) q_g + a p_g): the part of -C_KL that the list decides."""
    blended = (1.0 - SMOOTHING) * mixed + SMOOTHING * wanted
    fit: Floats = (wanted * np.log(np.where(wanted > 0, blended, 1.0))).sum(axis=-1)
    return fit


def _batches(n: int, width: int) -> list[slice]:
    rows = max(1, _NUMBERS // width)
    return [slice(start, min(start + rows, n)) for start in range(0, n, rows)]


def _closed(scores: Scores, excluded: Mask | None, rows: slice) -> Mask:
    return np.zeros(scores[rows].shape, dtype=bool) if excluded is None else excluded[rows].copy()


def _take(value: Floats, closed: Mask) -> Ints:
    """The best open item of each row, which is closed from then on."""
    value[closed] = -np.inf
    chosen: Ints = np.argmax(value, axis=1).astype(np.int64, copy=False)
    closed[np.arange(chosen.size), chosen] = True
    return chosen


def _check(scores: Scores, attention: Floats, strength: float, excluded: Mask | None) -> None:
    k = attention.size
    checks = (
        (scores.ndim == 2 and bool(np.isfinite(scores).all()), "finite scores of subjects by items"),  # noqa: PLR2004 - subjects by items
        (0 < k <= scores.shape[-1], "at least as many items as ranks"),
        (bool((attention > 0).all() and (np.diff(attention) <= 0).all()), "positive attention that falls with rank"),
        (0.0 <= strength <= 1.0, "a strength from 0 to 1"),
        (excluded is None or excluded.shape == scores.shape, "an exclusion mask of the scores' shape"),
        (
            excluded is None or int((~excluded).sum(axis=1).min(initial=k)) >= k,
            "at least k items left for every subject",
        ),
    )
    for holds, expected in checks:
        if not holds:
            msg = f"re-ranking: expected {expected}, got scores of shape {scores.shape} and strength {strength:g}"
            raise InvalidConfig(msg)
