"""Collecting cosignatures: from witnesses that are right, far behind, silent, wrong, or know more than we do."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

import httpx
import pytest
from fastapi import FastAPI, Request
from fastapi.responses import PlainTextResponse, Response

from governance.errors import Rollback
from governance.ledger import witness_client
from governance.ledger.cosignature import cosign
from governance.ledger.note import encode_signature_lines
from governance.ledger.trust_policy import Group, PolicyWitness, TrustPolicy, trusting, verify_cosigned
from governance.ledger.witness_client import Cosigned, collect, last_sizes, open_client
from governance.web.witness import create_witness_app
from governance.witness.cosigning import add_checkpoint
from governance.witness.folder import WitnessFolder
from tests.witness.growing_log import LOG, NOON, GrowingLog

MakeWitness = Callable[[str], WitnessFolder]
Serve = Callable[[FastAPI], str]


@pytest.fixture(scope="module")
def client() -> Iterator[httpx.Client]:
    with open_client() as opened:
        yield opened


def policy_of(*witnesses: tuple[WitnessFolder, str | None], threshold: int | None = None) -> TrustPolicy:
    named = tuple(PolicyWitness(f"w{n}", each.signer.witness_key, url) for n, (each, url) in enumerate(witnesses, 1))
    group = Group("quorum", threshold or len(named), tuple(each.name for each in named))
    return TrustPolicy(logs=trusting(LOG.verifier_key).logs, witnesses=named, groups=(group,), quorum="quorum")


def app_of(witness: WitnessFolder) -> FastAPI:
    return create_witness_app(witness, clock=lambda: NOON)


def gather(log: GrowingLog, size: int, policy: TrustPolicy, client: httpx.Client, **sizes: int) -> Cosigned:
    ask = partial(collect, policy=policy, client=client, sizes=sizes)
    return ask(log.note(size), log.at(size), lambda old: log.prove(old, size))


def test_every_witness_cosigns_and_the_note_satisfies_the_policy(
    make_witness: MakeWitness, serve: Serve, client: httpx.Client, log: GrowingLog
) -> None:
    first, second = make_witness("w1"), make_witness("w2")
    policy = policy_of((first, serve(app_of(first))), (second, serve(app_of(second)) + "/"))

    found = gather(log, 300, policy, client)

    assert found.quorum_met
    assert [(each.name, each.cosigned_at, each.size, each.error) for each in found.answers] == [
        ("w1", NOON, 300, None),
        ("w2", NOON, 300, None),
    ]
    assert verify_cosigned(found.note, policy).checkpoint == log.at(300)
    assert last_sizes(found.note, policy) == {"w1": 300, "w2": 300}


@pytest.mark.parametrize("assumed", [{}, {"w1": 7}, {"w1": 5}, {"w1": 3}, {"w1": 10_000}])
def test_a_witness_that_is_behind_is_asked_again_from_its_own_size(
    make_witness: MakeWitness, serve: Serve, client: httpx.Client, log: GrowingLog, assumed: dict[str, int]
) -> None:
    witness = make_witness("w1")
    add_checkpoint(witness, log.request(0, 5), clock=lambda: NOON)
    policy = policy_of((witness, serve(app_of(witness))))

    found = gather(log, 9, policy, client, **assumed)

    assert found.quorum_met
    assert gather(log, 9, policy, client, **last_sizes(found.note, policy)).quorum_met


def test_what_was_published_last_says_from_where_to_ask() -> None:
    assert last_sizes(None, policy_of()) == {}


def test_a_log_that_was_restored_from_a_backup_is_stopped(
    make_witness: MakeWitness, serve: Serve, client: httpx.Client, log: GrowingLog
) -> None:
    witness = make_witness("w1")
    add_checkpoint(witness, log.request(0, 12), clock=lambda: NOON)
    policy = policy_of((witness, serve(app_of(witness))))

    for sizes in ({}, {"w1": 12}, {"w1": 3}):
        with pytest.raises(Rollback, match="w1 has cosigned 12 entries of this log; here are 9"):
            gather(log, 9, policy, client, **sizes)


@pytest.mark.parametrize("size", [12, 13, 300])
def test_a_log_that_went_on_from_a_backup_is_stopped(
    make_witness: MakeWitness,
    serve: Serve,
    client: httpx.Client,
    log: GrowingLog,
    forked: Callable[[int], GrowingLog],
    *,
    size: int,
) -> None:
    witness = make_witness("w1")
    add_checkpoint(witness, log.request(0, 12), clock=lambda: NOON)
    policy = policy_of((witness, serve(app_of(witness))))

    with pytest.raises(Rollback, match="w1 has cosigned other entries than the first 12 here"):
        gather(forked(9), size, policy, client)


def answering(respond: Callable[[bytes], Response]) -> FastAPI:
    app = FastAPI()

    @app.post("/add-checkpoint")
    async def add(request: Request) -> Response:
        return respond(await request.body())

    return app


def test_a_witness_by_the_older_text_is_understood_when_it_refuses_another_root(
    make_witness: MakeWitness, serve: Serve, client: httpx.Client, log: GrowingLog
) -> None:
    policy = policy_of((make_witness("w1"), serve(answering(lambda _: Response("9\n", 409)))))

    with pytest.raises(Rollback, match="other entries than the first 9 here"):
        gather(log, 9, policy, client)


ANSWERS: list[tuple[int, bytes, str]] = [
    (200, b"", "no cosignature that holds"),
    (200, b"\xff", "no cosignature that holds"),
    (200, b"hello\n", "no cosignature that holds"),
    (200, "— witness.example/other AAAAAAAA\n".encode(), "without a line of witness.example/w1"),
    (200, b"x" * 100_000, "too long"),
    (302, b"", "answered 302"),
    (400, b"", "answered 400"),
    (403, b"", "answered 403"),
    (404, b"", "answered 404"),
    (409, b"", "answered 409"),
    (409, b"05\n", "answered 409"),
    (409, b"0\n", "answered 409"),
    (409, b"8\n", "answered 409"),
    (422, b"", "answered 422"),
    (500, b"", "answered 500"),
]


@pytest.mark.parametrize(("status", "body", "why"), ANSWERS)
def test_an_answer_without_a_cosignature_is_told_in_words_and_the_others_count(
    make_witness: MakeWitness,
    serve: Serve,
    client: httpx.Client,
    log: GrowingLog,
    *,
    status: int,
    body: bytes,
    why: str,
) -> None:
    wrong, right = make_witness("w1"), make_witness("w2")
    url = serve(answering(lambda _: Response(body, status, headers={"Location": "http://127.0.0.1:1/"})))
    policy = policy_of((wrong, url), (right, serve(app_of(right))), threshold=1)

    found = gather(log, 9, policy, client)

    assert found.quorum_met
    assert why in str(found.answers[0].error)
    assert found.answers[1].error is None


def test_cosignatures_of_another_text_or_key_are_not_taken(
    make_witness: MakeWitness, serve: Serve, client: httpx.Client, log: GrowingLog
) -> None:
    witness, other = make_witness("w1"), make_witness("w2")

    def sign(text: str, signer: WitnessFolder) -> FastAPI:
        return answering(lambda _: PlainTextResponse(encode_signature_lines([cosign(text, NOON, signer.signer)])))

    text = log.note(8).decode().partition("\n\n")[0] + "\n"
    policy = policy_of((witness, serve(sign(text, witness))), (other, serve(sign(text, witness))))

    found = gather(log, 9, policy, client)

    assert not found.quorum_met
    assert found.note == log.note(9)
    assert [each.error for each in found.answers] == [
        "answered with no cosignature that holds",
        f"answered without a line of witness.example/w2+{other.signer.witness_key.key_id.hex()}",
    ]


@contextmanager
def dripping(first: bytes) -> Iterator[str]:
    """A server that takes a request and then answers a byte at a time, for ever."""
    listener = socket.create_server(("127.0.0.1", 0))
    over = threading.Event()

    def run() -> None:
        connection, _ = listener.accept()
        with connection:
            connection.recv(100_000)
            connection.sendall(first)
            while not over.wait(0.05):
                try:
                    connection.sendall(b"x")
                except OSError:
                    return

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        over.set()
        thread.join()
        listener.close()


@pytest.mark.parametrize("first", [b"", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 60000\r\n\r\n"])
def test_a_witness_that_never_ends_its_answer_is_given_up(
    make_witness: MakeWitness, client: httpx.Client, log: GrowingLog, monkeypatch: pytest.MonkeyPatch, first: bytes
) -> None:
    monkeypatch.setattr(witness_client, "ANSWER_S", 0.3)
    monkeypatch.setattr(witness_client, "CONNECT_S", 0.2)
    with dripping(first) as url:
        began = time.monotonic()

        found = gather(log, 9, policy_of((make_witness("w1"), url)), client)

        assert time.monotonic() - began < 2
    assert not found.quorum_met
    assert found.answers[0].error


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:1", "https://127.0.0.1:1/x", "ftp://example", "http://[", "nonsense", ""]
)
def test_a_witness_that_cannot_be_asked_is_told_without_its_url(
    make_witness: MakeWitness, client: httpx.Client, log: GrowingLog, url: str
) -> None:
    found = gather(log, 9, policy_of((make_witness("w1"), url)), client)

    assert not found.quorum_met
    assert found.note == log.note(9)
    assert str(found.answers[0].error).startswith(("could not be asked (", "the policy has no URL"))


def test_a_witness_without_a_url_is_not_asked(make_witness: MakeWitness, client: httpx.Client, log: GrowingLog) -> None:
    found = gather(log, 9, policy_of((make_witness("w1"), None)), client)

    assert [(each.name, each.error) for each in found.answers] == [("w1", "the policy has no URL")]
