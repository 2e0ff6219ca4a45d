"""Requests: received, acknowledged, approved or refused. Fulfilment is in `fulfilment`."""

from collections.abc import Collection, Iterable
from datetime import UTC, date, datetime
from typing import Literal, get_args
from uuid import UUID, uuid5

from sqlalchemy import select
from sqlalchemy.orm import Session

from governance.access.principals import actor_of
from governance.access.tables import Principal
from governance.clock import Clock
from governance.errors import Conflict, Forbidden, InvalidInput, NotFound
from governance.ledger.store import append
from governance.policy.rules import RightsPolicy
from governance.rights.deadlines import deadlines, extended
from governance.rights.events import RequestExtended, RequestMoved, RequestReceived, RequestRefused
from governance.rights.openings import commit
from governance.rights.states import State, require_step
from governance.rights.tables import RightsRequest
from pseudonymisation.boxes import BoxKey
from pseudonymisation.pseudonym import Pseudonym

Ground = Literal[
    "suspected_fraud",
    "insufficient_verification",
    "no_match",
    "claim_not_covered",
    "outside_jurisdiction",
    "manifestly_unfounded",
    "excessive",
]
"""Why a request may be refused (GDPR Art. 11, 12(5); 11 CCR §7022; reasons of the Data Rights Protocol)."""

Manner = Literal["account_page", "agent", "email", "telephone", "post", "in_person"]
"""How a request may be made (11 CCR §7101(b), §7020)."""

ExtensionReason = Literal["complexity", "number_of_requests"]
"""The two that GDPR Art. 12(3) allows."""


def receive(
    session: Session,
    right: str,
    regime: str,
    subject: Pseudonym,
    *,
    request_id: UUID,
    principal: Principal,
    policy: RightsPolicy,
    clock: Clock,
    manner: Manner,
    box_key: BoxKey | None,
    holidays: Collection[date] = (),
) -> RightsRequest:
    """Record a request of a subject (rights domain).

    A second one for the same right finds the first while that is alive. With the ``box_key`` that the vault gives for
    this subject and id, the request's entries can be opened later; without it they commit to nothing.

    Raises:
        InvalidInput: a right or regime that the policy does not offer, or a manner that is not in the list.
        Conflict: the id is taken.
    """
    _require_offered(right, regime, policy)
    _require_word("manner", manner, get_args(Manner))
    alive = find_alive(session, subject, right)
    if alive is not None:
        return alive
    if session.get(RightsRequest, request_id) is not None:
        msg = f"request {request_id} exists"
        raise Conflict(msg)
    now = clock()
    due = deadlines(policy.regimes[regime], day_of(now), holidays=holidays)
    request = RightsRequest(
        id=request_id,
        right=right,
        regime=regime,
        subject=subject,
        manner=manner,
        box_key=box_key,
        state="received",
        received_at=now,
        received_by=principal.id,
        acknowledge_by=due.acknowledge_by,
        due_on=due.due_on,
    )
    session.add(request)
    session.flush()
    event = RequestReceived(
        request=str(request_id),
        right=right,
        regime=regime,
        received_on=day_of(now).isoformat(),
        due_on=due.due_on.isoformat(),
        manner=manner,
        commitment=commit(session, request, RequestReceived.kind),
    )
    append(session, event, actor=actor_of(principal), entry_id=uuid5(request_id, event.kind), clock=clock)
    return request


def acknowledge(session: Session, request: RightsRequest, *, actor: str, clock: Clock) -> RightsRequest:
    """Confirm the receipt to the subject (11 CCR §7021)."""
    return move(session, request, "acknowledged", actor=actor, clock=clock)


def approve(
    session: Session, request: RightsRequest, principal: Principal, *, policy: RightsPolicy, clock: Clock
) -> RightsRequest:
    """Let the work begin.

    Raises:
        Forbidden: the right needs a second person, and this is the one who recorded the request.
        Conflict: the request is not acknowledged.
    """
    if policy.rights[request.right].approval and principal.id == request.received_by:
        msg = f"a request for {request.right} is not approved by the one who recorded it"
        raise Forbidden(msg)
    move(session, request, "approved", actor=actor_of(principal), clock=clock)
    request.approved_by = principal.id
    session.flush()
    return request


