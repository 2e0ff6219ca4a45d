"""What the making of an evidence pack writes into the ledger."""

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceExported:
    """A period's evidence left the house in one file; ``pack`` is the SHA-256 (hex) of it, the days are ISO 8601.

    ``entries`` counts those of the period, ``checkpoint`` is the size of the signed log that they are proved against.
    The pack cannot hold this entry, which holds its digest.
    """

    kind: ClassVar[str] = "evidence.exported"
    version: ClassVar[int] = 1

    pack: str
    first_day: str
    last_day: str
    entries: int
    checkpoint: int
