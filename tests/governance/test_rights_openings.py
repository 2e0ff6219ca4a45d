import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, func, select

from governance.access.tables import Principal
from governance.attest.attester import Attester
from governance.database import transaction
from governance.errors import BrokenProof, Conflict, Gone, InvalidInput, NotFound
from governance.ledger.commitment import Opening, encode_opening, verify_opening
from governance.ledger.opening import LedgerOpening, find_opening
from governance.ledger.search import Filter, follow
from governance.policy.rules import ReidentificationRule
from governance.reidentification.procedure import ask, get_case
from governance.reidentification.tables import Case
from governance.rights import erasure
from governance.rights.certificate import verify_certificate
from governance.rights.fulfilment import fulfil
from governance.rights.openings import VaultBoxes, commit, open_commitment
from governance.rights.requests import acknowledge, approve, extend, get_request, receive, refuse
from governance.rights.tables import RightsRequest
from governance.rights.work import Tools
from pseudonymisation.identifiers import read_identity
from pseudonymisation.lake.store import Lake
from pseudonymisation.pseudonym import DOMAINS
from pseudonymisation.vault import Vault
from tests.governance.builders import SYSTEM, Build
from tests.governance.house import SIGNER


@dataclass
class Office:
    """A vault with one subject, and a control plane that takes her requests."""

    engine: Engine
    vault: Vault
    build: Build
    jane: dict[str, str]
    folder: Path

    @property
    def boxes(self) -> VaultBoxes:
        return VaultBoxes(self.vault)

    def receive(self, name: str, right: str = "access") -> None:
        with transaction(self.engine) as session:
            self.build.principal(session, f"front {name}", "frontend")
            receive(
                session, right, "ccpa", self.jane["rights"], request_id=self.build.id(name),
                principal=session.get(Principal, self.build.id(f"front {name}")),
                policy=self.build.policies.rights.value, clock=self.build.clock, manner="telephone",
                box_key=self.boxes.box_key(self.jane["rights"], self.build.id(name)),
            )  # fmt: skip

    def approve(self, name: str) -> None:
        with transaction(self.engine) as session:
            officer = self.build.principal(session, f"officer {name}", "officer")
            request = get_request(session, self.build.id(name))
            acknowledge(session, request, actor=SYSTEM, clock=self.build.clock)
            approve(session, request, officer, policy=self.build.policies.rights.value, clock=self.build.clock)

    def fulfil(self, name: str) -> Any:  # noqa: ANN401 - a handover
        tools = Tools(
            vault=self.vault, lake=Lake(str(self.folder / "lake")), policies=self.build.policies, signer=SIGNER,
            attester=Attester(signer=SIGNER, name="https://probity.example/attester", folder=self.folder / "said"),
            packages=self.folder, recommendations=lambda _session, _subject: [], leave_sums=lambda *_: {},
            actor=SYSTEM, clock=self.build.clock,
        )  # fmt: skip
        return fulfil(partial(transaction, self.engine), tools, self.build.id(name))

    def open(self, committed: str, ground: str = "audit") -> Opening:
        with transaction(self.engine) as session:
            name = f"auditor {len(follow(session, limit=1000))}"
            auditor = self.build.principal(session, name, "auditor")
            return open_commitment(
                session, self.boxes, committed, ground, auditor, entry_id=self.build.id(f"look {name}"),
                clock=self.build.clock,
            )  # fmt: skip

    def bodies(self, prefix: str = "rights.") -> list[dict[str, Any]]:
        with transaction(self.engine) as session:
            found = follow(session, limit=1000)
        return [{"kind": each.kind, **each.body} for each in found if each.kind.startswith(prefix)]

    def kept(self) -> int:
        with transaction(self.engine) as session:
            return session.scalar(select(func.count()).select_from(LedgerOpening)) or 0


@pytest.fixture
def make_office(build: Build, vault: Vault, tmp_path: Path) -> Callable[[Engine], Office]:
    (jane,) = vault.enrol([read_identity({"account_id": "acc-1"})], domains=DOMAINS)
    return lambda engine: Office(engine, vault, build, jane, tmp_path)


@pytest.fixture
def office(engine: Engine, make_office: Callable[[Engine], Office]) -> Office:
    return make_office(engine)


@pytest.fixture(params=["engine", pytest.param("postgres_engine", marks=pytest.mark.postgres)])
def either_office(request: pytest.FixtureRequest, make_office: Callable[[Engine], Office]) -> Office:
    return make_office(request.getfixturevalue(request.param))


def test_every_entry_of_a_request_can_be_opened_to_whose_it_was(either_office: Office) -> None:
    office = either_office
    office.receive("one")
    office.approve("one")
    office.fulfil("one")
    bodies = office.bodies()

    assert [body["kind"].removeprefix("rights.request_") for body in bodies] == [
        "received", "moved", "moved", "moved", "fulfilled",
    ]  # fmt: skip
    assert len({body["commitment"] for body in bodies}) == 5
    for body in bodies:
        opening = office.open(body["commitment"])
        verify_opening(body["commitment"], opening)
        assert opening.payload == {
            "entry": body["kind"],
            "request": body["request"],
            "right": "access",
            "subject": office.jane["rights"],
        }


