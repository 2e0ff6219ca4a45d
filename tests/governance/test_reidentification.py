from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine

from governance.access.tables import Principal
from governance.database import transaction
from governance.errors import Conflict, Forbidden, Gone, InvalidInput, NotFound
from governance.ledger.opening import count_openings
from governance.ledger.search import follow
from governance.policy.rules import ReidentificationRule
from governance.reidentification.procedure import (
    Answer,
    approve,
    ask,
    count,
    delete_closed,
    expire,
    forget,
    get_case,
    list_cases,
    require_somebody,
    use,
)
from governance.reidentification.tables import Case
from governance.rights.openings import VaultBoxes, open_commitment
from pseudonymisation.identifiers import read_identity
from pseudonymisation.pseudonym import DOMAINS
from pseudonymisation.vault import Vault
from tests.governance.builders import NOON, SYSTEM, Build

RULE = ReidentificationRule()
IDENTIFIERS = (("account_id", "acc-canary"), ("email", "jane.canary@example.org"))


@dataclass
class Office:
    """A vault with one subject, an officer who may ask, two of the board who may approve, and a clock."""

    engine: Engine
    vault: Vault
    build: Build
    jane: dict[str, str]
    now: datetime = NOON
    people: dict[str, Principal] = field(default_factory=dict)

    def clock(self) -> datetime:
        return self.now

    def who(self, session: Any, name: str) -> Principal:  # noqa: ANN401 - a session
        role = "board" if name.startswith("board") else "officer"
        if name not in self.people:
            self.people[name] = self.build.principal(session, name, role)
        return session.get_one(Principal, self.people[name].id)

    def ask(self, name: str = "case", asker: str = "officer", rule: ReidentificationRule = RULE, **other: str) -> None:
        given = {"pseudonym": self.jane["events"], "domain": "events", "ground": "incident", **other}
        with transaction(self.engine) as session:
            ask(
                session, self.vault, given["pseudonym"], given["domain"], self.who(session, asker),
                ground=given["ground"], case_id=self.build.id(name), rule=rule, clock=self.clock,
            )  # fmt: skip

    def approve(self, who: str = "board", name: str = "case") -> None:
        with transaction(self.engine) as session:
            approve(session, get_case(session, self.build.id(name)), self.who(session, who), clock=self.clock)

    def use(self, who: str = "officer", name: str = "case") -> Answer:
        with transaction(self.engine) as session:
            case = get_case(session, self.build.id(name))
            return use(session, self.vault, case, self.who(session, who), clock=self.clock)

    def case(self, name: str = "case") -> Case:
        with transaction(self.engine) as session:
            return get_case(session, self.build.id(name))

    def entries(self) -> list[Any]:
        with transaction(self.engine) as session:
            return [each for each in follow(session, limit=1000) if each.kind.startswith("reidentification.")]


@pytest.fixture
def make_office(build: Build, vault: Vault) -> Callable[[Engine], Office]:
    (jane,) = vault.enrol([read_identity(dict(IDENTIFIERS))], domains=DOMAINS)
    return lambda engine: Office(engine, vault, build, jane)


@pytest.fixture
def office(engine: Engine, make_office: Callable[[Engine], Office]) -> Office:
    return make_office(engine)


@pytest.fixture(params=["engine", pytest.param("postgres_engine", marks=pytest.mark.postgres)])
def either_office(request: pytest.FixtureRequest, make_office: Callable[[Engine], Office]) -> Office:
    return make_office(request.getfixturevalue(request.param))


def test_asked_by_one_approved_by_another_answered_once_to_the_first(either_office: Office) -> None:
    office = either_office
    office.ask()
    office.approve()
    answer = office.use()

    assert answer == Answer(outcome="answered", identifiers=IDENTIFIERS)
    with pytest.raises(Conflict, match="is over"):
        office.use()
    case = office.case()
    assert (case.outcome, case.subject, case.box_key) == ("answered", None, None)


