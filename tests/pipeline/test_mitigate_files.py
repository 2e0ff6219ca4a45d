"""`probity mitigate` on anybody's files: prices out, measured on subjects kept aside; what is not right is refused."""

import csv
import json
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from audits.mitigation.report import MitigationReport
from governance.pipeline.scored import split
from recommender.price_file import load_prices
from tests.pipeline.conftest import Run
from tests.pipeline.scored import POLICY, arguments, write_files


@pytest.fixture
def files(tmp_path: Path) -> Path:
    return write_files(tmp_path)


@pytest.mark.parametrize("out", ["prices.json", "prices.yaml"])
def test_prices_are_written_that_serving_reads_and_that_do_what_the_policy_asks(
    files: Path, probity: Run, out: str
) -> None:
    ran = probity(*arguments(files, out=out), "--json")
    said = json.loads(ran.out)
    prices = load_prices(files / out, expected_digest=said["sha256"])

    assert ran.code == 0
    assert said["prices"]["category=documentary"] > 0.1
    assert {each.category: each.floor for each in prices.prices} == pytest.approx({"documentary": 0.18, "film": 0.72})
    assert prices.unit == "score"
    assert [name for name, _ in prices.inputs] == ["items", "scores"]
    before, after = said["held_out"]["ratios"]["category"]
    assert before < 0.2
    assert after > 0.5


def test_the_report_says_who_pays_and_is_the_same_again(files: Path, probity: Run) -> None:
    told = {name: f"{name}.csv" for name in ("groups", "history", "relevance")}
    ran = probity(*arguments(files, **told, report="report.json"))
    first = (files / "report.json").read_bytes()
    probity(*arguments(files, **told, report="report.html"))
    again = probity(*arguments(files, **told, report="report.json"))
    report = MitigationReport.from_json(first)

    assert (ran.code, again.code) == (0, 0)
    assert (files / "report.json").read_bytes() == first
    assert {row.attribute for row in report.utility} == {None, "activity", "group"}
    assert {row.measure for row in report.utility} == {"score", "ndcg"}
    assert report.subjects + report.certificate.subjects == 90
    assert "of their utility" in ran.out
    assert (files / "report.html").read_text().startswith("<!doctype html>")


def test_a_categorys_name_is_text_and_no_markup(files: Path, probity: Run) -> None:
    items = (files / "items.csv").read_text()
    (files / "items.csv").write_text(items.replace("documentary", "[/red]doc[bold]"))

    ran = probity(*arguments(files))

    assert (ran.code, "category = [/red]doc[bold]" in ran.out) == (0, True)
    assert "to [/red]doc[bold]" in ran.out


def test_parquet_and_relative_scores_give_prices_that_our_models_take(files: Path, probity: Run) -> None:
    rows = list(csv.DictReader((files / "scores.csv").read_text().splitlines()))
    columns = {name: [row[name] for row in rows] for name in ("subject", "item")}
    pq.write_table(pa.table(columns | {"score": [float(row["score"]) for row in rows]}), files / "scores.parquet")
    ran = probity(*arguments(files, scores="scores.parquet"), "--relative", "--json")

    assert ran.code == 0
    assert load_prices(files / "prices.json", expected_digest=None).unit == "relative score"


