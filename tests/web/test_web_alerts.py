"""Alerts about the model that serves: on the first page until somebody answers for them, and over the API."""

import re
from typing import TYPE_CHECKING

import pytest
from fastapi.testclient import TestClient

from governance.database import transaction
from governance.gate.alerts import Change, raise_alert
from governance.ledger.search import Filter, search
from governance.registry.models import get_model
from governance.web.forms import FORM_COOKIE, SESSION_COOKIE, TOKEN_FIELD, token_for

if TYPE_CHECKING:
    from conftest import House

ALERTS = "/api/v1/alerts"
SENTENCE = "every-genre-visible (genre = <Western>): pass, now fail."


@pytest.fixture
def alert(house: "House") -> str:
    """An alert that stands."""
    given = {"kind": "verdict", "before": "pass", "after": "fail", "decision": None, "actor": "role:operator"}
    with transaction(house.context.engine) as session:
        model = get_model(session, house.things["mitigated"])
        change = Change(rule="every-genre-visible (genre = <Western>)", sentence=SENTENCE)
        alert_id = house.context.new_id()
        raise_alert(session, model, alert_id=alert_id, changes=[change], clock=house.context.clock, **given)
    return str(alert_id)


def signed_in(house: "House", who: str) -> TestClient:
    client = house.client()
    client.get("/sign-in")
    form = {"token": house.tokens[who], "next": "/", TOKEN_FIELD: token_for(client.cookies[FORM_COOKIE])}
    assert client.post("/sign-in", data=form).status_code == 303
    return client


def test_an_alert_stands_on_the_first_page_until_the_board_has_seen_it(house: "House", alert: str) -> None:
    board = signed_in(house, "board")
    page = board.get("/").text

    assert "judged otherwise than before" in page
    assert "genre = &lt;Western&gt;" in page
    form = {TOKEN_FIELD: token_for(board.cookies[SESSION_COOKIE])}
    assert board.post(f"/alerts/{alert}/acknowledgement", data=form).status_code == 303
    assert "judged otherwise than before" not in board.get("/").text
    with transaction(house.context.engine) as session:
        (entry,) = search(session, Filter(kinds=("gate.alert_acknowledged",)))
    assert entry.body["alert"] == alert
    assert entry.actor == f"principal:{house.people['board'].id}"


def test_who_may_not_acknowledge_sees_no_button(house: "House", alert: str) -> None:
    page = signed_in(house, "engineer").get("/").text

    assert "judged otherwise than before" in page
    assert re.search(rf'action="/alerts/{alert}', page) is None


def test_the_api_lists_what_stands_and_takes_one_acknowledgement(house: "House", alert: str) -> None:
    board = house.client("board")
    (listed,) = board.get(ALERTS, params={"standing": "true"}).json()

    assert (listed["id"], listed["before"], listed["after"], listed["changes"]) == (alert, "pass", "fail", [SENTENCE])
    assert house.client("engineer").post(f"{ALERTS}/{alert}/acknowledgement").status_code == 403
    answer = board.post(f"{ALERTS}/{alert}/acknowledgement")
    assert (answer.status_code, answer.json()["acknowledged_by"]) == (201, str(house.people["board"].id))
    assert board.post(f"{ALERTS}/{alert}/acknowledgement").status_code == 409
    assert board.get(ALERTS, params={"standing": "true"}).json() == []
    assert len(board.get(ALERTS).json()) == 1
