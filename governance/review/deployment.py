"""What serves: an approved model begins, the one before retires, and a bad one is rolled back."""

from typing import Literal
from uuid import uuid5

from sqlalchemy import select
from sqlalchemy.orm import Session

from governance.clock import Clock
from governance.database import wait_for_others
from governance.errors import Conflict
from governance.gate.withdrawing import require_shippable
from governance.ledger.store import append
from governance.registry.models import get_model, next_deployment_number, next_generation, serving, set_state
from governance.registry.tables import Deployment, Model
from governance.review.board import find_approval
from governance.review.events import ModelDeployed, ModelRolledBack

Reason = Literal["quality", "fairness", "privacy", "incident"]

_LOCK = "probity/deployment"
"""Two deployments side by side would both find the same one serving."""


def deploy(session: Session, model: Model, *, actor: str, clock: Clock) -> Deployment:
    """Let an approved model serve; the one before retires. Deploying what serves already changes nothing.

    Raises:
        Conflict: the board has not approved the model, the gate has since decided otherwise or anew, or its pass rests
            on a waiver that was withdrawn.
    """
    wait_for_others(session, _LOCK)
    present = serving(session)
    if present is not None and present.model_id == model.id:
        return present
    if find_approval(session, require_shippable(session, model, clock=clock)) is None:
        msg = f"the board has not approved model {model.id} on its latest gate decision"
        raise Conflict(msg)
    replaced = _retire(session, present, clock)
    if model.generation is None:
        model.generation = next_generation(session)
    deployment = _begin(session, model, clock)
    event = ModelDeployed(
        model=str(model.id),
        deployment=deployment.number,
        generation=model.generation,
        replaced=None if replaced is None else str(replaced.id),
    )
    append(session, event, actor=actor, entry_id=uuid5(model.id, f"{event.kind}/{deployment.number}"), clock=clock)
    return deployment


def roll_back(session: Session, *, reason: Reason, actor: str, clock: Clock) -> Deployment:
    """Put back the generation that served before the present one.

    It keeps its generation number and gets a new deployment number. It was approved when it first served; that it was
    replaced does not take the approval away. A gate decision of failure since then does.

    Raises:
        Conflict: nothing serves, nothing served before, or the gate no longer passes what did, as for `deploy`.
    """
    wait_for_others(session, _LOCK)
    present = serving(session)
    before = None if present is None else _before(session, present)
    if present is None or before is None:
        msg = "nothing to roll back to: no earlier generation has served"
        raise Conflict(msg)
    require_shippable(session, before, clock=clock)
    _retire(session, present, clock)
    deployment = _begin(session, before, clock, undoes=present.number)
    event = ModelRolledBack(
        model=str(before.id),
        deployment=deployment.number,
        generation=before.generation or 0,
        undone=present.number,
        reason=reason,
    )
    append(session, event, actor=actor, entry_id=uuid5(before.id, f"{event.kind}/{deployment.number}"), clock=clock)
    return deployment


def _before(session: Session, present: Deployment) -> Model | None:
    """The latest model of an earlier generation than the one that serves."""
    generation = get_model(session, present.model_id).generation
    statement = select(Model).where(Model.generation < generation).order_by(Model.generation.desc())
    return session.scalars(statement).first()


def _retire(session: Session, present: Deployment | None, clock: Clock) -> Model | None:
    if present is None:
        return None
    present.ended_at = clock()
    model = get_model(session, present.model_id)
    set_state(session, model, "retired")
    return model


def _begin(session: Session, model: Model, clock: Clock, *, undoes: int | None = None) -> Deployment:
    deployment = Deployment(
        number=next_deployment_number(session), model_id=model.id, deployed_at=clock(), rolled_back_from=undoes
    )
    session.add(deployment)
    set_state(session, model, "deployed")
    return deployment
