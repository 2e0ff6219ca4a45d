"""Non-inferiority: the treatment serves nobody worse than the control by more than a margin agreed before.

Absence of a significant drop is no evidence that nothing dropped: a small test never finds one. Here the burden is the
other way round, the whole one-sided interval must lie above the margin.

Many guardrails at once, after Schultzberg, Ankargren & Frånberg (2024, arXiv 2402.11609): who ships only if *every*
guardrail passes errs no more often for having more of them, so alpha is not divided among them; but each can hold back
a change that harms nothing, so the power of each must be higher: 1 - beta / (guardrails + 1). The verdict "worse by
more than the margin" is reached if *any* guardrail says so, and there alpha is divided. Groups count as guardrails.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from audits.errors import InvalidConfig
from audits.experiments.outcomes import Outcomes
from audits.verdict import Outcome

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

_FEWEST = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Guardrail:
    """What must not get worse, and by how much it may.

    Attributes:
        outcome: column of the outcome.
        margin: largest tolerated loss, 0 or more: in the outcome's unit, or as a share of the control's mean.
        relative: whether the margin is such a share; the control's mean must then be positive.
        better: whether more of the outcome is better or less.
        before: column with the same subjects' outcome before the test, to take out what they brought along (CUPED).

    Raises:
        InvalidConfig: a margin that is negative or not finite, or a relative one of 1 and more.
    """

    outcome: str
    margin: float
    relative: bool = False
    better: Literal["higher", "lower"] = "higher"
    before: str | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.margin < (1.0 if self.relative else math.inf):
            msg = f"guardrail {self.outcome}, margin: expected 0 or more, a share below 1, got {self.margin}"
            raise InvalidConfig(msg)


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardrailResult:
    """One guardrail for everybody or for a group.

    Attributes:
        outcome: column of the outcome.
        group: whom it is about, None for everybody.
        control: mean of the control arm.
        treatment: mean of the treatment arm, after CUPED where asked.
        room: how far the treatment lies from the tolerated limit, above 0 on the good side.
        low: lower end of the one-sided interval of ``room`` at ``alpha``.
        high: upper end of the one-sided interval at ``alpha`` / number of guardrails.
        verdict: pass if ``low`` > 0, fail if ``high`` < 0.
        n_control: subjects in the control arm.
        n_treatment: subjects in the treatment arm.
        explained: share of the variance that CUPED took out.
        n_to_decide: subjects in the smaller arm, both growing alike, with which a treatment that changes nothing would
            pass with the power that all guardrails together need; None where the margin is 0.
    """

    outcome: str
    group: str | None
    control: float | None
    treatment: float | None
    room: float | None
    low: float | None
    high: float | None
    verdict: Outcome
    n_control: int
    n_treatment: int
    explained: float
    n_to_decide: int | None


def check_guardrails(
    outcomes: Outcomes, guardrails: Sequence[Guardrail], *, alpha: float = 0.05, power: float = 0.8
) -> tuple[GuardrailResult, ...]:
    """Every guardrail, for everybody and for each group, Welch's t on one number per subject.

    Raises:
        InvalidConfig: no guardrail, an outcome that the experiment lacks, or alpha or power out of (0, 1).

    Guarantees:
      - if some guardrail is truly violated, all pass with probability ``alpha`` at most, however many there are
      - if none is, any fails with probability ``alpha`` at most
      - an arm with fewer than two subjects, or a control mean that a relative margin cannot use, is inconclusive
    """
    known = set(outcomes.values)
    asked = {column for each in guardrails for column in (each.outcome, each.before) if column is not None}
    if not guardrails or asked - known or not 0 < alpha < 1 or not 0 < power < 1:
        msg = f"guardrails: expected outcomes among {sorted(known)}, alpha and power in (0, 1), got {sorted(asked)}"
        raise InvalidConfig(msg)
    whom = (None, *outcomes.group_names())
    level = _Levels(alpha=alpha, power=power, guardrails=len(guardrails) * len(whom))
    return tuple(_check(outcomes, guardrail, group, level) for guardrail in guardrails for group in whom)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Levels:
    alpha: float
    power: float
    guardrails: int

    @property
    def alpha_of_any(self) -> float:
        return self.alpha / self.guardrails

    @property
    def power_of_each(self) -> float:
        return 1.0 - (1.0 - self.power) / (self.guardrails + 1)


def _check(outcomes: Outcomes, guardrail: Guardrail, group: str | None, level: _Levels) -> GuardrailResult:
    from scipy.special import stdtrit

    here = outcomes.members(group)
    treated = outcomes.treated[here]
    values = outcomes.values[guardrail.outcome][here]
    n_treatment, n_control = int(treated.sum()), int((~treated).sum())
    if min(n_treatment, n_control) < _FEWEST:
        return _open(guardrail, group, n_control, n_treatment)
    explained = 0.0
    if guardrail.before is not None:
        values, explained = without_the_past(values, outcomes.values[guardrail.before][here], treated)
    control, treatment = float(values[~treated].mean()), float(values[treated].mean())
    if guardrail.relative and control <= 0:
        return _open(guardrail, group, n_control, n_treatment)
    sign = 1.0 if guardrail.better == "higher" else -1.0
    scale = 1.0 - sign * guardrail.margin if guardrail.relative else 1.0
    tolerated = 0.0 if guardrail.relative else guardrail.margin
    room = sign * (treatment - scale * control) + tolerated
    parts = (values[treated].var(ddof=1) / n_treatment, scale**2 * values[~treated].var(ddof=1) / n_control)
    error = math.sqrt(sum(parts))
    if error == 0:
        # Nobody differs from anybody: nothing is known about subjects who would.
        return _open(guardrail, group, n_control, n_treatment)
    freedom = sum(parts) ** 2 / (parts[0] ** 2 / (n_treatment - 1) + parts[1] ** 2 / (n_control - 1))
    low = room - float(stdtrit(freedom, 1.0 - level.alpha)) * error
    high = room + float(stdtrit(freedom, 1.0 - level.alpha_of_any)) * error
    unchanged = guardrail.margin * (control if guardrail.relative else 1.0)
    return GuardrailResult(
        outcome=guardrail.outcome,
        group=group,
        control=control,
        treatment=treatment,
        room=room,
        low=low,
        high=high,
        verdict=Outcome.PASS if low > 0 else Outcome.FAIL if high < 0 else Outcome.INCONCLUSIVE,
        n_control=n_control,
        n_treatment=n_treatment,
        explained=explained,
        n_to_decide=_needed(min(n_control, n_treatment), error / unchanged, level) if unchanged > 0 else None,
    )


def _needed(n: int, error_to_margin: float, level: _Levels) -> int:
    """Subjects: n * (error / margin)^2 * (z_(1 - alpha) + z_power)^2, the power being what all guardrails need."""
    normal = NormalDist()
    quantiles = normal.inv_cdf(1 - level.alpha) + normal.inv_cdf(level.power_of_each)
    return math.ceil(n * (error_to_margin * quantiles) ** 2)


def without_the_past(values: Floats, before: Floats, treated: Bools) -> tuple[Floats, float]:
    """CUPED: values less what the outcome before the test predicts, and the share of variance that went with it.

    y - b (x - mean of x), b the slope common to both arms, within arms. The draw makes x equal in expectation, so the
    difference of the arms stays what it was and only its noise goes: the variance falls by the squared correlation.
    Deng et al. (WSDM 2013).
    """
    y, x = values.copy(), before.copy()
    for arm in (treated, ~treated):
        y[arm] -= y[arm].mean()
        x[arm] -= x[arm].mean()
    squares, total = float(x @ x), float(y @ y)
    if squares == 0 or total == 0:
        return values, 0.0
    slope = float(x @ y) / squares
    return values - slope * (before - before.mean()), slope**2 * squares / total


def _open(guardrail: Guardrail, group: str | None, n_control: int, n_treatment: int) -> GuardrailResult:
    return GuardrailResult(
        outcome=guardrail.outcome,
        group=group,
        control=None,
        treatment=None,
        room=None,
        low=None,
        high=None,
        verdict=Outcome.INCONCLUSIVE,
        n_control=n_control,
        n_treatment=n_treatment,
        explained=0.0,
        n_to_decide=None,
    )
