"""Subjects divided, crossed and by activity: a small group has no figure, and takes nobody else's."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from audits.cold_start import activity_tiers, popularity_tiers
from audits.configuration import AuditConfig
from audits.errors import InvalidConfig
from audits.evidence import ABSENT, evidence_from
from audits.groupings import Grouping, groupings_from
from audits.run import run
from audits.tables import AuditInput
from audits.tiers import PopularitySplit

Build = Callable[..., AuditInput]
CONFIG = AuditConfig(seed=1, model_digest="m", replicates=100, min_subjects=10, sensitivity=False)


def table(**by_attribute: list[str | None]) -> tuple[pa.Table, list[str]]:
    subjects = [f"s{u:04d}" for u in range(len(next(iter(by_attribute.values()))))]
    rows = [
        (subject, attribute, group)
        for attribute, groups in by_attribute.items()
        for subject, group in zip(subjects, groups, strict=True)
        if group is not None
    ]
    names = ("subject", "attribute", "group")
    return pa.table({name: [row[at] for row in rows] for at, name in enumerate(names)}), subjects


def divided(config: AuditConfig, **by_attribute: list[str | None]) -> tuple[Grouping, ...]:
    groups, subjects = table(**by_attribute)
    return groupings_from(groups, None, subjects, config)


def sizes(grouping: Grouping) -> dict[str, int]:
    return {label: int(np.sum(grouping.codes == code)) for code, label in enumerate(grouping.labels)}


AGE = ["old"] * 40 + ["young"] * 60
REGION = ["north"] * 15 + ["south"] * 25 + ["north"] * 30 + ["south"] * 30


def test_two_attributes_cross_into_cells_that_name_both() -> None:
    age, region, both = divided(replace(CONFIG, intersections=2), age=AGE, region=REGION)

    assert sizes(age) == {"age = old": 40, "age = young": 60}
    assert sizes(region) == {"region = north": 45, "region = south": 55}
    assert both.attribute == "age × region"
    assert sizes(both) == {
        "age × region = old × north": 15,
        "age × region = old × south": 25,
        "age × region = young × north": 30,
        "age × region = young × south": 30,
    }


def test_nothing_is_crossed_unless_it_is_asked_for() -> None:
    assert [each.attribute for each in divided(CONFIG, age=AGE, region=REGION)] == ["age", "region"]


def test_named_intersections_and_depths_say_what_is_crossed() -> None:
    device = ["tv", "phone"] * 50
    deep = divided(replace(CONFIG, intersections=3), age=AGE, region=REGION, device=device)
    named = divided(replace(CONFIG, intersections=(("region", "age"),)), age=AGE, region=REGION, device=device)

    assert [each.attribute for each in deep][3:] == [
        "age × device",
        "age × region",
        "device × region",
        "age × device × region",
    ]
    assert [each.attribute for each in named][3:] == ["age × region"]


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ({"female": 266, "male": 133, "nonbinary": 1}, {"female": 266, "male": 133, "nonbinary": 1}),
        ({"a": 30, "b": 6, "c": 7}, {"a": 30, "other": 13}),
        ({"a": 30, "b": 2, "c": 3}, {"a": 30, "other": 5}),
        # Were they called "other" too, those who are would have no figure of their own.
        ({"a": 30, "b": 2, "c": 3, "other": 40}, {"a": 30, "b": 2, "c": 3, "other": 40}),
        ({"a": 30, "b": 2, "other": 3}, {"a": 30, "other": 5}),
    ],
)
def test_small_groups_share_a_name_and_take_no_larger_one_along(given: dict[str, int], found: dict[str, int]) -> None:
    (grouping,) = divided(CONFIG, gender=[name for name, n in given.items() for _ in range(n)])

    assert sizes(grouping) == {f"gender = {name}": n for name, n in found.items()}


def test_a_small_cell_takes_no_larger_one_along() -> None:
    region = ["north"] * 36 + ["south"] * 4 + ["north"] * 30 + ["south"] * 30
    *_, both = divided(replace(CONFIG, intersections=2), age=AGE, region=region)

    assert sizes(both) == {
        "age × region = old × north": 36,
        "age × region = old × south": 4,
        "age × region = young × north": 30,
        "age × region = young × south": 30,
    }
    assert both.merged == 0


def test_a_rare_group_leaves_the_large_ones_their_figures_and_has_none_itself(build: Build) -> None:
    names = [f"s{u:03d}" for u in range(400)]
    gender = {name: "male" if u < 133 else "female" if u < 399 else "nonbinary" for u, name in enumerate(names)}
    given = build(
        {name: ["a", "b"] if u % 3 else ["b", "a"] for u, name in enumerate(names)},
        items=["a", "b"],
        targets={name: ["a"] for name in names},
        groups=gender,
    )
    report = run(given, config=replace(CONFIG, metrics=("ndcg", "ndcg_gap")))

    assert {(row.group, row.n, row.value is None) for row in report.select("ndcg") if row.group} == {
        ("female", 266, False),
        ("male", 133, False),
        ("nonbinary", 1, True),
    }
    # The gap of a group is from all others, and that one person is one of them.
    assert {row.group: row.n for row in report.select("ndcg_gap")} == {"female": 134, "male": 133, "nonbinary": 1}
    assert {(each.group, each.merged) for each in report.group_sizes} == {
        ("female", False),
        ("male", False),
        ("nonbinary", False),
    }


def test_subjects_without_one_of_the_groups_are_in_no_cell() -> None:
    region = [None] * 3 + REGION[3:]
    *_, both = divided(replace(CONFIG, intersections=2), age=AGE, region=region)

    assert int(np.sum(both.codes == ABSENT)) == 3
    assert sizes(both)["age × region = old × north"] == 12


def test_sizes_are_those_of_the_input_before_merging_and_with_those_who_have_no_list() -> None:
    groups, subjects = table(
        age=["old"] * 4 + ["tiny"] * 3 + ["mid"] * 12 + ["young"] * 81 + ["new"] * 2, sex=["f", "m"] * 51
    )
    age, _, both = groupings_from(groups, None, subjects[:100], replace(CONFIG, intersections=2))

    assert age.groups == ("mid", "other", "young")
    assert [(each.group, each.subjects, each.merged) for each in age.sizes] == [
        ("age = mid", 12, False),
        ("age = new", 0, False),
        ("age = old", 4, True),
        ("age = tiny", 3, True),
        ("age = young", 81, False),
    ]
    assert {each.group.partition(" = ")[2]: each.subjects for each in both.sizes} == {
        f"{name} × {sex}": n for name, n in (("mid", 6), ("new", 0), ("old", 2)) for sex in "fm"
    } | {"tiny × f": 2, "tiny × m": 1, "young × f": 40, "young × m": 41}


@pytest.mark.parametrize(
    ("intersections", "says"),
    [
        (0, "expected 1 to 3 at once"),
        (4, "expected 1 to 3 at once"),
        ((("age",),), "combinations of 2 or 3"),
        ((("age", "age"),), "combinations of 2 or 3"),
        ((("a", "b", "c", "d"),), "combinations of 2 or 3"),
    ],
)
def test_refuses_intersections_of_too_few_or_too_many(intersections: object, says: str) -> None:
    with pytest.raises(InvalidConfig, match=says):
        replace(CONFIG, intersections=intersections)


def test_refuses_an_intersection_of_an_attribute_that_subjects_do_not_have() -> None:
    config = replace(CONFIG, intersections=(("age", "tenure"),))
    with pytest.raises(InvalidConfig, match=r"intersections: expected attributes among \['age', 'region'\]"):
        divided(config, age=AGE, region=REGION)


@pytest.mark.parametrize("setting", [{"cold_below": 0}, {"ratio_share": 1.0}, {"ratio_share": -0.1}])
def test_refuses_settings_out_of_range(setting: dict[str, float]) -> None:
    with pytest.raises(InvalidConfig, match=f"audit setting {next(iter(setting))}: expected"):
        replace(CONFIG, **setting)


def test_titles_fall_into_the_tiers_of_the_docstring() -> None:
    tiers = popularity_tiers(np.array([20.0, 30.0, 25.0, 15.0, 10.0, 1.0]), PopularitySplit(), cold_below=2)

    assert tiers.categories == ("cold", "head", "middle", "tail")
    assert [tiers.categories[code] for code in tiers.shares.argmax(axis=1)] == [
        "middle",
        "head",
        "middle",
        "middle",
        "tail",
        "cold",
    ]


def test_subjects_fall_into_the_tiers_of_the_docstring() -> None:
    names = ("cold", "heavy", "light", "regular")
    tiers = activity_tiers(np.array([0, 5, 6, 7, 8, 9, 90]), cold_below=5)

    assert [names[code] for code in tiers] == ["cold", "light", "light", "regular", "regular", "heavy", "heavy"]


@given(st.lists(st.integers(0, 50), min_size=1, max_size=40), st.integers(1, 10))
def test_equal_counts_share_a_tier_and_none_is_lost(counts: list[int], below: int) -> None:
    titles = popularity_tiers(np.array(counts, dtype=float), PopularitySplit(), below)
    subjects = activity_tiers(np.array(counts), below)

    assert (titles.shares.sum(axis=1) == 1).all()
    assert len({(count, code) for count, code in zip(counts, subjects, strict=True)}) == len(set(counts))
    assert [code == 0 for code in subjects] == [count < below for count in counts]


def cold_input(build: Build) -> AuditInput:
    lists = {f"s{u:03d}": ["a", "b", "c"] for u in range(60)}
    return build(
        lists,
        items=["a", "b", "c", "d"],
        targets={subject: ["c", "d"] for subject in lists},
        history={subject: ["a", "b", "c", "d"][: u % 4] for u, subject in enumerate(lists) if u % 4},
        popularity={"a": 100, "b": 90, "c": 1},
    )


def test_cold_titles_have_an_exposure_and_a_recall_and_short_histories_a_quality_of_their_own(build: Build) -> None:
    config = replace(CONFIG, popularity_tiers=True, activity_tiers=True, cold_below=2, attributes=("popularity",))
    given = cold_input(build)
    with pytest.raises(InvalidConfig, match="expected some of"):
        run(given, config=config)
    measured = ("category_recall", "exposure_ratio", "hit_rate")
    report = run(given, config=replace(config, attributes=None, metrics=measured))

    recalls = {row.category: row.value for row in report.select("category_recall", attribute="popularity")}
    assert recalls["cold"] == 0.5
    (cold,) = report.select("exposure_ratio", attribute="popularity", category="cold")
    # Rank 3 of three: 0.5 / (1 + 0.6309 + 0.5) of attention for half of the catalogue.
    assert cold.value == pytest.approx(0.5 / 2.1309298 / 0.5, abs=1e-6)
    assert {row.group: row.n for row in report.select("hit_rate") if row.group} == {
        "activity = cold": 30,
        "activity = light": 15,
        "activity = regular": 15,
    }
    assert any(caveat.startswith("Titles with fewer than 2 interactions are cold") for caveat in report.caveats)
    assert any(caveat.startswith("Subjects with a history of fewer than 2 items") for caveat in report.caveats)


def test_refuses_tiers_whose_input_is_missing_or_whose_name_is_taken(build: Build) -> None:
    bare = build({"s": ["a"]}, items=["a"])
    with pytest.raises(InvalidConfig, match="popularity_tiers: expected a table popularity, got none"):
        evidence_from(bare, replace(CONFIG, popularity_tiers=True))
    with pytest.raises(InvalidConfig, match="activity_tiers: expected a table history, got none"):
        evidence_from(bare, replace(CONFIG, activity_tiers=True))
    groups, subjects = table(activity=["much"] * 20)
    with pytest.raises(InvalidConfig, match="activity_tiers: expected no attribute 'activity'"):
        groupings_from(groups, np.ones(20, dtype=np.int64), subjects, replace(CONFIG, activity_tiers=True))


def test_the_report_says_how_many_subjects_have_no_group(build: Build) -> None:
    lists = {f"s{u:03d}": ["a"] for u in range(50)}
    report = run(build(lists, items=["a"], groups=dict.fromkeys(list(lists)[:45], "x")), config=CONFIG)

    assert "5 of 50 subjects (10.0%) have no group." in report.caveats
