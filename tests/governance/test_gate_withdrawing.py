"""Waivers that are taken back: by whom, what it does to decisions made and to come, and against others at once."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime
from hashlib import sha256
from threading import Event
from typing import TYPE_CHECKING, Any

import pytest

from audits.verdict import Outcome
from governance.database import transaction
from governance.errors import Conflict, Forbidden, InvalidInput
from governance.gate.alerts import find_alert, list_alerts
from governance.gate.granting import get_waiver, granted_to, standing_of
from governance.gate.records import get_decision, require_passed
from governance.gate.tables import Alert, AskedWaiver
from governance.gate.withdrawing import require_shippable, withdraw, withdrawn_under
from governance.registry.models import serving
from governance.registry.tables import Model
from governance.review.board import get_review, propose, vote
from governance.review.deployment import deploy
from tests.governance.builders import Build
from tests.governance.test_gate_granting import RULES, Office, office

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from governance.access.tables import Principal

__all__ = ["office"]  # a fixture
REASON = "The studios sent the licences after all."


def take_back(office: Office, asked: AskedWaiver, by: str = "board", reason: str = REASON) -> AskedWaiver:
    with transaction(office.engine) as session:
        return _withdraw(session, office, asked, by, reason)


def _withdraw(session: "Session", office: Office, asked: AskedWaiver, by: str, reason: str = REASON) -> AskedWaiver:
    who, row = office.people[by], get_waiver(session, asked.id)
    return withdraw(session, row, who, reason=reason, policy=office.build.access, clock=office.clock)


def approved_review(office: Office) -> None:
    """The board's approval of the model on its latest decision."""
    rule = office.build.access.review
    with transaction(office.engine) as session:
        model, author = session.get_one(Model, office.model.id), office.people["author"]
        propose(session, model, review_id=office.build.id("review"), author=author, clock=office.clock)
    for member in ("board", "board 2"):
        with transaction(office.engine) as session:
            review = get_review(session, office.build.id("review"))
            vote(session, review, office.people[member], "approve", policy=rule, clock=office.clock)


def put_to_serve(office: Office, *, before_commit: Callable[[], object] = lambda: None) -> None:
    with transaction(office.engine) as session:
        deploy(session, session.get_one(Model, office.model.id), actor="role:operator", clock=office.clock)
        before_commit()


def alerts(office: Office) -> list[Alert]:
    with transaction(office.engine) as session:
        return list_alerts(session)


def test_no_decision_counts_a_waiver_that_was_withdrawn_and_the_one_before_stays_what_it_was(office: Office) -> None:
    asked = office.approve(office.ask())
    before = office.decide("before")
    gone = take_back(office, asked)
    after = office.decide("after")

    assert (before.outcome, after.outcome, after.waivers) == (Outcome.PASS, Outcome.FAIL, ())
    assert office.stored("before").outcome == "pass"
    assert standing_of(gone, office.now.date()) == "withdrawn"
    assert office.granted() == ()


def test_the_log_says_who_withdrew_it_and_is_held_to_the_reason_by_its_digest(office: Office) -> None:
    asked = office.approve(office.ask())
    take_back(office, asked, reason=f"  {REASON} ")
    take_back(office, asked, reason="another reason")

    board = office.people["board"].id
    body = {"waiver": str(asked.id), "withdrawer": str(board), "reason": sha256(REASON.encode()).hexdigest()}
    assert office.entries("gate.waiver_withdrawn") == [(f"principal:{board}", body)]
    with transaction(office.engine) as session:
        kept = get_waiver(session, asked.id)
    assert (kept.withdrawn_by_id, kept.withdrawn_at, kept.withdrawal_reason) == (board, office.now, REASON)


@pytest.mark.parametrize("by", ["owner", "board", "board 2"])
def test_whoever_asked_and_whoever_may_approve_may_withdraw_it_before_and_after_it_was_approved(
    office: Office, by: str
) -> None:
    for asked in (office.ask("one"), office.approve(office.ask("two"))):
        assert take_back(office, asked, by).withdrawn_by_id == office.people[by].id


def test_who_did_not_ask_and_has_no_vote_may_not(office: Office, build: Build) -> None:
    asked = office.approve(office.ask())
    with transaction(office.engine) as session:
        office.people["other"] = build.principal(session, "other", "engineer")

    with pytest.raises(Forbidden, match="reviews:vote is given to board"):
        take_back(office, asked, "other")
    assert len(office.granted()) == 1


@pytest.mark.parametrize("reason", ["  ", "r" * 2001, "\x1b[2J"])
def test_a_reason_that_cannot_be_shown_is_refused_and_the_waiver_holds(office: Office, reason: str) -> None:
    asked = office.approve(office.ask())

    with pytest.raises(InvalidInput, match="reason"):
        take_back(office, asked, reason=reason)
    assert len(office.granted()) == 1


def test_what_is_over_or_withdrawn_is_neither_withdrawn_by_another_nor_approved(office: Office) -> None:
    asked, ended = office.ask("one"), office.approve(office.ask("two", expires_on=date(2026, 11, 24)))
    take_back(office, asked, "owner")

    with pytest.raises(Conflict, match="cannot be withdrawn: it is withdrawn"):
        take_back(office, asked)
    with pytest.raises(Conflict, match="cannot be approved: it was withdrawn"):
        office.approve(asked)
    office.now = datetime(2026, 11, 25, 9, tzinfo=office.now.tzinfo)
    with pytest.raises(Conflict, match="cannot be withdrawn: it is expired"):
        take_back(office, ended)


