"""Waivers on the console and over the API: who reads models sees them, the board approves what others asked for."""

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import Browser

from governance.access.tables import Principal
from governance.database import transaction
from governance.gate.granting import ask
from governance.ledger.search import Filter, search
from governance.web.forms import SESSION_COOKIE, TOKEN_FIELD, token_for
from tests.web.test_web_alerts import signed_in
from tests.web.test_web_browser import browser, overflow, page_for, served, sign_in

if TYPE_CHECKING:
    from conftest import House

__all__ = ["browser"]  # a fixture


def asked_by(house: "House", who: str) -> str:
    """The id of a waiver that somebody asked for."""
    context = house.context
    with transaction(context.engine) as session:
        row = ask(
            session,
            context.policies.fairness.value,
            session.get_one(Principal, house.people[who].id),
            waiver_id=context.new_id(),
            rule="european-works",
            worst_value=0.25,
            expires_on=context.clock().date() + timedelta(days=30),
            reason="The licences of <two> studios ended.",
            clock=context.clock,
        )
    return str(row.id)


def test_the_board_approves_what_an_engineer_asked_for_and_the_log_names_both(house: "House") -> None:
    waiver = asked_by(house, "engineer")
    board = signed_in(house, "board")
    page = board.get("/waivers").text
    form = {TOKEN_FIELD: token_for(board.cookies[SESSION_COOKIE])}

    assert "The licences of &lt;two&gt; studios ended." in page
    assert board.post(f"/waivers/{waiver}/approval").status_code == 403  # no token of a form
    assert board.post(f"/waivers/{waiver}/approval", data=form).status_code == 303
    assert f'action="/waivers/{waiver}/approval"' in page
    assert f'action="/waivers/{waiver}/approval"' not in board.get("/waivers").text
    with transaction(house.context.engine) as session:
        (entry,) = search(session, Filter(kinds=("gate.waiver_approved",)))
    assert entry.actor == f"principal:{house.people['board'].id}"


def test_who_may_not_approve_sees_no_button_and_is_refused(house: "House") -> None:
    engineers, boards = asked_by(house, "engineer"), asked_by(house, "board")
    engineer, board = signed_in(house, "engineer"), signed_in(house, "board")

    assert '/approval"' not in engineer.get("/waivers").text
    assert f'action="/waivers/{boards}/approval"' not in board.get("/waivers").text
    for client, waiver, status in ((engineer, engineers, 403), (board, boards, 403)):
        form = {TOKEN_FIELD: token_for(client.cookies[SESSION_COOKIE])}
        assert client.post(f"/waivers/{waiver}/approval", data=form).status_code == status


def test_a_stranger_sees_the_sign_in_page_and_an_unknown_waiver_is_not_found(house: "House") -> None:
    board = signed_in(house, "board")
    form = {TOKEN_FIELD: token_for(board.cookies[SESSION_COOKIE])}

    assert house.client().get("/waivers").status_code == 401
    assert house.client("frontend").get("/waivers").status_code in {401, 403}
    assert board.post(f"/waivers/{house.context.new_id()}/approval", data=form).status_code == 404


def test_who_asked_and_the_board_withdraw_with_a_reason_and_the_page_says_why(house: "House") -> None:
    engineers, boards = asked_by(house, "engineer"), asked_by(house, "board")
    engineer, board = signed_in(house, "engineer"), signed_in(house, "board")
    form = {TOKEN_FIELD: token_for(board.cookies[SESSION_COOKIE]), "reason": "They <came> after all."}
    own = {TOKEN_FIELD: token_for(engineer.cookies[SESSION_COOKIE]), "reason": "Not needed."}

    assert f'action="/waivers/{engineers}/withdrawal"' in engineer.get("/waivers").text
    assert f'action="/waivers/{boards}/withdrawal"' not in engineer.get("/waivers").text
    assert engineer.post(f"/waivers/{boards}/withdrawal", data=own).status_code == 403
    assert board.post(f"/waivers/{engineers}/withdrawal", data={"reason": "r"}).status_code == 403  # no token of a form
    assert board.post(f"/waivers/{engineers}/withdrawal", data=form).status_code == 303
    page = board.get("/waivers").text
    assert "Withdrawn by Miriam Adeyemi" in page
    assert "They &lt;came&gt; after all." in page
    assert f'action="/waivers/{engineers}' not in page


API = "/api/v1/waivers"
ASKED = {"rule": "european-works", "worst_value": 0.25, "expires_on": "2026-12-20", "reason": "Two licences ended."}


def test_a_waiver_is_asked_for_approved_and_withdrawn_over_the_api(house: "House") -> None:
    engineer, board = house.client("engineer"), house.client("board")
    people = {name: str(house.people[name].id) for name in ("engineer", "board")}

    asked = engineer.post(API, json=ASKED)
    address = f"{API}/{asked.json()['id']}"
    approved, again = board.post(f"{address}/approval"), board.post(f"{address}/approval")
    withdrawn = engineer.post(f"{address}/withdrawal", json={"reason": "They came."})

    assert (asked.status_code, approved.status_code, again.status_code, withdrawn.status_code) == (201, 201, 201, 201)
    said = asked.json()
    assert {name: said[name] for name in ASKED} == ASKED
    assert (said["standing"], said["owner_id"], said["approver_id"]) == ("asked", people["engineer"], None)
    assert (approved.json()["standing"], approved.json()["approver_id"]) == ("approved", people["board"])
    assert again.json() == approved.json()
    gone = withdrawn.json()
    assert (gone["standing"], gone["withdrawn_by_id"], gone["withdrawal_reason"]) == (
        "withdrawn",
        people["engineer"],
        "They came.",
    )
    assert engineer.get(address).json() == gone
    assert engineer.get(API).json() == {"waivers": [gone], "next": None}


