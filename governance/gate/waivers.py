"""What a waiver makes of a figure that did not meet its rule, and what a decision says of it.

Pure: the day is an argument.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from enum import StrEnum
from typing import Any

from audits.verdict import Outcome
from governance.gate.judging import judge_within
from governance.gate.matching import Figure
from governance.gate.sentences import subject_of, waiver_words
from governance.policy.rules import FairnessRule
from governance.policy.waivers import Waiver


class WaiverState(StrEnum):
    """What became of a waiver in one decision."""

    USED = "used"
    UNUSED = "unused"
    EXCEEDED = "exceeded"
    EXPIRED = "expired"


_PLACE = ("category", "group")
_WORDS = {
    WaiverState.USED: "Waived until",
    WaiverState.EXCEEDED: "Not waived, because the figure is not certain to keep to what is tolerated until",
    WaiverState.EXPIRED: "No longer waived, because the exception ended on",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Excepted:
    """A waiver about a figure that did not meet its rule, and whether it carries the figure."""

    waiver: Waiver
    state: WaiverState


@dataclass(frozen=True, slots=True, kw_only=True)
class AppliedWaiver:
    """One exception as the policy grants it, and what became of it.

    Attributes:
        waiver: its id.
        rule: id of the rule that it excepts from.
        about: for what: "origin = european", "each genre", "all titles".
        worst_value: the worst figure that is tolerated, in the unit of the rule's limit.
        expires_on: last day on which it holds, ISO 8601.
        line: its line in the file that grants it.
        category: the only category that it is for, where two people granted it.
        group: the only group, likewise.
    """

    waiver: str
    rule: str
    about: str
    worst_value: float
    owner: str
    author: str
    approver: str
    reason: str
    expires_on: str
    state: WaiverState
    line: int | None = None
    category: str | None = None
    group: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """As decisions are stored; category and group only where two people granted it, for no file has them then."""
        fields = {**asdict(self), "state": str(self.state)}
        return {name: value for name, value in fields.items() if name not in _PLACE or value is not None}

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> "AppliedWaiver":
        """The waiver that ``as_dict`` gave.

        Raises:
            TypeError: a field is missing, or there are others.
            ValueError: no such state.
        """
        return cls(**{**fields, "state": WaiverState(fields["state"])})

    @property
    def granted(self) -> Waiver | None:
        """The waiver as two people granted it; None where a file did."""
        waiver = Waiver(
            id=self.waiver,
            rule=self.rule,
            worst_value=self.worst_value,
            owner=self.owner,
            author=self.author,
            approver=self.approver,
            reason=self.reason,
            expires_on=date.fromisoformat(self.expires_on),
            category=self.category,
            group=self.group,
            line=self.line,
        )
        return waiver if waiver.by_two else None


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


def applied_waiver(
    waiver: Waiver, rules: Sequence[FairnessRule], met: Sequence[Excepted], today: date | None
) -> AppliedWaiver:
    """The waiver as a decision shows it, ``rules`` being those that are on and ``met`` what it was about."""
    rule = next((each for each in rules if each.id == waiver.rule), None)
    attribute, category, group = (None, None, None) if rule is None else (rule.attribute, rule.category, rule.group)
    return AppliedWaiver(
        waiver=waiver.id,
        rule=waiver.rule,
        about=subject_of(attribute, waiver.category or category, waiver.group or group),
        worst_value=waiver.worst_value,
        owner=waiver.owner,
        author=waiver.author,
        approver=waiver.approver,
        reason=waiver.reason,
        expires_on=waiver.expires_on.isoformat(),
        state=state_of(waiver, met, today),
        line=waiver.line,
        category=waiver.category if waiver.by_two else None,
        group=waiver.group if waiver.by_two else None,
    )


def excepted_words(rule: FairnessRule, each: Excepted) -> str:
    """What a decision says of a waiver about a figure."""
    return f"{_WORDS[each.state]} {waiver_words(rule, each.waiver)}"


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
