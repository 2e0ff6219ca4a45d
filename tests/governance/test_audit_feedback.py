"""`probity audit feedback --recommender`: anybody's function in the loop, and what is no function is told."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from audits.feedback_report import FeedbackReport
from governance.cli.main import build

MINE = """\
import numpy as np

CALLS = []
NUMBER = 7


def popular(history, rng):
    assert history.shape == (40, 12)
    CALLS.append(history.sum())
    counts = np.asarray(history.sum(axis=0)).ravel()
    keys = np.where(history.toarray() > 0, -1.0, counts)
    return np.argsort(-keys, axis=1, kind="stable")[:, :3]


def careless(history, rng):
    lists = popular(history, rng)
    history.data[:] = 99.0
    return lists


def floats(history, rng):
    return np.zeros((history.shape[0], 3))


def beyond(history, rng):
    return np.full((history.shape[0], 3), 12)


def broken(history, rng):
    raise RuntimeError("subject s7 has no history")


def misshapen(history, rng):
    return np.vstack([np.zeros((2, 2)), np.zeros((2, 3))])


def narrow(history):
    return popular(history, None)


class Models:
    best = staticmethod(popular)
"""


FURTHER = ("--items", "items.csv", "--attribute", "colour")


def probity(*arguments: object) -> Result:
    given = [str(each) for each in arguments]
    return CliRunner().invoke(build(given), given)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Forty histories over twelve titles, and recommenders in a module of the folder one stands in."""
    rng = np.random.default_rng(2)
    rows = [f"s{u:02d},i{item:02d}" for u in range(40) for item in rng.choice(12, 4, replace=False)]
    (tmp_path / "history.csv").write_text("\n".join(["subject,item", *rows, ""]))
    kinds = [f"i{item:02d},{'drama' if item % 2 else 'news'},{'here' if item < 6 else 'there'}" for item in range(12)]
    (tmp_path / "items.csv").write_text("\n".join(["item,genre,origin", *kinds, ""]))
    (tmp_path / "minelists.py").write_text(MINE)
    (tmp_path / "unlucky.py").write_text("import nothing_of_that_name\n")
    (tmp_path / "unwell.py").write_text("1 / 0\n")
    monkeypatch.chdir(tmp_path)
    path = list(sys.path)
    yield tmp_path
    sys.path[:] = path
    for name in ("minelists", "unlucky", "unwell"):
        sys.modules.pop(name, None)


def feedback(name: str, *options: object) -> Result:
    files = ("--history", "history.csv", "--items", "items.csv")
    return probity("audit", "feedback", "--recommender", name, *files, "--rounds", 3, "--seeds", 2, *options)


@pytest.mark.usefixtures("folder")
def test_a_function_is_asked_every_round_with_histories_that_grow() -> None:
    result = feedback("minelists:popular", "--choices", 1, "--list-length", 3, "--json")
    report = json.loads(result.stdout)["report"]

    assert result.exit_code == 0
    # 40 histories of 4; each chooses one more after the first and the second round, and that twice.
    assert sys.modules["minelists"].CALLS == [160.0, 200.0, 240.0] * 2
    assert (report["subjects"], report["items"], report["rounds"], report["seeds"]) == (40, 12, 3, [1, 2])
    assert {each["attribute"] for each in report["trajectories"]} == {None, "genre", "origin"}


@pytest.mark.usefixtures("folder")
def test_the_most_popular_recommender_drifts_as_its_baseline_does() -> None:
    report = json.loads(feedback("minelists:popular", "--list-length", 3, "--json").stdout)["report"]
    excesses = {(each["baseline"], each["measure"], each["attribute"]): each["excess"] for each in report["excesses"]}

    assert {value for (baseline, *_), value in excesses.items() if baseline == "most popular"} == {0.0}
    assert excesses["random lists", "exposure_entropy", None] != 0.0


@pytest.mark.usefixtures("folder")
def test_a_function_that_writes_into_its_histories_changes_no_loop() -> None:
    assert feedback("minelists:careless", "--choices", 1, "--list-length", 3).exit_code == 0

    assert sys.modules["minelists"].CALLS == [160.0, 200.0, 240.0] * 2


@pytest.mark.usefixtures("folder")
def test_the_table_goes_round_by_round_beside_both_baselines_and_ends_in_sentences() -> None:
    result = feedback("minelists:Models.best", "--attribute", "genre")
    text = result.stdout

    assert result.exit_code == 0
    assert text.index("minelists:Models.best: mean over 2 seeds") < text.index("random lists: mean over 2 seeds")
    assert text.index("random lists: mean") < text.index("most popular: mean") < text.index("Drift of minelists")
    assert "list_entropy (genre)" in text
    assert "origin" not in text
    assert text.splitlines()[-1].startswith("Over 3 rounds the share of the catalogue in any list moves by ")
    assert "40 subjects, from the file of histories, and 12 titles" in result.stderr


def test_a_report_is_a_page_or_json(folder: Path) -> None:
    assert feedback("minelists:popular", "--report", folder / "loop.html").exit_code == 0
    assert feedback("minelists:popular", "--report", folder / "loop.json").exit_code == 0

    assert "<svg" in (folder / "loop.html").read_text()
    assert FeedbackReport.from_json((folder / "loop.json").read_bytes()).recommender == "minelists:popular"


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("name", "code", "said"),
    [
        ("minelists", 2, "--recommender: expected package.module:function, got 'minelists'"),
        (
            "nobody.knows:it",
            2,
            "expected a module that can be imported, got ModuleNotFoundError: No module named 'nobody'",
        ),
        ("unlucky:lists", 2, "got ModuleNotFoundError: No module named 'nothing_of_that_name'"),
        ("unwell:lists", 2, "got ZeroDivisionError in unwell.py, line 1"),
        ("minelists:absent", 2, "expected a function absent in the module, got none of that name"),
        ("minelists:NUMBER", 2, "expected a function, got the type int"),
        ("minelists:floats", 4, "lists of the recommender: expected whole numbers of shape (40, k)"),
        ("minelists:beyond", 4, "lists of the recommender: expected items 0 to 11"),
        ("minelists:broken", 4, "expected lists, got RuntimeError in minelists.py, line 30"),
        ("minelists:narrow", 4, "got TypeError where it was called with histories and a generator"),
        ("minelists:misshapen", 4, "expected lists, got ValueError in minelists.py, line 34"),
    ],
)
def test_what_is_no_recommender_is_told(name: str, code: int, said: str) -> None:
    result = feedback(name)
    told = " ".join(result.stderr.split())

    assert (result.exit_code, result.stdout) == (code, "")
    assert said in told
    assert "s7" not in told


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        ((), 2, "expected a registered model's id, or --recommender, --history, --items; missing --recommender"),
        (("--recommender", "minelists:popular", "--items", "items.csv"), 2, "missing --history"),
        (
            ("--recommender", "minelists:popular", "--history", "history.csv", "--items", "few.csv"),
            4,
            "history.csv, column item: expected items that few.csv lists, got others in",
        ),
        (
            (*("--recommender", "minelists:popular", "--history", "history.csv"), *FURTHER),
            2,
            "attributes: expected some of genre, origin, got colour",
        ),
    ],
)
def test_what_is_missing_or_does_not_fit_is_told(options: tuple[str, ...], code: int, said: str) -> None:
    Path("few.csv").write_text("item,category\ni00,drama\n")
    result = probity("audit", "feedback", *options)

    assert (result.exit_code, result.stdout) == (code, "")
    assert said in " ".join(result.stderr.split())
