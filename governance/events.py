"""Every kind of ledger event, in one tuple one can read. Each is defined in the module whose change it records.

A kind's fields are append-only: a new one gets a default and the next version, and the frozen vector of every version
stays (``tests/vectors/events``). Anything else is a new kind.
"""

from dataclasses import dataclass
from typing import Any, Final

from governance.access.events import PrincipalAdded, TokenIssued, TokenRevoked
from governance.attest.events import AttestationMade, AttestationWithdrawn
from governance.budget.events import BudgetCancelled, BudgetReadingBegun, BudgetReserved, BudgetSpent
from governance.consent.events import ConsentsRecorded, NoticePublished
from governance.evidence.events import EvidenceExported
from governance.gate.events import (
    AlertAcknowledged,
    AlertRaised,
    GateDecided,
    WaiverApproved,
    WaiverAsked,
    WaiverExpired,
    WaiverGranted,
    WaiverWithdrawn,
)
from governance.keys.events import KeyRotated
from governance.ledger.events import CheckpointWitnessed, EvidenceOpened
from governance.policy.events import PolicyInForce
from governance.registry.events import (
    AttackRecorded,
    AuditDisclosed,
    AuditRecorded,
    AuditReleased,
    BatchIngested,
    BatchQuarantined,
    CatalogueChanged,
    ModelRegistered,
    ReleaseMade,
    RetentionEnforced,
    SnapshotTaken,
    SumsDestroyed,
    SumsKept,
    SumsReduced,
)
from governance.reidentification.events import (
    ReidentificationApproved,
    ReidentificationAsked,
    ReidentificationUsed,
)
from governance.review.events import (
    ModelDeployed,
    ModelRolledBack,
    ReleaseProposed,
    ReviewClosed,
    ReviewOpened,
    ReviewSuperseded,
    VoteCast,
)
from governance.rights.events import (
    ErasureCertified,
    ErasureStarted,
    RequestExtended,
    RequestFulfilled,
    RequestMoved,
    RequestReceived,
    RequestRefused,
)

OPERATOR: Final = "operator (role:operator)"
ENGINEER: Final = "engineer (principal:<id>)"
OFFICER: Final = "officer (principal:<id>)"
EXPIRY: Final = "officer, or the operator for one that expired (principal:<id>)"
BOARD: Final = "board member (principal:<id>)"


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of event: its class, what it tells a reviewer in a few words, and who answers for it as the actor."""

    event: Any
    records: str
    accountable: str

    @property
    def name(self) -> str:
        """As entries carry it."""
        return str(self.event.kind)

    @property
    def version(self) -> int:
        """The newest shape."""
        return int(self.event.version)


KINDS: Final = (
    Kind(PolicyInForce, "a policy changed", OPERATOR),
    Kind(KeyRotated, "a signing key was replaced", OPERATOR),
    Kind(PrincipalAdded, "somebody got access", OPERATOR),
    Kind(TokenIssued, "an API token was made", OPERATOR),
    Kind(TokenRevoked, "an API token was taken away", OPERATOR),
    Kind(NoticePublished, "a consent notice was published", OPERATOR),
    Kind(ConsentsRecorded, "decisions on consent, counted", OPERATOR),
    Kind(BatchIngested, "a batch of events or decisions was taken in", OPERATOR),
    Kind(BatchQuarantined, "lines of a batch were rejected, by reason", OPERATOR),
    Kind(CatalogueChanged, "titles or categories changed", OPERATOR),
    Kind(BudgetReserved, "privacy was put aside for a training", ENGINEER),
    Kind(BudgetReadingBegun, "a training began to read", ENGINEER),
    Kind(BudgetSpent, "privacy was spent on a release", ENGINEER),
    Kind(BudgetCancelled, "privacy was given back, nothing had been read", ENGINEER),
    Kind(SnapshotTaken, "what a training may read was fixed", OPERATOR),
    Kind(ReleaseMade, "a private measurement was made, with its guarantee", ENGINEER),
    Kind(SumsKept, "the exact sums behind a measurement were kept", OPERATOR),
    Kind(SumsReduced, "somebody was taken out of kept sums", OPERATOR),
    Kind(SumsDestroyed, "kept sums were destroyed, on a ground", OPERATOR),
    Kind(ModelRegistered, "a model was trained", ENGINEER),
    Kind(AuditRecorded, "an audit ran", OPERATOR),
    Kind(AuditDisclosed, "an audit left the house, small groups suppressed", "reviewer (principal:<id>)"),
    Kind(AuditReleased, "an audit's figures were released, with noise", ENGINEER),
    Kind(AttackRecorded, "a measurement was attacked with canaries", OPERATOR),
    Kind(GateDecided, "the gate decided on a model", OPERATOR),
    Kind(AlertRaised, "what serves is not as it was let serve", OPERATOR),
    Kind(AlertAcknowledged, "an alert was acknowledged", BOARD),
    Kind(WaiverAsked, "somebody asked for an exception to the gate", ENGINEER),
    Kind(WaiverApproved, "somebody else approved an exception", BOARD),
    Kind(
        WaiverWithdrawn, "an exception was taken back before its day", "its owner, or a board member (principal:<id>)"
    ),
    Kind(WaiverGranted, "a decision rests on an exception to the gate", OPERATOR),
    Kind(WaiverExpired, "an exception to the gate ended", OPERATOR),
    Kind(ReleaseProposed, "a model set out for service", ENGINEER),
    Kind(ReviewOpened, "the board was asked", ENGINEER),
    Kind(ReviewSuperseded, "the board was asked anew, for the gate had decided again", ENGINEER),
    Kind(VoteCast, "a member of the board voted", BOARD),
    Kind(ReviewClosed, "the board approved or refused", BOARD),
    Kind(ModelDeployed, "a model began to serve", ENGINEER),
    Kind(ModelRolledBack, "the model before was put back", ENGINEER),
    Kind(RequestReceived, "a subject asked for a right", "front end (principal:<id>)"),
    Kind(RequestMoved, "a request was acknowledged, approved or begun", OFFICER),
    Kind(RequestExtended, "a request's deadline was extended", OFFICER),
    Kind(RequestFulfilled, "a request was fulfilled", OFFICER),
    Kind(RequestRefused, "a request was refused, on a ground", OFFICER),
    Kind(ErasureStarted, "an erasure began; nothing is destroyed yet", OFFICER),
    Kind(ErasureCertified, "an erasure was verified and certified", OFFICER),
    Kind(RetentionEnforced, "what was kept long enough was deleted", OPERATOR),
    Kind(ReidentificationAsked, "somebody asked who is behind a pseudonym", OFFICER),
    Kind(ReidentificationApproved, "a second person allowed it, once", BOARD),
    Kind(ReidentificationUsed, "it was answered, expired, or nobody was left", EXPIRY),
    Kind(EvidenceOpened, "a reviewer was shown whom an entry is about", "reviewer (principal:<id>)"),
    Kind(CheckpointWitnessed, "witnesses cosigned a checkpoint", "the log's key (key:<id>)"),
    Kind(EvidenceExported, "a period's evidence was taken out", "reviewer (principal:<id>)"),
    Kind(AttestationMade, "a statement was signed", OPERATOR),
    Kind(AttestationWithdrawn, "a signed statement was withdrawn", OPERATOR),
)
"""Every kind, in the order of the house: rules, data, budget, models, decisions, subjects, the log itself."""

EVENTS: Final = tuple(kind.event for kind in KINDS)
