"""The HTTP carrier: who may post, what is answered, and what is never said."""

import hashlib
import json
import logging
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from fastapi.testclient import TestClient

from pseudonymisation.errors import LakeBusy, LakeFull, PseudonymisationError, QualityFailure, VaultError
from pseudonymisation.gateway.batch import Gateway
from pseudonymisation.gateway.http import Client, create_gateway, token_digest
from pseudonymisation.identifiers import read_identity
from pseudonymisation.vault import Vault

Records = Any  # the class is in conftest.py, which tests cannot import
Anything = Any

Line = Callable[..., bytes]
TOKEN = "0123456789abcdef" * 2
KNOWN = {"Authorization": f"Bearer {TOKEN}"}
CLIENTS = [Client("other", "0" * 64), Client("player", token_digest(TOKEN))]


@pytest.fixture
def client(gateway: Gateway, records: Records) -> Iterator[TestClient]:
    with TestClient(create_gateway(gateway, records, clients=CLIENTS, max_body_bytes=1 << 20)) as client:
        yield client


def test_a_batch_that_is_all_good_is_200_and_recorded(
    client: TestClient, event: Line, gateway: Gateway, records: Records
) -> None:
    answer = client.post("/v1/events", content=event() + b"\n" + event(event_id="2") + b"\n", headers=KNOWN)

    assert answer.status_code == 200
    assert answer.json()["accepted"] == 2
    assert answer.json()["rejected"] == []
    assert records.batches[0].source == "player"
    assert gateway.lake.count("rating") == 2


def test_a_batch_with_bad_lines_is_207_and_names_each_line(client: TestClient, event: Line) -> None:
    answer = client.post(
        "/v1/events", content=b"\n".join([event(), b"{", event(event_id="3", item="m9")]), headers=KNOWN
    )

    assert answer.status_code == 207
    assert answer.json()["accepted"] == 1
    assert {each["reason"] for each in answer.json()["rejected"]} == {"malformed", "unknown item"}
    assert [(reject["line"], reject["field"]) for reject in answer.json()["rejected"]] == [(2, "line"), (3, "item")]


def test_the_same_batch_again_is_answered_as_the_first_time_and_nobody_learns_what_is_known(
    client: TestClient, event: Line
) -> None:
    client.post("/v1/events", content=event(), headers=KNOWN)
    answer = client.post("/v1/events", content=event(), headers=KNOWN)

    assert (answer.status_code, set(answer.json())) == (200, {"batch", "received", "accepted", "rejected"})


def test_a_body_sent_again_after_an_erasure_brings_nobody_back(client: TestClient, event: Line, vault: Vault) -> None:
    decision = {
        "subject": {"account_id": "anna"}, "purpose": "model_training", "decision": "grant",
        "at": "2026-02-01T00:00:00Z", "notice": "v1", "method": "settings",
    }  # fmt: skip
    bodies = {"/v1/events": event() + b"\n{", "/v1/consents": json.dumps(decision).encode()}
    first = {path: client.post(path, content=body, headers=KNOWN) for path, body in bodies.items()}
    anna = read_identity({"account_id": "anna"})
    vault.erase(vault.find(anna, domain="events"), domain="events")

    again = {path: client.post(path, content=body, headers=KNOWN) for path, body in bodies.items()}

    assert vault.find(anna, domain="events") is None
    assert again["/v1/events"].json() == first["/v1/events"].json()
    assert (again["/v1/events"].status_code, again["/v1/consents"].status_code) == (207, 200)


@pytest.mark.parametrize("path", ["/v1/events", "/v1/consents"])
@pytest.mark.parametrize(
    "headers",
    [{}, {"Authorization": "Bearer wrong"}, {"Authorization": f"Basic {TOKEN}"}, {"Authorization": "Bearer"},
     {"Authorization": f"Bearer {hashlib.sha256(TOKEN.encode()).hexdigest()}"}],
)  # fmt: skip
def test_without_a_known_token_the_answer_is_401_and_nothing_is_read(
    client: TestClient, event: Line, records: Records, path: str, headers: dict[str, str]
) -> None:
    answer = client.post(path, content=event(), headers=headers)

    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    assert records.batches == records.decisions == []


