"""Taking a period's evidence home from the console and by the API."""

from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from governance.access.tokens import issue_token
from governance.database import transaction
from governance.evidence.verification import verify_pack
from governance.ledger.store import get_entry, size
from governance.ledger.trust_policy import trusting
from governance.web.forms import FORM_COOKIE, SESSION_COOKIE, TOKEN_FIELD, token_for
from tests.governance.story import SIGNER

if TYPE_CHECKING:
    from conftest import House

DAY = {"first_day": "2026-11-23", "last_day": "2026-11-23"}
API = "/api/v1/evidence"


def last_entry(house: "House") -> Any:  # noqa: ANN401 - an entry
    """The newest entry of the log."""
    with transaction(house.context.engine) as session:
        return get_entry(session, size(session) - 1)


def test_an_auditor_gets_a_file_that_verifies_and_the_log_says_who_took_it(house: "House", tmp_path: Path) -> None:
    answer = house.client("auditor").post(API, json=DAY)

    (tmp_path / "pack.zip").write_bytes(answer.content)
    found, entry = verify_pack(tmp_path / "pack.zip", trusting(SIGNER.verifier_key)), last_entry(house)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/zip")
    assert answer.headers["content-disposition"] == 'attachment; filename="evidence-2026-11-23-2026-11-23.zip"'
    assert int(answer.headers["content-length"]) == len(answer.content)
    assert (found.first, found.end) == (0, 33)
    drawn = [each for each in found.missing if each.startswith("report.html")]
    assert len(drawn) == found.counts["reports"] == 2  # the story's reports are none that anybody could draw
    assert entry.body["pack"] == sha256(answer.content).hexdigest() == answer.headers["x-content-sha256"]
    assert entry.actor == f"principal:{house.people['auditor'].id}"


def test_nothing_of_it_stays_in_the_home(house: "House") -> None:
    house.client("auditor").post(API, json=DAY)

    assert list((house.context.settings.home / "evidence").iterdir()) == []


def test_the_button_on_the_ledgers_page_sends_the_same_file(house: "House") -> None:
    client = house.client()
    client.get("/sign-in")
    form = {"token": house.tokens["board"], TOKEN_FIELD: token_for(client.cookies[FORM_COOKIE])}
    client.post("/sign-in", data=form)
    shown = client.get("/ledger").text

    forged = client.post("/evidence", data=DAY)
    answer = client.post("/evidence", data={TOKEN_FIELD: token_for(client.cookies[SESSION_COOKIE]), **DAY})

    assert 'action="/evidence"' in shown
    assert forged.status_code == 403
    assert last_entry(house).body["pack"] == sha256(answer.content).hexdigest()


def test_who_may_not_take_evidence_out_is_offered_no_button(shared_house: "House") -> None:
    assert 'action="/evidence"' not in shared_house.client("engineer").get("/ledger").text
    assert shared_house.client("engineer").post(API, json=DAY).status_code == 403
    assert shared_house.client().post(API, json=DAY).status_code == 401


def test_a_period_that_is_not_signed_yet_is_refused_with_what_to_do(house: "House") -> None:
    with transaction(house.context.engine) as session:
        who = house.people["engineer"]
        issue_token(session, who, token_id=house.context.new_id(), actor="role:operator", clock=house.context.clock)

    answer = house.client("auditor").post(API, json=DAY)

    assert answer.status_code == 409
    assert "`probity ledger publish`" in answer.json()["detail"]
    assert last_entry(house).kind == "access.token_issued"


@pytest.mark.parametrize(
    "body",
    [
        {"first_day": "2026-11-24", "last_day": "2026-11-23"}, {"first_day": "2026-11-23"}, {},
        {"first_day": "yesterday", "last_day": "2026-11-23"}, {**DAY, "file": "/etc/passwd"},
        {"first_day": "2026-11-23", "last_day": "9999-12-31"},
    ],
)  # fmt: skip
def test_an_impossible_period_is_refused_and_makes_no_entry(house: "House", body: dict[str, str]) -> None:
    assert house.client("auditor").post(API, json=body).status_code == 422
    assert last_entry(house).kind != "evidence.exported"


def test_a_log_that_does_not_hold_does_not_leave_the_house(house: "House") -> None:
    (house.context.ledger / "tile" / "0" / "000.p" / "33").write_bytes(bytes(33 * 32))

    answer = house.client("auditor").post(API, json=DAY)

    assert answer.status_code == 500
    assert answer.json()["type"] == "urn:probity:problem:broken-proof"
    assert last_entry(house).kind != "evidence.exported"
