"""Waivers by two people: asked for by one, approved by another, counted in every decision, and in the log."""

from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from hashlib import sha256
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest

from audits.verdict import Outcome
from governance.access.tables import Principal
from governance.database import transaction
from governance.errors import Conflict, Forbidden, InvalidInput, NotFound
from governance.evidence.chain import chain_of
from governance.evidence.recomputing import same_json
from governance.gate.decision import Decision, decide
from governance.gate.granting import approve, ask, get_waiver, granted_to, list_waivers, standing_of
from governance.gate.records import decision_of, get_decision, log_ended_waivers, record_decision
from governance.gate.tables import AskedWaiver, GateRecord
from governance.gate.waivers import AppliedWaiver, WaiverState
from governance.ledger.search import Filter, follow
from governance.policy.rules import FairnessPolicy
from governance.policy.waivers import Waiver
from governance.registry.models import register_report
from governance.registry.tables import Model
from tests.governance.builders import Build, report
from tests.governance.gate_examples import european, policy, rule, waiver

if TYPE_CHECKING:
    from sqlalchemy import Engine

WORKS = rule("at_least", limit=0.3)
RULES = policy(WORKS)
UNTIL = date(2026, 12, 31)
REASON = "The licences of two studios ended."


@dataclass
class Office:
    """An engineer who owns a model and a waiver, two of the board, and somebody who is both."""

    engine: "Engine"
    build: Build
    model: Model
    people: dict[str, Principal]
    now: datetime

    def clock(self) -> datetime:
        return self.now

    def ask(self, name: str = "waiver", by: str = "owner", **changes: Any) -> AskedWaiver:  # noqa: ANN401 - fields by name
        fields: dict[str, Any] = {"rule": "works", "worst_value": 0.2, "expires_on": UNTIL, "reason": REASON}
        with transaction(self.engine) as session:
            return ask(
                session,
                RULES,
                self.people[by],
                waiver_id=self.build.id(name),
                clock=self.clock,
                **{**fields, **changes},
            )

    def approve(self, asked: AskedWaiver, by: str = "board") -> AskedWaiver:
        with transaction(self.engine) as session:
            return approve(session, get_waiver(session, asked.id), self.people[by], clock=self.clock)

    def decide(self, name: str = "decision") -> Decision:
        """As `probity gate run` does: what is granted, the day, the record."""
        digest = sha256(name.encode()).hexdigest()
        logged: dict[str, Any] = {"actor": self.build.actor, "clock": self.clock}
        with transaction(self.engine) as session:
            model = session.get_one(Model, self.model.id)
            granted = granted_to(session, RULES, model)
            decision = decide(RULES, report(european(0.25, 0.02)), today=self.now.date(), waivers=granted)
            record_decision(
                session,
                decision,
                decision_id=self.build.id(name),
                model=model,
                report=register_report(session, model, digest, path_json="j", path_html="h", **logged),
                policy_digest="cd" * 32,
                valid_days=90,
                **logged,
            )
        return decision

    def granted(self, rules: FairnessPolicy = RULES) -> tuple[Waiver, ...]:
        with transaction(self.engine) as session:
            return granted_to(session, rules, self.model)

    def stored(self, name: str = "decision") -> GateRecord:
        with transaction(self.engine) as session:
            return get_decision(session, self.build.id(name))

    def entries(self, kind: str) -> list[tuple[str, dict[str, Any]]]:
        with transaction(self.engine) as session:
            return [(entry.actor, dict(entry.body)) for entry in follow(session, Filter(kinds=(kind,)))]


@pytest.fixture(params=["engine", pytest.param("postgres_engine", marks=pytest.mark.postgres)])
def office(request: pytest.FixtureRequest, build: Build) -> Office:
    engine: Engine = request.getfixturevalue(request.param)
    with transaction(engine) as session:
        roles = {"owner": ("engineer",), "board": ("board",), "board 2": ("board",), "author": ("engineer", "board")}
        people = {name: build.principal(session, name, *held) for name, held in roles.items()}
        model = build.model(session, "m", build.release(session, "one", ("s1",)), people["author"])
    return Office(engine, build, model, people, build.now)


