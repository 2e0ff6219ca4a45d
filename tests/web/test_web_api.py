"""The API: what a good call gets."""

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from hashlib import sha256
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest

from governance.database import transaction
from governance.ledger.merkle import leaf_hash, root_from_inclusion
from governance.ledger.search import Filter, follow
from governance.ledger.store import size
from governance.ledger.tables import LedgerEntry
from governance.rights.tables import RightsRequest
from governance.web.app import create_app
from governance.web.forms import SESSION_COOKIE, TOKEN_HEADER, token_for

if TYPE_CHECKING:
    from conftest import House

IDENTIFIER = {"kind": "email", "value": "canary.person@example.net"}
KEY_OF_32_K = "a2tra2tra2tra2tra2tra2tra2tra2tra2tra2tra2s="
"""URL-safe base64 of 32 times the letter k, from coreutils' base64."""
ASKED = {"right": "access", "regime": "gdpr", "identifier": IDENTIFIER}


def entries_of(house: "House", kind: str) -> int:
    """How many entries of a kind the log has."""
    with transaction(house.context.engine) as session:
        return len(follow(session, Filter(kinds=(kind,)), limit=1000))


def test_health_needs_no_sign_in_and_tells_the_version(shared_house: "House") -> None:
    answer = shared_house.client().get("/api/v1/health")

    assert answer.status_code == 200
    assert answer.json()["status"] == "ok"


def test_ready_says_whether_the_database_is_at_its_migrations(house: "House") -> None:
    assert house.client().get("/api/v1/ready").json() == {"status": "ready", "control": "current"}

    with house.context.engine.begin() as connection:
        connection.exec_driver_sql("update alembic_version set version_num = '0000'")
    answer = house.client().get("/api/v1/ready")

    assert (answer.status_code, answer.json()) == (503, {"status": "not ready", "control": "behind"})


def test_entries_are_paged_by_a_cursor_without_gap_or_repetition(shared_house: "House") -> None:
    client, seen, after = shared_house.client("auditor"), [], -1
    while after is not None:
        page = client.get("/api/v1/ledger/entries", params={"after": after, "limit": 7}).json()
        seen += [each["seq"] for each in page["entries"]]
        after = page["next"]

    with transaction(shared_house.context.engine) as session:
        assert seen == list(range(size(session)))


def test_entries_of_one_kind(shared_house: "House") -> None:
    page = shared_house.client("auditor").get("/api/v1/ledger/entries", params={"kind": "gate.decided"}).json()

    assert [each["body"]["outcome"] for each in page["entries"]] == ["fail", "pass"]


def test_an_entry_comes_with_a_proof_that_a_stranger_can_recompute(shared_house: "House") -> None:
    answer = shared_house.client("auditor").get("/api/v1/ledger/entries/5").json()
    with transaction(shared_house.context.engine) as session:
        stored = session.get_one(LedgerEntry, 5).body

    head, path = answer["proof"]["checkpoint"], [bytes.fromhex(each) for each in answer["proof"]["path"]]
    assert answer["entry"]["leaf_hash"] == sha256(b"\x00" + stored).hexdigest()
    assert root_from_inclusion(5, head["size"], leaf_hash(stored), path).hex() == head["root"]


def test_an_entry_after_the_checkpoint_has_no_proof_yet(house: "House") -> None:
    house.client("frontend").post("/api/v1/requests", json=ASKED)
    client = house.client("auditor")
    published = client.get("/api/v1/ledger/checkpoint").json()["size"]

    answer = client.get(f"/api/v1/ledger/entries/{published}").json()

    assert answer["entry"]["seq"] == published
    assert answer["proof"] is None


def test_an_entry_that_was_changed_behind_the_logs_back_is_found_out(house: "House") -> None:
    with house.context.engine.begin() as connection:
        connection.exec_driver_sql("drop trigger ledger_entry_no_update")
        connection.exec_driver_sql(
            "update ledger_entry set body = cast(replace(cast(body as text), 'board', 'fraud') as blob) where seq = 2"
        )

    answer = house.client("auditor").get("/api/v1/ledger/entries/2")

    assert answer.status_code == 500
    assert answer.json()["type"] == "urn:probity:problem:broken-proof"
    assert "entry 2" in answer.json()["detail"]


