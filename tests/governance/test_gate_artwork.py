"""The gate takes the report of an audit of artwork, for anybody's lists: `probity gate check --artwork`."""

import json
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from audits.artwork.findings import ArtworkLimits, findings
from audits.artwork.report import ArtworkConfig, ArtworkReport, audit_artwork
from audits.artwork.tables import ArtworkInput
from audits.report import Report
from governance.cli.main import build
from tests.audits.choosers import catalogue, shown

HEAD = """\
list_length: 2
attention: logarithmic
replicates: 200
confidence: 0.95
seed: 1
max_unknown_share: 0.05
rules:
"""
RULE = """\
  - id: rule-{at}
    {rule}
    level: error
    rationale: Minor characters are not shown as leads to whoever is taken for them.
    approved_by: the board
"""
IMAGES = "metric: image_gap, attribute: image, group: cohort, comparison: equivalence, against: target, tolerance: 0.1"
PEOPLE = "metric: cast_log_ratio, attribute: cast, group: cohort, comparison: between, floor: -0.3, ceiling: 0.3"
CHANCES = "metric: exploration_floor, comparison: at_least, limit: 0.1"
PROBES = "metric: cohort_sensitivity, comparison: at_most, limit: 0.1"
LISTS = "metric: coverage, comparison: at_least, limit: 0.1"


@pytest.fixture(scope="module")
def reports() -> dict[str, ArtworkReport]:
    """Two choosers over eight titles, one of which shows minor characters to those it takes for them."""
    config = ArtworkConfig(seed=1, provenance="studio metadata", replicates=200)
    given = {"even": shown(1, subjects=400), "biased": shown(1, subjects=400, tilt=0.3)}
    return {
        name: audit_artwork(ArtworkInput(impressions=each, **catalogue()), config=config)
        for name, each in given.items()
    }


def check(
    folder: Path, *rules: str, artwork: ArtworkReport | str | None = None, options: tuple[str, ...] = ()
) -> Result:
    written = [RULE.format(at=at, rule="\n    ".join(rule.split(", "))) for at, rule in enumerate(rules)]
    (folder / "policy.yaml").write_text(HEAD + "".join(written))
    (folder / "lists.csv").write_text("subject,item,rank\n" + "".join(f"s{u},a,1\ns{u},b,2\n" for u in range(40)))
    (folder / "items.csv").write_text("item,category\na,drama\nb,comedy\n")
    given = ["gate", "check", "--recommendations", str(folder / "lists.csv"), "--items", str(folder / "items.csv")]
    given += ["--policy", str(folder / "policy.yaml"), *options]
    if artwork is not None:
        text = artwork if isinstance(artwork, str) else artwork.to_json().decode()
        (folder / "artwork.json").write_text(text)
        given += ["--artwork", str(folder / "artwork.json")]
    return CliRunner().invoke(build(given), given)


def words(result: Result) -> str:
    return " ".join(result.stdout.split())


@pytest.mark.parametrize(
    ("which", "rule", "code"),
    [
        ("even", IMAGES, 0),
        ("biased", IMAGES, 1),
        ("even", PEOPLE, 0),
        ("biased", PEOPLE.replace("0.3", "0.1"), 1),
        ("biased", PEOPLE, 3),
        ("even", CHANCES, 0),
        ("biased", CHANCES, 1),
        ("even", f"{IMAGES}, when_absent: not_applicable", 0),
        ("even", IMAGES.replace("group: cohort", "group: each"), 0),
    ],
)
def test_pictures_pass_fail_or_are_undecided_as_their_audit_says(
    reports: dict[str, ArtworkReport], tmp_path: Path, which: str, rule: str, code: int
) -> None:
    assert check(tmp_path, rule, artwork=reports[which]).exit_code == code


@pytest.mark.parametrize(("group", "code"), [("cohort = like a", 1), ("cohort = like b", 0)])
def test_a_rule_is_about_the_cohort_and_the_kind_of_image_that_it_names(
    reports: dict[str, ArtworkReport], tmp_path: Path, group: str, code: int
) -> None:
    # Whoever is taken for a is shown images of a 0.15 more often than chance would, the others as much less.
    rule = f"metric: image_gap, attribute: image, category: a, group: {group}, comparison: at_most, limit: 0.05"

    assert check(tmp_path, rule, artwork=reports["biased"]).exit_code == code


