"""A reviewer follows a log from outside, over HTTP and from a folder: growth is kept, rewriting shown with evidence."""

import sys
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import httpx
import pytest

from governance.cli.main import main
from governance.errors import BrokenProof, InvalidInput, NotFound, Rollback, Unreachable
from governance.ledger.checkpoint import sign_checkpoint
from governance.ledger.cosignature import WitnessSigner, cosign
from governance.ledger.note import LedgerSigner, add_signatures, decode_note, encode_vkey
from governance.ledger.trust_policy import PolicyWitness, encode_policy, trusting
from governance.ledger.watch import Fetch, folder_source, observe, web_source
from tests.witness.growing_log import LOG, NOON, GrowingLog

POLICY = trusting(LOG.verifier_key)
Forked = Callable[[int], GrowingLog]


class Recorder:
    """A source that remembers what was read from it."""

    def __init__(self, fetch: Fetch) -> None:
        self.fetch = fetch
        self.read: list[str] = []

    def __call__(self, path: str, limit: int) -> bytes:
        self.read.append(path)
        return self.fetch(path, limit)


@pytest.fixture
def site(tmp_path: Path) -> Path:
    return tmp_path / "site"


@pytest.fixture
def keep(tmp_path: Path) -> Path:
    return tmp_path / "kept"


def test_a_log_that_grows_is_followed_and_each_checkpoint_kept(site: Path, keep: Path, log: GrowingLog) -> None:
    for size, before in ((3, None), (3, 3), (256, 3), (300, 256), (1000, 300)):
        log.publish(site, size)

        found = observe(folder_source(site), POLICY, keep)

        assert found.cosigned.checkpoint == log.at(size)
        assert (found.before.size if found.before else None) == before
        assert (keep / "latest").read_bytes() == log.note(size)
    assert {path.name for path in keep.iterdir() if path.is_file()} == {
        ".lock",
        "latest",
        "log.vkey",
        "3",
        "256",
        "300",
        "1000",
    }
    assert (keep / "log.vkey").read_text() == encode_vkey(LOG.verifier_key) + "\n"
    assert (keep / "300").read_bytes() == log.note(300)


def test_only_the_tiles_that_the_proof_needs_are_read_and_each_once(site: Path, keep: Path, log: GrowingLog) -> None:
    log.publish(site, 1000)
    observe(folder_source(site), POLICY, keep)
    log.publish(site, 3000)
    source = Recorder(folder_source(site))

    observe(source, POLICY, keep)

    assert source.read[0] == "checkpoint"
    assert sorted(source.read[1:]) == ["tile/0/003", "tile/0/011.p/184", "tile/1/000.p/11"]


def test_a_partial_tile_that_was_dropped_is_read_from_the_full_one(site: Path, keep: Path, log: GrowingLog) -> None:
    log.publish(site, 100)
    observe(folder_source(site), POLICY, keep)
    log.publish(site, 200)
    note = (site / "checkpoint").read_bytes()
    log.publish(site, 256)
    (site / "checkpoint").write_bytes(note)
    for partial_tile in site.glob("tile/0/*.p/*"):
        partial_tile.unlink()

    assert observe(folder_source(site), POLICY, keep).cosigned.checkpoint.size == 200


@pytest.mark.parametrize(("common", "size"), [(99, 101), (0, 100), (99, 100), (50, 300), (99, 1000)])
def test_a_rewritten_log_is_found_and_both_checkpoints_are_kept(  # noqa: PLR0917 - fixtures
    site: Path, keep: Path, log: GrowingLog, forked: Forked, common: int, size: int
) -> None:
    log.publish(site, 100)
    observe(folder_source(site), POLICY, keep)
    fork = forked(common)
    fork.publish(site, size)

    for _ in range(2):
        with pytest.raises(Rollback, match=r"(rewritten|different histories).*both signed checkpoints are in"):
            observe(folder_source(site), POLICY, keep)

    (evidence,) = (keep / "evidence").iterdir()
    assert evidence.name.startswith(f"100-{size}-")
    assert (evidence / "kept").read_bytes() == log.note(100)
    assert (evidence / "shown").read_bytes() == fork.note(size)
    assert (keep / "latest").read_bytes() == log.note(100)


def test_a_log_that_was_cut_is_found(site: Path, keep: Path, log: GrowingLog) -> None:
    log.publish(site, 300)
    observe(folder_source(site), POLICY, keep)
    log.publish(site, 299)

    with pytest.raises(Rollback, match="showed 300 entries and now shows 299: it was cut; both signed checkpoints"):
        observe(folder_source(site), POLICY, keep)


