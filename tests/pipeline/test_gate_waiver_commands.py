"""`probity gate waiver`: by two tokens, counted by the next `gate run`, and worked out again from the evidence."""

import json
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest

from governance.access.principals import list_principals
from governance.gate.granting import _waiver, get_waiver
from governance.pipeline import audit
from governance.pipeline.audit import audit_model
from governance.pipeline.home import Home
from governance.registry.models import list_models
from tests.pipeline.conftest import Run

# Ibis calls what this DuckDB already calls by another name.
pytestmark = [pytest.mark.large, pytest.mark.filterwarnings("ignore:fetch_arrow_table:DeprecationWarning")]


def _token(probity: Run, home: Path, role: str) -> dict[str, str]:
    return {"PROBITY_TOKEN": probity("access", "add", role, "--role", role, "--home", home).out.strip()}


def test_a_waiver_of_two_people_is_counted_by_the_gate_and_holds_in_the_evidence(
    keeping: Home, probity: Run, tmp_path: Path
) -> None:
    home, today = keeping.settings.home, keeping.clock().date()
    with keeping.transaction() as session:
        model = next(each for each in list_models(session) if each.kind == "ease")
    audit_model(keeping, model.id)
    engineer, board = (_token(probity, home, role) for role in ("engineer", "board"))
    asking = ("gate", "waiver", "ask", "every-genre-visible", "--max", 0.001, "--reason", "A small catalogue.")
    until = ("--until", today + timedelta(days=30), "--home", home)

    asked = probity(*asking, *until, env=engineer)
    own = probity("gate", "waiver", "approve", asked.out.strip(), "--home", home)
    before = json.loads(probity("gate", "run", "--model", model.id, "--json", "--home", home).out)
    approved = probity("gate", "waiver", "approve", asked.out.strip(), "--home", home, env=board)
    after = json.loads(probity("gate", "run", "--model", model.id, "--json", "--home", home).out)
    (listed,) = json.loads(probity("gate", "waiver", "list", "--json", "--home", home).out)

    assert asked.code == 0, asked.err
    assert (own.code, "reviews:vote" in own.err) == (1, True)
    assert approved.code == 0, approved.err
    assert before["waivers"] == []
    assert [each["waiver"] for each in after["waivers"]] == [asked.out.strip()]
    assert after["waivers"][0]["state"] in {"used", "exceeded", "unused"}
    assert (listed["state"], listed["owner"], listed["approver"]) == ("approved", "engineer", "board")

    vkey = probity("ledger", "publish", "--home", home).out.strip()
    (tmp_path / "trust").write_text(f"log {vkey}\nquorum none\n")
    pack = tmp_path / "pack.zip"
    packed = probity("evidence", "pack", pack, "--from", today, "--to", today, "--home", home, env=board)
    verified = probity("evidence", "verify", pack, "--policy", tmp_path / "trust", "--allow-missing")
    assert packed.code == 0, packed.err
    assert verified.code == 0, verified.err


@pytest.mark.parametrize(
    ("approver", "words"),
    [("board", "it counts a waiver that no entry approves"), ("Ada", "a waiver was approved by the model's author")],
)
def test_evidence_in_which_the_log_knows_of_no_approval_is_refused(
    keeping: Home, probity: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, approver: str, words: str
) -> None:
    """Whoever can write the database can approve by hand; the log they cannot write, and the pack holds it."""
    home, today = keeping.settings.home, keeping.clock().date()
    with keeping.transaction() as session:
        model = next(each for each in list_models(session) if each.kind == "ease")
    audit_model(keeping, model.id)
    engineer, board = (_token(probity, home, role) for role in ("engineer", "board"))
    asking = ("gate", "waiver", "ask", "every-genre-visible", "--max", 0.001, "--reason", "A small catalogue.")
    asked = probity(*asking, "--until", today + timedelta(days=30), "--home", home, env=engineer)
    with keeping.transaction() as session:
        row = get_waiver(session, UUID(asked.out.strip()))
        row.approver_id = next(each.id for each in list_principals(session) if each.name == approver)
        row.approved_at = keeping.clock()
        stored = _waiver(row)
    monkeypatch.setattr(audit, "granted_to", lambda *_: (stored,))
    probity("gate", "run", "--model", model.id, "--home", home)

    vkey = probity("ledger", "publish", "--home", home).out.strip()
    (tmp_path / "trust").write_text(f"log {vkey}\nquorum none\n")
    pack = tmp_path / "pack.zip"
    probity("evidence", "pack", pack, "--from", today, "--to", today, "--home", home, env=board)
    verified = probity("evidence", "verify", pack, "--policy", tmp_path / "trust", "--allow-missing")

    assert (verified.code, words in verified.err) == (1, True), verified.err


def test_what_is_refused_says_what_was_expected(keeping: Home, probity: Run) -> None:
    home, today = keeping.settings.home, keeping.clock().date()
    for rule, until, words in (
        ("no-rule", today, "from a rule 'no-rule' that there is not"),
        ("european-works", today - timedelta(days=1), "until: expected a day from"),
    ):
        ran = probity(*("gate", "waiver", "ask", rule, "--max", 0.1, "--until", until, "--reason", "r", "--home", home))

        assert (ran.code, words in ran.err) == (2, True), ran.err


def test_a_withdrawn_waiver_is_counted_by_no_decision_and_evidence_in_which_one_does_is_refused(
    keeping: Home, probity: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home, today = keeping.settings.home, keeping.clock().date()
    with keeping.transaction() as session:
        model = next(each for each in list_models(session) if each.kind == "ease")
    audit_model(keeping, model.id)
    engineer, board, other = (_token(probity, home, role) for role in ("engineer", "board", "auditor"))
    asking = ("gate", "waiver", "ask", "every-genre-visible", "--max", 0.001, "--reason", "A small catalogue.")
    waiver = probity(*asking, "--until", today + timedelta(days=30), "--home", home, env=engineer).out.strip()
    probity("gate", "waiver", "approve", waiver, "--home", home, env=board)
    withdrawing = ("gate", "waiver", "withdraw", waiver, "--reason", "It grew.", "--home", home)
    refused, withdrawn = probity(*withdrawing, env=other), probity(*withdrawing, env=engineer)
    decided = json.loads(probity("gate", "run", "--model", model.id, "--json", "--home", home).out)
    (listed,) = json.loads(probity("gate", "waiver", "list", "--json", "--home", home).out)

    assert (refused.code, "reviews:vote" in refused.err) == (1, True), refused.err
    assert withdrawn.code == 0, withdrawn.err
    assert decided["waivers"] == []
    assert listed["state"] == "withdrawn"

    with keeping.transaction() as session:
        stored = _waiver(get_waiver(session, UUID(waiver)))
    monkeypatch.setattr(audit, "granted_to", lambda *_: (stored,))
    probity("gate", "run", "--model", model.id, "--home", home)
    vkey = probity("ledger", "publish", "--home", home).out.strip()
    (tmp_path / "trust").write_text(f"log {vkey}\nquorum none\n")
    pack = tmp_path / "pack.zip"
    probity("evidence", "pack", pack, "--from", today, "--to", today, "--home", home, env=board)
    verified = probity("evidence", "verify", pack, "--policy", tmp_path / "trust", "--allow-missing")

    assert (verified.code, "it counts a waiver that was withdrawn before it" in verified.err) == (1, True), verified.err
