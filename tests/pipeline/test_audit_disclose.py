"""`probity audit disclose`: what of an audit leaves the building without noise."""

import subprocess
import sys
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import UUID

import pyarrow as pa
import pytest

from audits.configuration import AuditConfig
from audits.disclosure import DEFAULT_K
from audits.run import run
from audits.tables import AuditInput, Membership, Recommendations
from governance.ledger.search import Filter, follow
from governance.pipeline.audit import audit_model
from governance.pipeline.home import Home
from governance.policy.loader import parse
from governance.policy.rules import FairnessPolicy
from governance.registry.models import list_models
from governance.registry.tables import Model
from governance.resources import policies_dir
from tests.pipeline.conftest import Run

# Ibis calls what this DuckDB already calls by another name.
pytestmark = pytest.mark.filterwarnings("ignore:fetch_arrow_table:DeprecationWarning")


def _model(home: Home) -> Model:
    with home.transaction() as session:
        return next(each for each in list_models(session) if each.kind == "ease")


def _entries(home: Home, *kinds: str) -> list[dict[str, Any]]:
    with home.transaction() as session:
        return [dict(entry.body) for entry in follow(session, Filter(kinds=kinds))]


def _token(probity: Run, home: Path, role: str = "officer") -> str:
    return probity("access", "add", role, "--role", role, "--home", home).out.strip()


def _report(folder: Path) -> Path:
    """As `gate check --out` writes it: 8 new subjects and 52 old ones."""
    names = [f"u{n}" for n in range(60)]
    given = AuditInput(
        recommendations=Recommendations(pa.table({"subject": names, "item": ["a", "b"] * 30, "rank": [1] * 60})),
        membership=Membership(pa.table({"item": ["a", "b"], "attribute": ["genre"] * 2, "category": ["x", "y"]})),
        items=["a", "b"],
        relevance=pa.table({"subject": names, "item": ["a"] * 60}),
        subject_groups=pa.table({"subject": names, "group": ["new"] * 8 + ["old"] * 52}),
    )
    config = AuditConfig(seed=1, model_digest="", replicates=100, min_subjects=5, metrics=("ndcg",))
    path = folder / "report.json"
    path.write_bytes(run(given, config=config).to_json())
    return path


def test_a_report_in_a_file_leaves_without_a_home_or_a_database(tmp_path: Path) -> None:
    report, out = _report(tmp_path), tmp_path / "page.md"
    program = (
        "import sys; from governance.cli.main import _asked_for\n"
        f"sys.argv = ['probity', 'audit', 'disclose', '--report', {str(report)!r}, '--out', {str(out)!r}]\n"
        "try: _asked_for(sys.argv[1:])()\n"
        "finally: print(sorted({'sqlalchemy', 'pydantic_settings', 'torch', 'deltalake'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=tmp_path)
    page = out.read_text()

    assert done.stdout == "[]\n"
    assert "2 rows are suppressed" not in done.stderr
    assert "1 rows are suppressed, so that no group of fewer than 10 can be told" in done.stderr
    assert "| group = suppressed | ▒ suppressed | – | – | 60 |" in page
    assert not (tmp_path / ".probity").exists()


def test_what_cannot_be_disclosed_is_refused_with_its_place(tmp_path: Path, probity: Run) -> None:
    report = _report(tmp_path)
    for arguments, code, words in (
        (["--report", report, "--out", tmp_path / "page.pdf"], 2, "--out: expected a file that ends with .html or .md"),
        (["--report", report, "--out", tmp_path / "none" / "page.md"], 2, "--out: expected a folder that exists"),
        (["--report", report, "--at-least", 61], 2, "expected k of 2 or more and reports of k subjects or more"),
        (["--report", tmp_path / "none.json"], 2, "none.json: expected the report of an audit, got no such file"),
        ([], 2, "expected either a model or --report, got neither"),
        ([UUID(int=1), "--report", report], 2, "expected either a model or --report, got both"),
    ):
        ran = probity("audit", "disclose", *arguments)

        assert (ran.code, words in ran.err) == (code, True), ran.err
    report.write_bytes(report.read_bytes()[:-2])
    ran = probity("audit", "disclose", "--report", report)
    assert (ran.code, "report.json: report: expected JSON" in ran.err) == (3, True)


def test_a_report_in_a_file_is_held_to_the_policy_that_is_named(tmp_path: Path, probity: Run) -> None:
    report, policy = _report(tmp_path), tmp_path / "own.yaml"
    shipped = (policies_dir() / "fairness.yaml").read_text()
    policy.write_text(shipped.replace("disclose_at_least: 10", "disclose_at_least: 15"))
    by_default = probity("audit", "disclose", "--report", report, "--policy", policy)
    higher = probity("audit", "disclose", "--report", report, "--policy", policy, "--at-least", 16)
    lower = probity("audit", "disclose", "--report", report, "--policy", policy, "--at-least", 14)
    of_a_home = probity("audit", "disclose", UUID(int=1), "--policy", policy)
    policy.write_text(shipped.replace("disclose_at_least: 10", "disclose_at_least: 1"))
    impossible = probity("audit", "disclose", "--report", report, "--policy", policy)

    assert (by_default.code, "no group of fewer than 15 can be told" in by_default.err) == (0, True), by_default.err
    assert (higher.code, "no group of fewer than 16 can be told" in higher.err) == (0, True)
    assert lower.code == 2
    assert "own.yaml, disclose_at_least: expected --at-least of 15 or more, got 14" in lower.err
    assert (of_a_home.code, "--policy: expected with --report" in of_a_home.err) == (2, True)
    assert impossible.code == 2
    assert "disclose_at_least 1, not 2 or more" in impossible.err


def test_a_policy_of_before_keeps_the_default_that_there_was(tmp_path: Path) -> None:
    text = (policies_dir() / "fairness.yaml").read_text().replace("disclose_at_least: 10\n", "")

    assert parse(text.encode(), tmp_path / "fairness.yaml", FairnessPolicy).value.disclose_at_least == DEFAULT_K == 10


def test_a_models_report_that_leaves_is_in_the_log_with_what_left_once(
    keeping: Home, probity: Run, tmp_path: Path
) -> None:
    model, home, out = _model(keeping), keeping.settings.home, tmp_path / "page.json"
    policy = home / "policies" / "fairness.yaml"  # by lot, fewer than ten of this home's subjects may be held out
    policy.write_text(policy.read_text().replace("disclose_at_least: 10", "disclose_at_least: 3"))
    unaudited = probity("audit", "disclose", model.id, "--home", home, env={"PROBITY_TOKEN": _token(probity, home)})
    audited = audit_model(keeping, model.id)
    few = probity("audit", "disclose", model.id, "--at-least", 2, "--out", out, "--home", home)
    for _ in range(2):
        ran = probity("audit", "disclose", model.id, "--at-least", 4, "--out", out, "--home", home)
        assert ran.code == 0, ran.err
    (entry,) = _entries(keeping, "registry.audit_disclosed")

    assert (unaudited.code, "has no report" in unaudited.err) == (3, True)
    assert (few.code, "fairness.yaml, disclose_at_least: expected --at-least of 3 or more, got 2" in few.err) == (
        2,
        True,
    )
    assert ran.code == 0, ran.err
    assert entry == {
        "model": str(model.id),
        "report": audited.record.digest,
        "document": sha256(out.read_bytes()).hexdigest(),
        "at_least": 4,
    }
