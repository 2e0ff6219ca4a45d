"""One batch from raw lines to rows in the lake: the same steps whichever carrier brought it."""

import hmac
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import pyarrow as pa

from pseudonymisation.consents import DECIDED, consent_rejects_of, process_consents
from pseudonymisation.errors import QualityFailure
from pseudonymisation.framing import framed
from pseudonymisation.kernel import GatewayContext, Outcome, process, rejects_of
from pseudonymisation.keyring import EventIdKey
from pseudonymisation.lake import Lake
from pseudonymisation.pseudonym import Pseudonym
from pseudonymisation.quality import QualityResult, verify_quality
from pseudonymisation.quarantine import Quarantine, store
from pseudonymisation.rejection import Reject

BATCH_LABEL = "probity/batch/v1"
CONSENT_BATCH_LABEL = "probity/consent-batch/v1"
"""Another one: the same bytes may hold events and decisions, and be sent to both doors."""
NO_CONSENT = "no consent"
NOT_LISTED = "not listed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Gateway:
    """What a carrier needs: rules and keys, the lake, and where rejected lines go.

    ``known`` answers whether a batch of that name is on record, of events or of decisions. It is asked before anybody
    is enrolled: a batch that comes again must not bring back subjects who were erased in the meantime.
    """

    context: GatewayContext
    lake: Lake
    quarantine: Quarantine
    known: Callable[[str], bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchSummary:
    """What became of one batch. Holds counts, and pseudonyms only in ``gpc``.

    Attributes:
        batch: its name; the same lines of the same source have the same name again.
        source: the file that the operator named, or the HTTP client's name.
        first_line: the number of its first line in the source.
        received: lines that were not blank.
        written: new rows by kind of event.
        repeated: whether the batch was taken in before. Then nothing was done: nobody enrolled, no row, no signal.
        duplicates: events that were taken in already: they are in the lake, or the whole batch is ``repeated``.
        dropped: lines that were not written, by reason: those of ``rejection.REASONS``, ``no consent``, and ``not
            listed`` for declarations of what policy does not list.
        rejects: where each rejected line is wrong.
        fields_dropped: values that were not kept, by field.
        gpc: who sent a Global Privacy Control signal, in the domain ``consent``.
        expectations: how many data-quality expectations held.
        versions: of the lake's tables, afterwards.
    """

    batch: str
    source: str
    first_line: int
    received: int
    written: Mapping[str, int]
    duplicates: int
    dropped: Mapping[str, int]
    rejects: tuple[Reject, ...]
    fields_dropped: Mapping[str, int]
    gpc: tuple[Pseudonym, ...]
    expectations: int
    versions: Mapping[str, int]
    repeated: bool = False

    @property
    def quarantined(self) -> int:
        """How many lines were rejected, whether policy keeps their text or not."""
        return sum(count for reason, count in self.dropped.items() if reason not in (NO_CONSENT, NOT_LISTED))


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentBatch:
    """What became of one batch of consent records.

    Attributes:
        batch: its name; the same lines of the same source have the same name again.
        received: lines that were not blank.
        decisions: with the schema ``consents.DECIDED``, sorted by pseudonym.
        rejects: where each rejected line is wrong.
        repeated: how many decisions were not looked at, because the batch was taken in before.
    """

    batch: str
    received: int
    decisions: pa.Table
    rejects: tuple[Reject, ...]
    repeated: int = 0


class BatchSink(Protocol):
    """Who records that a batch was taken in. Owned here, supplied by whoever keeps the records."""

    def accepted(self, summary: BatchSummary) -> None:
        """Record a batch and the opt-outs in ``summary.gpc``. Its rows are durable already.

        Called before the sender gets an answer. If it raises, the sender gets none and sends again, so the same batch
        may come twice.
        """


class ConsentSink(Protocol):
    """Who records decisions on consent."""

    def decided(self, batch: ConsentBatch) -> None:
        """Record a batch, which may hold no decision; durable once it returns. The same may come twice."""


def ingest_batch(lines: Sequence[bytes], gateway: Gateway, *, source: str, first_line: int = 1) -> BatchSummary:
    """Take one batch of event lines in; its rows are durable once this returns.

    Guarantees:
      - the same batch again adds nothing, so after a failure anywhere it is simply sent again
      - a batch that is on record enrols nobody: whoever was erased since then stays erased. The lines that were
        rejected then are not taken in now either, whatever the catalogue says meanwhile
      - the data-quality suite holds for every row that is written

    Raises:
        QualityFailure: the suite did not hold; nothing was written.
        VaultError, LakeError, QuarantineError: what they say; each kind of event is in wholly or not at all.
    """
    batch = batch_name(lines, gateway.context.event_id_key, source=source, first_line=first_line)
    # Held from the first pseudonym to the last row, so that an erasure in between cannot miss rows (see
    # ``exclusively``).
    with gateway.lake.exclusively():
        if gateway.known(batch):
            return _repeated(batch, lines, gateway, source, first_line)
        outcome = process(lines, gateway.context, first_line=first_line)
        quality = verify_quality(outcome.tables, gateway.context.policy)
        if not quality.success:
            raise QualityFailure(_sentence(quality, source, first_line))
        with_text = _with_text(outcome.rejects, lines, first_line)
        store(gateway.quarantine, batch, with_text, source=source, at=gateway.context.clock())
        appended = gateway.lake.append(outcome.tables, batch_id=batch)
    return BatchSummary(
        batch=batch,
        source=source,
        first_line=first_line,
        received=outcome.received,
        written=appended.written,
        duplicates=sum(appended.duplicates.values()),
        dropped=_dropped(outcome),
        rejects=outcome.rejects,
        fields_dropped=outcome.fields_dropped,
        gpc=outcome.gpc,
        expectations=quality.expectations,
        versions=appended.versions,
    )


def ingest_consent_batch(
    lines: Sequence[bytes], gateway: Gateway, sink: ConsentSink, *, source: str, first_line: int = 1
) -> ConsentBatch:
    """Take one batch of consent records in: rejects to quarantine, the batch with its decisions to the sink.

    Guarantees:
      - a batch that is on record enrols nobody and reaches neither quarantine nor the sink

    Raises:
        VaultError, QuarantineError: what they say; no decision was recorded.
    """
    key, context = gateway.context.event_id_key, gateway.context
    batch = batch_name(lines, key, source=source, first_line=first_line, label=CONSENT_BATCH_LABEL)
    if gateway.known(batch):
        received, rejects = consent_rejects_of(lines, context, first_line=first_line)
        count, none = received - len(rejects), DECIDED.empty_table()
        return ConsentBatch(batch=batch, received=received, decisions=none, rejects=rejects, repeated=count)
    outcome = process_consents(lines, context, first_line=first_line)
    with_text = _with_text(outcome.rejects, lines, first_line)
    store(gateway.quarantine, batch, with_text, source=source, at=context.clock())
    taken = ConsentBatch(batch=batch, received=outcome.received, decisions=outcome.decisions, rejects=outcome.rejects)
    sink.decided(taken)
    return taken


def batch_name(
    lines: Sequence[bytes], key: EventIdKey, *, source: str, first_line: int, label: str = BATCH_LABEL
) -> str:
    """32 hex digits of a keyed hash: a plain one would let a reader of the log test guesses about a short batch."""
    mac = hmac.new(key.material, framed(label, source.encode(), str(first_line).encode()), "sha256")
    for line in lines:
        mac.update(len(line).to_bytes(4))
        mac.update(line)
    return mac.hexdigest()[:32]


def _repeated(batch: str, lines: Sequence[bytes], gateway: Gateway, source: str, first_line: int) -> BatchSummary:
    """The summary of a batch that is on record. Its rejects are named again: a sender may have lost the answer."""
    received, rejects = rejects_of(lines, gateway.context, first_line=first_line)
    return BatchSummary(
        batch=batch,
        source=source,
        first_line=first_line,
        received=received,
        written={},
        duplicates=received - len(rejects),
        dropped=dict(Counter(reject.fault.reason for reject in rejects)),
        rejects=rejects,
        fields_dropped={},
        gpc=(),
        expectations=0,
        versions=gateway.lake.versions(),
        repeated=True,
    )


def _with_text(rejects: Sequence[Reject], lines: Sequence[bytes], first_line: int) -> list[tuple[Reject, bytes]]:
    return [(reject, lines[reject.line - first_line]) for reject in rejects]


def _dropped(outcome: Outcome) -> dict[str, int]:
    unstored = {NO_CONSENT: outcome.no_consent, NOT_LISTED: outcome.unlisted}
    return outcome.rejected_by_reason | {reason: count for reason, count in unstored.items() if count}


def _sentence(quality: QualityResult, source: str, first_line: int) -> str:
    broken = "; ".join(f"{f.kind}.{f.column}: {f.expectation} ({f.unexpected} values)" for f in quality.failed)
    return f"{source}, batch from line {first_line}: the data-quality suite failed and nothing was written: {broken}"