def test_no_database_no_training_and_no_settings_are_loaded_for_files(files: Path) -> None:
    barred = {"sqlalchemy", "alembic", "pydantic_settings", "torch", "opendp", "duckdb", "ibis", "deltalake", "fastapi"}
    program = (
        f"import atexit, sys; sys.argv = ['probity', *{arguments(files)!r}, '--json']; "
        f"atexit.register(lambda: sys.stderr.write('loaded: ' + str(sorted({barred!r} & set(sys.modules))))); "
        "from governance.cli.main import main; main()"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    assert done.stderr.endswith("loaded: []")
    assert (files / "prices.json").exists()


def test_who_is_kept_aside_depends_on_the_key_alone() -> None:
    subjects = [f"s{number}" for number in range(400)]
    fitted, aside = split(subjects, 0.3)
    _, of_fewer = split(subjects[:200], 0.3)

    assert sorted([*fitted, *aside]) == list(range(400))
    assert 0.2 < aside.size / 400 < 0.4
    assert of_fewer.tolist() == aside[aside < 200].tolist()


@pytest.mark.parametrize(
    ("spoil", "code", "says"),
    [
        ({"scores": "absent.csv"}, 2, "absent.csv: expected a file that can be read, got none"),
        ({"scores": "items.csv"}, 3, "items.csv: for scores expected the columns subject, score"),
        ({"scores": "policy.yaml"}, 2, "policy.yaml: expected a format"),
        ({"policy": "items.csv"}, 2, "items.csv:1"),
        ({"out": "prices.txt"}, 2, "--out: expected a file that ends with .json or .yaml or .yml, got prices.txt"),
        ({"out": "nowhere/prices.json"}, 2, "--out: expected a folder that exists"),
        ({"report": "report.pdf"}, 2, "--report: expected a file that ends with .html or .json, got report.pdf"),
        ({"report": "prices.json"}, 2, "--report: expected a file of its own to write to"),
        ({"out": "policy.yaml"}, 2, "--out: expected a file of its own to write to"),
        ({"report": "folder.json"}, 2, "--report: expected a file, got the folder"),
    ],
)
def test_files_that_are_not_what_they_should_be_are_refused_in_one_line(
    files: Path, probity: Run, spoil: dict[str, str], code: int, says: str
) -> None:
    (files / "folder.json").mkdir()
    ran = probity(*arguments(files, **spoil))

    assert ran.code == code
    assert says in ran.err
    assert len(ran.err.strip().splitlines()) == 1
    assert not (files / "prices.json").exists()
    assert (files / "policy.yaml").read_text() == POLICY


@pytest.mark.parametrize(
    ("name", "change", "refused"),
    [
        ("policy.yaml", ("attribute: category", "attribute: origin"), (1, "no exposure rule of the policy applies")),
        ("policy.yaml", ("limit: 0.6\n    aim: 0.9", "limit: 6.0"), (3, "exposure limits of category")),
        ("policy.yaml", ("list_length: 5", "list_length: 50"), (2, "positive attention that falls with rank")),
        ("items.csv", ("0,film", ",film"), (3, "items.csv, line 2, column item: expected a name, got nothing")),
        ("scores.csv", ("0,0,", "0,99,"), (3, "items of the catalogue")),
        (
            "scores.csv",
            ("0,0,", "0,1,"),
            (3, "scores.csv, line 3, column item: expected each item once for each subject"),
        ),
    ],
)
def test_content_that_cannot_be_priced_is_refused_with_the_reason(
    files: Path, probity: Run, name: str, change: tuple[str, str], refused: tuple[int, str]
) -> None:
    path = files / name
    path.write_text(path.read_text().replace(*change, 1))
    ran = probity(*arguments(files))

    assert (ran.code, ran.out) == (refused[0], "")
    assert refused[1] in ran.err
    assert not (files / "prices.json").exists()


def test_half_of_either_form_is_refused(files: Path, probity: Run) -> None:
    incomplete = probity("mitigate", "--scores", files / "scores.csv")
    both = probity("mitigate", "00000000-0000-4000-8000-000000000001", "--scores", files / "scores.csv")

    assert (incomplete.code, both.code) == (2, 2)
    assert "missing --items, --policy, --out" in incomplete.err
    assert "got also --scores" in both.err


@pytest.mark.parametrize("share", ["0", "1", "nan", "0.99"])
def test_a_share_that_leaves_nobody_on_one_side_is_refused(files: Path, probity: Run, share: str) -> None:
    ran = probity(*arguments(files), "--held-out-share", share)

    assert ran.code == 2
    assert "share" in ran.err or "at least 10 subjects" in ran.err


def test_groups_by_activity_that_somebody_gives_are_not_taken_for_others(files: Path, probity: Run) -> None:
    groups = (files / "groups.csv").read_text().splitlines()
    told = [f"{groups[0]},attribute", *(f"{row},activity" for row in groups[1:])]
    (files / "groups.csv").write_text("\n".join(told))
    probity(*arguments(files, groups="groups.csv", history="history.csv", report="report.json"))
    report = MitigationReport.from_json((files / "report.json").read_bytes())

    assert {row.group for row in report.utility if row.attribute == "activity"} == {"old", "young"}