@pytest.mark.parametrize("which", ["even", "biased"])
@pytest.mark.parametrize("limit", [0.05, 0.1, 0.15, 0.2, 0.3, 0.4])
def test_the_gate_and_the_audit_of_artwork_say_the_same_of_every_figure(
    reports: dict[str, ArtworkReport], tmp_path: Path, which: str, limit: float
) -> None:
    rules = [
        f"metric: {metric}, attribute: {attribute}, group: each, comparison: between, floor: -{limit}, ceiling: {limit}"
        for metric, attribute in (("image_gap", "image"), ("cast_log_ratio", "cast"))
    ]
    result = check(tmp_path, *rules, artwork=reports[which], options=("--format", "json"))
    decided = json.loads(result.stdout)["findings"]
    limits = ArtworkLimits(image_gap=limit, cast_log_ratio=limit)
    audited = [each for each in findings(reports[which], limits) if each.about.startswith("cohort")]

    def cell(metric: str, about: str) -> tuple[str, ...]:
        return (metric, *sorted(part.rpartition(" = ")[2] for part in about.split(", ")))

    told = {cell(each["metric"], each["about"]): (each["verdict"], each["low"], each["high"]) for each in decided}
    assert len(told) == len(audited) == 10
    assert told == {cell(each.check, each.about): (each.outcome, each.low, each.high) for each in audited}


def test_without_the_report_or_the_tables_behind_it_a_rule_has_no_evidence(
    reports: dict[str, ArtworkReport], tmp_path: Path
) -> None:
    without = check(tmp_path, IMAGES, PEOPLE, CHANCES, PROBES, LISTS)
    no_probes = check(tmp_path, PROBES, LISTS, artwork=reports["even"])

    assert (without.exit_code, no_probes.exit_code) == (3, 3)
    for missing in ("artwork.", "artwork with a cast", "artwork that knows chances", "artwork with probes"):
        assert f"takes the report of an audit of {missing}" in words(without)
    assert "takes the report of an audit of artwork with probes" in words(no_probes)


@pytest.mark.parametrize(
    ("rule", "says"),
    [
        (IMAGES.replace("cohort", "cohort = nobody"), "it has that of image = a, cohort = like a"),
        (IMAGES.replace("attribute: image, ", ""), "it has that of image = a, cohort = like a"),
        (IMAGES.replace("attribute: image", "attribute: category"), "it has that of image = a, cohort = like a"),
        (IMAGES.replace(": target", ": baseline"), "has no image_gap of each image, each cohort against a baseline"),
    ],
)
def test_a_rule_about_something_else_is_told_what_there_is(
    reports: dict[str, ArtworkReport], tmp_path: Path, rule: str, says: str
) -> None:
    result = check(tmp_path, rule, LISTS, artwork=reports["even"])

    assert (result.exit_code, says in words(result)) == (3, True)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"level": 0.9}, "its interval is less certain"),
        ({"seed": 2}, "from another seed"),
        ({"replicates": 100}, "fewer times"),
    ],
)
def test_a_report_less_sure_than_the_policy_or_drawn_otherwise_decides_nothing(
    reports: dict[str, ArtworkReport], tmp_path: Path, change: dict[str, float], why: str
) -> None:
    result = check(tmp_path, IMAGES, artwork=replace(reports["biased"], **change))

    assert (result.exit_code, why in words(result)) == (3, True)


def test_groups_of_subjects_with_lists_and_cohorts_have_nothing_to_do_with_each_other(
    reports: dict[str, ArtworkReport], tmp_path: Path
) -> None:
    # Three subjects are a group too small to be measured; most have no "cohort" in the table of groups.
    (tmp_path / "groups.csv").write_text(
        "subject,attribute,group\n" + "".join(f"s{u},cohort,small\n" for u in range(3))
    )
    each = IMAGES.replace("group: cohort", "group: each")
    groups = ("--groups", str(tmp_path / "groups.csv"))
    absent = f"{LISTS}, group: each, when_absent: not_applicable"

    assert check(tmp_path, IMAGES, each, artwork=reports["even"], options=groups).exit_code == 0
    assert "there are no groups of subjects" in words(check(tmp_path, absent, IMAGES, artwork=reports["even"]))


