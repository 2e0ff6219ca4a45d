"""What reviews, deployments and reversals of pseudonyms write into the ledger."""

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewOpened:
    """The board was asked whether a model may ship."""

    kind: ClassVar[str] = "review.opened"
    version: ClassVar[int] = 1

    review: str
    model: str
    author: str
    decision: str


@dataclass(frozen=True, slots=True, kw_only=True)
class VoteCast:
    """A vote, or a changed vote (``revision`` above 0)."""

    kind: ClassVar[str] = "review.vote_cast"
    version: ClassVar[int] = 1

    review: str
    voter: str
    choice: str
    revision: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewClosed:
    """The board has decided."""

    kind: ClassVar[str] = "review.closed"
    version: ClassVar[int] = 1

    review: str
    model: str
    outcome: str
    approvals: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelDeployed:
    """A model began to serve."""

    kind: ClassVar[str] = "review.model_deployed"
    version: ClassVar[int] = 1

    model: str
    deployment: int
    generation: int
    replaced: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRolledBack:
    """The generation before was put back; ``undone`` is the deployment that ended."""

    kind: ClassVar[str] = "review.model_rolled_back"
    version: ClassVar[int] = 1

    model: str
    deployment: int
    generation: int
    undone: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReidentificationAsked:
    """Somebody asked who is behind one pseudonym of ``domain``, for a case and on a ground, until a day.

    To be written when there is a procedure for it; today nobody can be re-identified but for their own access answer.
    The commitment is to the pseudonym; its opening ends with the subject.
    """

    kind: ClassVar[str] = "reidentification.asked"
    version: ClassVar[int] = 1
    by_day: ClassVar[bool] = True

    case: str
    domain: str
    ground: str
    valid_until: str
    commitment: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReidentificationApproved:
    """Somebody else than the one who asked allowed it, once. To be written when there is a procedure for it."""

    kind: ClassVar[str] = "reidentification.approved"
    version: ClassVar[int] = 1
    by_day: ClassVar[bool] = True

    case: str
    approver: str
    commitment: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReidentificationUsed:
    """The one-time answer was fetched, or refused: ``outcome`` is answered, expired, repeated, erased or honey.

    A honey pseudonym belongs to nobody: asking for it is an incident. To be written when there is a procedure for it.
    """

    kind: ClassVar[str] = "reidentification.used"
    version: ClassVar[int] = 1
    by_day: ClassVar[bool] = True

    case: str
    outcome: str
    commitment: str | None = None
