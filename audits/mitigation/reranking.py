"""Per-list options: a mix of categories like the subject's own, or items unlike each other.

Both look at one subject's list at a time, so neither can protect a category whose part is below 1 / k of a list: that
takes prices (``audits.mitigation.prices``). Greedy, and vectorised over subjects: each rank is one pass over a batch,
in which of each kind of items only the best that is left is looked at (``audits.mitigation.queues``).
"""

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from audits.errors import InvalidConfig
from audits.mitigation.problem import Floats, Ints, Mask, Scores, shares_of_lists
from audits.mitigation.queues import Queues, queues_of

if TYPE_CHECKING:
    from scipy import sparse

_NUMBERS = 1 << 21
"""Scores worked on at a time."""
_SUM_TOLERANCE = 1e-6

SMOOTHING = 0.01
"""How much of the wanted mix is blended into the list's, so that a missing category costs much and not infinitely."""

LARGEST_DIVERGENCE = 4.605170186
"""Largest C_KL, log(1 / SMOOTHING), rounded up."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Alike:
    """How alike items are: a symmetric table over kinds of items, (t, t), and the kind of each, (m,).

    Items of a catalogue have far fewer combinations of categories than there are items, so the table stays small.
    """

    table: Floats
    kinds: Ints

    @classmethod
    def of(cls, similarity: Floats) -> "Alike":
        """Every item is a kind of its own."""
        return cls(table=similarity, kinds=np.arange(similarity.shape[0]))

    @classmethod
    def by_categories(cls, groups: Floats) -> "Alike":
        """Cosine of category shares, (m, G): 1 for equal ones, 0 where none is shared."""
        distinct, kinds = np.unique(groups, axis=0, return_inverse=True)
        unit = distinct / np.linalg.norm(distinct, axis=1, keepdims=True)
        return cls(table=unit @ unit.T, kinds=kinds.ravel().astype(np.int64))


@dataclass(frozen=True, kw_only=True, eq=False)
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

    @cached_property
    def kinds(self) -> tuple[Floats, Ints]:
        """Distinct rows of ``groups``, (t, G), and which of them each item has, (m,)."""
        distinct, kinds = np.unique(self.groups, axis=0, return_inverse=True)
        return distinct, kinds.ravel().astype(np.int64)


def calibrated(
    scores: Scores, mix: CategoryMix, attention: Floats, *, strength: float, excluded: Mask | None = None
) -> Ints:
    """Lists whose mix of categories follows each subject's own (Steck, RecSys 2018), (n, k).

    Greedy on (1 - strength) * S - strength * C_KL: S is the list's attention-weighted mean score, C_KL = sum_g p_g log
    (p_g / ((1 - a) q_g + a p_g)) with p the wanted mix, q the list's with the weights of its ranks, a = 0.01. While the
    list grows, q counts the ranks that are filled against the whole list's attention, so that its last value is C_KL
    itself and each step can only gain.

    ``strength`` in [0, 1]: 0 is the order of the scores. Ties go to the item that comes first; among items of the same
    shares the better score always does.

    Guarantees:
      - with equal attention on all ranks and scores of 0 or more, the gain over an empty list is at worst 1 - 1/e =
        0.63 of the largest possible (Nemhauser, Wolsey & Fisher 1978: the objective is monotone and submodular)
      - with ``strength`` 0, the k largest scores

    Raises:
        InvalidConfig: shapes that do not fit, a strength out of range, fewer than k items left for a subject.
    """
    require_lists(scores, attention, excluded)
    if mix.groups.shape[0] != scores.shape[1] or mix.wanted.shape != (scores.shape[0], mix.groups.shape[1]):
        msg = f"re-ranking: expected category shares for scores of shape {scores.shape}, got others"
        raise InvalidConfig(msg)
    return calibrated_from(queues_of(scores, mix.kinds[1], attention.size, excluded), mix, attention, strength=strength)


def calibrated_from(queues: Queues, mix: CategoryMix, attention: Floats, *, strength: float) -> Ints:
    """As ``calibrated``, from queues by ``mix.kinds`` that are made once for many strengths.

    Raises:
        InvalidConfig: a strength out of range.
    """
    _check_strength(strength)
    weights, parts = attention / attention.sum(), _Parts.of(mix.kinds[0])
    lists = np.empty((mix.wanted.shape[0], attention.size), dtype=np.int64)
    for rows in _batches(lists.shape[0], max(queues.starts.size, parts.columns.size)):
        fronts, wanted = queues.fronts(rows), mix.wanted[rows]
        mixed = np.zeros_like(wanted)
        for rank, weight in enumerate(weights):
            value = weight * ((1.0 - strength) * fronts.merit()) + strength * parts.gains(mixed, wanted, weight)
            lists[rows, rank], queue = fronts.take(value)
            mixed += weight * mix.kinds[0][queue]
    return lists


def miscalibration(lists: Ints, mix: CategoryMix, attention: Floats) -> Floats:
    """C_KL of each list, (n,): 0 where the mix is the wanted one; at most log(1 / 0.01) = 4.6."""
    shown = shares_of_lists(lists, mix.groups, attention)
    wanted = mix.wanted
    entropy = np.where(wanted > 0, wanted * np.log(np.where(wanted > 0, wanted, 1.0)), 0.0).sum(axis=1)
    return np.asarray(entropy - _log_fit(shown, wanted), dtype=np.float64)


def marginally_relevant(scores: Scores, alike: Alike, k: int, *, strength: float, excluded: Mask | None = None) -> Ints:
    """Lists of items unlike each other: maximal marginal relevance (Carbonell & Goldstein, SIGIR 1998), (n, k).

    Each rank takes the largest (1 - strength) * score - strength * (largest similarity to what is in the list), so
    similarities should be of the scores' scale. ``strength`` in [0, 1]: 0 is the order of the scores. Ties go to the
    item that comes first; among items of one kind the better score always does.

    Raises:
        InvalidConfig: shapes that do not fit, a kind that no item is of, a strength out of range, fewer than k items
            left for a subject.
    """
    require_lists(scores, np.ones(k), excluded)
    if alike.kinds.shape != (scores.shape[1],) or not np.isfinite(alike.table).all():
        msg = f"re-ranking: expected finite similarities of {scores.shape[1]} items, got those of {alike.kinds.size}"
        raise InvalidConfig(msg)
    return marginally_relevant_from(queues_of(scores, alike.kinds, k, excluded), alike, k, strength=strength)


def marginally_relevant_from(queues: Queues, alike: Alike, k: int, *, strength: float) -> Ints:
    """As ``marginally_relevant``, from queues by ``alike.kinds`` that are made once for many strengths.

    Raises:
        InvalidConfig: a strength out of range.
    """
    _check_strength(strength)
    lists = np.empty((queues.items.shape[0], k), dtype=np.int64)
    for rows in _batches(lists.shape[0], queues.starts.size):
        fronts = queues.fronts(rows)
        closest = np.zeros(fronts.at.shape)
        for rank in range(k):
            lists[rows, rank], queue = fronts.take((1.0 - strength) * fronts.merit() - strength * closest)
            near = alike.table[queue]
            closest = near if rank == 0 else np.maximum(closest, near)
    return lists


def intra_list_diversity(lists: Ints, alike: Alike) -> Floats:
    """Mean of 1 - similarity over the pairs of each list, (n,), clipped to 0 to 1; 0 for lists of one item.

    Smyth & McClave (ICCBR 2001); as ``audits.metrics.intra_list_diversity`` where similarity is that of categories.
    """
    k, kinds = lists.shape[1], alike.kinds[lists]
    alike_in_all = np.zeros(lists.shape[0])
    for rank in range(k):
        alike_in_all += alike.table[kinds[:, [rank]], kinds[:, rank + 1 :]].sum(axis=1)
    found: Floats = np.clip(1.0 - 2.0 * alike_in_all / (k * (k - 1)), 0.0, 1.0) if k > 1 else alike_in_all
    return found


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Parts:
    """Kinds of items by the shares they are made of: most have one or two categories, and share these with others.

    ``columns`` (p,) and ``shares`` (p,) are the distinct pairs of category and share, ``of_kinds`` (p, t) says which
    kind has which.
    """

    columns: Ints
    shares: Floats
    of_kinds: "sparse.csr_array"

    @classmethod
    def of(cls, kinds: Floats) -> "_Parts":
        """From the category shares of kinds, (t, G)."""
        from scipy import sparse

        kind, column = kinds.nonzero()
        pairs, part = np.unique(np.c_[column, kinds[kind, column]], axis=0, return_inverse=True)
        shape = (len(pairs), kinds.shape[0])
        of_kinds = sparse.csr_array((np.ones(kind.size), (part.ravel(), kind)), shape=shape)
        return cls(columns=pairs[:, 0].astype(np.int64), shares=pairs[:, 1], of_kinds=of_kinds)

    def gains(self, mixed: Floats, wanted: Floats, weight: float) -> Floats:
        """By how much C_KL would fall if an item of each kind were added to the mix at this weight, (b, t)."""
        now, p = ((1.0 - SMOOTHING) * mixed + SMOOTHING * wanted)[:, self.columns], wanted[:, self.columns]
        now = np.where(p > 0, now, 1.0)
        found: Floats = (p * np.log1p((1.0 - SMOOTHING) * weight * self.shares / now)) @ self.of_kinds
        return found


def _log_fit(mixed: Floats, wanted: Floats) -> Floats:
    """sum_g p_g log((1 - a) q_g + a p_g): the part of -C_KL that the list decides."""
    blended = (1.0 - SMOOTHING) * mixed + SMOOTHING * wanted
    fit: Floats = (wanted * np.log(np.where(wanted > 0, blended, 1.0))).sum(axis=-1)
    return fit


def _batches(n: int, width: int) -> list[slice]:
    rows = max(1, _NUMBERS // width)
    return [slice(start, min(start + rows, n)) for start in range(0, n, rows)]


def _check_strength(strength: float) -> None:
    if not 0.0 <= strength <= 1.0:
        msg = f"re-ranking: expected a strength from 0 to 1, got {strength:g}"
        raise InvalidConfig(msg)


def require_lists(scores: Scores, attention: Floats, excluded: Mask | None) -> None:
    """Refuse scores from which not everybody can be given a list.

    Raises:
        InvalidConfig: shapes that do not fit, scores that are not finite, fewer than k items left for a subject.
    """
    k = attention.size
    short = 0
    if excluded is not None and excluded.shape == scores.shape:
        short = int((scores.shape[1] - np.count_nonzero(excluded, axis=1) < k).sum())
    checks = (
        (scores.ndim == 2 and bool(np.isfinite(scores).all()), "finite scores of subjects by items"),  # noqa: PLR2004 - subjects by items
        (0 < k <= scores.shape[-1], "at least as many items as ranks"),
        (bool((attention > 0).all() and (np.diff(attention) <= 0).all()), "positive attention that falls with rank"),
        (excluded is None or excluded.shape == scores.shape, "an exclusion mask of the scores' shape"),
        (short == 0, f"at least {k} items left for every subject ({short} of them have fewer)"),
    )
    for holds, expected in checks:
        if not holds:
            msg = f"re-ranking: expected {expected}, got scores of shape {scores.shape}"
            raise InvalidConfig(msg)
