"""A log on a control database for each test."""

from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import Engine

from tests.attest.attest_examples import ATTESTER
from tests.attest.attested_log import Log


@pytest.fixture
def log(engine: Engine, tmp_path: Path) -> Log:
    return Log(engine, replace(ATTESTER, folder=tmp_path / "attestations"), tmp_path / "ledger")
