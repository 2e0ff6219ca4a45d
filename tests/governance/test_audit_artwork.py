"""`probity audit artwork`: tables in, whom pictures show to whom, and an exit code where limits were asked for."""

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner, Result

from audits.artwork.report import ArtworkReport
from governance.cli.main import build
from recommender.artwork import choose_artwork, impressions
from tests.audits.choosers import catalogue, shown, write


def probity(*arguments: object) -> Result:
    given = [str(each) for each in arguments]
    return CliRunner().invoke(build(given), given)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two choosers over eight titles, one of which shows minor characters to those it takes for them."""
    folder = tmp_path_factory.mktemp("artwork")
    impressions = {"even": shown(1, subjects=400), "biased": shown(1, subjects=400, tilt=0.3)}
    write(folder, catalogue() | impressions)
    return folder


def audit(files: Path, which: str, *options: object) -> Result:
    tables = {"impressions": which, "images": "images", "cast": "cast", "pictured": "pictured"}
    given = [part for name, file in tables.items() for part in (f"--{name}", files / f"{file}.csv")]
    return probity("audit", "artwork", *given, "--provenance", "studio metadata", "--replicates", 100, *options)


@pytest.mark.parametrize(
    ("which", "options", "code", "outcome"),
    [
        ("even", (), 0, None),
        ("biased", (), 0, None),
        ("even", ("--image-gap", 0.15), 0, "pass"),
        ("biased", ("--image-gap", 0.05), 1, "fail"),
        ("biased", ("--image-gap", 0.15), 3, "inconclusive"),
        ("even", ("--title-log-ratio", 0.3), 1, "fail"),
        ("even", ("--cast-log-ratio", 0.3), 0, "pass"),
        ("biased", ("--cast-log-ratio", 0.1), 1, "fail"),
        ("even", ("--floor", 0.3), 0, "pass"),
        ("biased", ("--floor", 0.3), 1, "fail"),
    ],
)
def test_the_exit_code_is_the_verdict_of_what_was_asked(
    files: Path, which: str, options: tuple[object, ...], code: int, outcome: str | None
) -> None:
    result = audit(files, which, *options, "--json")
    found = json.loads(result.stdout)

    assert (result.exit_code, found["outcome"]) == (code, outcome)
    assert bool(found["findings"]) is bool(options)
    assert found["report"]["provenance"] == "studio metadata"


def test_the_table_begins_with_the_worst_and_sentences_say_what_it_means(files: Path) -> None:
    result = audit(files, "biased", "--image-gap", 0.05)
    lines = result.stdout.splitlines()
    limits = lines[: lines.index(next(each for each in lines if "image_distance" in each))]

    verdicts = [word for line in limits for word in line.split() if word in {"fail", "inconclusive", "pass"}]
    assert verdicts == sorted(verdicts, key=("fail", "inconclusive", "pass").index)
    assert verdicts[0] == "fail"
    assert "Artwork: fail, a limit that was asked for is broken." in lines
    assert any(line.startswith("Cohort like a: images of ") for line in lines)
    assert "nothing is inferred from faces" in lines[-1]


def test_the_help_says_that_nobody_is_inferred() -> None:
    words = " ".join(probity("audit", "artwork", "--help").stdout.replace("│", " ").split())

    assert "they are never inferred" in words
    assert "Nothing is inferred from faces" in words


def test_a_report_goes_to_a_page_or_to_json_with_its_one_encoding(files: Path, tmp_path: Path) -> None:
    page, document = tmp_path / "report.html", tmp_path / "report.json"
    assert audit(files, "biased", "--image-gap", 0.05, "--report", page).exit_code == 1
    assert audit(files, "biased", "--report", document).exit_code == 0

    assert "Artwork: fail" in page.read_text()
    assert ArtworkReport.from_json(document.read_bytes()).impressions == 1600


def test_parquet_with_other_names_and_truth_values_gives_the_same_figures(files: Path, tmp_path: Path) -> None:
    impressions = shown(1, subjects=400).rename_columns(["viewer", "cluster", "title", "image", "propensity"])
    clicked = [at % 3 == 0 for at in range(impressions.num_rows)]
    pq.write_table(impressions.append_column("clicked", pa.array(clicked)), tmp_path / "impressions.parquet")
    rest = ("--images", files / "images.csv", "--provenance", "studio metadata", "--replicates", 100, "--json")
    place = f"{tmp_path / 'impressions.parquet'}?subject=viewer&cohort=cluster"
    from_parquet = json.loads(probity("audit", "artwork", "--impressions", place, *rest).stdout)["report"]
    from_csv = json.loads(probity("audit", "artwork", "--impressions", files / "even.csv", *rest).stdout)["report"]

    gaps = [
        {(each["group"], each["category"]): each["value"] for each in report["measurements"] if "gap" in each["metric"]}
        for report in (from_parquet, from_csv)
    ]
    assert gaps[0] == gaps[1]
    assert {each["metric"] for each in from_parquet["measurements"]} >= {"click_rate", "click_rate_uniform_snips"}


def test_the_log_of_a_chooser_that_knows_no_cohorts_is_joined_with_them(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    scores = {"a": 0.3, "b": 0.2}
    log = [impressions(f"s{u}", [choose_artwork("film", scores, rng=rng)]) for u in range(400)]
    pq.write_table(pa.concat_tables(log), tmp_path / "log.parquet")
    cohorts = [f"s{u},{'young' if u % 3 else 'old'}" for u in range(400)]
    (tmp_path / "cohorts.csv").write_text("\n".join(["subject,cohort", *cohorts, ""]))
    (tmp_path / "images.csv").write_text(GOOD["images"])
    given = ("--impressions", tmp_path / "log.parquet", "--images", tmp_path / "images.csv")
    asked = ("--provenance", "studio metadata", "--replicates", 100, "--floor", 0.04, "--json")
    result = probity("audit", "artwork", *given, "--cohorts", tmp_path / "cohorts.csv", *asked)
    report = json.loads(result.stdout)["report"]
    gaps = {
        (each["group"], each["category"]): (each["value"], each["n"])
        for each in report["measurements"]
        if each["metric"] == "image_gap"
    }

    # Probity's own chooser is blind to who looks: both cohorts see the better picture 0.95 of the time, and not half.
    assert result.exit_code == 0
    assert gaps["cohort = young", "man"] == (pytest.approx(0.45, abs=0.05), 266)
    assert gaps["cohort = old", "man"] == (pytest.approx(0.45, abs=0.05), 134)


def test_a_small_cohort_has_no_figure_and_leaves_the_verdict_open(files: Path, tmp_path: Path) -> None:
    lines = (files / "even.csv").read_text().splitlines()
    few = [
        line.replace('"s000', '"t000').replace('"like a"', '"few"').replace('"like b"', '"few"') for line in lines[1:17]
    ]
    (tmp_path / "impressions.csv").write_text("\n".join([*lines, *few, ""]))
    result = probity(
        *("audit", "artwork", "--impressions", tmp_path / "impressions.csv", "--images", files / "images.csv"),
        *("--provenance", "studio metadata", "--replicates", 100, "--image-gap", 0.3),
    )

    assert result.exit_code == 3
    assert "too few subjects" in result.stdout
    assert any("are not given" in line and "too few subjects" in line for line in result.stdout.splitlines())


GOOD = {
    "impressions": "subject,cohort,title,image,propensity,clicked\ns,x,film,a,0.5,1\nt,x,film,b,0.5,0\n",
    "images": "title,image,category\nfilm,a,man\nfilm,b,woman\n",
    "cast": "title,person,group,share\nfilm,Bob,man,0.8\nfilm,Ann,woman,0.2\n",
    "pictured": "title,image,person\nfilm,a,Bob\nfilm,b,Ann\n",
    "probes": "subject,title,cohort,image,probability\ns,film,x,a,0.5\ns,film,x,b,0.5\n",
}


@pytest.mark.parametrize(
    ("table", "was", "becomes", "said"),
    [
        ("impressions", "film,b", "film,z", "impressions.csv, line 3, column image: expected an image that"),
        ("impressions", "t,x", "s,y", "impressions.csv, line 3, column cohort: expected one cohort for each subject"),
        ("impressions", "a,0.5", "a,1.5", "impressions.csv, line 2, column propensity: expected a chance above 0"),
        ("impressions", "0.5,0\n", "0.5,maybe\n", "impressions.csv, line 3, column clicked: expected true, false"),
        ("impressions", "cohort", "age", "impressions.csv: for impressions expected the columns cohort, got 6 others"),
        ("cohorts", "t,x", "s,x", "cohorts.csv, line 3, column subject: expected each subject once"),
        ("cohorts", "t,x", "u,x", "impressions.csv, line 3, column subject: expected a subject whose cohort"),
        ("both", "", "", "impressions.csv: expected no column cohort beside the cohorts of"),
        ("impressions", "s,x", "s,", "impressions.csv, line 2, column cohort: expected a name, got nothing"),
        ("images", "film,b", "film,a", "images.csv, line 3, column image: expected each title, image once"),
        ("cast", "0.2", "0", "cast.csv, line 3, column share: expected a positive number"),
        ("cast", "Ann", "Bob", "cast.csv, line 3, column person: expected each title, person once"),
        ("pictured", "Ann", "Zoe", "pictured.csv, line 3, column person: expected somebody whom"),
        ("pictured", "film,b", "film,c", "pictured.csv, line 3, column image: expected an image that"),
        ("probes", "b,0.5", "b,0.6", "probes.csv, line 2, column probability: expected a sum of 1"),
        ("probes", "b,0.5", "b,-0.5", "probes.csv, line 3, column probability: expected a chance from 0 to 1"),
        ("probes", "b,0.5", "z,0.5", "probes.csv, line 3, column image: expected an image that"),
    ],
)
def test_a_broken_table_is_told_by_file_line_and_column(
    tmp_path: Path, table: str, was: str, becomes: str, said: str
) -> None:
    tables = dict(GOOD)
    if table in {"cohorts", "both"}:
        tables["cohorts"] = "subject,cohort\ns,x\nt,x\n"
    if table == "cohorts":
        tables["impressions"] = "subject,title,image\ns,film,a\nt,film,b\n"
    given: list[object] = []
    for name, content in tables.items():
        (tmp_path / f"{name}.csv").write_text(content.replace(was, becomes, 1) if name == table else content)
        given += [f"--{name}", tmp_path / f"{name}.csv"]
    result = probity("audit", "artwork", *given, "--provenance", "studio metadata")

    assert (result.exit_code, result.stdout) == (4, "")
    assert said in " ".join(result.stderr.split())


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--provenance", " "), "artwork setting provenance: expected where the labels come from"),
        (("--provenance", "x", "--floor", 2), "artwork setting floor: expected between 0 and 1"),
        (("--provenance", "x", "--image-gap", -1), "artwork, image_gap: expected a positive limit"),
        (("--provenance", "x", "--cast-log-ratio", 0.1), "the tables that cast_log_ratio needs"),
        (("--provenance", "x", "--cohort-sensitivity", 0.1), "the tables that cohort_sensitivity needs"),
        (("--provenance", "x", "--cast", "cast.csv"), "a cast together with who is pictured, got one of them"),
        (("--provenance", "x", "--report", "report.pdf"), "--report: expected a file that ends with .html or .json"),
        (("--provenance", "x", "--report", "nowhere/report.html"), "--report: expected a folder that exists"),
    ],
)
def test_what_cannot_be_asked_is_a_usage_error(files: Path, options: tuple[object, ...], said: str) -> None:
    tables = ("--impressions", files / "even.csv", "--images", files / "images.csv")
    result = probity("audit", "artwork", *tables, *options)

    assert (result.exit_code, result.stdout) == (2, "")
    assert said in " ".join(result.stderr.split())
