"""What cohorts are shown: hand computation, planted bias found, chance not mistaken for it, bad tables refused."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from audits.artwork.report import ArtworkConfig, ArtworkReport, audit_artwork
from audits.artwork.tables import ArtworkInput
from audits.errors import CorruptReport, InvalidConfig, InvalidTable

CONFIG = ArtworkConfig(seed=1, provenance="studio metadata, agreed with the cast", replicates=200, min_subjects=1)

IMAGES = {"title": ["film"] * 3, "image": ["a", "b", "c"], "category": ["man", "woman", "both"]}
CAST = {"title": ["film"] * 2, "person": ["Ann", "Bob"], "group": ["woman", "man"], "share": [0.2, 0.8]}
PICTURED = {"title": ["film"] * 4, "image": ["a", "b", "c", "c"], "person": ["Bob", "Ann", "Ann", "Bob"]}


def impressions(rows: Sequence[tuple[str, str, str]], **more: Sequence[Any]) -> dict[str, Sequence[Any]]:
    return {
        "subject": [row[0] for row in rows],
        "cohort": [row[1] for row in rows],
        "title": ["film"] * len(rows),
        "image": [row[2] for row in rows],
        **more,
    }


def given(shown: Mapping[str, Sequence[Any]], **more: Mapping[str, Sequence[Any]]) -> ArtworkInput:
    tables = {name: pa.table(dict(columns)) for name, columns in more.items()}
    return ArtworkInput(impressions=pa.table(dict(shown)), images=tables.pop("images", pa.table(IMAGES)), **tables)


SIX = [("s", "x", "a"), ("s", "x", "a"), ("t", "x", "a"), ("t", "x", "a"), ("u", "x", "b"), ("u", "x", "c")]


def figures(report: ArtworkReport, metric: str) -> dict[tuple[str | None, str | None], float | None]:
    return {(row.group, row.category): row.value for row in report.select(metric)}


def test_images_are_compared_with_a_uniform_choice_among_the_eligible() -> None:
    report = audit_artwork(given(impressions(SIX)), config=CONFIG)

    # 4 of 6 impressions show a man alone, one of three eligible images does.
    assert figures(report, "image_gap") == {
        ("cohort = x", "both"): pytest.approx(-1 / 6),
        ("cohort = x", "man"): pytest.approx(1 / 3),
        ("cohort = x", "woman"): pytest.approx(-1 / 6),
    }
    assert figures(report, "image_distance") == {("cohort = x", None): pytest.approx(1 / 3)}


def test_people_shown_are_compared_with_roles_billed() -> None:
    many = [(f"{subject}{copy}", cohort, image) for copy in range(20) for subject, cohort, image in SIX]
    report = audit_artwork(given(impressions(many), cast=CAST, pictured=PICTURED), config=CONFIG)

    # Of each six impressions women have none in four, one whole, and half of one; of the billed roles 0.2.
    assert figures(report, "cast_gap")["cohort = x", "woman"] == pytest.approx(1.5 / 6 - 0.2)
    assert figures(report, "cast_log_ratio")[None, "woman"] == pytest.approx(math.log(0.25 / 0.2))
    assert [(row.title, row.group, row.billed) for row in report.titles] == [
        ("film", "man", 0.8),
        ("film", "woman", 0.2),
    ]
    assert report.titles[1].log_ratio == pytest.approx(math.log(0.25 / 0.2))


def test_a_group_that_no_image_shows_has_no_logarithm_and_is_first_among_titles() -> None:
    only_men = [(f"s{u}", "x", "a") for u in range(60)]
    report = audit_artwork(given(impressions(only_men), cast=CAST, pictured=PICTURED), config=CONFIG)
    worst = report.titles[0]

    assert figures(report, "cast_log_ratio")[None, "woman"] is None
    assert figures(report, "cast_gap")["cohort = x", "woman"] == pytest.approx(-0.2)
    assert (worst.group, worst.log_ratio, worst.low) == ("woman", None, None)
    # Sixty alike, two rows at 0.025 each: another share of up to 1 - 0.025^(1/60) of subjects.
    assert worst.high == pytest.approx(math.log((1 - 0.025 ** (1 / 60)) / 0.2))


def probes(chances: Mapping[tuple[str, str], Sequence[float]]) -> dict[str, list[Any]]:
    rows = [
        (subject, cohort, image, chance)
        for (subject, cohort), row in chances.items()
        for image, chance in zip("abc", row, strict=True)
    ]
    return {
        "subject": [row[0] for row in rows],
        "title": ["film"] * len(rows),
        "cohort": [row[1] for row in rows],
        "image": [row[2] for row in rows],
        "probability": [row[3] for row in rows],
    }


def test_the_cohort_alone_is_seen_in_probes_of_the_chooser() -> None:
    asked = {("alone", "x"): [1.0, 0.0, 0.0]}
    for copy in range(20):
        asked |= {(f"s{copy}", "x"): [0.5, 0.3, 0.2], (f"s{copy}", "y"): [0.2, 0.6, 0.2]}
        asked |= {(f"t{copy}", "x"): [0.6, 0.2, 0.2], (f"t{copy}", "y"): [0.5, 0.3, 0.2]}
    report = audit_artwork(given(impressions(SIX), probes=probes(asked)), config=CONFIG)

    # Total variation 0.3 and 0.1; only the first changes its likeliest image; a probe of one cohort shows nothing.
    (sensitivity,), (flips,) = report.select("cohort_sensitivity"), report.select("cohort_flips")
    assert (sensitivity.value, sensitivity.n) == (pytest.approx(0.2), 40)
    assert flips.value == 0.5


def test_every_eligible_image_needs_its_chance_and_one_never_seen_is_not_forgotten() -> None:
    stated = given(impressions(SIX[:4], propensity=[0.9, 0.9, 0.005, 0.9]))
    few = audit_artwork(stated, config=CONFIG).exploration
    many = [(f"s{u}", "x", "ab"[u % 2]) for u in range(1000)]
    rare = audit_artwork(given(impressions(many, propensity=[0.5] * 1000)), config=CONFIG).exploration

    assert (few.eligible, few.below, few.unknown, few.smallest) == (3, 1, 2, 0.005)
    assert (few.holds, few.worst) == (False, ("film / a",))
    # Never in 1,000 impressions: a mean chance below 1 - (0.05 / 3)^(1/1000) = 0.4 %, which is below 1 %.
    assert (rare.below, rare.unknown, rare.worst) == (1, 0, ("film / c",))
    lenient = audit_artwork(
        given(impressions(many, propensity=[0.5] * 1000)), config=replace(CONFIG, floor=0.001)
    ).exploration
    assert (lenient.holds, lenient.unknown) == (None, 1)
    # Whatever the floor, the smallest chance lies between the same ends.
    assert (few.at_least, few.at_most) == (0.0, 0.005)
    assert (rare.at_least, rare.at_most) == (0.0, pytest.approx(0.0040859, abs=1e-7))
    assert (lenient.at_least, lenient.at_most) == (rare.at_least, rare.at_most)
    nothing = audit_artwork(given(impressions(SIX)), config=CONFIG).exploration
    assert (nothing.at_least, nothing.at_most) == (0.0, 1.0)


def test_a_chance_that_leaves_no_other_image_one_breaks_the_floor_of_that_cohort() -> None:
    shown = impressions(
        [("s", "x", "a"), ("t", "y", "a"), ("u", "y", "b"), ("v", "y", "c")], propensity=[1.0, 0.4, 0.3, 0.3]
    )
    found = audit_artwork(given(shown), config=CONFIG).exploration

    # Cohort x is shown image a for certain, whatever chances the others have in y.
    assert (found.eligible, found.below, found.unknown, found.smallest) == (3, 2, 0, 0.3)
    assert (found.holds, found.worst) == (False, ("film / b", "film / c"))


def test_a_chance_stated_for_one_cohort_says_nothing_of_another() -> None:
    shown = impressions(
        [("s", "x", "a"), ("t", "x", "b"), ("u", "x", "c"), ("v", "y", "a")], propensity=[0.5, 0.3, 0.2, 0.5]
    )
    found = audit_artwork(given(shown), config=CONFIG).exploration

    assert (found.holds, found.below, found.unknown) == (None, 0, 2)


def test_what_a_chance_leaves_over_is_not_below_the_floor_by_rounding() -> None:
    shown = impressions([("s", "x", "a"), ("t", "x", "b")], propensity=[0.9, 0.1])
    found = audit_artwork(given(shown), config=replace(CONFIG, floor=0.1)).exploration

    # 1 - 0.9 is 0.09999999999999998 to a computer.
    assert (found.below, found.unknown) == (0, 1)
    assert (found.at_least, found.at_most) == (0.0, 0.1)


def test_a_probe_that_leaves_an_image_out_gives_it_no_chance() -> None:
    full = probes({("s", "x"): [0.5, 0.3, 0.2]})
    short = {name: values[:2] for name, values in probes({("s", "x"): [0.5, 0.5, 0.0]}).items()}

    whole = audit_artwork(given(impressions(SIX), probes=full), config=CONFIG).exploration
    assert (whole.holds, whole.at_least, whole.at_most) == (True, 0.2, 0.2)
    missing = audit_artwork(given(impressions(SIX), probes=short), config=CONFIG).exploration
    assert (missing.holds, missing.worst, missing.smallest) == (False, ("film / c",), 0.0)


def logged(seed: int, *, subjects: int, cohort_matters: float = 0.0) -> dict[str, Sequence[Any]]:
    """Image a is shown most and clicked least: 0.1 against 0.4 and 0.1; uniform choice would have 0.2."""
    rng = np.random.default_rng(seed)
    rows, propensity, clicked = [], [], []
    for u in range(subjects):
        cohort = "xy"[u % 2]
        tilt = cohort_matters * (1 if cohort == "x" else -1)
        chances = np.array([0.6 + tilt, 0.2 - tilt, 0.2])
        for _ in range(4):
            image = int(rng.choice(3, p=chances))
            rows.append((f"s{u:04d}", cohort, "abc"[image]))
            propensity.append(float(chances[image]))
            clicked.append(bool(rng.random() < (0.1, 0.4, 0.1)[image]))
    return impressions(rows, propensity=propensity, clicked=clicked)


def test_what_another_policy_would_get_is_estimated_where_the_clicks_seen_would_mislead() -> None:
    seen, weighted, robust = [], [], []
    for seed in range(15):
        report = audit_artwork(given(logged(seed, subjects=200)), config=replace(CONFIG, replicates=100))
        seen += [row.value for row in report.select("click_rate", group="cohort = x")]
        weighted += [row.value for row in report.select("click_rate_uniform_snips", group="cohort = x")]
        robust += [row.value for row in report.select("click_rate_uniform_dr", group="cohort = x")]

    # 15 times 400 impressions: standard errors near 0.007 for weighted means.
    assert np.mean(seen) == pytest.approx(0.16, abs=0.015)
    assert np.mean(weighted) == pytest.approx(0.2, abs=0.02)
    assert np.mean(robust) == pytest.approx(0.2, abs=0.02)
    assert abs(np.mean(seen) - 0.2) > 0.02
    assert np.std(robust) <= np.std(weighted) * 1.1


def test_the_worth_of_a_cohorts_impressions_and_snips_as_computed_by_hand() -> None:
    shown = impressions(
        [("s", "x", "a"), ("t", "x", "b"), ("u", "x", "b")],
        propensity=[2 / 3, 1 / 3, 1 / 6],
        clicked=[True, False, True],
    )
    free = audit_artwork(given(shown), config=CONFIG)
    clipped = audit_artwork(given(shown), config=replace(CONFIG, clip=1.0))

    # Weights 1/2, 1, 2: clicks (1/2 + 2) / 3.5, worth 3.5^2 / 5.25; clipped at 1: (1/2 + 1) / 2.5.
    assert figures(free, "click_rate_uniform_snips") == {("cohort = x", None): pytest.approx(2.5 / 3.5)}
    assert (free.off_policy[0].effective, free.off_policy[0].largest_weight) == (pytest.approx(3.5**2 / 5.25), 2.0)
    assert figures(clipped, "click_rate_uniform_snips") == {("cohort = x", None): pytest.approx(0.6)}
    assert clipped.off_policy[0].clipped == pytest.approx(1 / 3)
    assert any("above 1.0 are clipped" in caveat for caveat in clipped.caveats)


def test_a_chooser_that_looks_at_the_cohort_is_found_and_one_that_does_not_is_not() -> None:
    found, trials = {0.0: 0, 0.15: 0}, 30
    even = {**IMAGES, "category": ["man", "woman", "woman"]}
    for tilt in found:
        for seed in range(trials):
            rng = np.random.default_rng(seed)
            subjects = np.repeat(np.arange(200), 3)
            drawn = rng.random(600) + tilt * np.where(subjects % 2, 1, -1)
            images = np.digitize(drawn, [1 / 3, 2 / 3])
            rows = [(f"s{u:03d}", "xy"[u % 2], "abc"[image]) for u, image in zip(subjects, images, strict=True)]
            report = audit_artwork(given(impressions(rows), images=even), config=replace(CONFIG, seed=seed))
            found[tilt] += any(row.low > 0 or row.high < 0 for row in report.select("image_gap"))

    # Nominal 5 %, Monte-Carlo standard error 4 points.
    assert found[0.0] / trials <= 0.17
    assert found[0.15] / trials > 0.9


def whole() -> ArtworkInput:
    asked = {("s", "x"): [0.5, 0.3, 0.2], ("s", "y"): [0.2, 0.6, 0.2]}
    return given(logged(1, subjects=60), cast=CAST, pictured=PICTURED, probes=probes(asked))


def test_a_report_has_one_encoding_and_does_not_depend_on_the_order_of_rows() -> None:
    report = audit_artwork(whole(), config=CONFIG)
    encoded = report.to_json()
    tables = {
        name: table.take(list(range(table.num_rows))[::-1])
        for name in ("impressions", "images", "cast", "pictured", "probes")
        if (table := getattr(whole(), name)) is not None
    }

    assert ArtworkReport.from_json(encoded) == report
    assert audit_artwork(ArtworkInput(**tables), config=CONFIG).to_json() == encoded
    with pytest.raises(CorruptReport):
        ArtworkReport.from_json(encoded.replace(b'"level":0.95', b'"level":0.950'))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('"level":0.95', '"level":1.5'),
        ('"replicates":200', '"replicates":0'),
        ('"at_most":0.2', '"at_most":1.2'),
        ('"at_least":0.2', '"at_least":0.3'),
        ('"n":60,"', '"low":9.0,"n":60,"'),
        ('"undefined":null', '"undefined":"n = 0"'),
    ],
)
def test_a_report_with_a_number_that_cannot_be_is_refused(before: str, after: str) -> None:
    encoded = audit_artwork(whole(), config=CONFIG).to_json().decode()
    assert before in encoded
    with pytest.raises((InvalidConfig, CorruptReport)):
        ArtworkReport.from_json(encoded.replace(before, after, 1).encode())


def test_too_few_subjects_give_no_figure() -> None:
    report = audit_artwork(
        given(impressions(SIX), cast=CAST, pictured=PICTURED), config=replace(CONFIG, min_subjects=10)
    )

    assert {row.undefined for row in report.measurements} == {"too few subjects"}
    assert report.titles == ()


@pytest.mark.parametrize(
    ("table", "change", "says"),
    [
        (
            "impressions",
            {"image": ["z"] * 6},
            "impressions: expected eligible images of each title, got others in 6 rows",
        ),
        ("impressions", {"cohort": ["x", "y", "x", "x", "x", "x"]}, "expected one cohort for each subject, got 1"),
        ("impressions", {"image": ["a", None, "a", "a", "a", "a"]}, "column image: expected a value in every row"),
        ("impressions", {"cohort": [""] * 6}, "column cohort: expected names, got an empty one"),
        ("impressions", {"propensity": [0.0] * 6}, "column propensity: expected numbers above 0 up to 1"),
        ("impressions", {"propensity": [1.5] * 6}, "column propensity: expected numbers above 0 up to 1"),
        ("impressions", {"clicked": [1] * 6}, "column clicked: expected truth values, got int64"),
        ("impressions", {"subject": None}, "expected a column 'subject' once"),
        ("images", {"image": ["a", "a", "c"]}, "images: expected each title, image once, got 1 rows more"),
        ("cast", {"share": [0.0, 1.0]}, "cast, column share: expected numbers above 0"),
        ("cast", {"person": ["Ann", "Ann"]}, "cast: expected each title, person once"),
        ("pictured", {"person": ["Zoe", "Ann", "Ann", "Bob"]}, "expected people of the title's cast"),
        ("pictured", {"image": ["z", "b", "c", "c"]}, "pictured: expected eligible images"),
        ("probes", {"probability": [0.5, 0.3, 0.3]}, "expected sums of 1 over images, got another in 1 probes"),
        ("probes", {"probability": [-0.5, 1.0, 0.5]}, "column probability: expected numbers from 0"),
    ],
)
def test_refuses_broken_tables_by_place(table: str, change: Mapping[str, Sequence[Any] | None], says: str) -> None:
    tables = {
        "impressions": impressions(SIX),
        "images": IMAGES,
        "cast": CAST,
        "pictured": PICTURED,
        "probes": probes({("s", "x"): [0.5, 0.3, 0.2]}),
    }
    changed = {**tables[table], **change}
    tables[table] = {name: values for name, values in changed.items() if values is not None}
    with pytest.raises(InvalidTable, match=says):
        ArtworkInput(**{name: pa.table(dict(columns)) for name, columns in tables.items()})


def test_refuses_a_cast_without_pictures_and_no_impressions() -> None:
    with pytest.raises(InvalidTable, match="cast and pictured: expected both or neither"):
        given(impressions(SIX), cast=CAST)
    with pytest.raises(InvalidTable, match="impressions: expected at least one row"):
        ArtworkInput(impressions=pa.table(impressions(SIX)).slice(0, 0), images=pa.table(IMAGES))


@pytest.mark.parametrize(
    "setting", [{"provenance": " "}, {"floor": 0.0}, {"clip": 0.0}, {"replicates": 10}, {"level": 1.0}, {"seed": -1}]
)
def test_refuses_settings_out_of_range(setting: dict[str, Any]) -> None:
    with pytest.raises(InvalidConfig, match=f"artwork setting {next(iter(setting))}: expected"):
        replace(CONFIG, **setting)
