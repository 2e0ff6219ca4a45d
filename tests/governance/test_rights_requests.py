import shutil
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import get_args

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from sqlalchemy.orm import Session

from governance.database import create_engine_for, migrate
from governance.errors import Conflict, Forbidden, InvalidInput, NotFound
from governance.ledger.search import Filter, follow
from governance.policy.rules import RightsPolicy
from governance.resources import migrations_dir
from governance.rights.requests import (
    Ground,
    acknowledge,
    approve,
    days_left,
    extend,
    find_alive,
    get_request,
    list_requests,
    move,
    receive,
    refuse,
)
from governance.rights.states import FINAL, STEPS, State, require_step
from governance.rights.tables import RightsRequest
from tests.governance.builders import NOON, Build

SUBJECT = "5b" * 16


@pytest.fixture
def policy(build: Build) -> RightsPolicy:
    return build.policies.rights.value


def _receive(
    session: Session, build: Build, name: str = "one", right: str = "erasure", **changes: object
) -> RightsRequest:
    front = build.principal(session, f"front end {name}", "frontend")
    said = {"regime": "gdpr", "subject": SUBJECT, "manner": "account_page", "box_key": None}
    arguments = {**said, "clock": build.clock, **changes}
    return receive(
        session, right, request_id=build.id(name), principal=front, policy=build.policies.rights.value, **arguments
    )  # type: ignore[arg-type]


def test_a_request_knows_its_deadline_and_the_ledger_knows_no_subject(session: Session, build: Build) -> None:
    request = _receive(session, build)

    assert (request.state, request.due_on, request.acknowledge_by) == ("received", date(2026, 12, 23), None)
    assert days_left(request, date(2026, 12, 20)) == 3
    assert days_left(request, date(2026, 12, 24)) == -1
    (entry,) = follow(session, Filter(kinds=("rights.request_received",)))
    assert SUBJECT.encode() not in entry.encoded
    assert entry.at == datetime(2026, 11, 23, tzinfo=UTC)


def test_california_is_acknowledged_within_ten_business_days(session: Session, build: Build) -> None:
    request = _receive(session, build, regime="ccpa")

    assert (request.acknowledge_by, request.due_on) == (date(2026, 12, 7), date(2027, 1, 7))


def test_a_second_request_for_the_same_right_finds_the_first(session: Session, build: Build) -> None:
    first = _receive(session, build)

    assert _receive(session, build, "two") is first
    assert _receive(session, build, "three", "access").id == build.id("three")
    assert find_alive(session, SUBJECT, "erasure") is first


def test_a_closed_request_makes_room_for_a_new_one(session: Session, build: Build) -> None:
    first = _receive(session, build)
    officer = build.principal(session, "officer", "officer")
    refuse(session, first, officer, "no_match", clock=build.clock)

    assert _receive(session, build, "two").id == build.id("two")


@pytest.mark.parametrize(("field", "changes"), [("right", {"right": "jane@x.org"}), ("regime", {"regime": "lgpd"})])
def test_what_the_policy_does_not_offer_is_refused_without_quoting_it(
    session: Session, build: Build, field: str, changes: dict[str, str]
) -> None:
    with pytest.raises(InvalidInput, match=f"{field}: expected one of .*, got another word"):
        _receive(session, build, **changes)


def test_a_deletion_is_not_approved_by_the_one_who_recorded_it(
    session: Session, build: Build, policy: RightsPolicy
) -> None:
    officer, other = (build.principal(session, name, "officer") for name in ("officer", "other"))
    request = receive(
        session,
        "erasure",
        "gdpr",
        SUBJECT,
        request_id=build.id("r"),
        principal=officer,
        policy=policy,
        clock=build.clock,
        manner="account_page",
        box_key=None,
    )
    acknowledge(session, request, actor=build.actor, clock=build.clock)

    with pytest.raises(Forbidden, match="not approved by the one who recorded it"):
        approve(session, request, officer, policy=policy, clock=build.clock)
    assert approve(session, request, other, policy=policy, clock=build.clock).approved_by == other.id


def test_access_may_be_approved_by_the_one_who_recorded_it(
    session: Session, build: Build, policy: RightsPolicy
) -> None:
    officer = build.principal(session, "officer", "officer")
    request = receive(
        session,
        "access",
        "gdpr",
        SUBJECT,
        request_id=build.id("r"),
        principal=officer,
        policy=policy,
        clock=build.clock,
        manner="account_page",
        box_key=None,
    )
    acknowledge(session, request, actor=build.actor, clock=build.clock)

    assert approve(session, request, officer, policy=policy, clock=build.clock).state == "approved"


def test_a_refusal_names_a_ground_of_the_list(session: Session, build: Build) -> None:
    request, officer = _receive(session, build), build.principal(session, "officer", "officer")
    with pytest.raises(InvalidInput, match="got another word"):
        refuse(session, request, officer, "because Jane annoys us", clock=build.clock)

    refuse(session, request, officer, "suspected_fraud", clock=build.clock)
    (entry,) = follow(session, Filter(kinds=("rights.request_refused",)))
    assert entry.body["ground"] == "suspected_fraud"
    assert entry.body["received_on"] == "2026-11-23"


