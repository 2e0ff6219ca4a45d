"""Exposure limits kept while serving: one subject at a time, with what was shown so far as the only memory.

Prices fitted offline drift where traffic does. Both controllers here add a correction to them that follows from the
exposure given so far, and so hold the limits without knowing who comes next:

* ``owed`` is proportional control of the accumulated shortfall (FairCo, Morik, Singh, Hong & Joachims, SIGIR 2020):
  attention owed to a category, in lists, times the gain. Whatever gain, the shares are within the limits up to a
  constant / number of lists served.
* ``penalty`` is online Frank-Wolfe (Usunier, Do & Dohmatob, FAccT 2022): the lists ascend utility - strength / 2 *
  sum_g distance(share_g, limits_g)^2, whose gradient at the shares so far is the correction. It converges to the
  optimum of that penalised problem; a larger strength keeps closer to the limits.

A machine is a function: state in, list and next state out. No clock, no randomness: the same subjects in the same order
get the same lists, and a state read back from its JSON goes on as if nothing had happened.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from audits.encoding import LATER, decode, encode
from audits.errors import InvalidConfig
from audits.mitigation.problem import Floats, Ints, Mask, Name, Scores, shares_of_lists

_TOLD = 100
_ROOM = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class ServedExposure:
    """What was shown so far.

    Attributes:
        lists: how many were served.
        attention: given to each category, in the order of the limits.
        categories: which these are, as ``attribute=category``; None in a state that was written before it was asked.
    """

    lists: int
    attention: tuple[float, ...]
    categories: tuple[str, ...] | None = field(default=None, metadata=LATER)

    def to_json(self) -> bytes:
        """The state's one encoding."""
        return encode(self)

    @classmethod
    def from_json(cls, unverified: bytes) -> "ServedExposure":
        """The state with exactly this encoding.

        Raises:
            CorruptReport: anything else.
            InvalidConfig: numbers that no serving leads to.
        """
        state: ServedExposure = decode(cls, unverified)
        if state.lists < 0 or not all(0.0 <= given < np.inf for given in state.attention):
            msg = "served exposure: expected counts and attention of 0 or more, got others"
            raise InvalidConfig(msg)
        return state


@dataclass(frozen=True, kw_only=True, eq=False)
class Serving:
    """What stays the same from one subject to the next.

    Attributes:
        names: (attribute, category) of each column, G of them.
        groups: category shares of items, (m, G).
        weights: attention of each rank, (k,), positive, never growing.
        lower: floor of each category's share of the attention, (G,).
        upper: its ceiling, (G,).
        prices: fitted offline, (G,); zeros where there are none.

    Raises:
        InvalidConfig: shapes that do not fit, limits outside 0 to 1 or crossing, prices that are not finite.
    """

    names: tuple[Name, ...]
    groups: Floats
    weights: Floats
    lower: Floats
    upper: Floats
    prices: Floats

    def __post_init__(self) -> None:
        size, k = len(self.names), self.weights.size
        checks = (
            (self.groups.ndim == 2 and self.groups.shape[1] == size, f"category shares of {size} categories"),  # noqa: PLR2004 - items by categories
            (0 < k <= self.groups.shape[0], "at least as many items as ranks"),
            (bool((self.weights > 0).all() and (np.diff(self.weights) <= 0).all()), "attention that falls with rank"),
            (self.lower.shape == self.upper.shape == self.prices.shape == (size,), "limits and a price per category"),
            (
                bool(((self.lower >= 0) & (self.lower <= self.upper) & (self.upper <= 1)).all()),
                "0 <= floor <= ceiling <= 1",
            ),
            (bool(np.isfinite(self.prices).all()), "finite prices"),
        )
        for holds, expected in checks:
            if not holds:
                msg = f"online serving: expected {expected}, got something else"
                raise InvalidConfig(msg)

    @cached_property
    def attention(self) -> float:
        """Attention that one list gives."""
        return float(self.weights.sum())

    @cached_property
    def kinds(self) -> tuple[Floats, Ints]:
        """Distinct rows of ``groups``, and which of them each item has: a price is worked out once for all alike."""
        distinct, kind = np.unique(self.groups, axis=0, return_inverse=True)
        return distinct, kind.ravel().astype(np.int64)

    def start(self) -> ServedExposure:
        """Before the first list."""
        return ServedExposure(lists=0, attention=(0.0,) * len(self.names), categories=self._categories)

    def resume(self, unverified: bytes) -> ServedExposure:
        """The state with this encoding, to go on from.

        Raises:
            CorruptReport, InvalidConfig: see ``ServedExposure.from_json``.
            InvalidConfig: a state of other categories, or of the same in another order, or with more attention than so
            many lists give, as after longer ones.
        """
        state = ServedExposure.from_json(unverified)
        if len(state.attention) != len(self.names) or state.categories not in {None, self._categories}:
            msg = f"served exposure: expected that of {', '.join(self._categories)}, got that of other categories"
            raise InvalidConfig(msg)
        most = state.lists * self.attention
        if (largest := max(state.attention, default=0.0)) > most + _ROOM * (1.0 + most):
            msg = f"served exposure: expected at most {most:g} of attention on a category, got {largest:g}"
            raise InvalidConfig(msg)
        return replace(state, categories=self._categories)

    @property
    def _categories(self) -> tuple[str, ...]:
        return tuple(f"{attribute}={category}" for attribute, category in self.names)


Progress = Callable[[int, int], None]
Correction = Callable[[Serving, ServedExposure], Floats]
"""What to add to each category's price, (G,), after what was shown so far."""


