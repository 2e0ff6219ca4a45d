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
class WaiverAsked:
    """Somebody asks that a rule may be missed by so much, up to a day; they are its owner, and the entry's actor.

    ``reason`` is the SHA-256 (hex) of the reason's text, UTF-8. Without ``category`` or ``group`` it is for each that
    the rule is about.
    """

    kind: ClassVar[str] = "gate.waiver_asked"
    version: ClassVar[int] = 1

    waiver: str
    rule: str
    category: str | None
    group: str | None
    worst_value: float
    expires_on: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WaiverApproved:
    """Somebody else approved it: from here on decisions count it."""

    kind: ClassVar[str] = "gate.waiver_approved"
    version: ClassVar[int] = 1

    waiver: str
    approver: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WaiverWithdrawn:
    """Its owner or a member of the board took it back before its day: no decision after this entry counts it.

    ``reason`` is the SHA-256 (hex) of the reason's text, UTF-8. A decision before it stays what it was.
    """

    kind: ClassVar[str] = "gate.waiver_withdrawn"
    version: ClassVar[int] = 1

    waiver: str
    withdrawer: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WaiverGranted:
    """A model may ship although a rule was missed, until a day, because somebody but the author approved it.

    Written with each decision that rests on a waiver. ``waiver`` is its id in the policy file, or as `WaiverAsked` has
    it; ``rules`` are named as in `GateDecided`; ``approvals`` counts who approved it, the author never.
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

    Written by the first decision that finds it expired, on whichever model, or by the next run of retention; once for
    each model that it had let pass.
    ``model_state`` is that of the model it was for: one that still serves must be judged anew.
    """

    kind: ClassVar[str] = "gate.waiver_expired"
    version: ClassVar[int] = 1

    waiver: str
    model: str
    expires_on: str
    model_state: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertRaised:
    """The model that serves is not as it was let serve; ``changed`` names the rules.

    ``alert_kind`` says how that was found (`governance.gate.tables.Alert`).
    """

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