def test_a_log_that_rewrote_entries_and_kept_the_old_tiles_is_found(
    site: Path, keep: Path, log: GrowingLog, forked: Forked
) -> None:
    log.publish(site, 300)
    observe(folder_source(site), POLICY, keep)
    forked(10).publish(site, 1000)
    fork_note = (site / "checkpoint").read_bytes()
    log.publish(site, 1000)
    (site / "checkpoint").write_bytes(fork_note)

    with pytest.raises(BrokenProof, match="tiles do not give the root that it signed for 1000 entries; both"):
        observe(folder_source(site), POLICY, keep)
    assert (keep / "latest").read_bytes() == log.note(300)


@pytest.mark.parametrize("change", [b"", b"x", bytes(8191), bytes(8192), bytes(8193), bytes(1_000_000)])
def test_a_tile_that_is_not_the_logs_is_never_believed(site: Path, keep: Path, log: GrowingLog, change: bytes) -> None:
    log.publish(site, 300)
    observe(folder_source(site), POLICY, keep)
    log.publish(site, 1000)
    (site / "tile/0/001").write_bytes(change)

    with pytest.raises((BrokenProof, Rollback)):
        observe(folder_source(site), POLICY, keep)
    assert (keep / "latest").read_bytes() == log.note(300)


def test_a_missing_tile_is_asked_for_again_later(site: Path, keep: Path, log: GrowingLog) -> None:
    log.publish(site, 300)
    observe(folder_source(site), POLICY, keep)
    log.publish(site, 1000)
    (site / "tile/0/001").unlink()

    with pytest.raises(Unreachable, match="needed to show that the log only grew"):
        observe(folder_source(site), POLICY, keep)


def test_a_checkpoint_that_the_policy_does_not_accept_is_not_kept(site: Path, keep: Path, log: GrowingLog) -> None:
    log.publish(site, 3)
    witness = WitnessSigner("witness.example/w", bytes(32))
    wanting = replace(POLICY, witnesses=(PolicyWitness("w", witness.witness_key),), quorum="w")

    with pytest.raises(BrokenProof, match="for the quorum w, found none"):
        observe(folder_source(site), wanting, keep)
    with pytest.raises(BrokenProof, match="expected a signature of"):
        observe(folder_source(site), trusting(LedgerSigner(LOG.name, bytes(32)).verifier_key), keep)
    assert not (keep / "latest").exists()

    line = cosign(decode_note(log.note(3)).text, NOON, witness)
    (site / "checkpoint").write_bytes(add_signatures(log.note(3), [line]))
    assert observe(folder_source(site), wanting, keep).cosigned.witnesses == (("w", NOON),)


def test_a_folder_follows_one_log(site: Path, keep: Path, log: GrowingLog) -> None:
    log.publish(site, 3)
    observe(folder_source(site), POLICY, keep)
    other = GrowingLog(signer=LedgerSigner("other.example/log", LOG.seed))
    other.publish(site, 4)

    with pytest.raises(InvalidInput, match=r"this folder follows probity\.example/ledger"):
        observe(folder_source(site), trusting(other.signer.verifier_key), keep)


@pytest.mark.parametrize("remembered", ["in log.vkey", "by its checkpoint only"])
def test_another_log_of_the_same_origin_is_refused_and_is_no_evidence(
    remembered: str, site: Path, keep: Path, log: GrowingLog
) -> None:
    log.publish(site, 3)
    observe(folder_source(site), POLICY, keep)
    if remembered == "by its checkpoint only":  # a folder from before keys were kept
        (keep / "log.vkey").unlink()
    other = GrowingLog(signer=LedgerSigner(LOG.name, bytes(32)), history=b"other")
    other.publish(site, 4)

    with pytest.raises(InvalidInput, match=f"was shown one of {other.signer.key_id.hex()}: keep another log in a"):
        observe(folder_source(site), trusting(other.signer.verifier_key), keep)
    assert not (keep / "evidence").exists()
    assert (keep / "latest").read_bytes() == log.note(3)


@pytest.mark.parametrize("how", ["its old key signs beside the new one", "the policy names both"])
def test_a_log_that_replaced_its_key_is_followed(how: str, site: Path, keep: Path, log: GrowingLog) -> None:
    log.publish(site, 3)
    observe(folder_source(site), POLICY, keep)
    new = LedgerSigner(LOG.name, bytes(32))
    log.publish(site, 5)
    signers, keys = ([new, LOG], [new]) if how.startswith("its old") else ([new], [new, LOG])
    (site / "checkpoint").write_bytes(sign_checkpoint(log.at(5), *signers))

    found = observe(folder_source(site), trusting(*(each.verifier_key for each in keys)), keep)

    assert found.cosigned.checkpoint.size == 5
    assert (keep / "log.vkey").read_text() == encode_vkey(new.verifier_key) + "\n"
    log.publish(site, 6)
    with pytest.raises(InvalidInput, match="keep another log in a folder of its own"):
        observe(folder_source(site), POLICY, keep)