def test_without_a_checkpoint_there_is_none_to_show(house: "House") -> None:
    context = replace(house.context, ledger=house.context.ledger / "elsewhere")
    client = replace(house, app=create_app(context)).client("auditor")

    assert client.get("/api/v1/ledger/checkpoint").status_code == 404
    assert client.get("/api/v1/ledger/entries/0").json()["proof"] is None


def test_models_are_listed_newest_first(shared_house: "House") -> None:
    page = shared_house.client("engineer").get("/api/v1/models", params={"limit": 1}).json()

    assert [each["id"] for each in page["models"]] == [str(shared_house.things["mitigated"])]
    assert page["next"] == 1


def test_a_model_tells_guarantee_parent_prices_decision_and_report(shared_house: "House") -> None:
    model = shared_house.client("board").get(f"/api/v1/models/{shared_house.things['mitigated']}").json()

    guarantee = model["release_made"]["guarantee"]
    assert (guarantee["epsilon"], guarantee["delta"], guarantee["unit"]) == (5.0, 1e-6, "subject")
    assert model["parent_id"] == str(shared_house.things["plain"])
    assert model["prices"] == {"origin=european": 0.0612, "genre=documentary": 0.0188}
    assert model["decision"]["outcome"] == "pass"
    assert model["decision"]["findings"][1]["sentence"].startswith("Titles with origin = european receive 34.1 %")
    assert model["snapshot"]["subjects"] == 40


def test_a_report_comes_byte_for_byte_as_its_digest_was_taken(shared_house: "House") -> None:
    client, address = shared_house.client("board"), f"/api/v1/models/{shared_house.things['plain']}"

    report = client.get(f"{address}/report.json")

    assert sha256(report.content).hexdigest() == client.get(address).json()["report"]


def test_a_report_that_was_changed_after_registration_is_not_shown(house: "House") -> None:
    for path in (house.context.settings.home / "reports").iterdir():
        path.write_bytes(path.read_bytes() + b" ")
    client, model = house.client("board"), house.things["plain"]

    answers = [client.get(f"/api/v1/models/{model}/report.json"), client.get(f"/models/{model}/report")]

    assert [answer.is_success for answer in answers] == [False, False]


def test_a_report_outside_the_home_is_not_shown(house: "House") -> None:
    with house.context.engine.begin() as connection:
        connection.exec_driver_sql("update registry_report set path_json = '../../../../../etc/hostname'")

    answer = house.client("board").get(f"/api/v1/models/{house.things['plain']}/report.json")

    assert answer.status_code == 503
    assert "hostname" not in answer.text


def test_two_members_approve_and_the_log_has_it(house: "House") -> None:
    address = f"/api/v1/reviews/{house.things['review']}/votes"

    first = house.client("board").post(address, json={"choice": "approve", "comment": "Fair enough."})
    second = house.client("board_2").post(address, json={"choice": "approve"})

    assert (first.status_code, first.json()["state"]) == (201, "open")
    assert (second.status_code, second.json()["state"]) == (201, "approved")
    assert [each["choice"] for each in second.json()["votes"]] == ["approve", "approve"]
    assert entries_of(house, "review.vote_cast") == 2
    assert house.client("board").post(address, json={"choice": "refuse"}).status_code == 409


def test_the_same_vote_again_changes_nothing(house: "House") -> None:
    address = f"/api/v1/reviews/{house.things['review']}/votes"
    for _ in range(2):
        assert house.client("board").post(address, json={"choice": "approve"}).status_code == 201

    assert entries_of(house, "review.vote_cast") == 1


def test_a_model_that_the_gate_has_not_passed_cannot_be_proposed(shared_house: "House") -> None:
    answer = shared_house.client("engineer").post("/api/v1/reviews", json={"model": str(shared_house.things["plain"])})

    assert answer.status_code == 409
    assert "decided fail" in answer.json()["detail"]


