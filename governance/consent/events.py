"""What consent writes into the ledger: one entry per batch, with counts, never one per subject."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True, kw_only=True)
class NoticePublished:
    """A notice that consents may refer to; ``digest`` is SHA-256 (hex) of its UTF-8 text."""

    kind: ClassVar[str] = "consent.notice_published"
    version: ClassVar[int] = 1

    notice: str
    language: str
    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentsRecorded:
    """A batch of decisions, counted.

    ``recorded`` counts by ``purpose:choice``; ``late`` ones joined the history only; ``repeated`` ones were known.
    Dated by the day, since version 2: a batch may be one person's decision.
    """

    kind: ClassVar[str] = "consent.recorded"
    version: ClassVar[int] = 2
    by_day: ClassVar[bool] = True

    batch: str
    recorded: Mapping[str, int]
    late: int
    repeated: int
    methods: Mapping[str, int]