def test_a_look_is_an_entry_that_says_who_why_and_at_which_commitment_but_not_about_whom(office: Office) -> None:
    office.receive("one")
    (body,) = office.bodies()
    office.open(body["commitment"], "court_order")

    with transaction(office.engine) as session:
        (look,) = follow(session, Filter(kinds=("evidence.opened",)))
    assert dict(look.body) == {"commitment": body["commitment"], "ground": "court_order", "roles": ["auditor"]}
    assert look.actor.startswith("principal:")
    assert office.jane["rights"].encode() not in look.encoded


def test_a_look_that_fails_shows_nothing_and_logs_nothing(office: Office) -> None:
    office.receive("one")
    (body,) = office.bodies()

    with pytest.raises(InvalidInput, match=r"ground: expected one of .*, got another word") as refused:
        office.open(body["commitment"], "curiosity about Jane")
    assert "Jane" not in str(refused.value)
    with pytest.raises(NotFound, match="no entry of the log carries this commitment"):
        office.open("ab" * 32)
    assert office.bodies("evidence.") == []


def test_a_log_says_all_that_the_ccpa_asks_of_one_and_nobodys_name(office: Office) -> None:
    office.receive("one", "access")
    office.receive("two", "erasure")
    office.approve("one")
    office.fulfil("one")
    with transaction(office.engine) as session:
        officer = office.build.principal(session, "officer", "officer")
        refuse(session, get_request(session, office.build.id("two")), officer, "excessive", clock=office.build.clock)
    answered = {body["kind"]: body for body in office.bodies() if "response" in body}

    # 11 CCR §7101(b): date, nature and manner of the request; date and nature of the response; basis of the denial.
    fulfilled, refused = answered["rights.request_fulfilled"], answered["rights.request_refused"]
    assert [fulfilled[name] for name in ("received_on", "right", "manner", "fulfilled_on", "response")] == [
        "2026-11-23", "access", "telephone", "2026-11-23", "copy_provided",
    ]  # fmt: skip
    assert [refused[name] for name in ("received_on", "right", "manner", "refused_on", "response", "ground")] == [
        "2026-11-23", "erasure", "telephone", "2026-11-23", "denied", "excessive",
    ]  # fmt: skip
    assert not [value for value in office.jane.values() if value in json.dumps(office.bodies(""))]


def test_an_extension_is_an_entry_of_its_own_with_its_reason(office: Office) -> None:
    office.receive("one")
    with transaction(office.engine) as session:
        officer = office.build.principal(session, "officer", "officer")
        policy = office.build.policies.rights.value
        request = get_request(session, office.build.id("one"))
        extend(session, request, officer, "complexity", policy=policy, clock=office.build.clock)
    (body,) = office.bodies("rights.request_extended")

    assert (body["reason"], body["extended_on"], body["due_on"]) == ("complexity", "2026-11-23", "2027-02-21")
    assert office.open(body["commitment"]).payload["entry"] == "rights.request_extended"


def test_after_an_erasure_no_opening_is_left_not_even_of_the_erasure_itself(either_office: Office) -> None:
    office = either_office
    office.receive("before")
    office.receive("erase", "erasure")
    office.approve("erase")
    handed = office.fulfil("erase")
    certificate = verify_certificate(handed.certificate, SIGNER.public_key)
    commitments = {body["kind"]: body.get("commitment") for body in office.bodies()}

    assert {each.store: (dict(each.found), each.left) for each in certificate.stores}["openings"] == (
        {"ledger_opening": 6}, 0,
    )  # fmt: skip
    assert office.kept() == 0
    assert commitments["rights.request_fulfilled"] is None
    for kind in ("rights.request_received", "rights.erasure_started"):
        with pytest.raises(Gone, match="was erased, and nobody can say any more"):
            office.open(commitments[kind])
    with transaction(office.engine) as session:
        rows = session.execute(select(RightsRequest.subject, RightsRequest.box_key)).all()
    assert rows == [(None, None)] * 2


def test_what_a_backup_keeps_of_an_opening_cannot_be_opened_after_the_erasure(office: Office) -> None:
    office.receive("erase", "erasure")
    (body,) = office.bodies()
    with transaction(office.engine) as session:
        row = find_opening(session, body["commitment"])
        backup = {name: getattr(row, name) for name in ("commitment", "about", "record", "sealed")}
    office.approve("erase")
    office.fulfil("erase")
    with transaction(office.engine) as session:
        session.add(LedgerOpening(**backup))

    with pytest.raises(Gone, match="destroyed with the subject"):
        office.open(body["commitment"])
    assert office.jane["rights"].encode() not in backup["sealed"]


