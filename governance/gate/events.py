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
