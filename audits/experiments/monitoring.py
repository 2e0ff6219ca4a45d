"""Looking while the test runs, as often as one likes.

A p-value that is looked at every night finds harm in a harmless change sooner or later. An e-process is the wealth of a
bettor against the null hypothesis: if that is true no strategy makes money, so wealth of 1 / alpha is reached with
probability alpha at most, ever (Ville 1939). Chugg, Cortes-Gomez, Wilder & Ramdas, *Auditing Fairness by Betting*
(NeurIPS 2023); Waudby-Smith & Ramdas (JRSS B 2024). A confidence sequence holds at all times at once.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from audits.errors import InvalidConfig
from audits.verdict import Outcome

Floats = NDArray[np.float64]

_BOLDEST = 0.5
"""Largest part of the wealth that a bet puts at risk."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Monitoring:
    """A guardrail over time.

    Attributes:
        not_worse: evidence after each pair that the treatment is not worse by the margin or more, shape (t,).
        worse: evidence that it is worse by the margin or more.
        verdict: pass or fail, whichever reached 1 / alpha first; inconclusive so far if neither did.
        decided_at: pairs seen by then, or None.
    """

    not_worse: Floats
    worse: Floats
    verdict: Outcome
    decided_at: int | None


def monitor(control: Floats, treatment: Floats, *, margin: float, alpha: float = 0.05) -> Monitoring:
    """Follow a guardrail pair by pair: the n-th subject of one arm beside the n-th of the other, in order of arrival.

    Outcomes lie in [0, 1], more is better; a subject counts once. Pass: mean(treatment) > mean(control) - margin.

    Raises:
        InvalidConfig: outcomes outside [0, 1], arms of different lengths or none, margin outside [0, 1), alpha outside
            (0, 1).

    Guarantees:
      - a wrong pass has probability ``alpha`` at most, and so has a wrong fail, however often one looks and whenever
        one stops
    """
    if control.shape != treatment.shape or control.ndim != 1 or not control.size:
        msg = f"monitoring: expected two arms of equal length, got shapes {control.shape} and {treatment.shape}"
        raise InvalidConfig(msg)
    _require(0 <= margin < 1, "margin", "at least 0 and below 1", margin)
    _require(0 < alpha < 1, "alpha", "between 0 and 1", alpha)
    for arm in (control, treatment):
        _require(bool(np.all((arm >= 0) & (arm <= 1))), "outcomes", "between 0 and 1", "others")
    room = treatment - control + margin
    not_worse = evidence(room, largest_loss=1.0 - margin)
    worse = evidence(-room, largest_loss=1.0 + margin)
    reached = [_first(wealth >= 1.0 / alpha) for wealth in (not_worse, worse)]
    decided = min((at for at in reached if at is not None), default=None)
    verdict = Outcome.INCONCLUSIVE if decided is None else Outcome.PASS if decided == reached[0] else Outcome.FAIL
    return Monitoring(not_worse=not_worse, worse=worse, verdict=verdict, decided_at=decided)


def evidence(gains: Floats, *, largest_loss: float, bets: Floats | None = None) -> Floats:
    """Wealth after each bet against "the mean gain is 0 or less": prod (1 + bet * gain), along the first axis.

    ``gains`` (t, ...), none below -``largest_loss``. ``bets`` are part of the wealth per unit; without them each is
    chosen from the gains before it alone, near the one that would have made wealth grow fastest (mean / (variance +
    mean^2)).

    Example: gains 0.5, -0.2, 0.4, bets 0.5 each: 1.25, 1.125, 1.35.

    Guarantees:
      - if the mean gain given the past is never above 0, the expectation never exceeds 1 (a supermartingale)
      - wealth stays positive
    """
    if bets is None:
        bets = _bets(gains, largest_loss)
    with np.errstate(over="ignore"):
        return np.asarray(np.exp(np.cumsum(np.log1p(bets * gains), axis=0)), dtype=np.float64)


def _bets(gains: Floats, largest_loss: float) -> Floats:
    """Bets from the gains before, as if one of 0 with variance 1/4 had been seen at first; shape of ``gains``."""
    seen = np.arange(1, gains.shape[0] + 1, dtype=np.float64).reshape(-1, *[1] * (gains.ndim - 1))
    mean = np.cumsum(gains, axis=0) / (seen + 1.0)
    variance = (0.25 + np.cumsum((gains - mean) ** 2, axis=0)) / (seen + 1.0)
    wanted = np.clip(mean / (variance + mean**2), 0.0, _BOLDEST / largest_loss)
    return np.concatenate([np.zeros_like(gains[:1]), wanted[:-1]])


