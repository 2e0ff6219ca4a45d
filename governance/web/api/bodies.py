"""What the API takes and gives, as JSON. Field names are the product's words; times are UTC, digests hexadecimal."""

from datetime import date, datetime
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, model_validator

from governance.rights.openings import OpeningGround
from governance.rights.requests import Ground, Manner


class _In(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class _Out(BaseModel):
    model_config = ConfigDict(from_attributes=True, frozen=True)


class HealthOut(_Out):
    """The process answers."""

    status: Literal["ok"]
    version: str


class ReadyOut(_Out):
    """The process can work: its database is at the newest schema."""

    status: Literal["ready", "not ready"]
    control: Literal["current", "behind", "unreachable"]


class EntryOut(_Out):
    """One entry of the log."""

    seq: int
    kind: str
    version: int
    at: datetime
    actor: str
    id: UUID
    body: dict[str, Any]
    leaf_hash: str


class EntriesOut(_Out):
    """A page of entries; ``next`` is the ``after`` or ``before`` of the following page, absent on the last."""

    entries: list[EntryOut]
    next: int | None


class CheckpointOut(_Out):
    """A signed tree head; ``note`` is the C2SP signed note, ``vkey`` the key that verifies it."""

    origin: str
    size: int
    root: str
    note: str
    vkey: str


class ProofOut(_Out):
    """RFC 6962 inclusion: hashes from the leaf's sibling upwards, verified before they are shown."""

    path: list[str]
    checkpoint: CheckpointOut


class EntryProofOut(_Out):
    """An entry with its proof; ``proof`` is null until the next checkpoint is published."""

    entry: EntryOut
    proof: ProofOut | None


class OpeningIn(_In):
    """Which commitment to open, and why."""

    commitment: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    ground: OpeningGround


class PeriodIn(_In):
    """Days in UTC, the first and the last included."""

    first_day: date
    last_day: date


class FindingOut(_Out):
    """One rule's outcome; ``sentence`` says it for people."""

    model_config = ConfigDict(extra="allow")

    sentence: str


class DecisionOut(_Out):
    """What the gate decided, with every reason."""

    id: UUID
    outcome: str
    report: str
    policy: str
    decided_at: datetime
    expires_at: datetime
    findings: list[FindingOut]
    not_applicable: list[str]


class AlertOut(_Out):
    """What changed about the model that serves; ``acknowledged_by`` is a principal."""

    id: UUID
    kind: str
    model_id: UUID
    decision_id: UUID | None
    before: str
    after: str
    changes: list[str]
    raised_at: datetime
    acknowledged_at: datetime | None
    acknowledged_by: UUID | None


class ModelOut(_Out):
    """One model in a list."""

    id: UUID
    kind: str
    digest: str
    state: str
    generation: int | None
    release: str
    registered_at: datetime


class ModelsOut(_Out):
    """A page of models, newest first; ``next`` is the ``offset`` of the following page."""

    models: list[ModelOut]
    next: int | None


class ReleaseOut(_Out):
    """The private measurement a model was made from, with its whole guarantee."""

    digest: str
    guarantee: dict[str, Any]
    made_at: datetime


class SnapshotOut(_Out):
    """What the release read."""

    id: UUID
    digest: str
    subjects: int
    taken_at: datetime


class ModelDetailOut(ModelOut):
    """One model with everything that led to it."""

    author_id: UUID
    parent_id: UUID | None
    prices: dict[str, float] | None
    release_made: ReleaseOut
    snapshot: SnapshotOut
    decision: DecisionOut | None
    report: str | None


class ProposalIn(_In):
    """The question whether a model may ship."""

    model: UUID


class VoteIn(_In):
    """A vote; the comment is for the board and does not enter the log."""

    choice: Literal["approve", "refuse"]
    comment: Annotated[str | None, Field(max_length=2000)] = None


class VoteOut(_Out):
    """Who voted what."""

    principal_id: UUID
    choice: str
    comment: str | None
    revision: int
    cast_at: datetime


class ReviewOut(_Out):
    """One review with its votes."""

    id: UUID
    model_id: UUID
    author_id: UUID
    decision_id: UUID
    state: str
    opened_at: datetime
    closed_at: datetime | None
    votes: list[VoteOut]


class IdentifierIn(_In):
    """What names the subject outside. It is looked up and forgotten: not logged, not stored, not repeated."""

    kind: Annotated[str, Field(min_length=1, max_length=40)]
    value: Annotated[str, Field(min_length=1, max_length=320, repr=False)]


class RequestIn(_In):
    """A subject asks for a right, by the controller's front end. ``manner``: how the subject made the request."""

    right: Annotated[str, Field(min_length=1, max_length=40)]
    regime: Annotated[str, Field(min_length=1, max_length=40)]
    identifier: IdentifierIn
    manner: Manner = "account_page"


class RequestOut(_Out):
    """Where a request stands. There is no subject in it; ``due_at`` is the last day for the answer."""

    id: UUID
    right: str
    regime: str
    manner: str | None
    state: str
    received_at: datetime
    acknowledge_by: date | None
    due_at: date
    days_left: int | None
    refusal: str | None
    closed_at: datetime | None
    certificate: str | None


class FulfilmentOut(RequestOut):
    """A request that was carried out. ``key`` (URL-safe base64) opens the sealed package and is shown this once."""

    package: str | None
    key: str | None


class DecisionIn(_In):
    """Approve a request, or refuse it on one of the grounds."""

    choice: Literal["approve", "refuse"]
    ground: Ground | None = None

    @model_validator(mode="after")
    def _ground_belongs_to_refusal(self) -> Self:
        if (self.choice == "refuse") != (self.ground is not None):
            msg = "a refusal needs a ground, an approval has none"
            raise ValueError(msg)
        return self


class ReservationOut(_Out):
    """Privacy put aside for one release."""

    id: UUID
    purpose: str
    state: str
    mu: float
    guarantee: dict[str, Any]
    release: str | None
    reserved_at: datetime


class BudgetOut(_Out):
    """What releases on the population have cost together at ``delta``, and the largest epsilon one more may have."""

    population: str
    delta: float
    budget_epsilon: float
    epsilon_spent: float
    epsilon_left: float
    mu: float
    reservations: list[ReservationOut]


class ConsentCountOut(_Out):
    """How many subjects have this decision on this purpose in force."""

    purpose: str
    choice: str
    subjects: int
