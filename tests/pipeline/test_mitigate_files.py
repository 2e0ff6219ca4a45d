"""`probity mitigate` on anybody's files: prices out, measured on subjects kept aside; what is not right is refused."""

import csv
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from audits.mitigation_report import MitigationReport
from governance.pipeline.pricing import split
from recommender.price_file import load_prices
from tests.pipeline.conftest import Run

POLICY = """\
list_length: 5
attention: logarithmic
replicates: 300
confidence: 0.95
seed: 7
max_unknown_share: 0.1
rules:
  - id: every-category-visible
    metric: exposure_ratio
    attribute: category
    comparison: at_least
    limit: 0.6
    aim: 0.9
    level: error
    rationale: No category gets less than six tenths of the attention that its part of the catalogue would give it.
    approved_by: review board
"""


def write(path: Path, rows: list[dict[str, object]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """90 subjects, 30 items in two categories of which the smaller one is hardly ever among the best."""
    rng = np.random.default_rng(3)
    category = ["film"] * 24 + ["documentary"] * 6
    score = rng.uniform(size=(90, 30)) + np.array([0.8] * 24 + [0.5] * 6)
    rows = [{"subject": s, "item": i, "score": round(score[s, i], 6)} for s in range(90) for i in range(30)]
    write(tmp_path / "scores.csv", rows)
    write(tmp_path / "items.csv", [{"item": i, "category": category[i]} for i in range(30)])
    write(tmp_path / "groups.csv", [{"subject": s, "group": "old" if s % 2 else "young"} for s in range(90)])
    write(tmp_path / "history.csv", [{"subject": s, "item": i} for s in range(90) for i in range(s % 3 + 1)])
    write(tmp_path / "relevance.csv", [{"subject": s, "item": int(score[s, 5:].argmax()) + 5} for s in range(90)])
    (tmp_path / "policy.yaml").write_text(POLICY)
    return tmp_path


def arguments(files: Path, **changes: Any) -> list[str]:  # noqa: ANN401 - paths and numbers
    given = {"scores": "scores.csv", "items": "items.csv", "policy": "policy.yaml", "out": "prices.json"} | changes
    return ["mitigate", *(word for name, path in given.items() for word in (f"--{name}", str(files / str(path))))]


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
        ({"out": "prices.txt"}, 2, "a name that ends in .json, .yaml or .yml"),
        ({"out": "nowhere/prices.json"}, 2, "a folder that exists"),
        ({"report": "report.pdf"}, 2, "ends in .json or .html"),
    ],
)
def test_files_that_are_not_what_they_should_be_are_refused_in_one_line(
    files: Path, probity: Run, spoil: dict[str, str], code: int, says: str
) -> None:
    ran = probity(*arguments(files, **spoil))

    assert ran.code == code
    assert says in ran.err
    assert len(ran.err.strip().splitlines()) == 1


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