def test_the_same_call_twice_with_a_key_asks_once(house: "House") -> None:
    client, key = house.client("engineer"), {"Idempotency-Key": "one"}
    first, second = (client.post(API, json=ASKED, headers=key).json() for _ in range(2))
    other = client.post(API, json={**ASKED, "worst_value": 0.2}, headers=key)

    assert first == second
    assert len(client.get(API).json()["waivers"]) == 1
    assert (other.status_code, other.json()["type"]) == (422, "urn:probity:problem:invalid-input")


def test_waivers_are_paged(house: "House") -> None:
    client = house.client("engineer")
    ids = [client.post(API, json=ASKED).json()["id"] for _ in range(3)]
    first = client.get(API, params={"limit": 2}).json()
    rest = client.get(API, params={"limit": 2, "offset": first["next"]}).json()

    assert [each["id"] for each in (*first["waivers"], *rest["waivers"])] == ids[::-1]
    assert (first["next"], rest["next"]) == (2, None)


def test_four_eyes_hold_over_the_api_and_a_refusal_is_a_problem(house: "House") -> None:
    board, own = house.client("board"), asked_by(house, "board")
    taken = board.post(f"{API}/{own}/approval")
    others = house.client("engineer").post(f"{API}/{own}/withdrawal", json={"reason": "r"})
    board.post(f"{API}/{own}/withdrawal", json={"reason": "r"})
    late = house.client("board_2").post(f"{API}/{own}/approval")

    assert [(each.status_code, each.headers["content-type"]) for each in (taken, others, late)] == [
        (403, "application/problem+json"),
        (403, "application/problem+json"),
        (409, "application/problem+json"),
    ]
    assert "not approved by the one who asked" in taken.json()["detail"]
    assert "reviews:vote is given to board" in others.json()["detail"]
    assert "it was withdrawn" in late.json()["detail"]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"rule": "no-rule"}, "from a rule 'no-rule' that there is not"),
        ({"expires_on": "2028-01-01"}, "at most 366 days away"),
        ({"worst_value": "much"}, "does not have the form"),
        ({"approver": "me"}, "does not have the form"),
        ({"reason": ""}, "does not have the form"),
    ],
)
def test_what_can_be_no_waiver_is_answered_with_what_was_expected(
    house: "House", changes: dict[str, object], words: str
) -> None:
    answer = house.client("engineer").post(API, json={**ASKED, **changes})

    assert (answer.status_code, words in answer.json()["detail"]) == (422, True), answer.json()
    assert house.client("engineer").get(API).json()["waivers"] == []


def test_the_api_says_of_itself_what_it_takes_and_gives_about_waivers(shared_house: "House") -> None:
    said = shared_house.app.openapi()
    fields = said["components"]["schemas"]

    assert {path: sorted(calls) for path, calls in said["paths"].items() if path.startswith(API)} == {
        API: ["get", "post"],
        f"{API}/{{waiver_id}}": ["get"],
        f"{API}/{{waiver_id}}/approval": ["post"],
        f"{API}/{{waiver_id}}/withdrawal": ["post"],
    }
    assert fields["WaiverIn"]["required"] == ["rule", "worst_value", "expires_on", "reason"]
    assert fields["WaiverIn"]["additionalProperties"] is False
    assert fields["WaiverOut"]["properties"]["standing"]["enum"] == ["asked", "approved", "withdrawn", "expired"]
    given = said["paths"][API]["post"]["responses"]["201"]["content"]["application/json"]["schema"]
    assert given == {"$ref": "#/components/schemas/WaiverOut"}


@pytest.mark.browser
@pytest.mark.parametrize("width", [1280, 390], ids=["desk", "hand"])
def test_the_button_approves_in_a_browser(house: "House", browser: Browser, width: int) -> None:
    asked_by(house, "engineer")
    complaints: list[str] = []
    with served(house) as address, page_for(browser, address, width, complaints) as page:
        sign_in(page, house.tokens["board"])
        page.get_by_role("navigation").get_by_role("link", name="Waivers").click()
        page.get_by_text("european-works").wait_for()
        wide = overflow(page)
        page.get_by_role("button", name="Approve").click()
        page.get_by_text("Miriam Adeyemi", exact=True).wait_for()
        left = page.get_by_role("button", name="Approve").count()

    assert (complaints, wide, left) == ([], 0, 0)


@pytest.mark.browser
@pytest.mark.parametrize("width", [1280, 390], ids=["desk", "hand"])
def test_the_button_withdraws_with_a_reason_in_a_browser(house: "House", browser: Browser, width: int) -> None:
    asked_by(house, "engineer")
    complaints: list[str] = []
    with served(house) as address, page_for(browser, address, width, complaints) as page:
        sign_in(page, house.tokens["board"])
        page.goto(f"{address}/waivers")
        page.get_by_text("Withdraw", exact=True).click()
        page.get_by_label("Why; a reviewer reads it").fill("They came after all.")
        wide = overflow(page)
        page.get_by_role("button", name="Withdraw it").click()
        page.get_by_text("Withdrawn by Miriam Adeyemi").wait_for()
        left = page.get_by_role("button", name="Withdraw it").count()

    assert (complaints, wide, left) == ([], 0, 0)