def bernstein_sequence(values: Floats, *, low: float, high: float, alpha: float = 0.05) -> tuple[Floats, Floats]:
    """Lower and upper ends for the mean of numbers in [low, high], holding at all times at once, (t,) each.

    Predictable plug-in empirical Bernstein: with x scaled to [0, 1], weights l_i = min(sqrt(2 ln(2 / alpha) / (s2_{i-1}
    i ln(i + 1))), 1/2) and v_i = 4 (x_i - m_{i-1})^2, the ends are sum(l x) / sum(l) -+ (ln(2 / alpha) + sum(v
    psi(l))) / sum(l), psi(l) = (-ln(1 - l) - l) / 4. Waudby-Smith & Ramdas (JRSS B 2024), theorem 2. It assumes
    nothing but the range and a constant conditional mean.

    Raises:
        InvalidConfig: numbers outside [low, high], or none, alpha outside (0, 1).
    """
    _require(0 < alpha < 1, "alpha", "between 0 and 1", alpha)
    _require(values.ndim == 1 and values.size > 0 and low < high, "values", "numbers and a range", values.shape)
    _require(bool(np.all((values >= low) & (values <= high))), "values", f"between {low} and {high}", "others")
    x = (values - low) / (high - low)
    i = np.arange(1, x.size + 1, dtype=np.float64)
    mean = (0.5 + np.cumsum(x)) / (i + 1.0)
    variance = (0.25 + np.cumsum((x - mean) ** 2)) / (i + 1.0)
    mean_before, variance_before = np.r_[0.5, mean[:-1]], np.r_[0.25, variance[:-1]]
    weights = np.minimum(np.sqrt(2.0 * math.log(2.0 / alpha) / (variance_before * i * np.log(i + 1.0))), _BOLDEST)
    penalty = np.cumsum(4.0 * (x - mean_before) ** 2 * (-np.log1p(-weights) - weights) / 4.0)
    total = np.cumsum(weights)
    centre, half = np.cumsum(weights * x) / total, (math.log(2.0 / alpha) + penalty) / total
    # What held at one time holds at all: ends may only move inwards.
    lows, highs = np.maximum.accumulate(centre - half), np.minimum.accumulate(centre + half)
    return low + (high - low) * np.maximum(lows, 0.0), low + (high - low) * np.minimum(highs, 1.0)


def asymptotic_sequence(values: Floats, *, tightest_at: int, alpha: float = 0.05) -> tuple[Floats, Floats]:
    """Ends for the mean of any numbers with a variance, holding at all times once there are many; (t,) each.

    mean -+ s_t sqrt(2 (t r^2 + 1) / (t^2 r^2) ln(sqrt(t r^2 + 1) / alpha)), narrowest at t = ``tightest_at`` by r^2 = u
    / tightest_at with u = ln(u + 1) - 2 ln alpha. Waudby-Smith, Arbour, Sinha, Kennedy & Ramdas (Annals of Statistics
    2024). Below some hundred subjects use ``bernstein_sequence``.

    Raises:
        InvalidConfig: no values, ``tightest_at`` below 1, or alpha outside (0, 1).
    """
    from scipy.special import lambertw

    _require(0 < alpha < 1, "alpha", "between 0 and 1", alpha)
    _require(values.ndim == 1 and values.size > 0, "values", "numbers", values.shape)
    _require(tightest_at >= 1, "tightest_at", "1 or more", tightest_at)
    t = np.arange(1, values.size + 1, dtype=np.float64)
    mean = np.cumsum(values) / t
    deviation = np.sqrt(np.maximum(np.cumsum(values**2) / t - mean**2, 0.0))
    r2 = (-float(lambertw(-(alpha**2) / math.e, k=-1).real) - 1.0) / tightest_at
    half = deviation * np.sqrt(2.0 * (t * r2 + 1.0) / (t**2 * r2) * np.log(np.sqrt(t * r2 + 1.0) / alpha))
    # Subjects who are all alike so far have no variance to speak of.
    half[deviation == 0] = np.inf
    return mean - half, mean + half


def _first(reached: NDArray[np.bool_]) -> int | None:
    return int(np.argmax(reached)) + 1 if reached.any() else None


def _require(holds: bool, name: str, expected: str, found: object) -> None:  # noqa: FBT001 - what holds is the point
    if not holds:
        msg = f"monitoring, {name}: expected {expected}, got {found}"
        raise InvalidConfig(msg)
