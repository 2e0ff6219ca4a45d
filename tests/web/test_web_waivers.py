"""Waivers on the console: everybody who reads models sees them, and the board approves what others asked for."""

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

    assert 'action="/waivers/' not in engineer.get("/waivers").text
    assert f'action="/waivers/{boards}' not in board.get("/waivers").text
    for client, waiver, status in ((engineer, engineers, 403), (board, boards, 403)):
        form = {TOKEN_FIELD: token_for(client.cookies[SESSION_COOKIE])}
        assert client.post(f"/waivers/{waiver}/approval", data=form).status_code == status


def test_a_stranger_sees_the_sign_in_page_and_an_unknown_waiver_is_not_found(house: "House") -> None:
    board = signed_in(house, "board")
    form = {TOKEN_FIELD: token_for(board.cookies[SESSION_COOKIE])}

    assert house.client().get("/waivers").status_code == 401
    assert house.client("frontend").get("/waivers").status_code in {401, 403}
    assert board.post(f"/waivers/{house.context.new_id()}/approval", data=form).status_code == 404


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