def test_a_body_over_the_limit_is_413_even_when_its_length_is_not_announced(
    client: TestClient, records: Records
) -> None:
    def stream() -> Iterator[bytes]:
        for _ in range(20):
            yield b"a" * 100_000

    announced = client.post("/v1/events", content=b"a" * 2_000_000, headers=KNOWN)
    streamed = client.post("/v1/events", content=stream(), headers=KNOWN)

    many = client.post("/v1/events", content=b"\n" * 100_001, headers=KNOWN)

    assert (announced.status_code, streamed.status_code, many.status_code) == (413, 413, 413)
    assert records.batches == []


def test_consents_are_recorded_before_the_answer(client: TestClient, vault: Vault, records: Records) -> None:
    record = {
        "subject": {"email": "Anna@Example.org"}, "purpose": "model_training", "decision": "refuse",
        "at": "2026-02-01T00:00:00Z", "notice": "v1", "method": "settings",
    }  # fmt: skip
    answer = client.post("/v1/consents", content=json.dumps(record), headers=KNOWN)

    assert (answer.status_code, answer.json()) == (200, {"received": 1, "decided": 1, "rejected": []})
    anna = vault.find(read_identity({"email": "anna@example.org"}), domain="consent")
    assert records.decisions[0]["subject"].to_pylist() == [anna]


def test_known_and_new_subjects_get_the_same_answer(client: TestClient, event: Line) -> None:
    first = client.post("/v1/events", content=event(), headers=KNOWN).json()
    known = client.post("/v1/events", content=event(event_id="2"), headers=KNOWN).json()
    new = client.post("/v1/events", content=event(event_id="3", subject={"account_id": "ben"}), headers=KNOWN).json()

    assert {**first, "batch": ""} == {**known, "batch": ""} == {**new, "batch": ""}


@pytest.mark.parametrize(
    "failure",
    [
        (LakeFull, 507),
        (LakeBusy, 503),
        (QualityFailure, 500),
        (VaultError, 503),
        (PseudonymisationError, 503),
        (ValueError, 500),
    ],
)
def test_a_failure_is_told_by_its_kind_alone_in_answer_and_log(
    gateway: Gateway,
    records: Records,
    event: Line,
    caplog: pytest.LogCaptureFixture,
    failure: tuple[type[Exception], int],
) -> None:
    error, status = failure
    message = "anna.canary@example.org in /secret/place"

    class Failing:
        def enrol(self, *_: Anything, **__: Anything) -> list[Any]:
            raise error(message)

    failing = replace(gateway, context=replace(gateway.context, vault=Failing()))
    with TestClient(create_gateway(failing, records, clients=CLIENTS)) as client, caplog.at_level(logging.DEBUG):
        answer = client.post("/v1/events", content=event(), headers=KNOWN)

    assert answer.status_code == status
    assert set(answer.json()) == {"error"}
    assert error.__name__ in caplog.text
    assert "canary" not in answer.text + caplog.text
    assert "/secret" not in answer.text + caplog.text


def test_a_sink_that_cannot_record_leaves_the_sender_without_a_success(
    gateway: Gateway, records: Records, event: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_summary: Anything) -> None:
        raise ConnectionError

    monkeypatch.setattr(records, "accepted", refuse)
    with TestClient(create_gateway(gateway, records, clients=CLIENTS)) as client:
        assert client.post("/v1/events", content=event(), headers=KNOWN).status_code == 500


def test_health_needs_no_token_and_nothing_describes_or_looks_up(client: TestClient) -> None:
    assert client.get("/healthz").json() == {"status": "ok"}
    for path in ("/docs", "/openapi.json", "/v1/subjects/lookup"):
        assert client.get(path, headers=KNOWN).status_code == 404


def test_a_client_does_not_print_its_digest() -> None:
    assert repr(CLIENTS[1]) == "Client('player', …)"