@pytest.mark.parametrize(("step", "left"), [("erase_openings", "openings: 6 rows"), ("forget_cases", "cases: 1 rows")])
def test_a_store_beside_the_log_that_lets_nothing_go_gets_no_certificate(
    office: Office, monkeypatch: pytest.MonkeyPatch, step: str, left: str
) -> None:
    office.receive("erase", "erasure")
    office.approve("erase")
    with transaction(office.engine) as session:
        ask(
            session, office.vault, office.jane["events"], "events", office.build.principal(session, "asks", "officer"),
            ground="incident", case_id=office.build.id("case"), rule=ReidentificationRule(), clock=office.build.clock,
        )  # fmt: skip
    monkeypatch.setattr(erasure, step, lambda *_, **__: 0)

    with pytest.raises(Conflict, match=f"the second read still finds {left}$"):
        office.fulfil("erase")


def test_a_request_and_a_case_that_came_in_during_the_erasure_are_forgotten_too(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    office.receive("erase", "erasure")
    office.approve("erase")
    key, place = office.boxes.box_key(office.jane["rights"], office.build.id("late")), erasure.ERASURE.stages
    certify = place[-1]

    def late(session: Any, tools: Any, task: Any) -> Any:  # noqa: ANN401 - a stage
        front = office.build.principal(session, "late front", "frontend")
        receive(
            session, "access", "gdpr", office.jane["rights"], request_id=office.build.id("late"), principal=front,
            policy=office.build.policies.rights.value, clock=office.build.clock, manner="email",
            box_key=key,
        )  # fmt: skip
        now = office.build.clock()
        session.add(
            Case(
                id=office.build.id("late case"), domain="events", ground="incident", subject=office.jane["rights"],
                box_key=key, asked_by=front.id, asked_at=now, valid_until=now + timedelta(days=7),
            )
        )  # fmt: skip
        session.flush()
        return certify.run(session, tools, task)

    right = replace(erasure.ERASURE, stages=(*place[:-1], replace(certify, run=late)))
    monkeypatch.setattr("governance.rights.fulfilment.RIGHTS", (right,))
    office.fulfil("erase")

    assert office.kept() == 0
    with transaction(office.engine) as session:
        assert get_request(session, office.build.id("late")).subject is None
        case = get_case(session, office.build.id("late case"))
        assert (case.subject, case.box_key) == (None, None)


def test_a_request_from_before_there_were_boxes_goes_its_way_and_commits_to_nothing(office: Office) -> None:
    office.receive("old")
    with transaction(office.engine) as session:
        request = get_request(session, office.build.id("old"))
        request.box_key = request.manner = None
    office.approve("old")
    office.fulfil("old")

    assert [body["commitment"] for body in office.bodies()][1:] == [None] * 4
    assert office.bodies()[-1]["manner"] is None


def test_an_opening_that_was_changed_or_exchanged_is_not_shown(office: Office) -> None:
    office.receive("one")
    office.receive("two", "erasure")
    one, two = (body["commitment"] for body in office.bodies())
    with transaction(office.engine) as session:
        find_opening(session, one).sealed = find_opening(session, two).sealed

    with pytest.raises(BrokenProof, match="was changed since it was sealed"):
        office.open(one)
    assert office.bodies("evidence.") == []


def test_what_opens_something_else_is_not_shown_either(office: Office) -> None:
    from pseudonymisation.boxes import BoxKey, seal

    office.receive("one")
    (body,) = office.bodies()
    other = encode_opening(Opening(bytes(32), {"subject": "somebody else"}))
    with transaction(office.engine) as session:
        key = BoxKey(get_request(session, office.build.id("one")).box_key)
        find_opening(session, body["commitment"]).sealed = seal(key, other, place=body["commitment"].encode())

    with pytest.raises(BrokenProof, match="do not open this commitment"):
        office.open(body["commitment"])


def test_a_manner_is_a_word_of_the_list(office: Office) -> None:
    with transaction(office.engine) as session, pytest.raises(InvalidInput, match="manner: expected one of account_pa"):
        receive(
            session, "access", "gdpr", office.jane["rights"], request_id=office.build.id("r"),
            principal=office.build.principal(session, "front", "frontend"), policy=office.build.policies.rights.value,
            clock=office.build.clock, manner="Jane rang", box_key=None,
        )  # fmt: skip


def test_nobody_gets_a_box_for_somebody_who_is_not_there(office: Office) -> None:
    with pytest.raises(NotFound, match="no subject has this identifier"):
        office.boxes.box_key("0" * 32, office.build.id("r"))


def test_two_entries_of_one_request_never_share_a_salt(office: Office) -> None:
    office.receive("one")
    with transaction(office.engine) as session:
        request = get_request(session, office.build.id("one"))
        made = [commit(session, request, "rights.request_moved") for _ in range(20)]

    assert len(set(made)) == 20
    assert len({office.open(each).salt for each in made[:3]}) == 3
