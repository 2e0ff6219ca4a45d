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
            undefined.
        n: subjects used.
        n_to_decide: subjects that would decide a true distance as large as the one seen, with the asked power; None
            where the audit is decided, the figure undefined, or so close to the limit that no number of subjects would.
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
    otherwise and for an undefined figure.
    ``critical_value`` is the report's. The detectable distance is (q + z_power) * standard error.
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
    detectable = _detectable(measurement, critical_value, power)
    undecided = outcome is Outcome.INCONCLUSIVE and abs(distance) > _HOPELESS * detectable
    return Verdict(
        outcome=outcome,
        nearest_limit=nearest,
        distance=distance,
        detectable=detectable,
        n=measurement.n,
        n_to_decide=math.ceil(measurement.n * (detectable / distance) ** 2) if undecided else None,
        undefined=None,
    )


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


def _detectable(measurement: Measurement, critical_value: float, power: float) -> float:
    if measurement.standard_error:
        return (critical_value + NormalDist().inv_cdf(power)) * measurement.standard_error
    # Nobody differed: the width is a binomial bound and already the distance at which the answer turns.
    return ((measurement.high or 0.0) - (measurement.low or 0.0)) / 2.0
