"""What somebody decided on a report, as its page shows it: figures held against limits, in plain words.

A library that audits decides nothing; who does (a gate, a board) hands over these.
"""

from dataclasses import dataclass
from typing import Literal

Standing = Literal["failed", "undecided", "waived", "warning", "met"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One figure held against the limit of one rule.

    Attributes:
        rule: its name.
        about: what was measured: "origin = european", "all titles".
        standing: what it means for the outcome.
        sentence: the finding in words.
        value: the figure with its interval ``low`` to ``high``; None where there is none.
        limits: what the rule asks for, in the unit of the figure: a floor, a ceiling, or both.
        asks: the limit in words, or empty.
        rationale: why the rule is there, or empty.
        approved_by: who answers for it, or empty.
    """

    rule: str
    about: str
    standing: Standing
    sentence: str
    value: float | None
    low: float | None
    high: float | None
    limits: tuple[float, ...] = ()
    asks: str = ""
    rationale: str = ""
    approved_by: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Exempted:
    """An exception from a rule, and who answers for it until when."""

    name: str
    about: str
    state: str
    owner: str
    approver: str
    reason: str
    expires_on: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Ruling:
    """The decision: outcome, one line of summary, every check (the worst first), and what it rests on.

    ``origins`` are names with values that identify what went in: policy, digests, the command that gives it again.
    """

    outcome: Literal["pass", "fail", "inconclusive"]
    summary: str
    checks: tuple[Check, ...]
    exceptions: tuple[Exempted, ...] = ()
    not_applicable: tuple[str, ...] = ()
    origins: tuple[tuple[str, str], ...] = ()
