"""What a waiver makes of a figure that did not meet its rule. Pure: the day is an argument."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from audits.verdict import Outcome
from governance.gate.judging import judge_within
from governance.gate.matching import Figure
from governance.policy.rules import FairnessRule
from governance.policy.waivers import Waiver


class WaiverState(StrEnum):
    """What became of a waiver in one decision."""

    USED = "used"
    UNUSED = "unused"
    EXCEEDED = "exceeded"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True, kw_only=True)
class Excepted:
    """A waiver about a figure that did not meet its rule, and whether it carries the figure."""

    waiver: Waiver
    state: WaiverState


def excepted(
    rule: FairnessRule, figure: Figure, waivers: Sequence[Waiver], *, critical_value: float, today: date | None
) -> tuple[Excepted, ...]:
    """The waivers that are about a figure which did not meet its rule; the one that carries it comes first.

    A waiver carries a figure up to its last day, and if the whole interval keeps to the worst value that it tolerates:
    an exception is a limit like another, only for a time. Without a day none is known to be in force.
    """
    if today is None or figure.missing is not None:
        return ()
    found = [
        Excepted(waiver=each, state=_state(each, rule, figure, critical_value=critical_value, today=today))
        for each in waivers
        if _is_about(each, rule, figure)
    ]
    return tuple(sorted(found, key=lambda each: each.state != WaiverState.USED))


def state_of(waiver: Waiver, met: Sequence[Excepted], today: date | None) -> WaiverState:
    """What became of a waiver over all figures that it was about: exceeded by one is exceeded."""
    states = {each.state for each in met if each.waiver is waiver}
    for state in (WaiverState.EXPIRED, WaiverState.EXCEEDED, WaiverState.USED):
        if state in states:
            return state
    return WaiverState.EXPIRED if today is not None and today > waiver.expires_on else WaiverState.UNUSED


def _is_about(waiver: Waiver, rule: FairnessRule, figure: Figure) -> bool:
    measured = figure.measured
    return (
        waiver.rule == rule.id
        and waiver.category in (None, measured.category)
        and waiver.group in (None, measured.group)
    )


def _state(waiver: Waiver, rule: FairnessRule, figure: Figure, *, critical_value: float, today: date) -> WaiverState:
    if today > waiver.expires_on:
        return WaiverState.EXPIRED
    verdict = judge_within(rule.bounds_waived(waiver.worst_value), figure.read, critical_value)
    return WaiverState.USED if verdict.outcome == Outcome.PASS else WaiverState.EXCEEDED
