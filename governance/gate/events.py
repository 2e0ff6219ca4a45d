"""What the gate writes into the ledger."""

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True, kw_only=True)
class GateDecided:
    """A model was judged. ``failed`` and ``inconclusive`` name the rules, with the category where one is meant."""

    kind: ClassVar[str] = "gate.decided"
    version: ClassVar[int] = 1

    decision: str
    model: str
    report: str
    policy: str
    outcome: str
    failed: tuple[str, ...]
    inconclusive: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class WaiverGranted:
    """A model may ship although a rule was missed, until a day, because two people answer for it.

    To be written when waivers exist, in the transaction that grants one; today nothing grants one and a missed rule
    ships nothing. ``rules`` are named as in `GateDecided`; ``approvals`` counts the board's, the author's never.
    """

    kind: ClassVar[str] = "gate.waiver_granted"
    version: ClassVar[int] = 1

    waiver: str
    model: str
    decision: str
    rules: tuple[str, ...]
    approvals: int
    expires_on: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WaiverExpired:
    """A waiver's time is over, and the rule binds again.

    To be written by the first action that finds it expired, when waivers exist. ``model_state`` is that of the model
    it was for: one that still serves must be judged anew.
    """

    kind: ClassVar[str] = "gate.waiver_expired"
    version: ClassVar[int] = 1

    waiver: str
    model: str
    expires_on: str
    model_state: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertRaised:
    """The model that serves was audited again and is not as it was; ``changed`` names the rules."""

    kind: ClassVar[str] = "gate.alert_raised"
    version: ClassVar[int] = 1

    alert: str
    alert_kind: str
    model: str
    decision: str
    before: str
    after: str
    changed: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertAcknowledged:
    """Somebody has seen an alert and answers for what follows."""

    kind: ClassVar[str] = "gate.alert_acknowledged"
    version: ClassVar[int] = 1

    alert: str
    model: str