def refuse(
    session: Session, request: RightsRequest, principal: Principal, ground: Ground, *, clock: Clock
) -> RightsRequest:
    """Refuse a request.

    The answer names the ground, the authority to complain to and the court remedy (GDPR Art. 12(4)).

    Raises:
        InvalidInput: a ground that is not in the list.
        Conflict: work on the request has begun, or it is closed.
    """
    _require_word("ground", ground, get_args(Ground))
    session.refresh(request, with_for_update=True)
    require_step(request.state, "refused")
    now = clock()
    request.state, request.refusal, request.closed_at = "refused", ground, now
    session.flush()
    event = RequestRefused(
        request=str(request.id),
        right=request.right,
        regime=request.regime,
        received_on=day_of(request.received_at).isoformat(),
        refused_on=day_of(now).isoformat(),
        ground=ground,
        manner=request.manner,
        response="denied",
        commitment=commit(session, request, RequestRefused.kind),
    )
    append(session, event, actor=actor_of(principal), entry_id=uuid5(request.id, event.kind), clock=clock)
    return request


def extend(
    session: Session,
    request: RightsRequest,
    principal: Principal,
    reason: ExtensionReason,
    *,
    policy: RightsPolicy,
    clock: Clock,
    holidays: Collection[date] = (),
) -> RightsRequest:
    """Move the deadline, once; the subject must be told the reason on the same day.

    Raises:
        InvalidInput: another reason than the law's two.
        Conflict: the first deadline has passed, the request is closed, or it was extended before.
    """
    _require_word("reason", reason, get_args(ExtensionReason))
    session.refresh(request, with_for_update=True)
    today = day_of(clock())
    if request.closed_at is not None or request.extended_on is not None or today > request.due_on:
        msg = f"request {request.id} cannot be extended: it is closed, was extended before, or its deadline has passed"
        raise Conflict(msg)
    request.due_on = extended(policy.regimes[request.regime], day_of(request.received_at), holidays=holidays)
    request.extended_on, request.extension_reason = today, reason
    session.flush()
    event = RequestExtended(
        request=str(request.id),
        right=request.right,
        regime=request.regime,
        reason=reason,
        extended_on=today.isoformat(),
        due_on=request.due_on.isoformat(),
        commitment=commit(session, request, RequestExtended.kind),
    )
    append(session, event, actor=actor_of(principal), entry_id=uuid5(request.id, event.kind), clock=clock)
    return request


def move(session: Session, request: RightsRequest, target: State, *, actor: str, clock: Clock) -> RightsRequest:
    """Take one step that leaves the request alive. A step that was taken already changes nothing.

    Raises:
        Conflict: there is no such step from where the request stands.
    """
    session.refresh(request, with_for_update=True)
    if request.state == target:
        return request
    require_step(request.state, target)
    request.state = target
    session.flush()
    _log_move(session, request, target, actor=actor, clock=clock)
    return request


def get_request(session: Session, request_id: UUID) -> RightsRequest:
    """The request with this id.

    Raises:
        NotFound: there is none.
    """
    request = session.get(RightsRequest, request_id)
    if request is None:
        msg = f"no request {request_id}"
        raise NotFound(msg)
    return request


def find_alive(session: Session, subject: Pseudonym, right: str) -> RightsRequest | None:
    """The subject's open request for a right, if any."""
    statement = select(RightsRequest).where(
        RightsRequest.subject == subject, RightsRequest.right == right, RightsRequest.closed_at.is_(None)
    )
    return session.scalar(statement)


def list_requests(
    session: Session, *, state: str | None = None, offset: int = 0, limit: int = 100
) -> list[RightsRequest]:
    """Requests, the one due first first, in one state or all."""
    statement = select(RightsRequest).order_by(RightsRequest.due_on, RightsRequest.id).offset(offset).limit(limit)
    return list(session.scalars(statement if state is None else statement.where(RightsRequest.state == state)))


def days_left(request: RightsRequest, today: date) -> int | None:
    """Days until the answer is due, negative when it is late, None once the request is closed."""
    return None if request.closed_at is not None else (request.due_on - today).days


def day_of(moment: datetime) -> date:
    """The UTC day of an aware moment."""
    return moment.astimezone(UTC).date()


def _log_move(session: Session, request: RightsRequest, state: str, *, actor: str, clock: Clock) -> None:
    event = RequestMoved(
        request=str(request.id),
        state=state,
        due_on=request.due_on.isoformat(),
        commitment=commit(session, request, RequestMoved.kind),
    )
    append(session, event, actor=actor, entry_id=uuid5(request.id, f"{event.kind}/{state}"), clock=clock)


def _require_offered(right: str, regime: str, policy: RightsPolicy) -> None:
    _require_word("right", right, policy.rights)
    _require_word("regime", regime, policy.regimes)


def _require_word(field: str, word: str, known: Iterable[str]) -> None:
    """Refuse a word that is not in a registry, without repeating it: it may be somebody's name."""
    if word not in (words := tuple(known)):
        msg = f"{field}: expected one of {', '.join(words)}, got another word"
        raise InvalidInput(msg)