def test_a_pass_that_rests_on_what_was_withdrawn_is_neither_proposed_nor_approved_nor_deployed(office: Office) -> None:
    asked, author, rule = office.approve(office.ask()), office.people["author"], office.build.access.review
    office.decide()
    with transaction(office.engine) as session:
        model = session.get_one(Model, office.model.id)
        propose(session, model, review_id=office.build.id("review"), author=author, clock=office.clock)
    take_back(office, asked)

    words = rf"rests on what was withdrawn since, waiver {asked.id} \(works\): decide again"
    with transaction(office.engine) as session:
        model, review = session.get_one(Model, office.model.id), get_review(session, office.build.id("review"))
        with pytest.raises(Conflict, match=words):
            propose(session, model, review_id=office.build.id("another"), author=author, clock=office.clock)
        with pytest.raises(Conflict, match=words):
            vote(session, review, office.people["board"], "approve", policy=rule, clock=office.clock)
        with pytest.raises(Conflict, match=words):
            deploy(session, model, actor="role:operator", clock=office.clock)
        vote(session, review, office.people["board"], "refuse", policy=rule, clock=office.clock)
    assert alerts(office) == []


def test_the_model_that_serves_goes_on_and_an_alert_says_what_it_rests_on(office: Office) -> None:
    asked = office.approve(office.ask())
    office.decide()
    approved_review(office)
    put_to_serve(office)
    take_back(office, asked)

    (alert,) = alerts(office)
    record = office.stored()
    assert (alert.kind, alert.before, alert.after, alert.decision_id) == (
        "waiver",
        "pass",
        "waiver_withdrawn",
        record.id,
    )
    assert alert.changes[0].startswith(
        f"works (origin = european): passed by the waiver {asked.id}, which was withdrawn"
    )
    ((_, logged),) = office.entries("gate.alert_raised")
    assert (logged["alert_kind"], logged["changed"]) == ("waiver", ["works (origin = european)"])
    with transaction(office.engine) as session:
        model = session.get_one(Model, office.model.id)
        assert require_passed(session, model, clock=office.clock).id == record.id
        assert [each.id for each in withdrawn_under(session, get_decision(session, record.id))] == [asked.id]
        assert find_alert(session, record.id) is None  # the decision itself changed nothing


def test_a_waiver_that_no_pass_rests_on_takes_nothing_with_it(office: Office) -> None:
    office.approve(office.ask("used"))
    unused = office.approve(office.ask("unused", category="european", worst_value=0.29))
    office.decide()
    take_back(office, unused)

    with transaction(office.engine) as session:
        model = session.get_one(Model, office.model.id)
        assert require_shippable(session, model, clock=office.clock).outcome == "pass"


@pytest.fixture
def busy(postgres_engine: Any, build: Build) -> Office:  # noqa: ANN401 - an engine
    """An office where several work at once: a store with one writer has nothing to interleave."""
    with transaction(postgres_engine) as session:
        roles = {"owner": ("engineer",), "board": ("board",), "board 2": ("board",), "author": ("engineer",)}
        people: dict[str, Principal] = {name: build.principal(session, name, *held) for name, held in roles.items()}
        model = build.model(session, "m", build.release(session, "one", ("s1",)), people["author"])
    return Office(postgres_engine, build, model, people, build.now)


@pytest.mark.postgres
def test_who_withdraws_waits_for_a_decision_that_counts_it(busy: Office) -> None:
    asked, begun = busy.approve(busy.ask()), Event()

    def later() -> AskedWaiver:
        begun.set()
        return take_back(busy, asked)

    with ThreadPoolExecutor(1) as other:
        with transaction(busy.engine) as session:
            counted = granted_to(session, RULES, session.get_one(Model, busy.model.id))
            waiting = other.submit(later)
            begun.wait(5)
            with pytest.raises(TimeoutError):
                waiting.result(timeout=0.5)
        assert waiting.result(timeout=10).withdrawn_at is not None
    assert [each.id for each in counted] == [str(asked.id)]


@pytest.mark.postgres
def test_a_decision_waits_for_who_withdraws_and_does_not_count_it_then(busy: Office) -> None:
    asked = busy.approve(busy.ask())
    with ThreadPoolExecutor(1) as other:
        with transaction(busy.engine) as session:
            _withdraw(session, busy, asked, "board")
            waiting = other.submit(busy.decide)
            with pytest.raises(TimeoutError):
                waiting.result(timeout=0.5)
        decision = waiting.result(timeout=10)

    assert (decision.outcome, decision.waivers) == (Outcome.FAIL, ())


@pytest.mark.postgres
def test_a_deployment_and_a_withdrawal_at_once_leave_an_alert(busy: Office) -> None:
    asked = busy.approve(busy.ask())
    busy.decide()
    approved_review(busy)
    with ThreadPoolExecutor(1) as other:
        waiting = []

        def begin() -> None:
            waiting.append(other.submit(take_back, busy, asked))
            with pytest.raises(TimeoutError):
                waiting[0].result(timeout=0.5)

        put_to_serve(busy, before_commit=begin)
        waiting[0].result(timeout=10)

    with transaction(busy.engine) as session:
        assert serving(session) is not None
    assert [each.kind for each in alerts(busy)] == ["waiver"]
