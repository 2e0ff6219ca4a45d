"""Fulfilling a request: its right's stages, one transaction each, resumable wherever it stopped."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Final
from uuid import UUID, uuid5

from sqlalchemy.orm import Session

from governance.errors import Conflict, NotFound
from governance.ledger.store import append
from governance.rights.access import ACCESS
from governance.rights.erasure import ERASURE
from governance.rights.events import RequestFulfilled
from governance.rights.openings import commit
from governance.rights.requests import day_of, get_request, move
from governance.rights.states import FINAL, require_step
from governance.rights.tables import Job
from governance.rights.work import Handover, Right, Task, Tools

RIGHTS: Final = (ACCESS, ERASURE)
"""Every right that is served."""

Transact = Callable[[], AbstractContextManager[Session]]
"""Opens one transaction that commits when its block ends; the edge supplies it."""

Progress = Callable[[int, int], None]
"""Called with stages done and stages in all."""


def fulfil(transact: Transact, tools: Tools, request_id: UUID, *, progress: Progress | None = None) -> Handover:
    """Do what an approved request asks for, or go on where an earlier run stopped.

    Guarantees:
      - each stage's note commits with what it changed; a crash repeats at most the stage it fell into
      - fulfilling twice does the work once: the second time there is nothing left to hand over

    Raises:
        NotFound: no such request, or no living subject behind it.
        Conflict: the request is not approved, or was refused, or a second read found something left.
    """
    handover = Handover()
    while True:
        with transact() as session:
            outcome = _advance(session, tools, request_id, progress)
        if outcome is None:
            return handover
        handover = outcome


def right_of(slug: str) -> Right:
    """The right with this slug.

    Raises:
        NotFound: it is not served.
    """
    for right in RIGHTS:
        if right.slug == slug:
            return right
    msg = f"right: expected one of {', '.join(right.slug for right in RIGHTS)}, got another word"
    raise NotFound(msg)


def _advance(session: Session, tools: Tools, request_id: UUID, progress: Progress | None) -> Handover | None:
    """Run the next stage; None when the request is fulfilled."""
    request = get_request(session, request_id)
    session.refresh(request, with_for_update=True)
    right = right_of(request.right)
    if request.state == "fulfilled":
        return None
    if request.state in FINAL:
        msg = f"request {request_id} is {request.state}"
        raise Conflict(msg)
    move(session, request, "processing", actor=tools.actor, clock=tools.clock)
    job = session.get(Job, request_id) or Job(request_id=request_id, done=[], work={})
    session.add(job)
    stage = next(stage for stage in right.stages if stage.name not in job.done)
    handover = stage.run(session, tools, Task(request, job)) or Handover()
    job.done = [*job.done, stage.name]
    session.flush()
    if len(job.done) == len(right.stages):
        _close(session, tools, Task(request, job))
    if progress is not None:
        progress(len(job.done), len(right.stages))
    return handover


def _close(session: Session, tools: Tools, task: Task) -> None:
    request, now = task.request, tools.clock()
    require_step(request.state, "fulfilled")
    request.state, request.closed_at = "fulfilled", now
    session.flush()
    event = RequestFulfilled(
        request=str(request.id),
        right=request.right,
        regime=request.regime,
        received_on=day_of(request.received_at).isoformat(),
        fulfilled_on=day_of(now).isoformat(),
        manner=request.manner,
        response=right_of(request.right).response,
        commitment=commit(session, request, RequestFulfilled.kind),
    )
    append(session, event, actor=tools.actor, entry_id=uuid5(request.id, event.kind), clock=tools.clock)
