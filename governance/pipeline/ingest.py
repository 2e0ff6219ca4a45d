"""Interactions in: catalogue, then consents, then events, each recorded before the next is begun."""

from collections.abc import Callable
from dataclasses import dataclass, field
from uuid import NAMESPACE_URL, uuid5

import pyarrow as pa

from governance.consent.merging import Decision
from governance.consent.recording import opt_out_by_gpc, record
from governance.consent.state import StoredConsents
from governance.pipeline.catalogue import load_catalogue, take_catalogue
from governance.pipeline.home import OPERATOR, Home
from governance.registry.events import BatchIngested
from governance.registry.lineage import register_batch
from pseudonymisation.gateway.batch import BatchSummary, Gateway
from pseudonymisation.gateway.files import ConsentSummary, IngestSummary, Pace, ingest_consents, ingest_files
from pseudonymisation.kernel import GatewayContext
from pseudonymisation.sources.source import Catalogue, Source
from pseudonymisation.vocabulary import vocabulary_of

Progress = Callable[[int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ingested:
    """What became of a source."""

    consents: ConsentSummary
    events: IngestSummary


@dataclass(slots=True)
class Recorder:
    """Records what the gateway took in: one ledger entry per batch, opt-outs by signal, decisions on consent."""

    home: Home
    _seen: set[str] = field(default_factory=set)

    def accepted(self, summary: BatchSummary) -> None:
        """One transaction: the batch, and the opt-outs of those who sent a Global Privacy Control signal."""
        home = self.home
        event = BatchIngested(
            batch=summary.batch,
            written=dict(summary.written),
            dropped=dict(summary.dropped),
            quarantined=len(summary.rejects),
            lake_versions=dict(summary.versions),
        )
        new = sorted(set(summary.gpc) - self._seen)
        with home.transaction() as session:
            register_batch(session, event, actor=OPERATOR, clock=home.clock)
            if new:
                opt_out_by_gpc(
                    session,
                    new,
                    batch_id=uuid5(NAMESPACE_URL, f"probity:gpc:{summary.batch}"),
                    policy=home.policies.purposes.value,
                    actor=OPERATOR,
                    clock=home.clock,
                )
        self._seen.update(new)

    def decided(self, decisions: pa.Table) -> None:
        """One transaction for a batch of decisions; the same batch again changes nothing."""
        home, rows = self.home, decisions.to_pylist()
        name = ":".join(f"{row['subject']}{row['purpose']}{row['at'].isoformat()}{row['decision']}" for row in rows)
        with home.transaction() as session:
            record(
                session,
                [_decision(row) for row in rows],
                batch_id=uuid5(NAMESPACE_URL, f"probity:consents:{name}"),
                policy=home.policies.purposes.value,
                actor=OPERATOR,
                clock=home.clock,
            )


def ingest(home: Home, source: Source, *, pace: Pace | None = None) -> Ingested:
    """Take a whole source in. After a crash, running it again adds what is missing.

    Raises:
        MalformedSource: a published file breaks its layout.
        QualityFailure, VaultError, LakeError, QuarantineError: a batch could not be taken in; those before it are.
    """
    take_catalogue(home, source.catalogue())
    gateway, recorder, pace = open_gateway(home), Recorder(home), pace or Pace()
    name = f"{source.name}/{source.events_file}"
    consents = ingest_consents(source.consents(), gateway, recorder, source=f"{source.name}/consents", pace=pace)
    events = ingest_files(source.events(), gateway, recorder, source=name, pace=pace)
    return Ingested(consents=consents, events=events)


def open_gateway(home: Home) -> Gateway:
    """The gateway over this home's vault, lake and policies.

    Raises:
        ConfigurationError: there is no catalogue yet, which events are checked against.
    """
    catalogue: Catalogue = load_catalogue(home.settings.folder("catalogue"))
    purposes = home.policies.purposes.value
    context = GatewayContext(
        vault=home.vault,
        event_id_key=home.keyring.event_id.current,
        consents=StoredConsents(home.engine, purposes),
        policy=home.policies.minimisation.value,
        items=frozenset(catalogue.items["item"].to_pylist()),
        vocabulary=vocabulary_of(catalogue.items, catalogue.categories),
        purposes=frozenset(purposes.purposes),
        gpc_refuses=frozenset(slug for slug, purpose in purposes.purposes.items() if purpose.sale_or_sharing),
        clock=home.clock,
    )
    return Gateway(context=context, lake=home.lake, quarantine=home.quarantine)


def _decision(row: dict[str, object]) -> Decision:
    return Decision(
        subject=str(row["subject"]),
        purpose=str(row["purpose"]),
        choice=row["decision"],  # type: ignore[arg-type] # one of the wire format's words, checked by the gateway
        decided_at=row["at"],  # type: ignore[arg-type] # a datetime: Arrow's type says so
        notice=str(row["notice"]),
        method=row["method"],  # type: ignore[arg-type] # one of the wire format's words
    )