def owed(gain: float) -> Correction:
    """Proportional control: ``gain`` per list's worth of attention that a category is owed, or has had too much of.

    Raises:
        InvalidConfig: a gain that is not positive and finite.
    """
    _refuse_gain("gain", gain)

    def correction(serving: Serving, state: ServedExposure) -> Floats:
        given, due = np.array(state.attention), state.lists * serving.attention
        return gain / serving.attention * _outside(given, serving.lower * due, serving.upper * due)

    return correction


def penalty(strength: float) -> Correction:
    """Online Frank-Wolfe: ``strength`` times the distance of each share so far from its limits.

    Raises:
        InvalidConfig: a strength that is not positive and finite.
    """
    _refuse_gain("strength", strength)

    def correction(serving: Serving, state: ServedExposure) -> Floats:
        return strength * _outside(shares_of(serving, state), serving.lower, serving.upper)

    return correction


def serve_next(
    serving: Serving,
    state: ServedExposure,
    scores: Scores,
    correction: Correction,
    *,
    excluded: Mask | None = None,
) -> tuple[Ints, ServedExposure]:
    """The next subject's list, best first, (k,), and the state after it.

    ``scores`` (m,) are the subject's, ``excluded`` (m,) what the subject must not get; a score of ``-inf`` is as good
    as excluded.

    Raises:
        InvalidConfig: fewer than k items left, or a score that is NaN or infinity.

    Guarantees:
      - a function of its arguments
      - what is excluded is in no list
      - the attention that the state counts is that of the list returned
    """
    prices = serving.prices + correction(serving, state)
    distinct, kind = serving.kinds
    priced = (distinct @ prices).astype(np.float32 if scores.dtype == np.float32 else np.float64).take(kind)
    np.add(priced, scores, out=priced)
    if excluded is not None:
        priced[excluded] = -np.inf
    k = serving.weights.size
    best = np.argpartition(priced, -k)[-k:]
    chosen = priced[best]
    if not np.isfinite(chosen).all():  # NaN and infinity come before every number, what is excluded after
        left = int(np.isfinite(priced).sum())
        msg = f"online serving: expected finite scores of at least {k} items left to show, got {left}, or others too"
        raise InvalidConfig(msg)
    items = best[np.argsort(np.negative(chosen), kind="stable")].astype(np.int64, copy=False)
    given = serving.weights @ serving.groups[items]
    attention = tuple((given + state.attention).tolist())
    return items, ServedExposure(lists=state.lists + 1, attention=attention, categories=state.categories)


def _outside(value: Floats, low: Floats, high: Floats) -> Floats:
    """What brings each value to its nearest bound: positive below, negative above, 0 between."""
    outside: Floats = np.minimum(np.maximum(value, low), high) - value
    return outside


def shares_of(serving: Serving, state: ServedExposure) -> Floats:
    """Share of each category in the attention given so far, (G,); zeros before the first list."""
    return np.array(state.attention) / (max(state.lists, 1) * serving.attention)


def mean_prices(serving: Serving, lists: Ints, correction: Correction) -> Floats:
    """Corrected prices in the mean over the lists, (n, k), that ``serve_all`` made with them from the start, (G,)."""
    given = np.cumsum(serving.attention * shares_of_lists(lists, serving.groups, serving.weights), axis=0)
    before = np.vstack([np.zeros(len(serving.names)), given[:-1]])
    states = (ServedExposure(lists=place, attention=tuple(so_far)) for place, so_far in enumerate(before.tolist()))
    found: Floats = serving.prices + np.mean([correction(serving, state) for state in states], axis=0)
    return found


def largest_violation(serving: Serving, state: ServedExposure) -> float:
    """By how much a share lies outside its limits so far, at most."""
    shares = shares_of(serving, state)
    return float(np.maximum(serving.lower - shares, shares - serving.upper).max(initial=0.0))


def serve_all(
    serving: Serving,
    state: ServedExposure,
    scores: Sequence[Scores] | Scores,
    correction: Correction,
    *,
    excluded: Sequence[Mask] | Mask | None = None,
    progress: Progress | None = None,
) -> tuple[Ints, ServedExposure]:
    """Serve subjects in the order given: their lists, (n, k), and the state after the last.

    ``excluded`` has a mask for each; ``progress(served, n)`` is called every hundred lists.
    """
    lists = np.empty((len(scores), serving.weights.size), dtype=np.int64)
    for place, each in enumerate(scores):
        barred = None if excluded is None else excluded[place]
        lists[place], state = serve_next(serving, state, each, correction, excluded=barred)
        if progress is not None and place % _TOLD == 0:
            progress(place, len(scores))
    return lists, state


CONTROLLERS: tuple[tuple[str, Callable[[float], Correction]], ...] = (("owed", owed), ("penalty", penalty))
"""By the name that files and commands have for each."""


def correction_of(name: str, gain: float) -> Correction:
    """The controller of this name with this gain.

    Raises:
        InvalidConfig: there is none, or see ``owed`` and ``penalty``.
    """
    for known, made in CONTROLLERS:
        if known == name:
            return made(gain)
    msg = f"online serving, controller: expected one of {', '.join(known for known, _ in CONTROLLERS)}, got {name}"
    raise InvalidConfig(msg)


def _refuse_gain(name: str, value: float) -> None:
    if not 0.0 < value < np.inf:
        msg = f"online serving, {name}: expected a positive number, got {value:g}"
        raise InvalidConfig(msg)
