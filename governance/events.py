"""Every kind of ledger event, in one tuple one can read. Each is defined in the module whose change it records."""

from typing import Final

from governance.access.events import PrincipalAdded, TokenIssued, TokenRevoked
from governance.budget.events import BudgetCancelled, BudgetReadingBegun, BudgetReserved, BudgetSpent
from governance.consent.events import ConsentsRecorded, NoticePublished
from governance.gate.events import GateDecided
from governance.policy.events import PolicyInForce
from governance.registry.events import (
    AuditRecorded,
    BatchIngested,
    CatalogueChanged,
    ModelRegistered,
    ReleaseMade,
    RetentionEnforced,
    SnapshotTaken,
)
from governance.review.events import ModelDeployed, ModelRolledBack, ReviewClosed, ReviewOpened, VoteCast
from governance.rights.events import (
    ErasureCertified,
    ErasureStarted,
    RequestFulfilled,
    RequestMoved,
    RequestReceived,
    RequestRefused,
)

EVENTS: Final = (
    PolicyInForce,
    PrincipalAdded,
    TokenIssued,
    TokenRevoked,
    NoticePublished,
    ConsentsRecorded,
    BatchIngested,
    CatalogueChanged,
    BudgetReserved,
    BudgetReadingBegun,
    BudgetSpent,
    BudgetCancelled,
    SnapshotTaken,
    ReleaseMade,
    ModelRegistered,
    AuditRecorded,
    GateDecided,
    ReviewOpened,
    VoteCast,
    ReviewClosed,
    ModelDeployed,
    ModelRolledBack,
    RequestReceived,
    RequestMoved,
    RequestFulfilled,
    RequestRefused,
    ErasureStarted,
    ErasureCertified,
    RetentionEnforced,
)