def test_an_extension_is_given_once_for_one_of_two_reasons_and_in_time(
    session: Session, build: Build, policy: RightsPolicy
) -> None:
    request, officer = _receive(session, build), build.principal(session, "officer", "officer")
    with pytest.raises(InvalidInput):
        extend(session, request, officer, "busy", policy=policy, clock=build.clock)
    with pytest.raises(Conflict, match="deadline has passed"):
        extend(session, request, officer, "complexity", policy=policy, clock=lambda: NOON + timedelta(days=31))

    assert extend(session, request, officer, "complexity", policy=policy, clock=build.clock).due_on == date(2027, 2, 23)
    with pytest.raises(Conflict, match="was extended before"):
        extend(session, request, officer, "complexity", policy=policy, clock=build.clock)


def test_requests_are_listed_with_the_most_urgent_first(session: Session, build: Build) -> None:
    _receive(session, build, "later", subject="1a" * 16, regime="ccpa")
    _receive(session, build, "sooner", subject="2b" * 16)

    assert [each.id for each in list_requests(session)] == [build.id("sooner"), build.id("later")]
    assert list_requests(session, state="refused") == []
    with pytest.raises(NotFound):
        get_request(session, build.id("nothing"))


def test_every_state_reaches_an_end_and_no_end_is_left() -> None:
    reached = set(FINAL)
    for _ in STEPS:
        reached |= {state for state, steps in STEPS.items() if steps & reached}

    assert reached == set(get_args(State)) == set(STEPS)
    assert {"fulfilled", "refused"} == FINAL
    with pytest.raises(Conflict, match="cannot become processing; it can become nothing else"):
        require_step("fulfilled", "processing")


@pytest.fixture(scope="module", autouse=True)
def _template(migrated: Path, build: Build) -> None:
    RequestLife.template, RequestLife.build = migrated, build


class RequestLife(RuleBasedStateMachine):
    """Anybody tries anything in any order; a request only moves along the arrows and never leaves its end."""

    template: Path
    build: Build

    def __init__(self) -> None:
        super().__init__()
        self.folder = TemporaryDirectory()
        shutil.copy(self.template, f"{self.folder.name}/control.db")
        self.engine = create_engine_for(f"sqlite:///{self.folder.name}/control.db")
        self.session = Session(self.engine)
        self.officer = self.build.principal(self.session, "officer", "officer")
        self.policy = self.build.policies.rights.value
        self.request: RightsRequest | None = None
        self.seen = ["received"]
        self.count = 0

    @rule(right=st.sampled_from(["access", "erasure"]))
    def receive(self, right: str) -> None:
        self.count += 1
        found = _receive(self.session, self.build, f"r{self.count}", right)
        if self.request is None:
            self.request = found
        alive = self.request.closed_at is None and self.request.right == right
        assert (found is self.request) == (alive or self.count == 1)
        if found is not self.request:
            refuse(self.session, found, self.officer, "excessive", clock=self.build.clock)

    @precondition(lambda self: self.request is not None)
    @rule(target_state=st.sampled_from(["acknowledged", "approved", "processing"]))
    def step(self, target_state: State) -> None:
        before = self.request.state
        try:
            move(self.session, self.request, target_state, actor=self.build.actor, clock=self.build.clock)
        except Conflict:
            assert target_state not in STEPS[before]
            assert self.request.state == before
        else:
            assert target_state in STEPS[before] or target_state == before

    @precondition(lambda self: self.request is not None)
    @rule(ground=st.sampled_from(get_args(Ground)))
    def refuse(self, ground: Ground) -> None:
        before = self.request.state
        try:
            refuse(self.session, self.request, self.officer, ground, clock=self.build.clock)
        except Conflict:
            assert "refused" not in STEPS[before]

    @invariant()
    def moves_along_the_arrows_only_and_each_move_is_in_the_ledger(self) -> None:
        if self.request is None:
            return
        if self.request.state != self.seen[-1]:
            assert self.request.state in STEPS[self.seen[-1]]
            self.seen.append(self.request.state)
        entries = follow(self.session, limit=1000)
        assert len([entry for entry in entries if entry.body.get("request") == str(self.request.id)]) == len(self.seen)

    @invariant()
    def is_closed_exactly_at_an_end(self) -> None:
        if self.request is not None:
            assert (self.request.closed_at is not None) == (self.request.state in FINAL)

    def teardown(self) -> None:
        self.session.close()
        self.engine.dispose()
        self.folder.cleanup()


RequestLife.TestCase.settings = settings(
    max_examples=15, stateful_step_count=10, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
TestRequestLife = RequestLife.TestCase


def test_the_database_holds_one_living_request_per_subject_and_right(tmp_path: Path, build: Build) -> None:
    from sqlalchemy.exc import IntegrityError

    url = f"sqlite:///{tmp_path / 'own.db'}"
    migrate(url, migrations_dir("control"))
    engine = create_engine_for(url)
    with Session(engine) as session:
        first = _receive(session, build)
        session.add(
            RightsRequest(
                id=build.id("two"),
                right="erasure",
                regime="gdpr",
                subject=SUBJECT,
                state="received",
                received_at=NOON,
                received_by=first.received_by,
                due_on=first.due_on,
            )
        )
        with pytest.raises(IntegrityError):
            session.flush()
    engine.dispose()