def test_a_proposal_sent_twice_under_one_key_is_made_once(house: "House") -> None:
    refuse = {"choice": "refuse"}
    house.client("board").post(f"/api/v1/reviews/{house.things['review']}/votes", json=refuse)
    client, body = house.client("engineer"), {"model": str(house.things["mitigated"])}

    answers = [client.post("/api/v1/reviews", json=body, headers={"Idempotency-Key": "k1"}) for _ in range(2)]
    other = client.post(
        "/api/v1/reviews", json={"model": str(house.things["plain"])}, headers={"Idempotency-Key": "k1"}
    )
    without_key = client.post("/api/v1/reviews", json=body)

    assert [each.status_code for each in answers] == [201, 201]
    assert answers[0].json()["id"] == answers[1].json()["id"]
    assert other.status_code == 422
    assert without_key.status_code == 409


def test_a_request_is_recorded_with_its_due_date_and_without_its_identifier(house: "House") -> None:
    answer = house.client("frontend").post("/api/v1/requests", json=ASKED)

    assert answer.status_code == 201
    assert (answer.json()["state"], answer.json()["due_at"], answer.json()["days_left"]) == (
        "received",
        "2026-12-23",
        30,
    )
    assert "canary" not in answer.text
    stored = b"".join(path.read_bytes() for path in house.context.settings.home.rglob("*") if path.is_file())
    assert b"canary.person" not in stored


def test_a_request_sent_twice_is_recorded_once(house: "House") -> None:
    client = house.client("frontend")

    first = client.post("/api/v1/requests", json=ASKED).json()
    again = client.post("/api/v1/requests", json=ASKED).json()

    assert first["id"] == again["id"]


def test_one_key_belongs_to_one_request(house: "House") -> None:
    client, key = house.client("frontend"), {"Idempotency-Key": "form-81"}

    first = client.post("/api/v1/requests", json=ASKED, headers=key).json()
    again = client.post("/api/v1/requests", json=ASKED, headers=key).json()
    other = client.post("/api/v1/requests", json={**ASKED, "right": "erasure"}, headers=key)

    assert first["id"] == again["id"]
    assert (other.status_code, other.json()["type"]) == (422, "urn:probity:problem:invalid-input")


def test_a_retry_finds_the_request_even_after_its_subject_was_erased(house: "House") -> None:
    client, key, body = house.client("frontend"), {"Idempotency-Key": "form-82"}, {**ASKED, "right": "erasure"}
    first = client.post("/api/v1/requests", json=body, headers=key).json()
    with transaction(house.context.engine) as session:
        row = session.get_one(RightsRequest, UUID(first["id"]))
        row.subject, row.state, row.closed_at = None, "fulfilled", house.context.clock()

    again = client.post("/api/v1/requests", json=body, headers=key)

    assert (again.status_code, again.json()["state"]) == (201, "fulfilled")


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"identifier": {"kind": "email", "value": "somebody.else@example.net"}}, 404),
        ({"right": "applause"}, 422),
        ({"regime": "none"}, 422),
    ],
)
def test_a_request_that_cannot_be_is_refused(shared_house: "House", change: dict[str, Any], status: int) -> None:
    answer = shared_house.client("frontend").post("/api/v1/requests", json={**ASKED, **change})

    assert answer.status_code == status
    assert "example.net" not in answer.text


def test_a_front_end_sees_its_own_requests_and_no_other(house: "House") -> None:
    made = house.client("frontend").post("/api/v1/requests", json=ASKED).json()["id"]

    assert house.client("frontend").get(f"/api/v1/requests/{made}").json()["id"] == made
    assert house.client("frontend_2").get(f"/api/v1/requests/{made}").status_code == 404
    assert house.client("auditor").get(f"/api/v1/requests/{made}").status_code == 200


def test_requests_come_by_the_day_they_are_due(shared_house: "House") -> None:
    answer = shared_house.client("auditor").get("/api/v1/requests").json()

    assert [each["due_at"] for each in answer] == sorted(each["due_at"] for each in answer)
    assert {each["right"] for each in answer} == {"access", "erasure"}


