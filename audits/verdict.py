"""Pass, fail or inconclusive: an interval against limits.

A point estimate beyond a limit may be chance, one inside it luck. The interval decides; what it cannot decide is said
to be so, with the number of subjects that would decide it.
"""

import math
from dataclasses import dataclass
from enum import StrEnum
from statistics import NormalDist

from audits.errors import InvalidConfig
from audits.report import Measurement, Undefined

# A distance a million times smaller than what can be detected asks for more subjects than there are.
_HOPELESS = 1e-6
_BISECTIONS = 60


class Outcome(StrEnum):
    """The three answers."""

    PASS = "pass"  # noqa: S105 - an outcome, not a password
    FAIL = "fail"
    INCONCLUSIVE = "inconclusive"


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """A floor, a ceiling or both (a band); reaching a limit is allowed.

    Raises:
        InvalidConfig: neither is given, one is not finite, or the floor lies above the ceiling.
    """

    floor: float | None = None
    ceiling: float | None = None

    @classmethod
    def around(cls, centre: float, margin: float) -> "Limits":
        """The band in which a figure counts as equivalent to ``centre``.

        A pass certifies equivalence: both one-sided tests reject (Schuirmann 1987, two one-sided tests). At joint
        level 95 % each is held to 2.5 % over the whole family, stricter than the usual 5 % for one figure.

        Raises:
            InvalidConfig: the margin is not positive.
        """
        if not margin > 0:
            msg = f"limits: expected a positive margin, got {margin}"
            raise InvalidConfig(msg)
        return cls(floor=centre - margin, ceiling=centre + margin)

    def __post_init__(self) -> None:
        given = [limit for limit in (self.floor, self.ceiling) if limit is not None]
        if not given or not all(math.isfinite(limit) for limit in given) or given != sorted(given):
            msg = f"limits: expected a floor, a ceiling or a floor below a ceiling, got {self.floor} and {self.ceiling}"
            raise InvalidConfig(msg)


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The answer and what it rests on.

    Attributes:
        outcome: pass, fail or inconclusive.
        nearest_limit: the limit closest to the figure, or None where the figure is undefined.
        distance: from the figure to that limit, positive inside the limits.
        detectable: smallest true distance from the limit that this audit would decide with the asked power; None where
            undefined, or a bound that has no standard error.
        n: subjects used.
        n_to_decide: subjects that would decide a true distance as large as the one seen, with the asked power; None
            where the audit is decided, the figure undefined, without a standard error, or so close to the limit that no
            number of subjects would.
        undefined: why there is no figure, or None.
    """

    outcome: Outcome
    nearest_limit: float | None
    distance: float | None
    detectable: float | None
    n: int
    n_to_decide: int | None
    undefined: Undefined | None


def judge(measurement: Measurement, limits: Limits, *, critical_value: float, power: float = 0.8) -> Verdict:
    """Compare a figure's simultaneous interval with limits.

    It passes if the whole interval is inside, fails if the whole interval is beyond one limit, and is inconclusive
    otherwise and for an undefined figure. ``critical_value`` is the report's.

    The detectable distance is half the interval's width plus z_power standard errors: were the truth that far from a
    limit, an audit like this one would decide with the asked power. Both widths shrink with the root of n, from which
    follows the n that would decide; within a band both limits must be cleared at once.
    """
    if measurement.value is None or measurement.low is None or measurement.high is None:
        return Verdict(
            outcome=Outcome.INCONCLUSIVE,
            nearest_limit=None,
            distance=None,
            detectable=None,
            n=measurement.n,
            n_to_decide=None,
            undefined=measurement.undefined,
        )
    outcome = _outcome(measurement.low, measurement.high, limits)
    nearest, distance = _nearest(measurement.value, limits)
    half, error = _half_width(measurement, critical_value), measurement.standard_error
    undecided = outcome is Outcome.INCONCLUSIVE and error is not None
    return Verdict(
        outcome=outcome,
        nearest_limit=nearest,
        distance=distance,
        detectable=None if error is None else half + NormalDist().inv_cdf(power) * error,
        n=measurement.n,
        n_to_decide=_n_to_decide(measurement, limits, half, power) if undecided else None,
        undefined=None,
    )


def _half_width(measurement: Measurement, critical_value: float) -> float:
    """Of the interval as it was before the metric's range cut it: the longer arm, and q standard errors at least."""
    value, low, high = (each or 0.0 for each in (measurement.value, measurement.low, measurement.high))
    return max(value - low, high - value, critical_value * (measurement.standard_error or 0.0))


def _n_to_decide(measurement: Measurement, limits: Limits, half: float, power: float) -> int | None:
    """Subjects with which a truth where the figure lies now would be decided with this power."""
    value, error = measurement.value or 0.0, measurement.standard_error or 0.0
    _, distance = _nearest(value, limits)
    if abs(distance) <= _HOPELESS * (half + error):
        return None
    rooms = [abs(distance)]
    if distance > 0 and limits.floor is not None and limits.ceiling is not None:
        rooms = [value - limits.floor, limits.ceiling - value]
    if error == 0.0:
        # Nobody varies: what is left is how many of another kind n subjects can miss, a share that shrinks with 1 / n.
        return math.ceil(measurement.n * half / min(rooms))
    return math.ceil(measurement.n * _shrinkage(rooms, half, error, power) ** -2)


def _shrinkage(rooms: list[float], half: float, error: float, power: float) -> float:
    """The largest factor on half width and error at which all these rooms are cleared with this power."""
    # One room has a closed form; it bounds the answer for two from above.
    high = min(rooms) / (half + NormalDist().inv_cdf(power) * error)
    low = min(rooms) / (half + NormalDist().inv_cdf((1 + power) / 2) * error)
    if len(rooms) == 1:
        return high
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        clears = sum(NormalDist().cdf((room / middle - half) / error) for room in rooms) - (len(rooms) - 1)
        low, high = (middle, high) if clears >= power else (low, middle)
    return low


def _outcome(low: float, high: float, limits: Limits) -> Outcome:
    floor = -math.inf if limits.floor is None else limits.floor
    ceiling = math.inf if limits.ceiling is None else limits.ceiling
    if high < floor or low > ceiling:
        return Outcome.FAIL
    return Outcome.PASS if floor <= low and high <= ceiling else Outcome.INCONCLUSIVE


def _nearest(value: float, limits: Limits) -> tuple[float, float]:
    """The limit with the smallest room, and that room (negative beyond the limit)."""
    rooms = [(value - limits.floor, limits.floor)] if limits.floor is not None else []
    rooms += [(limits.ceiling - value, limits.ceiling)] if limits.ceiling is not None else []
    distance, limit = min(rooms)
    return limit, distance
