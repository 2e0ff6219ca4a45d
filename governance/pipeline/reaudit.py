"""The model that serves, audited again on what has come in since, and an alert where the answer changed."""

from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

from audits.errors import AuditError
from governance.errors import Conflict, EmptySnapshot
from governance.gate.alerts import UNAUDITED, Change, find_alert, find_standing, raise_alert
from governance.gate.records import find_latest
from governance.gate.tables import Alert, GateRecord
from governance.pipeline.audit import audit_model, decide_on
from governance.pipeline.home import OPERATOR, Home
from governance.registry.models import get_model, serving
from governance.registry.tables import Model
from recommender.errors import RecommenderError

Progress = Callable[[int, int], None]
UNDECIDED = "not decided"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reaudited:
    """What the gate said before and says now (``after`` is "unaudited" where it could not), and the alert, if any."""

    model_id: UUID
    before: str
    after: str
    alert: Alert | None


def reaudit(home: Home, *, new_id: Callable[[], UUID], progress: Progress | None = None) -> Reaudited:
    """Audit the model that serves on the lake as it is now, and decide by the policy in force.

    The held-out subjects' events of since the last audit are in it. An alert is raised with the decision when the
    verdict of anything changed, and once when it could not be audited: nobody
    is left to audit on, or its files are not those that were registered.

    Raises:
        Conflict: nothing serves.
    """
    model, record = _served(home)
    before = UNDECIDED if record is None else record.outcome
    try:
        audit_model(home, model.id, progress=progress)
    except EmptySnapshot as cause:
        return _unaudited(home, model, before, str(cause), new_id())
    except (RecommenderError, AuditError) as cause:
        # Their sentences may name files and rows, which an entry and a page need not.
        return _unaudited(home, model, before, f"a fault in the model or its lists ({type(cause).__name__})", new_id())
    decision_id = new_id()
    decision = decide_on(home, model.id, decision_id=decision_id)
    with home.transaction() as session:
        alert = find_alert(session, decision_id)
    return Reaudited(model_id=model.id, before=before, after=str(decision.outcome), alert=alert)


def _served(home: Home) -> tuple[Model, GateRecord | None]:
    with home.transaction() as session:
        deployment = serving(session)
        if deployment is None:
            msg = "nothing is deployed: there is nothing to audit again"
            raise Conflict(msg)
        model = get_model(session, deployment.model_id)
        return model, find_latest(session, model)


def _unaudited(home: Home, model: Model, before: str, reason: str, alert_id: UUID) -> Reaudited:
    with home.transaction() as session:
        alert = find_standing(session, model, UNAUDITED)
        if alert is None:
            alert = raise_alert(
                session,
                model,
                alert_id=alert_id,
                kind="unaudited",
                before=before,
                after=UNAUDITED,
                changes=(Change(rule="audit", sentence=f"The audit was not possible: {reason}."),),
                decision=None,
                actor=OPERATOR,
                clock=home.clock,
            )
    return Reaudited(model_id=model.id, before=before, after=UNAUDITED, alert=alert)
