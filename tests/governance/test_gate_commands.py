"""`probity gate check`, `init` and `ratchet` on files, without a home."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from audits.metrics import METRICS
from audits.report import Report
from governance.cli.gate_outputs import shown_place, title_of
from governance.cli.main import build
from governance.errors import PolicyError
from governance.gate.ratchet import tighten
from governance.policy.loader import load
from governance.policy.rules import FairnessPolicy
from tests.governance.gate_files import POLICY, Gate, edited

WITHOUT = """\
import sys
GONE = {"torch", "sqlalchemy", "alembic", "deltalake", "duckdb", "ibis", "pyspark", "fastapi", "psycopg", "opendp"}

class Gone:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in GONE:
            raise ModuleNotFoundError(name, name=name)

sys.meta_path.insert(0, Gone())
from governance.cli.main import main
main()
"""


@pytest.mark.parametrize(
    ("limit", "code", "said"), [("0.2", 0, "pass"), ("0.33", 3, "which this audit cannot decide"), ("0.6", 1, "fail")]
)
def test_the_exit_code_is_the_decision(gate: Gate, tmp_path: Path, limit: str, code: int, said: str) -> None:
    edited(tmp_path, "limit: 0.2      # a fifth of the attention\n    aim: 0.25", f"limit: {limit}")
    result = gate("check")

    assert (result.exit_code, said in " ".join(result.stdout.split())) == (code, True)


def test_the_same_files_give_the_same_bytes_wherever_and_whenever(gate: Gate, tmp_path: Path) -> None:
    for name, day in (("one", "2026-11-26"), ("two", "2027-11-26")):
        assert gate("check", "--format", "json", "--out", tmp_path / name, "--today", day).exit_code == 0

    assert gate("check", "--format", "json", "--today", "2026-11-26").stdout == gate("check", "--format", "json").stdout
    assert [path.name for path in (tmp_path / "one").iterdir()] == [path.name for path in (tmp_path / "two").iterdir()]
    for path in (tmp_path / "one").iterdir():
        assert path.read_bytes() == (tmp_path / "two" / path.name).read_bytes()


@pytest.mark.parametrize(
    ("place", "shown", "title"),
    [
        ("out/lists.csv?subject=viewer", "out/lists.csv?subject=viewer", "lists.csv"),
        ("/home/ann/lists.csv", "lists.csv", "lists.csv"),
        ("trec_run:/home/ann/out.txt?order=score", "trec_run:out.txt?order=score", "out.txt"),
        ("postgresql://audit:hunter2@db#lists", "postgresql://db#lists", "db#lists"),
        ("postgres://audit:hunter2@db/shop#lists?item=sku", "postgres://db/shop#lists?item=sku", "shop#lists"),
        ("postgresql:///shop?password=hunter2#lists", "postgresql:///shop?password=…#lists", "shop?password=…#lists"),
        ("duckdb:///home/ann/service.db#lists", "duckdb://service.db#lists", "service.db#lists"),
        ("duckdb://service.db#lists", "duckdb://service.db#lists", "service.db#lists"),
        ("spark://#lists", "spark://#lists", "#lists"),
    ],
)
def test_a_table_is_named_without_who_reads_it_and_without_the_folders_of_a_machine(
    place: str, shown: str, title: str
) -> None:
    assert (shown_place(place), title_of(place)) == (shown, title)


def test_no_output_holds_a_place_of_the_machine(gate: Gate, tmp_path: Path, lists: Path) -> None:
    formats = "terminal,json,junit,sarif,markdown,comment,annotations,html,cyclonedx"
    before = ("--baseline", lists / "before.csv", "--relevance", lists / "relevance.csv")
    assert gate("check", *before, "--format", formats, "--out", tmp_path / "out").exit_code == 0
    command = json.loads((tmp_path / "out" / "gate.json").read_text())["command"]

    places = "--recommendations lists.csv --items items.csv --relevance relevance.csv --baseline before.csv"
    assert command == f"probity gate check {places} --policy policy.yaml"
    for path in (tmp_path / "out").iterdir():
        assert str(tmp_path) not in path.read_text()
        assert str(lists) not in path.read_text()


def test_a_file_below_the_folder_of_the_command_is_named_from_there(
    gate: Gate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path.parent)
    command = json.loads(gate("check", "--format", "json").stdout)["command"]

    assert command.endswith(f"--policy {tmp_path.name}/policy.yaml")


def test_only_what_the_policy_names_is_measured(gate: Gate, tmp_path: Path, lists: Path) -> None:
    assert gate("check", "--relevance", lists / "relevance.csv", "--out", tmp_path / "out").exit_code == 0
    report = Report.from_json((tmp_path / "out" / "report.json").read_bytes())

    assert {each.metric for each in report.measurements} == {"exposure_share", "exposure_gini"}


def test_against_a_baselines_lists_a_change_is_known_better_than_against_its_report(
    gate: Gate, tmp_path: Path, lists: Path
) -> None:
    edited(tmp_path, "comparison: at_least\n", "comparison: no_regression\n    better: higher\n")
    edited(tmp_path, "limit: 0.2      # a fifth of the attention\n    aim: 0.25", "tolerance: 0.1")
    before = ("--recommendations", lists / "before.csv", "--out", tmp_path / "out")
    assert gate("check", *before, "--baseline", lists / "lists.csv").exit_code == 0
    widths = []
    for baseline in (lists / "before.csv", tmp_path / "out" / "report.json"):
        result = gate("check", "--baseline", baseline, "--format", "json")
        found = {each["rule"]: each for each in json.loads(result.stdout)["findings"]}["documentaries"]
        widths.append(found["high"] - found["low"])

    # Few of the sixty differ, and sixty do not tell how much others do: else it would be a twentieth.
    assert widths[1] > 1.5 * widths[0] > 0


def test_without_a_baseline_a_rule_about_one_is_not_decidable(gate: Gate, tmp_path: Path) -> None:
    edited(tmp_path, "comparison: at_least\n", "comparison: no_regression\n    better: higher\n")
    edited(tmp_path, "limit: 0.2      # a fifth of the attention\n    aim: 0.25", "tolerance: 0.1")
    result = gate("check")

    assert (result.exit_code, "against a baseline" in " ".join(result.stdout.split())) == (3, True)


def test_a_baseline_that_was_measured_otherwise_is_refused(gate: Gate, tmp_path: Path) -> None:
    assert gate("check", "--out", tmp_path / "out").exit_code == 0
    edited(tmp_path, "list_length: 5", "list_length: 4")
    result = gate("check", "--baseline", tmp_path / "out" / "report.json")

    assert (result.exit_code, "k: expected 4 as in this audit, got 5" in result.stderr) == (2, True)


def test_every_metric_that_a_rule_may_name_is_listed_with_its_range() -> None:
    asked = ["gate", "metrics", "--json"]
    listed = {row["metric"]: row for row in json.loads(CliRunner().invoke(build(asked), asked).stdout)}

    assert set(listed) == {metric.slug for metric in METRICS}
    assert (listed["ndcg"]["from"], listed["ndcg"]["to"], listed["ndcg"]["takes"]) == (0.0, 1.0, "relevance")
    assert (listed["popularity_lift"]["from"], listed["popularity_lift"]["to"]) == (-1.0, None)


def test_a_baseline_of_another_audience_is_refused(gate: Gate, tmp_path: Path, lists: Path) -> None:
    fewer = [line for line in (lists / "lists.csv").read_text().splitlines() if not line.startswith("s9,")]
    (tmp_path / "fewer.csv").write_text("\n".join([*fewer, ""]))
    assert gate("check", "--recommendations", tmp_path / "fewer.csv", "--out", tmp_path / "out").exit_code == 0
    result = gate("check", "--baseline", tmp_path / "out" / "report.json")

    assert (result.exit_code, "subjects: expected 60 as in this audit, got 59" in result.stderr) == (2, True)


@pytest.mark.parametrize(
    ("name", "content", "code", "said"),
    [
        ("policy.yaml", POLICY.replace("limit: 0.2 ", "limit: 20 "), 2, "policy.yaml:14: rules[0]: expected"),
        ("policy.yaml", POLICY.replace("level: error", "level: warn"), 2, "a policy in which nothing can fail"),
        ("policy.yaml", POLICY.replace("the board", '""'), 2, "nobody has approved the rule yet"),
        ("policy.yaml", "rules: [", 2, "not valid YAML"),
        ("lists.csv", "subject,item,rank\ns1,i1,1\ns1,i2,3\n", 4, "without a gap"),
        ("lists.csv", "subject,item,rank\ns1,i1,1\ns1,i1,2\n", 4, "repeated"),
        ("lists.csv", "subject,item,position\ns1,i1,1\n", 4, "rank"),
        ("lists.csv", "subject,item,rank\n", 4, "row"),
        ("lists.csv", "subject,item,rank\ns1,unlisted,1\n", 4, "item"),
        ("lists.csv", "", 4, ""),
        ("items.csv", "item\ni1\n", 4, "category"),
        ("waivers.yaml", "waivers: [{id: x}]\n", 2, "waivers.yaml:1: waivers[0]: expected the key"),
        ("report.json", "{}\n", 4, "report.json: "),
    ],
)
def test_what_cannot_be_used_is_told_and_never_passes(  # noqa: PLR0917 - a row of the table
    gate: Gate, tmp_path: Path, name: str, content: str, code: int, said: str
) -> None:
    (tmp_path / name).write_text(content)
    option = {
        "lists.csv": "--recommendations",
        "items.csv": "--items",
        "waivers.yaml": "--waivers",
        "report.json": "--baseline",
    }
    result = gate("check", *([option[name], tmp_path / name] if name in option else []))

    assert (result.exit_code, said in result.stderr, result.stdout) == (code, True, "")
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize("option", ["--policy", "--recommendations", "--items", "--baseline", "--waivers"])
def test_a_file_that_is_not_there_is_a_usage_error(gate: Gate, tmp_path: Path, option: str) -> None:
    assert gate("check", option, tmp_path / "nothing.json").exit_code == 2


def test_what_a_rule_would_take_is_said(gate: Gate, tmp_path: Path) -> None:
    edited(tmp_path, "metric: exposure_gini\n    comparison: at_most\n", "metric: ndcg\n    comparison: at_least\n")
    result = gate("check")

    assert "measuring it takes what subjects chose (relevance)" in " ".join(result.stdout.split())


def test_a_day_that_is_none_is_a_usage_error(gate: Gate) -> None:
    result = gate("check", "--today", "soon")

    assert (result.exit_code, "expected a date such as" in result.stderr) == (2, True)


@pytest.mark.parametrize(("option", "value"), [("--today", "2026-01-01"), ("--seed", "1")])
def test_what_was_decided_for_another_day_or_draw_is_not_signed(
    gate: Gate, tmp_path: Path, option: str, value: str
) -> None:
    result = gate("check", "--out", tmp_path / "out", "--sign-with", tmp_path / "gate.key", option, value)

    assert (result.exit_code, f"{option}: expected" in result.stderr) == (2, True)
    assert not (tmp_path / "out").exists()


def test_what_only_the_command_says_of_the_relevance_is_not_signed(gate: Gate, tmp_path: Path) -> None:
    result = gate("check", "--out", tmp_path / "out", "--sign-with", tmp_path / "gate.key", "--relevance-is-random")

    expected = "the policy has to say so (relevance_is_random: true)"
    assert (result.exit_code, expected in " ".join(result.stderr.split())) == (2, True)
    assert not (tmp_path / "out").exists()


def test_another_seed_than_the_policys_passes_nothing(gate: Gate) -> None:
    assert gate("check", "--seed", 1).exit_code == 0
    assert gate("check", "--seed", 2).exit_code == 3


def test_a_fault_inside_is_four_without_a_traceback_and_with_one_where_asked_for(
    gate: Gate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        msg = "s17 watched i3"
        raise ZeroDivisionError(msg)

    monkeypatch.setattr("governance.gate.check.run", broken)
    result = gate("check", "--debug-log", tmp_path / "fault.log")

    assert (result.exit_code, result.stdout) == (4, "")
    assert "something went wrong inside (ZeroDivisionError); nothing was decided" in " ".join(result.stderr.split())
    assert "s17" not in result.stderr
    assert "ZeroDivisionError: s17 watched i3" in (tmp_path / "fault.log").read_text()


def test_the_command_needs_no_database_and_no_torch(lists: Path, tmp_path: Path) -> None:
    (tmp_path / "policy.yaml").write_text(POLICY)
    command = [sys.executable, "-c", WITHOUT, "gate", "check", "--policy", "policy.yaml", "--format", "json"]
    tables = ["--recommendations", str(lists / "lists.csv"), "--items", str(lists / "items.csv")]
    done = subprocess.run([*command, *tables], cwd=tmp_path, capture_output=True, text=True, check=False)

    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["outcome"] == "pass"


@pytest.mark.parametrize(("asked", "sign"), [("terminal", "✓"), ("markdown", "✅")])
def test_a_pipe_gets_utf_8_whatever_the_encoding_of_the_terminal(
    lists: Path, tmp_path: Path, asked: str, sign: str
) -> None:
    (tmp_path / "policy.yaml").write_text(POLICY)
    command = [sys.executable, "-m", "governance.cli", "gate", "check", "--policy", "policy.yaml", "--format", asked]
    tables = ["--recommendations", str(lists / "lists.csv"), "--items", str(lists / "items.csv")]
    env = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), "PYTHONIOENCODING": "cp1252"}
    done = subprocess.run([*command, *tables], cwd=tmp_path, env=env, capture_output=True, check=False)

    assert (done.returncode, done.stderr) == (0, b"")
    assert sign in done.stdout.decode("utf-8")


def test_a_sign_that_the_terminal_cannot_show_changes_no_exit_code(gate: Gate, tmp_path: Path) -> None:
    assert gate("check", "--out", tmp_path / "out").exit_code == 0
    edited(tmp_path, "limit: 0.2      # a fifth of the attention\n    aim: 0.25", "limit: 0.6")
    command = [sys.executable, "-m", "governance.cli", "gate", "ratchet", "--policy", "policy.yaml"]
    env = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), "PYTHONIOENCODING": "cp1252"}
    report = ["--report", str(tmp_path / "out" / "report.json")]
    done = subprocess.run([*command, *report], cwd=tmp_path, env=env, capture_output=True, check=False)

    assert (done.returncode, b"documentaries" in done.stdout) == (1, True)


def test_a_drafted_policy_is_refused_until_somebody_approves_it_and_then_the_lists_pass(
    gate: Gate, lists: Path, tmp_path: Path
) -> None:
    more = ("--relevance", lists / "relevance.csv", "--groups", lists / "groups.csv")
    draft = tmp_path / "draft.yaml"
    assert gate("init", *more, "-o", draft, "--today", "2026-11-26", policy=None).exit_code == 0
    assert gate("check", *more, policy="draft.yaml").exit_code == 2
    draft.write_text(draft.read_text().replace('approved_by: ""', "approved_by: Bea"))

    rules = load(draft, FairnessPolicy).value.rules
    assert all(", measured on 2026-11-26: " in rule.rationale for rule in rules)
    assert [rule.level for rule in rules].count("error") == 1
    assert gate("check", *more, policy="draft.yaml").exit_code == 0
    assert gate("init", *more, "-o", draft, policy=None).exit_code == 2  # never over a policy that is there


def test_a_drafted_policy_has_no_rule_about_what_is_mostly_unlabelled_and_says_so(
    gate: Gate, lists: Path, tmp_path: Path
) -> None:
    items = tmp_path / "half.csv"
    items.write_text((lists / "items.csv").read_text() + "".join(f"nobody-{number},\n" for number in range(50)))
    more = ("--items", items, "--relevance", lists / "relevance.csv", "-o", tmp_path / "draft.yaml")
    drafted = gate("init", *more, policy=None)

    assert drafted.exit_code == 0
    assert "no rule about category: it is unknown of" in " ".join(drafted.output.split())
    text = (tmp_path / "draft.yaml").read_text()
    assert ("attribute: " in text, "metric: coverage" in text) == (False, True)
    assert "max_unknown_share: 0.05" in text


def test_a_ratchet_moves_numbers_and_nothing_else_and_only_once(gate: Gate, tmp_path: Path) -> None:
    assert gate("check", "--out", tmp_path / "out").exit_code == 0
    report = tmp_path / "out" / "report.json"
    assert gate("ratchet", "--report", report, "--dry-run").exit_code == 0
    assert (tmp_path / "policy.yaml").read_text() == POLICY
    result = gate("ratchet", "--report", report)
    after = (tmp_path / "policy.yaml").read_text()

    assert (result.exit_code, "documentaries" in result.stdout) == (0, True)
    changed = [(old, new) for old, new in zip(POLICY.splitlines(), after.splitlines(), strict=True) if old != new]
    assert [old.partition(":")[0].strip() for old, _ in changed] == ["limit", "limit"]
    assert changed[0][1].endswith("      # a fifth of the attention")
    assert gate("check").exit_code == 0
    assert gate("ratchet", "--report", report).exit_code == 0
    assert (tmp_path / "policy.yaml").read_text() == after


def test_a_report_that_does_not_pass_tightens_nothing(gate: Gate, tmp_path: Path) -> None:
    assert gate("check", "--out", tmp_path / "out").exit_code == 0
    edited(tmp_path, "limit: 0.2      # a fifth of the attention\n    aim: 0.25", "limit: 0.6")
    before = (tmp_path / "policy.yaml").read_text()

    assert gate("ratchet", "--report", tmp_path / "out" / "report.json").exit_code == 1
    assert (tmp_path / "policy.yaml").read_text() == before


def test_a_number_that_two_rules_share_is_not_changed_for_both(gate: Gate, tmp_path: Path) -> None:
    assert gate("check", "--out", tmp_path / "out").exit_code == 0
    report = Report.from_json((tmp_path / "out" / "report.json").read_bytes())
    shared = POLICY.replace("limit: 0.2 ", "limit: &low 0.2 ").replace(
        "comparison: at_most\n    limit: 0.9", "comparison: at_least\n    limit: *low"
    )

    with pytest.raises(PolicyError, match="that several places share"):
        tighten(shared, tmp_path / "policy.yaml", replace(report, measurements=report.measurements), slack=1.0)