def test_each_step_is_an_entry_that_names_the_case_and_who_acts_but_nobody_else(office: Office) -> None:
    office.ask()
    office.approve()
    office.use()
    asked, approved, used = office.entries()
    officer, member = (f"principal:{office.people[name].id}" for name in ("officer", "board"))

    assert [each.actor for each in (asked, approved, used)] == [officer, member, officer]
    assert (asked.body["ground"], asked.body["domain"], asked.body["valid_until"]) == (
        "incident", "events", "2026-11-30",
    )  # fmt: skip
    assert used.body["outcome"] == "answered"
    assert {each.at.time().isoformat() for each in office.entries()} == {"00:00:00"}
    told = b"".join(each.encoded for each in office.entries())
    assert not [secret for secret in (*office.jane.values(), *dict(IDENTIFIERS).values()) if secret.encode() in told]


def test_nobody_approves_their_own_question_whatever_their_roles(office: Office) -> None:
    office.ask(asker="board")

    with pytest.raises(Forbidden, match="not approved by the one who asked"):
        office.approve("board")
    assert [each.kind for each in office.entries()] == ["reidentification.asked"]


def test_without_an_approval_nothing_is_shown(office: Office) -> None:
    office.ask()

    with pytest.raises(Conflict, match="is not approved yet"):
        office.use()


def test_somebody_else_cannot_use_it_nor_tell_that_it_is_there(office: Office) -> None:
    office.ask()
    office.approve()

    with pytest.raises(NotFound) as refused:
        office.use("another officer")
    with pytest.raises(NotFound) as missing:
        office.use(name="nothing")
    assert str(refused.value).split()[0:2] == str(missing.value).split()[0:2] == ["no", "case"]
    assert office.use().outcome == "answered"


def test_an_approval_is_given_once_and_the_same_again_changes_nothing(office: Office) -> None:
    office.ask()
    office.approve()
    office.approve()

    with pytest.raises(Conflict, match="was approved before"):
        office.approve("board 2")
    assert len(office.entries()) == 2


@pytest.mark.parametrize("approved", [True, False])
def test_after_its_time_a_case_shows_nothing_and_is_over(office: Office, approved: bool) -> None:  # noqa: FBT001
    office.ask()
    if approved:
        office.approve()
    office.now = NOON + timedelta(days=7)

    assert office.use() == Answer(outcome="expired")
    assert office.entries()[-1].body["outcome"] == "expired"
    assert office.case().subject is None


def test_until_the_last_moment_it_may_be_used_and_after_it_not_be_approved(office: Office) -> None:
    office.ask()
    office.now = NOON + timedelta(days=7) - timedelta(microseconds=1)
    office.approve()
    assert office.use().outcome == "answered"

    office.ask("late")
    office.now += timedelta(days=7)
    with pytest.raises(Conflict, match="its time has passed"):
        office.approve(name="late")


def test_cases_that_nobody_came_back_for_are_closed_so_that_they_name_nobody(office: Office) -> None:
    office.ask()
    office.ask("young")
    with transaction(office.engine) as session:
        get_case(session, office.build.id("case")).valid_until = NOON
        assert expire(session, actor=SYSTEM, clock=office.clock) == 1
        assert expire(session, actor=SYSTEM, clock=office.clock) == 0

    assert (office.case().outcome, office.case().subject) == ("expired", None)
    assert office.case("young").subject == office.jane["rights"]
    assert office.entries()[-1].actor == SYSTEM


def test_an_erased_subject_is_nobody_any_more_in_an_approved_case_too(office: Office) -> None:
    office.ask()
    office.approve()
    office.vault.erase(office.jane["rights"], domain="rights")

    assert office.use() == Answer(outcome="erased")


def test_an_erasure_takes_the_subject_out_of_every_case(office: Office) -> None:
    office.ask()
    office.ask("two")
    with transaction(office.engine) as session:
        assert (forget(session, office.jane["rights"]), count(session, office.jane["rights"])) == (2, 0)
        assert forget(session, office.jane["rights"]) == 0
    office.approve()

    assert office.use() == Answer(outcome="erased")
    assert [each.body["commitment"] for each in office.entries()][-2:] == [None, None]


