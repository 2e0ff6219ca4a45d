"""What reviews and deployments write into the ledger."""

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseProposed:
    """Somebody set out to bring a model into service. ``model`` is empty where one is trained for it.

    ``snapshot`` and ``training`` are the ids under which its steps are logged, empty where it trains none.
    """

    kind: ClassVar[str] = "review.release_proposed"
    version: ClassVar[int] = 1

    proposal: str
    model_kind: str
    model: str
    snapshot: str
    training: str
    attempt: int


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
class ReviewSuperseded:
    """The gate decided again while the board was being asked, and the board was asked anew on that ``decision``."""

    kind: ClassVar[str] = "review.superseded"
    version: ClassVar[int] = 1

    review: str
    model: str
    decision: str


@dataclass(frozen=True, slots=True, kw_only=True)
class VoteCast:
    """A vote, or a changed vote (``revision`` above 0). Names its ``model`` since version 2."""

    kind: ClassVar[str] = "review.vote_cast"
    version: ClassVar[int] = 2

    review: str
    voter: str
    choice: str
    revision: int
    model: str | None = None


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
