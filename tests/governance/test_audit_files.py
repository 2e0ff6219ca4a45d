"""`probity audit drift` and `probity audit experiment`: files in, figures and an exit code out, without a home."""

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from governance.cli.main import build


def probity(*arguments: object) -> Result:
    given = [str(each) for each in arguments]
    return CliRunner().invoke(build(given), given)


def experiment(path: Path, *, lost: float, n: int = 1000, drawn: float = 0.5) -> Path:
    """Half of the control's subjects finish, of the treatment's fewer by ``lost``; who came first stands first."""
    rng = np.random.default_rng(8)
    treated = rng.random(n) < drawn
    finished = rng.random(n) < np.where(treated, 0.5 - lost, 0.5)
    arms = np.where(treated, "treatment", "control")
    rows = [f"s{at},{arm},{int(value)}" for at, (arm, value) in enumerate(zip(arms, finished, strict=True))]
    path.write_text("\n".join(["subject,arm,value", *rows, ""]))
    return path


def test_drift_says_what_changed_and_what_is_new(lists: Path) -> None:
    files = ("--earlier", lists / "before.csv", "--later", lists / "lists.csv", "--items", lists / "items.csv")
    found = json.loads(probity("audit", "drift", *files, "--replicates", 100, "--json").stdout)
    changes = {each["metric"]: each for each in found["changes"]}

    # Every fourth subject saw the first two of the same five titles the other way round.
    assert (changes["churn"]["change"], changes["churn"]["n"]) == (0.0, 60)
    assert changes["exposure_gini"]["before"] + changes["exposure_gini"]["change"] == pytest.approx(
        changes["exposure_gini"]["after"]
    )
    first = json.loads(probity("audit", "drift", *files, "--replicates", 100, "--list-length", 1, "--json").stdout)
    # Of lists of one, every fourth is another.
    assert {each["change"] for each in first["changes"] if each["metric"] == "churn"} == {0.25}
    shown = probity("audit", "drift", *files, "--replicates", 100)
    assert (shown.exit_code, " churn " in shown.stdout, "hold together at 95%" in shown.stderr) == (0, True, True)


@pytest.mark.parametrize(
    ("lost", "drawn", "code", "outcome"),
    [(0.0, 0.5, 0, "pass"), (0.4, 0.5, 1, "fail"), (0.07, 0.5, 3, "inconclusive"), (0.0, 0.3, 3, "inconclusive")],
    ids=["no worse", "far worse", "undecided", "no fair draw"],
)
def test_the_exit_code_of_an_experiment_is_its_verdict(
    tmp_path: Path, lost: float, drawn: float, code: int, outcome: str
) -> None:
    log = experiment(tmp_path / "log.csv", lost=lost, drawn=drawn)
    result = probity("audit", "experiment", log, "--margin", 0.1, "--json")
    found = json.loads(result.stdout)

    assert (result.exit_code, found["outcome"]) == (code, outcome)
    assert found["sample_ratio"]["mismatch"] is (drawn != 0.5)
    ends = (found["at_any_time"]["low"], found["at_any_time"]["high"])
    assert ends[0] < -lost < ends[1]
    # Near enough that no loss and one of 0.4 are never taken for each other.
    assert ends[1] - ends[0] < 0.3
    assert probity("audit", "experiment", log, "--margin", 0.1).exit_code == code


@pytest.mark.parametrize(("drawn", "share", "code"), [(0.3, 0.3, 0), (0.3, 0.5, 3), (0.5, 0.3, 3)])
def test_arms_are_compared_with_the_share_they_were_drawn_for(
    tmp_path: Path, drawn: float, share: float, code: int
) -> None:
    log = experiment(tmp_path / "log.csv", lost=0.0, drawn=drawn)
    result = probity("audit", "experiment", log, "--margin", 0.1, "--share", share, "--json")
    ratio = json.loads(result.stdout)["sample_ratio"]

    assert (result.exit_code, ratio["mismatch"]) == (code, code == 3)
    # Of a thousand subjects, the treatment's come second.
    assert ratio["counts"][1] / 1000 == pytest.approx(drawn, abs=0.03)


def steady(path: Path, control: float, treatment: float) -> Path:
    """Each arm a tenth below and above its mean in turn, twenty subjects each."""
    rows = [
        f"{arm}{at},{arm},{mean + (0.1 if at % 2 else -0.1)}"
        for arm, mean in (("control", control), ("treatment", treatment))
        for at in range(20)
    ]
    path.write_text("\n".join(["subject,arm,value", *rows, ""]))
    return path


