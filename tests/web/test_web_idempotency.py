"""``Idempotency-Key``: a retry finds what the first call made, and nothing in the log follows from the key."""

import threading
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid5

from fastapi.testclient import TestClient

from governance.database import reading, transaction
from governance.ledger.search import follow
from governance.rights.requests import receive
from governance.web.app import create_app
from tests.web.desk import KNOWN_IDENTIFIER, KNOWN_SUBJECT

if TYPE_CHECKING:
    from tests.web.conftest import House

ACCOUNT = "account-4711"
KEY = {"Idempotency-Key": ACCOUNT}
ASKED: dict[str, Any] = {
    "right": "access",
    "regime": "gdpr",
    "manner": "account_page",
    "identifier": {"kind": "email", "value": KNOWN_IDENTIFIER},
}


def ask(client: TestClient, headers: dict[str, str] = KEY) -> UUID:
    answer = client.post("/api/v1/requests", json=ASKED, headers=headers)
    assert answer.status_code == 201
    return UUID(answer.json()["id"])


def log_of(house: "House") -> bytes:
    with reading(house.context.engine) as session:
        return b"".join(entry.encoded for entry in follow(session, limit=1000))


def test_whoever_reads_the_log_and_guesses_the_key_finds_nothing_that_follows_from_it(house: "House") -> None:
    drawn = UUID("5c6f6a4e-0d8f-4f0e-9a56-0c1b7d2e3f40")
    app = create_app(replace(house.context, new_id=lambda: drawn))
    client = TestClient(app, headers=dict(house.client("frontend").headers))

    assert ask(client) == drawn
    log = log_of(house)
    assert str(drawn).encode() in log
    front = house.people["frontend"].id
    for name in (ACCOUNT, f"probity/idempotency/v1/{ACCOUNT}"):
        assert str(uuid5(front, name)).encode() not in log
    stored = b"".join(path.read_bytes() for path in house.context.settings.home.rglob("*") if path.is_file())
    assert ACCOUNT.encode() not in stored


def test_calls_at_once_under_one_key_make_one_request(house: "House") -> None:
    found: list[UUID] = []
    threads = [threading.Thread(target=lambda: found.append(ask(house.client("frontend")))) for _ in range(6)]
    for each in threads:
        each.start()
    for each in threads:
        each.join(30)

    assert len(found) == 6
    assert len(set(found)) == 1
    assert log_of(house).count(f'"request":"{found[0]}"'.encode()) == 1


def test_two_callers_may_use_the_same_key(house: "House") -> None:
    first = ask(house.client("frontend"))
    close(house, first)

    assert ask(house.client("frontend_2")) != first
    assert ask(house.client("frontend")) == first


def test_an_id_that_was_given_when_ids_were_hashes_of_keys_is_still_found(house: "House") -> None:
    front = house.people["frontend"]
    given = uuid5(front.id, f"probity/idempotency/v1/{ACCOUNT}")
    with transaction(house.context.engine) as session:
        receive(
            session,
            "access",
            "gdpr",
            KNOWN_SUBJECT,  # type: ignore[arg-type]
            request_id=given,
            principal=front,
            policy=house.context.policies.rights.value,
            clock=house.context.clock,
            manner="account_page",
            box_key=None,
        )
    close(house, given)

    assert ask(house.client("frontend")) == given


def test_a_key_is_forgotten_after_a_day(house: "House") -> None:
    first = ask(house.client("frontend"))
    close(house, first)
    now = house.context.clock()
    app = create_app(replace(house.context, clock=lambda: now + timedelta(days=1, minutes=1)))
    client = TestClient(app, headers=dict(house.client("frontend").headers))

    assert ask(client) != first


def test_a_key_under_which_an_open_request_was_found_is_not_kept(house: "House") -> None:
    first = ask(house.client("frontend"), {})

    assert ask(house.client("frontend")) == first
    with reading(house.context.engine) as session:
        assert session.connection().exec_driver_sql("select count(*) from access_call").scalar() == 0


def close(house: "House", request_id: UUID) -> None:
    with transaction(house.context.engine) as session:
        session.connection().exec_driver_sql(
            "update rights_request set closed_at = received_at, state = 'fulfilled' where id = ?", (request_id.hex,)
        )
