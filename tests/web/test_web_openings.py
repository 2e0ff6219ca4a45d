"""Looking behind an entry over HTTP: who may, what is answered, and that each look is on record."""

from typing import TYPE_CHECKING, Any

import pytest

from governance.database import transaction
from governance.ledger.commitment import decode_opening, verify_opening
from governance.ledger.opening import erase_openings
from governance.ledger.search import Filter, search

if TYPE_CHECKING:
    from conftest import House

OPENINGS = "/api/v1/ledger/openings"
IDENTIFIER = {"kind": "email", "value": "canary.person@example.net"}


@pytest.fixture
def committed(house: "House") -> str:
    """The commitment in the entry of a request that the front end has just recorded."""
    body = {"right": "access", "regime": "ccpa", "identifier": IDENTIFIER, "manner": "agent"}
    answer = house.client("frontend").post("/api/v1/requests", json=body)
    assert answer.status_code == 201
    assert answer.json()["manner"] == "agent"
    (entry,) = _latest(house, "rights.request_received")
    return str(entry.body["commitment"])


def _latest(house: "House", kind: str) -> list[Any]:
    with transaction(house.context.engine) as session:
        return search(session, Filter(kinds=(kind,)), limit=1)


def _open(house: "House", commitment: str, who: str = "auditor", changes: dict[str, str] | None = None) -> Any:  # noqa: ANN401 - a response
    return house.client(who).post(OPENINGS, json={"commitment": commitment, "ground": "audit"} | (changes or {}))


def test_an_auditor_is_shown_what_opens_a_commitment_and_the_look_is_an_entry(house: "House", committed: str) -> None:
    answer = _open(house, committed)
    shown = answer.json()

    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    verify_opening(committed, decode_opening(answer.content))
    assert shown["payload"]["subject"] == "00112233445566778899aabbccddeeff"
    (look,) = _latest(house, "evidence.opened")
    assert dict(look.body) == {"commitment": committed, "ground": "audit", "roles": ["auditor"]}


@pytest.mark.parametrize("who", ["engineer", "board", "frontend"])
def test_who_has_no_business_there_is_refused_and_nothing_is_logged(house: "House", committed: str, who: str) -> None:
    assert _open(house, committed, who).status_code == 403
    assert _latest(house, "evidence.opened") == []


def test_a_commitment_that_no_entry_carries_is_not_found(house: "House") -> None:
    assert _open(house, "ab" * 32).status_code == 404


@pytest.mark.parametrize("how", ["rows", "secret"])
def test_an_erased_opening_is_gone_for_good(house: "House", committed: str, how: str) -> None:
    with transaction(house.context.engine) as session:
        if how == "rows":
            erase_openings(session, about="00112233445566778899aabbccddeeff")
        else:
            house.desk.erased.add("00112233445566778899aabbccddeeff")

    answer = _open(house, committed)
    assert answer.status_code == 410
    assert answer.json()["type"] == "urn:probity:problem:gone"
    assert _latest(house, "evidence.opened") == []


@pytest.mark.parametrize(
    "changes", [{"ground": "curiosity"}, {"commitment": "AB" * 32}, {"commitment": "ab"}, {"why": "because"}]
)
def test_what_is_no_question_is_refused_without_repeating_it(
    house: "House", committed: str, changes: dict[str, str]
) -> None:
    answer = _open(house, committed, changes=changes)

    assert answer.status_code == 422
    assert "curiosity" not in answer.text
