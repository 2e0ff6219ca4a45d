"""What the registry writes into the ledger: digests and counts."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogueChanged:
    """Items or categories came or changed; ``catalogue`` is the SHA-256 (hex) of the whole."""

    kind: ClassVar[str] = "registry.catalogue_changed"
    version: ClassVar[int] = 1

    catalogue: str
    items: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchIngested:
    """A batch was taken in.

    Rows by kind of event (or ``consent``), rows dropped by reason, lines in quarantine, and for events the lake's
    versions after it. Dated by the day, since version 2: a batch may be one person's click.
    """

    kind: ClassVar[str] = "registry.batch_ingested"
    version: ClassVar[int] = 2
    by_day: ClassVar[bool] = True

    batch: str
    written: Mapping[str, int]
    dropped: Mapping[str, int]
    quarantined: int
    lake_versions: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchQuarantined:
    """Lines of a batch were rejected: how many, by reason.

    ``text`` says whether they were kept ``sealed`` or ``dropped``, as policy has it. Beside the entry of the batch, in
    its transaction, and by day for the same reason.
    """

    kind: ClassVar[str] = "registry.batch_quarantined"
    version: ClassVar[int] = 1
    by_day: ClassVar[bool] = True

    batch: str
    lines: int
    reasons: Mapping[str, int]
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SnapshotTaken:
    """What a training may read was fixed; ``manifest`` is the SHA-256 (hex) of its manifest."""

    kind: ClassVar[str] = "registry.snapshot_taken"
    version: ClassVar[int] = 1

    snapshot: str
    manifest: str
    subjects: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseMade:
    """A differentially private measurement exists; the guarantee is complete, never (ε, δ) alone."""

    kind: ClassVar[str] = "registry.release_made"
    version: ClassVar[int] = 1

    release: str
    snapshot: str
    reservation: str
    guarantee: Mapping[str, str | float]


@dataclass(frozen=True, slots=True, kw_only=True)
class SumsKept:
    """The exact sums behind a release are kept, sealed, for at most so many days."""

    kind: ClassVar[str] = "registry.sums_kept"
    version: ClassVar[int] = 1

    release: str
    days: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SumsReduced:
    """Somebody was taken out of kept sums. Dated by the day, and says nothing of whom."""

    kind: ClassVar[str] = "registry.sums_reduced"
    version: ClassVar[int] = 1
    by_day: ClassVar[bool] = True

    release: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SumsDestroyed:
    """Kept sums are gone: `expired`, because an `erasure` could not be subtracted, or `replaced` by smaller ones.

    Or they had been of no use to anybody: `unreadable`, or `unfinished` by whoever was to keep them.
    """

    kind: ClassVar[str] = "registry.sums_destroyed"
    version: ClassVar[int] = 1
    by_day: ClassVar[bool] = True

    release: str
    ground: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRegistered:
    """A model was made from a release.

    Since version 2, of a model with exposure prices: SHA-256 (hex) of the file that serving loads, and of the report
    that says on held-out subjects what the prices cost and who pays.
    """

    kind: ClassVar[str] = "registry.model_registered"
    version: ClassVar[int] = 2

    model: str
    model_kind: str
    digest: str
    release: str
    parent: str | None
    author: str
    prices: Mapping[str, float]
    price_file: str | None = None
    mitigation_report: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditRecorded:
    """A report on a model was stored."""

    kind: ClassVar[str] = "registry.audit_recorded"
    version: ClassVar[int] = 1

    model: str
    report: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditDisclosed:
    """A report left the house with figures of fewer than ``at_least`` subjects suppressed, and what gives them away.

    ``document`` is the SHA-256 (hex) of what left, in JSON.
    """

    kind: ClassVar[str] = "registry.audit_disclosed"
    version: ClassVar[int] = 1

    model: str
    report: str
    document: str
    at_least: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditReleased:
    """Figures of an audit were released under differential privacy, with noise that a reservation paid for.

    ``release`` is the SHA-256 (hex) of the document; the guarantee is complete, never (ε, δ) alone.
    """

    kind: ClassVar[str] = "registry.audit_released"
    version: ClassVar[int] = 1

    model: str
    release: str
    reservation: str
    guarantee: Mapping[str, str | float]


@dataclass(frozen=True, slots=True, kw_only=True)
class AttackRecorded:
    """The mechanism of a release was attacked with canaries, for a model of it; ``report`` is the report's SHA-256.

    ``epsilon`` is claimed; ``lower_bound`` is what the attack shows, with ``confidence``. ``refuted`` says whether the
    claim did not stand, and ``undecided``, since version 2, that it stood because so few canaries may well have missed
    half of the noise.
    """

    kind: ClassVar[str] = "registry.attack_recorded"
    version: ClassVar[int] = 2

    model: str
    release: str
    report: str
    epsilon: float
    delta: float
    lower_bound: float
    confidence: float
    canaries: int
    refuted: bool
    undecided: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RetentionEnforced:
    """What had been kept for as long as policy allows was deleted. Counts only.

    ``events`` are rows by kind, ``quarantine`` batches, ``packages`` files, ``requests`` closed ones with their work,
    ``openings`` (since version 2) what would have opened the commitments in their entries.
    """

    kind: ClassVar[str] = "retention.run"
    version: ClassVar[int] = 2
    by_day: ClassVar[bool] = True

    events: Mapping[str, int]
    quarantine: int
    packages: int
    requests: int
    openings: int = 0
