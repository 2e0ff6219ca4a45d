"""Figures of artwork in the report of an audit of lists: taken over with their intervals, or the reason for none."""

from collections.abc import Callable
from dataclasses import replace

import pyarrow as pa
import pytest

from audits.artwork.report import ArtworkConfig, ArtworkReport, audit_artwork
from audits.artwork.tables import ArtworkInput
from audits.configuration import AuditConfig
from audits.digest import inputs_digest
from audits.errors import InvalidConfig
from audits.metrics import METRICS
from audits.metrics.artwork import stated
from audits.report import Measurement, Report, Undefined
from audits.run import possible_metrics, run
from audits.tables import AuditInput
from audits.verdict import Limits, Outcome, judge
from tests.audits.choosers import catalogue, shown, table

Build = Callable[..., AuditInput]

CONFIG = AuditConfig(seed=1, model_digest="m", replicates=200)
ARTWORK = ArtworkConfig(seed=1, provenance="studio metadata", replicates=200)


@pytest.fixture(scope="module")
def biased() -> ArtworkReport:
    given = ArtworkInput(impressions=shown(1, subjects=400, tilt=0.3), **catalogue())
    return audit_artwork(given, config=ARTWORK)


def of(rows: tuple[Measurement, ...], metric: str) -> dict[tuple[str | None, str | None, str | None], float | None]:
    return {(row.attribute, row.category, row.group): row.value for row in rows if row.metric == metric}


def leads(subjects: int, *, friend: int = 0, groups: tuple[str, ...] = ("man", "woman")) -> ArtworkInput:
    """A film led by a man with a friend who is a woman; the first ``friend`` subjects are shown her, others him."""
    people = [("film", person, group, share) for person, group, share in zip("BA", groups, (0.8, 0.2), strict=True)]
    images = [("film", "lead", "man"), ("film", "friend", "woman")]
    seen = [(f"s{u}", "x", "film", "friend" if u < friend else "lead") for u in range(subjects)]
    return ArtworkInput(
        impressions=table(seen, "subject", "cohort", "title", "image"),
        images=table(images, "title", "image", "category"),
        cast=table(people, "title", "person", "group", "share"),
        pictured=table([("film", "lead", "B"), ("film", "friend", "A")], "title", "image", "person"),
    )


def test_figures_keep_their_category_and_cohort_and_are_those_computed_by_hand() -> None:
    # 30 of 40 impressions show the woman: half of two images would, and she has a fifth of the roles.
    rows = stated(audit_artwork(leads(40, friend=30), config=ARTWORK), config=CONFIG)
    cohort = "cohort = x"

    assert of(rows, "image_gap") == {("image", "man", cohort): -0.25, ("image", "woman", cohort): 0.25}
    assert of(rows, "cast_gap") == {("cast", "man", cohort): -0.55, ("cast", "woman", cohort): 0.55}
    # ln(0.75 / 0.2) and ln(0.25 / 0.8), of everybody and of the one cohort.
    assert of(rows, "cast_log_ratio") == {
        ("cast", group, whose): pytest.approx(number, abs=1e-6)
        for whose in (None, cohort)
        for group, number in (("woman", 1.321756), ("man", -1.163151))
    }
    assert of(rows, "cohort_sensitivity") == of(rows, "exploration_floor") == {}


def test_a_group_that_is_never_shown_has_a_gap_but_no_logarithm_and_one_that_is_not_billed_is_left_out() -> None:
    rows = stated(audit_artwork(leads(200), config=ARTWORK), config=CONFIG)
    never = [row for row in rows if (row.metric, row.category) == ("cast_log_ratio", "woman")]
    (gap,) = [row for row in rows if (row.metric, row.category) == ("cast_gap", "woman")]
    elsewhere = leads(40, friend=10, groups=("man", "man"))
    two = replace(
        elsewhere,
        cast=pa.concat_tables(
            [elsewhere.cast, table([("other", "C", "child", 1.0)], "title", "person", "group", "share")]
        ),
    )
    unbilled = stated(audit_artwork(two, config=ARTWORK), config=CONFIG)

    assert {row.undefined for row in never} == {Undefined.NO_DENOMINATOR}
    assert judge(gap, Limits(floor=-0.1), critical_value=0).outcome is Outcome.FAIL
    assert [row.category for row in unbilled if row.metric == "cast_log_ratio" and row.group] == ["man"]