def test_a_relative_margin_is_a_share_of_the_controls_mean(tmp_path: Path) -> None:
    log = steady(tmp_path / "log.csv", control=20.0, treatment=19.0)
    asked = ("audit", "experiment", log, "--margin", 0.1, "--json")
    absolute, relative = probity(*asked), probity(*asked, "--relative")
    rooms = [json.loads(each.stdout)["guardrails"][0]["room"] for each in (absolute, relative)]

    # One was lost: 0.1 was allowed, or a tenth of 20.
    assert rooms == [pytest.approx(-0.9), pytest.approx(1.0)]
    assert (absolute.exit_code, relative.exit_code) == (1, 0)


def test_what_subjects_brought_along_is_taken_out_by_the_column_before(tmp_path: Path) -> None:
    rng = np.random.default_rng(4)
    rows = []
    for at in range(400):
        before = rng.normal(0, 10)
        noise, unrelated = rng.normal(0, 0.5), rng.normal(0, 10)
        rows.append(f"s{at},{'treatment' if at % 2 else 'control'},{before + noise},{before},{unrelated}")
    log = tmp_path / "log.csv"
    log.write_text("\n".join(["subject,arm,value,before,unrelated", *rows, ""]))
    asked = ("audit", "experiment", log, "--margin", 0.5, "--json")
    alone, explained, unexplained = (
        probity(*asked, *options) for options in ((), ("--before", "before"), ("--before", "unrelated"))
    )
    shares = [json.loads(each.stdout)["guardrails"][0]["explained"] for each in (alone, explained, unexplained)]

    # The noise has a four hundredth of the variance: half a unit is told from none only without the rest.
    assert [each.exit_code for each in (alone, explained, unexplained)] == [3, 0, 3]
    assert shares == [0.0, pytest.approx(1 - 1 / 401, abs=0.001), pytest.approx(0.0, abs=0.02)]


def test_evidence_grows_with_pairs_in_the_order_of_arrival(tmp_path: Path) -> None:
    log = experiment(tmp_path / "log.csv", lost=0.4)
    lines = log.read_text().splitlines()
    few = tmp_path / "few.csv"
    few.write_text("\n".join([*lines[:301], ""]))
    found = [
        json.loads(probity("audit", "experiment", each, "--margin", 0.1, "--json").stdout)["at_any_time"]
        for each in (few, log)
    ]

    # What decided early decided, whoever came later.
    assert found[0]["decided_at"] == found[1]["decided_at"] < 150
    assert found[1]["worse"] > found[0]["worse"] > 20


def test_an_outcome_that_is_less_the_better_and_without_a_known_range(tmp_path: Path) -> None:
    log = tmp_path / "log.csv"
    rows = [f"s{at},{'treatment' if at % 2 else 'control'},{at % 7 + (10 if at % 2 else 0)}" for at in range(400)]
    log.write_text("\n".join(["subject,arm,waited", *rows, ""]))
    asked = ("audit", "experiment", log, "--outcome", "waited", "--margin", 1, "--json")
    worse, better = probity(*asked, "--lower-is-better"), probity(*asked)

    assert (worse.exit_code, better.exit_code) == (1, 0)
    assert json.loads(better.stdout)["at_any_time"] is None


@pytest.mark.parametrize(
    ("content", "options", "code", "said"),
    [
        ("subject,arm\ns,control\n", (), 4, "expected columns subject, arm and outcomes"),
        ("subject,arm,value\ns,control,much\n", (), 4, "log.csv, line 2, column value: expected a number"),
        ("subject,arm,value\ns,control,1\n", (), 4, "expected control and treatment"),
        ("subject,arm,value\ns,control,1\nt,treatment,1\n", ("--outcome", "x"), 2, "expected outcomes among ['value']"),
        (None, (), 2, "expected a file that can be read"),
    ],
)
def test_what_is_no_experiment_is_told(
    tmp_path: Path, content: str | None, options: tuple[str, ...], code: int, said: str
) -> None:
    if content is not None:
        (tmp_path / "log.csv").write_text(content)
    result = probity("audit", "experiment", tmp_path / "log.csv", "--margin", 0.1, *options)

    assert (result.exit_code, result.stdout) == (code, "")
    assert said in " ".join(result.stderr.split())
