"""What the log writes about itself: that strangers vouched for it, and that somebody looked behind an entry."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckpointWitnessed:
    """Witnesses cosigned a checkpoint: its ``size``, its ``root`` (hex), and who did when.

    ``witnesses`` maps a cosigner's ``name+key id`` (8 hex digits, as in its vkey) to the POSIX second of its
    cosignature. Written after the publication, so the next checkpoint is the first that contains it; on its own it is
    no reason to publish again, or the log would grow by one entry for each look at it.
    """

    kind: ClassVar[str] = "checkpoint.witnessed"
    version: ClassVar[int] = 1

    size: int
    root: str
    witnesses: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceOpened:
    """Somebody was shown what a commitment is about; ``ground`` is a word of the registry of grounds.

    ``roles`` are those of the one who looked, who is the actor. Dated by the day, like the entry that was opened.
    """

    kind: ClassVar[str] = "evidence.opened"
    version: ClassVar[int] = 1
    by_day: ClassVar[bool] = True

    commitment: str
    ground: str
    roles: tuple[str, ...]
