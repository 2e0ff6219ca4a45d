"""`probity evidence`: what a shell gets, above all the exit codes that a script relies on."""

import json
from pathlib import Path

import pytest

from governance.clock import system_clock
from governance.ledger.note import encode_vkey
from tests.governance.story import SIGNER
from tests.pipeline.conftest import Run, probity  # noqa: F401 - a fixture


@pytest.fixture
def home(tmp_path: Path, probity: Run, monkeypatch: pytest.MonkeyPatch) -> Path:  # noqa: F811 - a fixture
    """A new home, its log published, and an auditor's token in the environment."""
    monkeypatch.delenv("PROBITY_HOME", raising=False)
    folder = tmp_path / "home"
    probity("init", "--home", folder)
    token = probity("access", "add", "Auditor", "--role", "auditor", "--home", folder).out.strip()
    monkeypatch.setenv("PROBITY_TOKEN", token)
    vkey = probity("ledger", "publish", "--home", folder).out.strip()
    (tmp_path / "policy").write_text(f"log {vkey}\nquorum none\n")
    return folder


@pytest.fixture
def trust(tmp_path: Path) -> Path:
    """The trust policy of somebody who knows the log of `packed`."""
    (tmp_path / "trust").write_text(f"log {encode_vkey(SIGNER.verifier_key)}\nquorum none\n")
    return tmp_path / "trust"


def test_a_pack_is_made_verified_and_found_out_when_it_was_changed(tmp_path: Path, home: Path, probity: Run) -> None:  # noqa: F811
    file, policy, today = tmp_path / "pack.zip", tmp_path / "policy", system_clock().date()
    made = probity("evidence", "pack", file, "--from", today, "--to", today, "--home", home)
    held = probity("evidence", "verify", file, "--policy", policy, "--json")
    shown = probity("evidence", "verify", file, "--policy", policy)
    file.write_bytes(file.read_bytes().replace(b"access.token_issued", b"access.token_ISSUED", 1))
    broken = probity("evidence", "verify", file, "--policy", policy)

    assert (made.code, held.code, shown.code, broken.code) == (0, 0, 0, 1)
    assert json.loads(held.out)["digest"] == made.out.strip()
    assert json.loads(held.out)["kinds"]["policy.in_force"] == 7
    assert "7 policies" in shown.out
    assert broken.err.startswith("probity: ")
    assert broken.out == ""


def test_what_is_not_published_not_allowed_or_not_possible_makes_no_file(
    tmp_path: Path,
    home: Path,
    probity: Run,  # noqa: F811
) -> None:
    token = probity("access", "add", "Engineer", "--role", "engineer", "--home", home).out.strip()
    file, today = tmp_path / "pack.zip", system_clock().date()
    asked = ("evidence", "pack", file, "--home", home)

    early = probity(*asked, "--from", today, "--to", today)
    backwards = probity(*asked, "--from", "2026-01-02", "--to", "2026-01-01")
    nonsense = probity(*asked, "--from", "tomorrow", "--to", "2026-01-01")
    refused = probity(*asked, "--from", "2026-01-01", "--to", "2026-01-02", env={"PROBITY_TOKEN": token})

    assert [each.code for each in (early, backwards, nonsense, refused)] == [1, 2, 2, 1]
    assert "probity ledger publish" in early.err
    assert "evidence:export is given to board, officer, auditor" in refused.err
    assert not file.exists()


@pytest.mark.parametrize(
    ("content", "code"), [(None, 2), (b"", 1), (b"no archive\n", 1)], ids=["absent", "empty", "no archive"]
)
def test_what_cannot_be_asked_and_what_does_not_hold_are_told_apart(
    tmp_path: Path,
    trust: Path,
    probity: Run,  # noqa: F811
    content: bytes | None,
    code: int,
) -> None:
    if content is not None:
        (tmp_path / "pack.zip").write_bytes(content)

    assert probity("evidence", "verify", tmp_path / "pack.zip", "--policy", trust).code == code


@pytest.mark.parametrize("policy", [None, b"", b"log nonsense\nquorum none\n", b"\xff\x00"])
def test_a_policy_that_is_none_is_a_question_that_cannot_be_asked(
    packed: Path,
    tmp_path: Path,
    probity: Run,  # noqa: F811
    policy: bytes | None,
) -> None:
    if policy is not None:
        (tmp_path / "policy").write_bytes(policy)

    assert probity("evidence", "verify", packed, "--policy", tmp_path / "policy").code == 2


def test_a_pack_of_another_log_than_the_policy_names_does_not_hold(
    packed: Path,
    tmp_path: Path,
    trust: Path,
    probity: Run,  # noqa: F811
) -> None:
    other = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
    (tmp_path / "other").write_text(f"log {other}\nquorum none\n")

    assert probity("evidence", "verify", packed, "--policy", trust).code == 0
    assert probity("evidence", "verify", packed, "--policy", tmp_path / "other").code == 1