def test_a_waiver_excepts_from_nothing_until_somebody_else_has_approved_it(office: Office) -> None:
    asked = office.ask()
    before = office.decide("before")
    with pytest.raises(Forbidden, match="not approved by the one who asked"):
        office.approve(asked, "owner")
    office.approve(asked)
    after = office.decide("after")

    assert (before.outcome, before.waivers) == (Outcome.FAIL, ())
    assert after.outcome == Outcome.PASS
    (counted,) = after.waivers
    assert (counted.state, counted.worst_value, counted.expires_on) == (WaiverState.USED, 0.2, "2026-12-31")
    assert (counted.owner, counted.approver) == tuple(
        f"principal:{office.people[name].id}" for name in ("owner", "board")
    )
    assert decision_of(office.stored("after")) == after


def test_the_log_says_who_asked_for_what_and_who_approved_and_what_rests_on_it(office: Office) -> None:
    asked = office.approve(office.ask(category="european"))
    office.decide()
    owner, board = (f"principal:{office.people[name].id}" for name in ("owner", "board"))

    assert office.entries("gate.waiver_asked") == [
        (
            owner,
            {
                "waiver": str(asked.id),
                "rule": "works",
                "category": "european",
                "group": None,
                "worst_value": 0.2,
                "expires_on": "2026-12-31",
                "reason": sha256(REASON.encode()).hexdigest(),
            },
        )
    ]
    approver = str(office.people["board"].id)
    assert office.entries("gate.waiver_approved") == [(board, {"waiver": str(asked.id), "approver": approver})]
    ((_, granted),) = office.entries("gate.waiver_granted")
    assert (granted["waiver"], granted["approvals"]) == (str(asked.id), 1)


def test_where_a_model_came_from_names_the_waiver_that_it_passed_by_and_who_agreed_to_it(office: Office) -> None:
    asked = office.ask()
    office.approve(asked)
    office.decide()

    with transaction(office.engine) as session:
        (gate,) = (step for step in chain_of(session, office.model.id).steps if step.name == "Gate")

    kinds = [entry.kind for entry in gate.entries]
    assert kinds == ["gate.waiver_asked", "gate.waiver_approved", "gate.decided", "gate.waiver_granted"]
    assert (f"waiver {asked.id}", "used, until 2026-12-31") in gate.facts


def test_a_waiver_that_has_ended_is_told_as_ended_and_binds_again(office: Office) -> None:
    asked = office.approve(office.ask())
    office.decide("while it holds")
    office.now = datetime(2027, 1, 1, 9, tzinfo=office.now.tzinfo)
    after = office.decide("after its day")

    assert after.outcome == Outcome.FAIL
    assert [(each.waiver, each.state) for each in after.waivers] == [(str(asked.id), WaiverState.EXPIRED)]
    assert standing_of(asked, office.now.date()) == "expired"
    ((_, ended),) = office.entries("gate.waiver_expired")
    assert (ended["waiver"], ended["model"]) == (str(asked.id), str(office.model.id))
    with pytest.raises(Conflict, match="its time has passed"):
        office.approve(asked, "board 2")


def test_where_nobody_decides_again_retention_tells_the_end_of_a_waiver_once(office: Office) -> None:
    asked = office.approve(office.ask())
    office.decide()
    told: list[int] = []
    for later in (0, 1, 2):
        office.now = datetime(2026, 12, 31, 9, tzinfo=office.now.tzinfo) + timedelta(days=later)
        with transaction(office.engine) as session:
            log_ended_waivers(session, actor="role:operator", clock=office.clock)
        told.append(len(office.entries("gate.waiver_expired")))

    assert told == [0, 1, 1]
    assert office.entries("gate.waiver_expired")[0][1]["waiver"] == str(asked.id)


def test_nobody_approves_what_lets_their_own_model_ship(office: Office) -> None:
    office.approve(office.ask(), "author")

    assert office.decide().outcome == Outcome.FAIL