@pytest.mark.parametrize(
    "wrong", [{"domain": "everywhere"}, {"ground": "I want to call Jane"}, {"pseudonym": "jane.canary@example.org"}]
)
def test_what_is_no_question_is_refused_without_repeating_it(office: Office, wrong: dict[str, str]) -> None:
    with pytest.raises(InvalidInput) as refused:
        office.ask(**wrong)
    assert not [word for word in wrong.values() if word in str(refused.value)]
    assert office.entries() == []


def test_a_pseudonym_of_another_domain_names_nobody(office: Office) -> None:
    office.ask(pseudonym=office.jane["consent"])

    with pytest.raises(NotFound, match="no living subject"):
        require_somebody(office.case())
    with pytest.raises(Conflict):
        office.approve()
    with pytest.raises(Conflict):
        office.use()


def test_trying_pseudonyms_out_is_counted_and_in_the_log_without_them(office: Office) -> None:
    rule, guesses = replace(RULE, per_person_per_day=2, per_day=3), ["0" * 32, "1" * 32]
    for guess in guesses:
        office.ask(guess, pseudonym=guess, rule=rule)
    with pytest.raises(Conflict, match="used up"):
        office.ask(rule=rule)

    assert [each.kind.partition(".")[2] for each in office.entries()] == ["asked", "used"] * 2
    assert [each.body.get("outcome") for each in office.entries()] == [None, "unknown"] * 2
    assert not [guess for guess in guesses for each in office.entries() if guess.encode() in each.encoded]
    assert not [each for each in office.entries() if each.body.get("commitment")]


@pytest.mark.postgres
def test_two_who_ask_at_once_are_counted_one_after_the_other(
    postgres_engine: Engine, make_office: Callable[[Engine], Office]
) -> None:
    office, rule = make_office(postgres_engine), replace(RULE, per_person_per_day=1, per_day=1)
    with transaction(office.engine) as session:
        office.who(session, "officer"), office.who(session, "another officer")
    with ThreadPoolExecutor(2) as pool:
        asked = [pool.submit(office.ask, name, name, rule) for name in ("officer", "another officer")]
        refused = [type(each.exception()) for each in asked if each.exception() is not None]

    assert refused == [Conflict]


def test_how_often_may_be_asked_is_bounded_for_one_person_and_for_all(office: Office) -> None:
    rule = replace(RULE, per_person_per_day=2, per_day=3)
    for name in ("one", "two"):
        office.ask(name, rule=rule)
    with pytest.raises(Conflict, match="at most 2 questions a day for one person and 3 for all"):
        office.ask("three", rule=rule)
    office.ask("three", asker="another officer", rule=rule)
    with pytest.raises(Conflict, match="used up"):
        office.ask("four", asker="a third officer", rule=rule)

    office.now = NOON + timedelta(days=1)
    office.ask("four", rule=rule)


@pytest.mark.parametrize("wrong", [{"valid_days": 0}, {"valid_days": 31}, {"per_day": 0}, {"per_person_per_day": -1}])
def test_a_rule_that_binds_nobody_is_no_rule(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        ReidentificationRule(**wrong)


def test_a_reviewer_can_be_shown_whom_a_case_was_about_and_retention_ends_that(office: Office) -> None:
    office.ask()
    office.approve()
    office.use()
    entries, case = office.entries(), str(office.case().id)

    def look(session: Any, committed: str) -> Any:  # noqa: ANN401 - a session, a payload
        names = {"entry_id": office.build.id(committed), "clock": office.clock}
        return open_commitment(
            session, VaultBoxes(office.vault), committed, "audit", office.who(session, "officer"), **names
        ).payload

    with transaction(office.engine) as session:
        for entry in entries:
            expected = {"entry": entry.kind, "case": case, "subject": office.jane["rights"]}
            assert look(session, entry.body["commitment"]) == expected
        assert delete_closed(session, NOON) == 0
        assert delete_closed(session, NOON + timedelta(seconds=1)) == 3
        assert (list_cases(session), count_openings(session, office.jane["rights"])) == ([], 0)
        with pytest.raises(Gone):
            look(session, entries[0].body["commitment"])
