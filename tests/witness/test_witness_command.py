"""`probity witness` from an empty folder: made, served by a process of its own, killed, and going on where it was."""

import socket
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import httpx
import pytest

from governance.cli.main import main
from governance.ledger.cosignature import decode_witness_vkey
from governance.ledger.note import encode_vkey
from governance.ledger.trust_policy import parse_policy, verify_cosigned
from governance.ledger.witness_client import collect, open_client
from tests.witness.growing_log import LOG, GrowingLog

VKEY = encode_vkey(LOG.verifier_key)
START_S = 60


@pytest.fixture
def probity(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """Runs a command; gives its exit code, and what it printed as result and as words."""

    def run(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["probity", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        printed = capsys.readouterr()
        return int(ended.value.code or 0), printed.out, printed.err

    return run


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    """The address of a process that serves the witness, killed at the end."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "governance.cli", "witness", "serve", str(folder), "--port", str(port)]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
        try:
            deadline = time.monotonic() + START_S
            while time.monotonic() < deadline:
                try:
                    httpx.get(f"http://127.0.0.1:{port}/")
                    break
                except httpx.ConnectError:
                    time.sleep(0.1)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.kill()


def test_a_witness_is_made_and_shows_its_public_key(
    tmp_path: Path, probity: Callable[..., tuple[int, str, str]]
) -> None:
    folder = tmp_path / "witness"

    code, vkey, words = probity("witness", "init", folder, "--name", "witness.example/w", "--log", VKEY)

    assert code == 0
    assert decode_witness_vkey(vkey.strip()).name == "witness.example/w"
    assert "a witness of 1 logs" in words
    assert "PRIVATE" not in vkey + words
    assert stat.S_IMODE((folder / "witness.key").stat().st_mode) == 0o600
    assert (folder / "logs").read_text() == f"log {VKEY}\nquorum none\n"
    assert probity("witness", "key", folder)[1] == vkey


@pytest.mark.parametrize(
    ("arguments", "code", "why"),
    [
        (("--name", "two words", "--log", VKEY), 2, "neither space nor"),
        (("--name", "w", "--log", "nonsense"), 2, "expected a note key"),
        (("--name", "w"), 2, "Missing option"),
    ],
)
def test_a_wrong_init_says_why(
    tmp_path: Path, probity: Callable[..., tuple[int, str, str]], arguments: tuple[str, ...], code: int, why: str
) -> None:
    found = probity("witness", "init", tmp_path / "witness", *arguments)

    assert found[0] == code
    assert why in found[2]


def test_a_second_init_changes_nothing(tmp_path: Path, probity: Callable[..., tuple[int, str, str]]) -> None:
    once = probity("witness", "init", tmp_path / "w", "--name", "w", "--log", VKEY)
    again = probity("witness", "init", tmp_path / "w", "--name", "w", "--log", VKEY)

    assert (once[0], again[0]) == (0, 1)
    assert probity("witness", "key", tmp_path / "w")[1] == once[1]


def test_a_served_witness_that_is_killed_goes_on_where_it_was(
    tmp_path: Path, probity: Callable[..., tuple[int, str, str]], log: GrowingLog
) -> None:
    _, vkey, _ = probity("witness", "init", tmp_path / "w", "--name", "witness.example/w", "--log", VKEY)
    for size in (7, 300):
        with serving(tmp_path / "w") as url, open_client() as client:
            policy = parse_policy(f"log {VKEY}\nwitness w {vkey.strip()} {url}\nquorum w\n")

            found = collect(log.note(size), log.at(size), partial(log.prove, size=size), policy=policy, client=client)

        assert verify_cosigned(found.note, policy).checkpoint == log.at(size)