def test_approving_twice_is_as_once_and_a_second_person_has_nothing_to_approve(office: Office) -> None:
    asked = office.approve(office.ask())
    office.approve(asked)

    assert len(office.entries("gate.waiver_approved")) == 1
    with pytest.raises(Conflict, match="approved before"):
        office.approve(asked, "board 2")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"rule": "work"}, "a rule 'work' that there is not"),
        ({"worst_value": 0.3}, "which the rule allows anyway"),
        ({"worst_value": -0.1}, "outside what exposure_share can be"),
        ({"worst_value": float("nan")}, "worst_value nan"),
        ({"reason": "\x1b[2Jnothing to see"}, "expected text, got control characters"),
        ({"reason": "a\x00b"}, "expected text, got control characters"),
        ({"reason": "a\udcff"}, "expected text, got control characters"),
        ({"category": "a\udcff"}, "expected text, got control characters"),
        ({"reason": "  "}, "reason: expected 1 to 2000 characters, got 0"),
        ({"expires_on": date(2026, 11, 22)}, "until: expected a day from 2026-11-23 on, at most 366 days away"),
        ({"expires_on": date(2027, 11, 25)}, "until: expected a day from 2026-11-23 on, at most 366 days away"),
    ],
)
def test_what_can_be_no_waiver_is_refused_and_not_kept(office: Office, changes: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidInput, match=words):
        office.ask(**changes)
    with transaction(office.engine) as session:
        assert list_waivers(session) == []
    assert office.entries("gate.waiver_asked") == []


def test_a_waiver_from_a_rule_that_the_policy_no_longer_has_is_passed_over(office: Office) -> None:
    office.approve(office.ask())
    other = policy(replace(WORKS, id="other"))
    looser = policy(replace(WORKS, limit=0.1))

    assert len(office.granted()) == 1
    assert office.granted(other) == ()
    assert office.granted(looser) == ()


@pytest.mark.parametrize(
    "changes",
    [
        {"metric": "ndcg", "attribute": None, "category": None, "limit": 0.5},
        {"category": "american"},
        {"comparison": "ratio", "against": "target"},
        {"group": "age = old"},
    ],
)
def test_a_waiver_excepts_from_no_rule_that_asks_another_thing_by_the_same_name(
    office: Office, changes: dict[str, Any]
) -> None:
    office.approve(office.ask())
    stricter = policy(replace(WORKS, limit=0.5, rationale="other words", min_subjects=100))

    assert len(office.granted(stricter)) == 1
    assert office.granted(policy(replace(WORKS, **changes))) == ()


def test_a_waiver_of_before_its_rule_was_kept_with_it_excepts_from_nothing(office: Office) -> None:
    asked = office.approve(office.ask())
    with transaction(office.engine) as session:
        get_waiver(session, asked.id).asked_of = None

    assert office.granted() == ()


def test_an_unknown_waiver_is_not_found(office: Office) -> None:
    with transaction(office.engine) as session, pytest.raises(NotFound, match="no waiver"):
        get_waiver(session, UUID(int=1))


def test_a_stored_decision_holds_what_it_takes_to_work_it_out_again(office: Office) -> None:
    office.approve(office.ask(category="european"))
    decision = office.decide()
    stored = office.stored().waivers
    again = [AppliedWaiver.from_dict(each).granted for each in stored]

    assert again == list(office.granted())
    repeated = decide(
        RULES,
        report(european(0.25, 0.02)),
        today=office.now.date(),
        waivers=[each for each in again if each is not None],
    )
    assert same_json([each.as_dict() for each in repeated.waivers], stored)
    assert repeated == decision


def test_a_waiver_of_the_policy_file_is_stored_as_it_always_was() -> None:
    own = replace(waiver(0.2), line=7)
    (applied,) = decide(
        policy(WORKS, waivers=(own,)), report(european(0.25, 0.02)), today=UNTIL - timedelta(days=9)
    ).waivers

    assert sorted(applied.as_dict()) == [
        *("about", "approver", "author", "expires_on", "line", "owner", "reason", "rule", "state", "waiver"),
        "worst_value",
    ]
    assert applied.granted is None