def test_images_of_an_unknown_kind_are_held_to_the_rule_as_well(
    reports: dict[str, ArtworkReport], tmp_path: Path
) -> None:
    def hidden(report: ArtworkReport) -> ArtworkReport:
        rows = (replace(each, category="unknown") if each.category == "a" else each for each in report.measurements)
        return replace(report, measurements=tuple(rows))

    result = check(tmp_path, IMAGES, artwork=hidden(reports["biased"]))

    assert (result.exit_code, "image = unknown" in words(result)) == (1, True)


def test_every_output_shows_the_rule_and_the_decision_names_the_reports_digest(
    reports: dict[str, ArtworkReport], tmp_path: Path
) -> None:
    out, formats = tmp_path / "out", "terminal,json,junit,sarif,markdown,html,cyclonedx"
    rules = (IMAGES, CHANCES)
    result = check(tmp_path, *rules, artwork=reports["biased"], options=("--out", str(out), "--format", formats))
    decision = json.loads((out / "gate.json").read_text())
    report = Report.from_json((out / "report.json").read_bytes())

    assert result.exit_code == 1
    assert {"name": "artwork", "sha256": sha256(reports["biased"].to_json()).hexdigest()} in decision["rests_on"]
    assert "--artwork artwork.json" in (out / "gate.md").read_text()
    assert "labels: studio metadata" in " ".join(report.caveats)
    # What is 3.3 % is no bound of 10 %, and what has no standard error no number of subjects that would decide it.
    assert "being shown to some cohort is 3.3 % (95 % interval 3.3 to 3.3 %, 400 subjects)" in words(result)
    for file in ("gate.txt", "gate.json", "gate.junit.xml", "gate.sarif", "gate.md", "gate.html", "gate.cdx.json"):
        text = (out / file).read_text()
        assert "rule-0" in text or "image_gap" in text, file
        assert "like b" in text, file


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{", "artwork.json: report: expected JSON"),
        ("[]", "artwork.json: ArtworkReport: expected an object"),
        ('{"report": {}}', "artwork.json: ArtworkReport: expected the keys"),
        ('{"level": NaN}', "artwork.json: report: expected JSON"),
    ],
)
def test_what_is_no_report_is_told_by_its_file_and_never_passes(tmp_path: Path, text: str, says: str) -> None:
    result = check(tmp_path, LISTS, artwork=text)

    assert (result.exit_code, says in " ".join(result.stderr.split())) == (4, True)


def test_a_figure_outside_its_own_interval_is_a_damaged_report(
    reports: dict[str, ArtworkReport], tmp_path: Path
) -> None:
    text = reports["biased"].to_json().decode().replace('"at_least":0.03333333333', '"at_least":0.5')
    result = check(tmp_path, CHANCES, artwork=text)

    assert result.exit_code == 4
    assert "artwork.json: artwork, exploration: expected chances" in " ".join(result.stderr.split())


def test_a_file_that_is_not_there_is_a_usage_error(tmp_path: Path) -> None:
    result = check(tmp_path, LISTS, options=("--artwork", str(tmp_path / "none.json")))

    assert result.exit_code == 2
    assert "expected the report of an audit of artwork, got no such file" in " ".join(result.stderr.split())


def test_the_figures_stand_in_the_list_of_metrics_with_what_a_rule_on_them_names() -> None:
    asked = ["gate", "metrics", "--json"]
    listed = {row["metric"]: row for row in json.loads(CliRunner().invoke(build(asked), asked).stdout)}

    assert [(listed[slug]["takes"], listed[slug]["asked_by"]) for slug in ("image_gap", "cast_gap")] == [
        ("artwork", "attribute, group"),
        ("artwork with a cast", "attribute, group"),
    ]
    assert (listed["exploration_floor"]["takes"], listed["exploration_floor"]["asked_by"]) == (
        "artwork with chances",
        "",
    )
    assert (listed["cohort_sensitivity"]["from"], listed["cohort_sensitivity"]["to"]) == (0.0, 1.0)
