"""A registered model's report leaves the house: small groups suppressed, and the log says what left and by whom."""

from dataclasses import dataclass
from hashlib import sha256
from uuid import UUID, uuid5

from audits.publication import Publication, disclosed
from audits.report import Report
from governance.access.principals import actor_of
from governance.access.tables import Principal
from governance.ledger.store import append, is_recorded
from governance.pipeline.home import Home
from governance.policy.disclosing import threshold
from governance.registry.events import AuditDisclosed
from governance.registry.models import get_model, latest_report
from governance.registry.reports import disclosed_path, read_report, title_of
from pseudonymisation.durable import write_atomically


@dataclass(frozen=True, slots=True, kw_only=True)
class Disclosed:
    """What left, the digest (hex) of its JSON, which the log names, and its threshold in subjects."""

    publication: Publication
    digest: str
    at_least: int


def disclose_latest(home: Home, model_id: UUID, *, at_least: int | None, principal: Principal) -> Disclosed:
    """The model's latest report with every figure suppressed that could tell of fewer than ``at_least`` subjects.

    Without a number it is the fairness policy's. The same document a second time is not logged again.

    Raises:
        NotFound: no such model.
        Unaudited: no report on it.
        BrokenProof: the stored report is not the one that was registered.
        InvalidInput: a threshold below the fairness policy's.
        InvalidConfig: a report about fewer subjects.
    """
    k = threshold(at_least, home.policies.fairness)
    with home.transaction() as session:
        model = get_model(session, model_id)
        record = latest_report(session, model)
        report = Report.from_json(read_report(home.settings.home, record))
        publication = disclosed([report], k=k, titles=[title_of(model)])
        encoded = publication.to_json()
        digest = sha256(encoded).hexdigest()
        event = AuditDisclosed(model=str(model.id), report=record.digest, document=digest, at_least=k)
        entry_id = uuid5(model.id, f"{event.kind}/{record.digest}/{digest}")
        if not is_recorded(session, entry_id):
            # Kept first: evidence of the period carries what left.
            home.folder("reports")
            write_atomically(home.settings.home / disclosed_path(digest), encoded)
            append(session, event, actor=actor_of(principal), entry_id=entry_id, clock=home.clock)
    return Disclosed(publication=publication, digest=digest, at_least=k)
