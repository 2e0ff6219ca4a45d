"""What is not ready, or not allowed, is one line that says what to do, an exit code, and nothing half-done."""

import json
import os
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import pytest

from governance.resources import policies_dir


class Ran(Protocol):
    """What a command left behind (see `conftest`)."""

    code: int
    out: str
    err: str


Run = Callable[..., Ran]


@pytest.fixture
def home(tmp_path: Path, probity: Run, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("PROBITY_TOKEN", raising=False)
    folder = tmp_path / "home"
    assert probity("init", "--home", folder).code == 0
    return folder


def test_a_folder_that_is_no_home_is_refused_with_the_command_that_makes_one(tmp_path: Path, probity: Run) -> None:
    ran = probity("status", "--home", tmp_path / "nothing")

    assert (ran.code, ran.err.count("\n")) == (2, 1)
    assert "run `probity init" in ran.err


def test_a_missing_key_file_is_named_with_what_to_do(home: Path, probity: Run) -> None:
    (home / "identity" / "keyring.json").unlink()

    ran = probity("status", "--home", home)

    assert (ran.code, ran.err.count("\n")) == (2, 1)
    assert "keyring.json is missing: run `probity init`" in ran.err


def test_a_key_file_that_others_may_read_is_refused(home: Path, probity: Run) -> None:
    (home / "keys" / "ledger.key").chmod(0o644)

    ran = probity("status", "--home", home)

    assert ran.code == 2
    assert "expected mode 0600" in ran.err


def test_a_database_behind_its_migrations_is_refused(home: Path, probity: Run) -> None:
    with sqlite3.connect(home / "control" / "control.db") as database:
        database.execute("UPDATE alembic_version SET version_num = '0000'")
    database.close()

    ran = probity("status", "--home", home)

    assert (ran.code, ran.err.count("\n")) == (2, 1)
    assert "is at revision 0000" in ran.err
    assert "run `probity init`" in ran.err


@pytest.mark.parametrize(
    ("file", "old", "new", "line", "said"),
    [
        ("privacy.yaml", "delta: 1.0e-6", "delta: 1.0e-6\nepsilon_bonus: 3", 13, "epsilon_bonus: expected one of"),
        ("privacy.yaml", "budget_epsilon: 10.0", "budget_epsilon: 99.0", 8, "budget_epsilon 99.0"),
        ("fairness.yaml", "replicates: 1000", "replicates: many", 40, "replicates: expected int, got 'many'"),
    ],
)
def test_a_policy_with_an_unknown_key_or_an_impossible_value_stops_everything(  # noqa: PLR0917
    home: Path, probity: Run, file: str, old: str, new: str, line: int, said: str
) -> None:
    shutil.copytree(policies_dir(), home / "policies")
    policy = home / "policies" / file
    policy.write_text(policy.read_text().replace(old, new))

    ran = probity("status", "--home", home)

    assert (ran.code, ran.err.count("\n")) == (2, 1)
    assert f"{file}:{line}: " in ran.err
    assert said in ran.err


def test_an_unknown_setting_is_named_and_its_value_is_not_shown(home: Path, probity: Run) -> None:
    (home / "probity.toml").write_text('[control]\npasword = "hunter2"\n')

    ran = probity("status", "--home", home)

    assert ran.code == 2
    assert "control.pasword" in ran.err
    assert "hunter2" not in ran.err


def test_a_training_on_nothing_is_refused_before_privacy_is_reserved(home: Path, probity: Run) -> None:
    token = probity("access", "add", "Engineer", "--role", "engineer", "--home", home).out.strip()

    ran = probity("train", "--home", home, env={"PROBITY_TOKEN": token})

    assert (ran.code, ran.err.count("\n")) == (3, 2)  # its id, and why not
    assert "the lake is empty" in ran.err
    assert json.loads(probity("budget", "--json", "--home", home).out)["reservations"] == []


def test_a_training_over_budget_is_refused_before_a_byte_is_read(home: Path, probity: Run, small_service: Path) -> None:
    token = probity("access", "add", "Engineer", "--role", "engineer", "--home", home).out.strip()
    assert probity("ingest", small_service, "--home", home).code == 0
    codes = [probity("train", "--home", home, env={"PROBITY_TOKEN": token}).code for _ in range(3)]

    ran = probity("train", "--home", home)

    assert (codes, ran.code) == ([0, 0, 0], 1)
    assert "the budget of subscribers is epsilon 10" in ran.err
    assert ran.err.count("\n") == 2  # its id, and why not
    budget = json.loads(probity("budget", "--json", "--home", home).out)
    assert [each["state"] for each in budget["reservations"]] == ["spent"] * 3


def test_a_full_disk_is_one_line_and_what_was_stored_before_stays(
    home: Path, probity: Run, small_service: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pseudonymisation.lake import storage

    def full(*_: object, **__: object) -> None:
        raise OSError(28, os.strerror(28))

    with monkeypatch.context() as patched:
        patched.setattr(storage.pq, "write_table", full)
        ran = probity("ingest", small_service, "--home", home)

    again = json.loads(probity("ingest", small_service, "--json", "--home", home).out)

    assert ran.code == 4
    assert ran.err.splitlines()[-1].startswith("probity: No space left on device")
    assert "Traceback" not in ran.err
    assert again["already_there"] == 0
    assert again["view_events_written"] > 1_000


def test_a_demo_never_touches_a_folder_that_no_demo_made(tmp_path: Path, probity: Run) -> None:
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious" / "letter").write_text("keep me")

    ran = probity("demo", "--home", tmp_path / "precious")

    assert ran.code == 2
    assert (tmp_path / "precious" / "letter").read_text() == "keep me"


def test_a_command_in_nobodys_name_is_refused(home: Path, probity: Run) -> None:
    ran = probity("deploy", "00000000-0000-0000-0000-000000000000", "--home", home)

    assert ran.code == 1
    assert "PROBITY_TOKEN" in ran.err