def test_a_broken_memory_is_said_and_nothing_is_kept_over_it(site: Path, keep: Path, log: GrowingLog) -> None:
    log.publish(site, 3)
    observe(folder_source(site), POLICY, keep)
    (keep / "latest").write_bytes(b"x")

    with pytest.raises(BrokenProof, match="kept/latest: expected a text"):
        observe(folder_source(site), POLICY, keep)


class Site(SimpleHTTPRequestHandler):
    """Static files, for those who show the token where one is asked."""

    token = ""

    def do_GET(self) -> None:
        if self.path == "/redirected/checkpoint":
            self.send_response(302)
            self.send_header("Location", "/checkpoint")
            self.end_headers()
        elif self.path.startswith("/busy"):
            self.send_error(503)
        elif self.token and self.headers.get("Authorization") != f"Bearer {self.token}":
            self.send_error(401)
        else:
            super().do_GET()

    def log_message(self, *_: object) -> None:
        """Nothing to the terminal."""


@pytest.fixture
def address(site: Path, monkeypatch: pytest.MonkeyPatch):  # noqa: ANN201 - a generator of one URL
    monkeypatch.setattr(Site, "token", "")
    site.mkdir()
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Site, directory=str(site)))
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_published_folder_is_followed_over_http(address: str, site: Path, keep: Path, log: GrowingLog) -> None:
    with httpx.Client() as client:
        for size in (3, 700):
            log.publish(site, size)
            assert observe(web_source(address + "/", client), POLICY, keep).cosigned.checkpoint == log.at(size)


def test_what_the_web_answers_is_told_apart(
    address: str, site: Path, keep: Path, log: GrowingLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    log.publish(site, 3)
    with httpx.Client() as client:
        fetch = web_source(address, client)
        with pytest.raises(NotFound, match="tile/0/009: the log answers 404"):
            fetch("tile/0/009", 10)
        with pytest.raises(BrokenProof, match="checkpoint: expected at most 10 bytes"):
            fetch("checkpoint", 10)
        for url in (
            f"{address}/busy",
            f"{address}/redirected",
            f"{address}/nothing-here",
            "http://127.0.0.1:1",
            "http://[",
        ):
            with pytest.raises(Unreachable):
                observe(web_source(url, client), POLICY, keep)
        monkeypatch.setattr(Site, "token", "open-sesame")
        with pytest.raises(Unreachable, match="answers 401"):
            observe(fetch, POLICY, keep)
        observe(web_source(address, client, token="open-sesame"), POLICY, keep)  # noqa: S106 - a test's
    assert (keep / "3").exists()


@pytest.fixture
def command(
    tmp_path: Path, keep: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, str]]:
    """Runs `probity ledger watch`; gives its exit code and what it printed."""
    policy = tmp_path / "policy"
    policy.write_text(encode_policy(POLICY))

    def run(source: object, *options: str) -> tuple[int, str]:
        arguments = ["ledger", "watch", str(source), "--policy", str(policy), "--keep", str(keep), "--once", *options]
        monkeypatch.setattr(sys, "argv", ["probity", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        printed = capsys.readouterr()
        return int(ended.value.code or 0), printed.out + printed.err

    return run


def test_the_command_says_what_it_saw_and_ends_with_1_on_a_rewritten_log(
    command: Callable[..., tuple[int, str]], site: Path, log: GrowingLog, forked: Forked
) -> None:
    log.publish(site, 10)
    code, words = command(site)
    assert code == 0
    assert words.startswith("probity.example/ledger: 10 entries (first seen), root ")

    log.publish(site, 12)
    code, words = command(site, "--json")
    assert code == 0
    assert '"size": 12' in words
    assert '"before": 10' in words

    forked(5).publish(site, 20)
    code, words = command(site)
    assert code == 1
    assert "it was rewritten; both signed checkpoints are in" in words


def test_the_command_ends_with_3_when_it_could_not_look_and_2_when_asked_wrongly(
    command: Callable[..., tuple[int, str]], tmp_path: Path
) -> None:
    (tmp_path / "token").write_text("t\n")

    assert command("http://127.0.0.1:1")[0] == 3
    assert command(tmp_path / "none")[0] == 2
    assert command(tmp_path, "--token-file", str(tmp_path / "no-token"))[0] == 2
    code, words = command("http://log.example", "--token-file", str(tmp_path / "token"))
    assert code == 2
    assert "only over https" in words
