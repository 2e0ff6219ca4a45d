"""The witness as a stranger's log meets it over HTTP: every answer of the protocol, over a real connection."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256

import httpx
import pytest
from fastapi import FastAPI

from governance.ledger.checkpoint import Checkpoint, encode_checkpoint, sign_checkpoint
from governance.ledger.merkle import EMPTY_ROOT
from governance.ledger.note import LedgerSigner, decode_signature_lines
from governance.ledger.witness_protocol import AddCheckpoint, encode_request
from governance.web.witness import create_witness_app
from governance.witness.folder import WitnessFolder
from tests.witness.growing_log import LOG, NOON, GrowingLog

Post = Callable[[bytes], httpx.Response]


@pytest.fixture
def witness(make_witness: Callable[[str], WitnessFolder]) -> WitnessFolder:
    return make_witness("w1")


@pytest.fixture
def address(witness: WitnessFolder, serve: Callable[[FastAPI], str]) -> str:
    return serve(create_witness_app(witness, clock=lambda: NOON))


@pytest.fixture(scope="module")
def client() -> Iterator[httpx.Client]:
    with httpx.Client() as opened:
        yield opened


@pytest.fixture
def post(client: httpx.Client, address: str) -> Post:
    return lambda body: client.post(f"{address}/add-checkpoint", content=body)


def test_a_cosignature_is_answered_and_the_checkpoint_served(
    client: httpx.Client, post: Post, address: str, witness: WitnessFolder, log: GrowingLog
) -> None:
    answer = post(log.request(0, 300))
    shown = client.get(f"{address}/{sha256(LOG.name.encode()).hexdigest()}/checkpoint")

    (line,) = decode_signature_lines(answer.text)
    witness.signer.witness_key.verify(line.signature, encode_checkpoint(log.at(300)).encode())
    assert answer.status_code == shown.status_code == 200
    assert shown.headers["content-type"] == "text/plain; charset=utf-8"
    assert shown.text == log.note(300).decode() + answer.text


def test_each_refusal_has_the_status_of_the_protocol(
    post: Post, log: GrowingLog, forked: Callable[[int], GrowingLog]
) -> None:
    assert post(log.request(0, 5)).status_code == 200
    unknown = LedgerSigner("other.example/log", LOG.seed)
    stranger = LedgerSigner(LOG.name, bytes(32))
    no_entries = Checkpoint(LOG.name, 0, EMPTY_ROOT)

    def status(old: int, note: bytes, proof: tuple[bytes, ...] = ()) -> int:
        return post(encode_request(AddCheckpoint(old, proof, note))).status_code

    assert post(b"").status_code == 400
    assert status(6, log.note(5)) == 400
    assert status(0, sign_checkpoint(no_entries, stranger)) == 403
    assert status(0, sign_checkpoint(Checkpoint(unknown.name, 0, EMPTY_ROOT), unknown)) == 404
    assert status(0, log.note(5)) == 409
    assert status(5, log.note(6)) == 422
    assert status(5, forked(1).note(5)) == 422
    assert status(5, log.note(5), (EMPTY_ROOT,)) == 422


def test_the_size_to_go_on_from_is_told_as_the_protocol_says(post: Post, log: GrowingLog) -> None:
    post(log.request(0, 5))

    answer = post(log.request(3, 9))

    assert answer.status_code == 409
    assert answer.headers["content-type"] == "text/x.tlog.size"
    assert answer.content == b"5\n"


def test_many_at_once_leave_one_history(post: Post, log: GrowingLog) -> None:
    bodies = [log.request(0, size) for size in range(1, 17)]

    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(post, bodies))

    (cosigned,) = [size for size, answer in enumerate(answers, start=1) if answer.status_code == 200]
    assert {answer.text for answer in answers if answer.status_code == 409} == {f"{cosigned}\n"}
    assert len(answers) == 16


def test_a_body_too_large_is_not_read(client: httpx.Client, address: str, post: Post) -> None:
    in_pieces = client.post(f"{address}/add-checkpoint", content=(bytes(10_000) for _ in range(200)))

    assert post(bytes(2_000_000)).status_code == 413
    assert in_pieces.status_code == 413


@pytest.mark.parametrize(("method", "path"), [("GET", "/"), ("GET", "/docs"), ("GET", "/openapi.json"), ("PUT", "/x")])
def test_there_is_nothing_else(client: httpx.Client, address: str, method: str, path: str) -> None:
    assert client.request(method, f"{address}{path}").status_code == 404


def test_only_posts_are_taken(client: httpx.Client, address: str) -> None:
    assert client.get(f"{address}/add-checkpoint").status_code == 405


def test_a_broken_folder_is_a_fault_of_the_witness_and_cosigns_nothing(
    post: Post, witness: WitnessFolder, log: GrowingLog, caplog: pytest.LogCaptureFixture
) -> None:
    post(log.request(0, 5))
    broken = witness.path / sha256(LOG.name.encode()).hexdigest() / "checkpoint"
    broken.write_bytes(b"")

    answer = post(log.request(5, 6))

    assert answer.status_code == 500
    assert answer.text == "the witness cannot cosign; its operator finds the reason in its log\n"
    assert str(broken) in caplog.text
    assert "/" not in answer.text
