"""What reversals of pseudonyms write into the ledger: the case, never whom it is about.

``commitment`` is to the subject; its opening ends with them.
"""

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True, kw_only=True)
class ReidentificationAsked:
    """Somebody asked who is behind one pseudonym of ``domain``, for a case and on a ground, until a day."""

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
    """Somebody else than the one who asked allowed it, once."""

    kind: ClassVar[str] = "reidentification.approved"
    version: ClassVar[int] = 1
    by_day: ClassVar[bool] = True

    case: str
    approver: str
    commitment: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReidentificationUsed:
    """The case is over.

    ``outcome`` is answered, expired (nothing was shown in time), erased (nobody is left) or unknown (nobody living had
    the pseudonym that was asked about).
    """

    kind: ClassVar[str] = "reidentification.used"
    version: ClassVar[int] = 1
    by_day: ClassVar[bool] = True

    case: str
    outcome: str
    commitment: str | None = None
