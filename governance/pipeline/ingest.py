"""Interactions in: catalogue, then consents, declarations and events, each recorded before the next is begun."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from uuid import NAMESPACE_URL, uuid5

from governance.consent.merging import Decision
from governance.consent.notices import published_versions
from governance.consent.recording import opt_out_by_gpc, record
from governance.consent.state import StoredConsents
from governance.database import reading
from governance.pipeline.catalogue import load_catalogue, take_catalogue
from governance.pipeline.home import OPERATOR, Home
from governance.registry.events import BatchIngested, BatchQuarantined
from governance.registry.lineage import find_batch, register_batch
from pseudonymisation.gateway.batch import BatchSummary, ConsentBatch, Gateway
from pseudonymisation.gateway.files import ConsentSummary, IngestSummary, Pace, ingest_consents, ingest_files
from pseudonymisation.kernel import GatewayContext
from pseudonymisation.rejection import Reject
from pseudonymisation.sources.source import Catalogue, Source
from pseudonymisation.vocabulary import vocabulary_of

Progress = Callable[[int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ingested:
    """What became of a source; ``declarations`` is None where it has no file of them."""

    consents: ConsentSummary
    declarations: IngestSummary | None
    events: IngestSummary


@dataclass(frozen=True, slots=True)
class Recorder:
    """Records what the gateway took in: each batch once, opt-outs by signal, decisions on consent."""

    home: Home

    def accepted(self, summary: BatchSummary) -> None:
        """One transaction: the batch, and the opt-outs of those who sent a Global Privacy Control signal.

        Every batch with a signal opts out again: who granted in between has changed their mind a second time (11 CCR
        §7025). A batch that is on record changes nothing.
        """
        home = self.home
        event = BatchIngested(
            batch=summary.batch,
            written=dict(summary.written),
            dropped=dict(summary.dropped),
            quarantined=len(summary.rejects),
            lake_versions=dict(summary.versions),
        )
        with home.transaction() as session:
            if find_batch(session, summary.batch) is not None:
                return
            quarantined = self._quarantined(summary.batch, summary.rejects)
            register_batch(session, event, quarantined=quarantined, actor=OPERATOR, clock=home.clock)
            if summary.gpc:
                opt_out_by_gpc(
                    session,
                    summary.gpc,
                    batch_id=uuid5(NAMESPACE_URL, f"probity:gpc:{summary.batch}"),
                    policy=home.policies.purposes.value,
                    actor=OPERATOR,
                    clock=home.clock,
                )

    def decided(self, batch: ConsentBatch) -> None:
        """One transaction for a batch of decisions; a batch that is on record changes nothing."""
        home = self.home
        with home.transaction() as session:
            if find_batch(session, batch.batch) is not None:
                return
            recorded = record(
                session,
                [_decision(row) for row in batch.decisions.to_pylist()],
                batch_id=uuid5(NAMESPACE_URL, f"probity:consents:{batch.batch}"),
                policy=home.policies.purposes.value,
                actor=OPERATOR,
                clock=home.clock,
            )
            event = BatchIngested(
                batch=batch.batch,
                written={"consent": recorded.in_force + recorded.late},
                dropped=dict(Counter(reject.fault.reason for reject in batch.rejects)),
                quarantined=len(batch.rejects),
                lake_versions={},
            )
            quarantined = self._quarantined(batch.batch, batch.rejects)
            register_batch(session, event, quarantined=quarantined, actor=OPERATOR, clock=home.clock)

    def _quarantined(self, batch: str, rejects: Sequence[Reject]) -> BatchQuarantined | None:
        """The entry about rejected lines, if there are any. The gateway has put them aside before this is asked."""
        if not rejects:
            return None
        return BatchQuarantined(
            batch=batch,
            lines=len(rejects),
            reasons=dict(sorted(Counter(reject.fault.reason for reject in rejects).items())),
            text="sealed" if self.home.quarantine.rule == "encrypt" else "dropped",
        )


def ingest(home: Home, source: Source, *, pace: Pace | None = None) -> Ingested:
    """Take a whole source in. After a crash, running it again adds what is missing.

    A batch that is on record is passed over, so whoever was erased since then stays erased; `gateway.files` says what
    counts as the same batch, and what does not.

    Raises:
        MalformedSource: a published file breaks its layout.
        QualityFailure, VaultError, LakeError, QuarantineError: a batch could not be taken in; those before it are.
    """
    take_catalogue(home, source.catalogue())
    gateway, recorder, pace = open_gateway(home), Recorder(home), pace or Pace()
    consents = ingest_consents(source.consents(), gateway, recorder, source=f"{source.name}/consents", pace=pace)
    declarations = None
    if source.declarations_file:
        name = f"{source.name}/{source.declarations_file}"
        declarations = ingest_files(source.declarations(), gateway, recorder, source=name, pace=pace)
    name = f"{source.name}/{source.events_file}"
    events = ingest_files(source.events(), gateway, recorder, source=name, pace=pace)
    return Ingested(consents=consents, declarations=declarations, events=events)


def open_gateway(home: Home) -> Gateway:
    """The gateway over this home's vault, lake and policies.

    Raises:
        ConfigurationError: there is no catalogue yet, which events are checked against.
    """
    catalogue: Catalogue = load_catalogue(home.settings.folder("catalogue"))
    purposes = home.policies.purposes.value
    with reading(home.engine) as session:
        notices = published_versions(session)
    context = GatewayContext(
        vault=home.vault,
        event_id_key=home.keyring.event_id.current,
        consents=StoredConsents(home.engine, purposes),
        policy=home.policies.minimisation.value,
        items=frozenset(catalogue.items["item"].to_pylist()),
        vocabulary=vocabulary_of(catalogue.items, catalogue.categories),
        purposes=frozenset(purposes.purposes),
        notices=notices,
        gpc_refuses=frozenset(slug for slug, purpose in purposes.purposes.items() if purpose.sale_or_sharing),
        clock=home.clock,
    )
    return Gateway(
        context=context, lake=home.lake, quarantine=home.quarantine, known=lambda batch: _is_on_record(home, batch)
    )


def _is_on_record(home: Home, batch: str) -> bool:
    with reading(home.engine) as session:
        return find_batch(session, batch) is not None


def _decision(row: dict[str, object]) -> Decision:
    return Decision(
        subject=str(row["subject"]),
        purpose=str(row["purpose"]),
        choice=row["decision"],  # type: ignore[arg-type] # one of the wire format's words, checked by the gateway
        decided_at=row["at"],  # type: ignore[arg-type] # a datetime: Arrow's type says so
        notice=str(row["notice"]),
        method=row["method"],  # type: ignore[arg-type] # one of the wire format's words
    )