def test_the_smallest_chance_is_a_bound_that_no_number_of_subjects_is_promised_to_move(biased: ArtworkReport) -> None:
    (known,) = [row for row in stated(biased, config=CONFIG) if row.metric == "exploration_floor"]
    part = replace(biased, exploration=replace(biased.exploration, at_least=0.0))
    (bound,) = [row for row in stated(part, config=CONFIG) if row.metric == "exploration_floor"]
    undecided = judge(bound, Limits(floor=0.01), critical_value=2.0)

    # A third, less the tilt of 0.3.
    assert (known.value, known.low, known.high) == (pytest.approx(1 / 30),) * 3
    assert judge(known, Limits(floor=0.03), critical_value=2.0).outcome is Outcome.PASS
    assert judge(bound, Limits(floor=0.05), critical_value=2.0).outcome is Outcome.FAIL
    assert (undecided.outcome, undecided.n_to_decide, undecided.detectable) == (Outcome.INCONCLUSIVE, None, None)


@pytest.mark.parametrize(
    ("change", "why", "of_chances"),
    [
        ({"level": 0.94}, Undefined.UNSURE, Undefined.UNSURE),
        ({"replicates": 199}, Undefined.REDRAWN, None),
        ({"seed": 2}, Undefined.REDRAWN, None),
        ({"level": 0.99, "replicates": 1000}, None, None),
    ],
)
def test_a_report_less_sure_than_the_audit_or_drawn_otherwise_gives_no_figure(
    biased: ArtworkReport, change: dict[str, float], why: Undefined | None, of_chances: Undefined | None
) -> None:
    rows = stated(replace(biased, **change), config=CONFIG)

    assert {row.undefined for row in rows if row.metric != "exploration_floor"} == {why}
    assert {row.undefined for row in rows if row.metric == "exploration_floor"} == {of_chances}
    assert all((row.value is None) == (row.undefined is not None) for row in rows)


def test_an_audit_of_lists_carries_them_says_of_what_they_are_and_rests_on_them(
    build: Build, biased: ArtworkReport
) -> None:
    given = build({"s": ["a"]}, items=["a"])
    report = run(replace(given, artwork=biased), config=CONFIG)

    assert report.select("image_gap", category="a") == tuple(
        row for row in stated(biased, config=CONFIG) if (row.metric, row.category) == ("image_gap", "a")
    )
    assert Report.from_json(report.to_json()) == report
    assert (
        "Figures of artwork are of 1,600 impressions to 400 subjects in 2 cohorts (labels: studio metadata). Their "
        "intervals hold together at 95%, what is said of chances does so too, and their errors add to this report's."
    ) in report.caveats
    assert inputs_digest(replace(given, artwork=biased)) != inputs_digest(given)
    assert report.critical_value == run(given, config=CONFIG).critical_value


def test_a_figure_that_the_report_does_not_have_cannot_be_asked_for(build: Build, biased: ArtworkReport) -> None:
    given = replace(build({"s": ["a"]}, items=["a"]), artwork=biased)
    asked = replace(CONFIG, metrics=("image_gap", "exploration_floor"))

    assert {row.metric for row in run(given, config=asked).measurements} == {"exposure_gini", *asked.metrics}
    assert not {"cohort_sensitivity"} & {metric.slug for metric in possible_metrics(given, CONFIG)}
    with pytest.raises(InvalidConfig, match="got also"):
        run(given, config=replace(CONFIG, metrics=("cohort_sensitivity",)))


def test_nothing_measures_what_is_stated() -> None:
    found = [metric for metric in METRICS if metric.stated]

    assert [metric.slug for metric in found] == [
        *("privacy_leak", "membership_inference"),
        *("image_gap", "cast_gap", "cast_log_ratio", "cohort_sensitivity", "exploration_floor"),
    ]
    for metric in found:
        with pytest.raises(ValueError, match="stated to the audit"):
            metric.measure(None)  # type: ignore[arg-type] # it looks at nothing
