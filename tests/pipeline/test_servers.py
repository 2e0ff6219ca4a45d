"""The two processes that listen: the gateway and the console, started as an operator starts them, on loopback."""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

import httpx
import pytest


class Ran(Protocol):
    """What a command left behind (see `conftest`)."""

    code: int
    out: str
    err: str


Run = Callable[..., Ran]


@pytest.fixture
def home(tmp_path: Path, probity: Run, small_service: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home with a catalogue and with consents, and without the last hundred events."""
    monkeypatch.delenv("PROBITY_TOKEN", raising=False)
    lines = (small_service / "events.ndjson").read_bytes().splitlines(keepends=True)
    (small_service / "later.ndjson").write_bytes(b"".join(lines[-100:]))
    (small_service / "events.ndjson").write_bytes(b"".join(lines[:-100]))
    assert probity("init", "--home", tmp_path / "home").code == 0
    assert probity("ingest", small_service, "--home", tmp_path / "home").code == 0
    return tmp_path / "home"


@contextmanager
def serving(what: str, home: Path, health: str) -> Iterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "governance.cli", "serve", what, "--home", str(home), "--port", str(port)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env={**os.environ})
    base = f"http://127.0.0.1:{port}"
    try:
        for _ in range(300):
            try:
                if httpx.get(base + health).status_code == 200:
                    break
            except httpx.TransportError:
                time.sleep(0.1)
            assert process.poll() is None, process.stdout and process.stdout.read().decode()
        yield base
    finally:
        process.terminate()
        process.wait(timeout=20)
        if process.stdout:
            process.stdout.close()


def test_the_gateway_takes_batches_from_known_clients_only_and_records_them(
    home: Path, small_service: Path, probity: Run
) -> None:
    token = probity("serve", "client", "web-player", "--home", home).out.strip()
    later = (small_service / "later.ndjson").read_bytes()
    bearer = {"Authorization": f"Bearer {token}"}
    status = json.loads(probity("status", "--json", "--home", home).out)
    before = {kind: status[f"{kind}_events"] for kind in ("view", "rating", "browse", "search")}

    with serving("gateway", home, "/healthz") as base:
        anonymous = httpx.post(f"{base}/v1/events", content=later)
        first = httpx.post(f"{base}/v1/events", content=later, headers=bearer, timeout=60)
        again = httpx.post(f"{base}/v1/events", content=later, headers=bearer, timeout=60)

    assert anonymous.status_code == 401
    assert first.status_code in {200, 207}
    assert first.json()["received"] == 100
    assert first.json()["accepted"] > 50
    assert again.json() == first.json()
    after = json.loads(probity("status", "--json", "--home", home).out)
    stored = {kind: after[f"{kind}_events"] - count for kind, count in before.items()}
    assert 50 < sum(stored.values()) <= first.json()["accepted"]
    batches = json.loads(probity("ledger", "list", "--kind", "registry.batch_ingested", "--json", "--home", home).out)
    assert batches[0]["body"]["batch"] == first.json()["batch"]


def test_the_console_asks_who_one_is_and_shows_the_home(home: Path, probity: Run) -> None:
    token = probity("access", "add", "Auditor", "--role", "auditor", "--home", home).out.strip()

    with serving("console", home, "/api/v1/health") as base:
        anonymous = httpx.get(f"{base}/")
        entries = httpx.get(f"{base}/api/v1/ledger/entries", headers={"Authorization": f"Bearer {token}"})

    assert anonymous.status_code == 401
    assert "Sign in" in anonymous.text
    assert entries.status_code == 200


def test_the_process_that_serves_the_console_never_loads_torch() -> None:
    program = (
        "import sys, governance.cli.serve, governance.web.app, governance.pipeline.desk; print('torch' in sys.modules)"
    )

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "False"
