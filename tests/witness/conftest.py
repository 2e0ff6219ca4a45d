"""Witnesses of one log, and a way to serve them over HTTP."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
import uvicorn
from fastapi import FastAPI

from governance.ledger.trust_policy import trusting
from governance.witness.folder import WitnessFolder, create_folder
from tests.witness.growing_log import LOG, GrowingLog

START_S = 10


@pytest.fixture
def log() -> GrowingLog:
    return GrowingLog()


@pytest.fixture
def forked() -> Callable[[int], GrowingLog]:
    """Another history of the same log, with the same key, from an entry on."""
    return lambda common: GrowingLog(history=b"other", common=common)


@pytest.fixture
def make_witness(tmp_path: Path) -> Callable[[str], WitnessFolder]:
    """A new witness of the log, by name."""

    def make(name: str) -> WitnessFolder:
        seed = name.encode().ljust(32, b"-")
        return create_folder(
            tmp_path / name, f"witness.example/{name}", trusting(LOG.verifier_key), draw=lambda _: seed
        )

    return make


@contextmanager
def served(app: FastAPI) -> Iterator[str]:
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_level="error", ws="none"))
    thread = threading.Thread(target=server.run)
    thread.start()
    deadline = time.monotonic() + START_S
    while not server.started and time.monotonic() < deadline:
        time.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()


@pytest.fixture
def serve() -> Iterator[Callable[[FastAPI], str]]:
    """Serves an application on the loopback interface until the test ends; gives its URL."""
    with ExitStack() as stack:
        yield lambda app: stack.enter_context(served(app))