def test_an_officer_decides_and_has_it_carried_out_once(house: "House") -> None:
    officer, address = house.client("officer"), f"/api/v1/requests/{house.things['erasure']}"

    early = officer.post(f"{address}/fulfilment")
    approved = officer.post(f"{address}/decision", json={"choice": "approve"})
    done = [officer.post(f"{address}/fulfilment") for _ in range(2)]

    assert early.status_code == 409
    assert approved.json()["state"] == "approved"
    assert [(each.status_code, each.json()["state"]) for each in done] == [(200, "fulfilled")] * 2
    assert house.desk.carried_out == [house.things["erasure"]]


def test_a_refusal_needs_a_ground(house: "House") -> None:
    officer, address = house.client("officer"), f"/api/v1/requests/{house.things['access']}/decision"

    bare = officer.post(address, json={"choice": "refuse"})
    grounded = officer.post(address, json={"choice": "refuse", "ground": "excessive"})

    assert bare.status_code == 422
    assert (grounded.json()["state"], grounded.json()["refusal"]) == ("refused", "excessive")
    assert grounded.json()["days_left"] is None


def test_a_process_without_the_identity_plane_says_it_cannot(house: "House") -> None:
    app = create_app(replace(house.context, desk=None))
    client = replace(house, app=app).client("frontend")

    assert client.post("/api/v1/requests", json=ASKED).status_code == 503


def test_the_budget_tells_what_is_spent_and_left(shared_house: "House") -> None:
    budget = shared_house.client("board").get("/api/v1/budget").json()

    assert budget["population"] == "subscribers"
    assert budget["epsilon_spent"] == pytest.approx(5.0, abs=1e-6)
    # mu² adds up: sqrt(mu(10)² - mu(5)²) at delta 1e-6 is the mu of one release of epsilon 8.058.
    assert budget["epsilon_left"] == pytest.approx(8.058, abs=1e-3)
    assert [each["state"] for each in budget["reservations"]] == ["spent"]


def test_consents_are_counted_not_listed(shared_house: "House") -> None:
    answer = shared_house.client("auditor").get("/api/v1/consents/summary").json()

    assert answer == [
        {"purpose": "model_training", "choice": "grant", "subjects": 40},
        {"purpose": "partner_sharing", "choice": "refuse", "subjects": 10},
    ]


def test_many_callers_at_once_are_all_served(house: "House") -> None:
    """A database that takes one writer at a time, and more callers than worker threads: nobody may wait for ever."""
    client, begun = house.client("auditor"), time.monotonic()
    with client, ThreadPoolExecutor(96) as callers:
        answers = list(callers.map(lambda _: client.get("/api/v1/models").status_code, range(192)))

    assert answers == [200] * 192
    assert time.monotonic() - begun < 25  # the database gives up after 30 s


def test_a_call_by_cookie_that_changes_something_needs_the_token_of_the_session(house: "House") -> None:
    client = house.client()
    client.get("/sign-in")
    form = {"token": house.tokens["board"], "form_token": token_for(client.cookies["probity_form"])}
    client.post("/sign-in", data=form)
    address, body = f"/api/v1/reviews/{house.things['review']}/votes", {"choice": "approve"}

    forged = client.post(address, json=body)
    meant = client.post(address, json=body, headers={TOKEN_HEADER: token_for(client.cookies[SESSION_COOKIE])})

    assert (forged.status_code, meant.status_code) == (403, 201)


def test_the_key_of_an_access_package_is_handed_out_once(house: "House") -> None:
    officer, address = house.client("officer"), f"/api/v1/requests/{house.things['access']}"
    officer.post(f"{address}/decision", json={"choice": "approve"})

    first, second = (officer.post(f"{address}/fulfilment").json() for _ in range(2))

    assert (first["package"], first["key"]) == (f"{house.things['access']}.package", KEY_OF_32_K)
    assert (second["state"], second["package"], second["key"]) == ("fulfilled", None, None)
