"""What may leave the building gives no small group away."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audits.configuration import AuditConfig
from audits.disclosure import disclosable, suppressed_groups
from audits.errors import InvalidConfig
from audits.group_sizes import GroupSize
from audits.groupings import groupings_from
from audits.report import Report, Undefined
from audits.run import run
from audits.sensitivity import Band, Sensitivity
from audits.tables import AuditInput

Build = Callable[..., AuditInput]


def counts(total: int | None, **groups: int) -> dict[str | None, int]:
    labelled: dict[str | None, int] = {f"age = {name}": n for name, n in groups.items()}
    return labelled if total is None else {None: total, **labelled}


def test_a_small_group_takes_the_smallest_other_along() -> None:
    # 100 - 60 - 35 = 5: the total would give the young away.
    assert suppressed_groups([counts(100, young=5, middle=35, old=60)], k=10) == {"age = young", "age = middle"}


def test_two_small_groups_that_are_few_together_take_a_third_along() -> None:
    hidden = suppressed_groups([counts(100, a=3, b=4, c=43, d=50)], k=10)

    assert hidden == {"age = a", "age = b", "age = c"}


def test_two_small_groups_of_enough_subjects_hide_each_other() -> None:
    assert suppressed_groups([counts(100, a=6, b=7, c=37, d=50)], k=10) == {"age = a", "age = b"}


def test_of_two_groups_none_stays() -> None:
    assert suppressed_groups([counts(100, new=4, old=96)], k=10) == {"age = new", "age = old"}


def test_subjects_without_a_group_hide_a_small_one() -> None:
    assert suppressed_groups([counts(300, young=5, old=95)], k=10) == {"age = young"}


def test_a_few_subjects_without_a_group_are_hidden_too() -> None:
    # Nobody asked for a figure of the 4 without an age; 200 - 80 - 116 would give it.
    assert suppressed_groups([counts(200, young=80, old=116)], k=10) == {"age = young"}


def test_nothing_is_suppressed_where_all_groups_are_large() -> None:
    assert suppressed_groups([counts(200, young=80, old=120)], k=10) == frozenset()


def test_a_group_that_is_small_in_one_metric_is_suppressed_in_all() -> None:
    exposure, quality = counts(100, a=30, b=30, c=40), counts(65, a=4, b=28, c=33)

    assert suppressed_groups([exposure, quality], k=10) == {"age = a", "age = b"}


def test_figures_that_differ_by_group_alone_still_hide_two() -> None:
    # Gaps have no figure of all subjects, but weighted they add up to 0.
    assert suppressed_groups([counts(None, a=4, b=28, c=33)], k=10) == {"age = a", "age = b"}


def divided(build: Build, *attributes: dict[str, str]) -> AuditInput:
    """One list and one target for every subject s000, s001, …, who are divided by "age", "region" and so on."""
    names = sorted({name for groups in attributes for name in groups})
    rows = [
        (name, attribute, group)
        for attribute, groups in zip(("age", "region"), attributes, strict=False)
        for name, group in groups.items()
    ]
    given = build(
        {name: ["a", "b"] if int(name[1:]) % 2 else ["b", "a"] for name in names},
        items=["a", "b"],
        targets={name: ["a"] for name in names},
    )
    columns = zip(*rows, strict=True)
    return replace(given, subject_groups=pa.table(dict(zip(("subject", "attribute", "group"), columns, strict=True))))


def audited(given: AuditInput, *metrics: str) -> Report:
    config = AuditConfig(
        seed=1, model_digest="", replicates=100, min_subjects=1, intersections=2, metrics=metrics, sensitivity=False
    )
    return run(given, config=config)


def groups_with_a_figure(report: Report, metric: str) -> set[str | None]:
    return {row.group for row in report.select(metric) if row.value is not None}


def test_an_intersection_is_protected_in_its_row_and_in_its_column(build: Build) -> None:
    table = {
        ("young", "north"): 4,
        ("young", "south"): 40,
        ("young", "west"): 30,
        ("old", "north"): 50,
        ("old", "south"): 60,
        ("old", "west"): 20,
    }
    cells = [cell for cell, n in table.items() for _ in range(n)]
    names = [f"s{at:03d}" for at in range(len(cells))]
    ages, regions = (dict(zip(names, column, strict=True)) for column in zip(*cells, strict=True))
    report = audited(divided(build, ages, regions), "ndcg")
    (released,) = disclosable([report], k=10)

    # A rectangle: one more in the row, one more in the column, and where those two meet.
    hidden = {f"age × region = {age} × {region}" for age in ("young", "old") for region in ("north", "west")}
    assert groups_with_a_figure(report, "ndcg") - groups_with_a_figure(released, "ndcg") == hidden


def test_the_few_outside_the_only_group_that_a_table_names_are_hidden(build: Build) -> None:
    # 204 less 199: the figure of all less that of the members would be the figure of 5.
    names = [f"s{at:03d}" for at in range(204)]
    given = divided(build, dict.fromkeys(names[:199], "member"), dict.fromkeys(names, "here"))
    (released,) = disclosable([audited(given, "ndcg")], k=10)

    assert groups_with_a_figure(released, "ndcg") == {None, "region = here"}


def test_one_person_of_a_group_follows_from_nothing_that_leaves(build: Build) -> None:
    names = [f"s{at:03d}" for at in range(400)]
    gender = {name: "male" if u < 133 else "female" if u < 399 else "nonbinary" for u, name in enumerate(names)}
    region = {name: "north" if u % 2 else "south" for u, name in enumerate(names)}
    report = run(
        divided(build, gender, region),
        config=AuditConfig(
            seed=1, model_digest="", replicates=100, intersections=2, metrics=("ndcg",), sensitivity=False
        ),
    )
    (released,) = disclosable([report], k=10)

    assert {"age = male", "age = female"} < groups_with_a_figure(report, "ndcg")
    # 400 - 266 - 133 = 1, and in the north 200 - 133 - 66 = 1. In the south nobody is missing.
    assert groups_with_a_figure(released, "ndcg") == {
        None,
        "age = female",
        "region = north",
        "region = south",
        "age × region = female × north",
        "age × region = female × south",
        "age × region = male × south",
    }
    assert b"nonbinary" not in released.to_json()


divided_subjects = st.lists(
    st.tuples(st.sampled_from("abc"), st.sampled_from(["x", "y", "z", None]), st.sampled_from("pq")),
    min_size=1,
    max_size=120,
)


@settings(max_examples=40, deadline=None)
@given(divided_subjects, st.integers(2, 12))
def test_no_published_group_less_its_published_cells_leaves_a_few_subjects(
    rows: list[tuple[str, str | None, str]], k: int
) -> None:
    names = [f"s{at:03d}" for at in range(len(rows))]
    long = [
        (name, attribute, group)
        for name, row in zip(names, rows, strict=True)
        for attribute, group in zip(("age", "region", "device"), row, strict=True)
        if group is not None
    ]
    table = pa.table(dict(zip(("subject", "attribute", "group"), zip(*long, strict=True), strict=True)))
    config = AuditConfig(seed=1, model_digest="", min_subjects=k, intersections=3)
    found = groupings_from(table, None, names, config)
    sizes_ = {label: int(np.sum(each.codes == code)) for each in found for code, label in enumerate(each.labels)}
    hidden = suppressed_groups([{None: len(rows), **sizes_}], k=k)

    for each in found:
        shown = [
            code
            for code, label in enumerate(each.labels)
            if label not in hidden and label != f"{each.attribute} = other"
        ]
        visible = np.isin(each.codes, shown)
        coarser = [other for other in found if set(other.parts or (other.attribute,)) < set(each.parts)]
        totals = [np.ones(len(rows), dtype=bool)]
        totals += [
            other.codes == code
            for other in coarser
            for code, label in enumerate(other.labels)
            if label not in hidden and label != f"{other.attribute} = other"
        ]
        for here in totals:
            left_over = int(np.sum(here & ~visible))
            assert left_over == 0 or left_over >= k or not (here & visible).any()


sizes = st.dictionaries(st.sampled_from("abcdefgh"), st.integers(1, 40), min_size=2, max_size=8)


@settings(max_examples=150)
@given(sizes, st.integers(0, 30), st.integers(2, 15))
def test_no_small_group_follows_from_what_is_published(groups: dict[str, int], rest: int, k: int) -> None:
    one = counts(sum(groups.values()) + rest, **groups)
    hidden = suppressed_groups([one], k=k)
    shown = {label: n for label, n in one.items() if label is not None and label not in hidden}
    missing = (one[None] or 0) - sum(shown.values())

    assert all(n >= k for n in shown.values())
    if shown:
        assert missing == 0 or missing >= k
        assert len(hidden) != 1 or rest > 0


@pytest.fixture(scope="module")
def reports(build: Build) -> tuple[Report, Report]:
    rng = np.random.default_rng(3)
    items = [f"i{j}" for j in range(8)]
    names = [f"s{u:03d}" for u in range(120)]
    ages = {name: "young" if u < 12 else "middle" if u < 50 else "old" for u, name in enumerate(names)}
    made = []
    for seed in (1, 2):
        given = build(
            {name: [items[j] for j in rng.permutation(8)[:3]] for name in names},
            items=items,
            genres={item: ["x" if j % 2 else "y"] for j, item in enumerate(items)},
            targets={name: [items[seed]] for name in (names if seed == 1 else names[6:])},
            groups=ages,
        )
        assert given.subject_groups is not None
        by_age = given.subject_groups.append_column("attribute", pa.array(["age"] * len(names)))
        config = AuditConfig(seed=seed, model_digest="", replicates=100, min_subjects=1)
        made.append(run(replace(given, subject_groups=by_age), config=config))
    return made[0], made[1]


def test_reports_that_leave_together_hide_the_same_groups(reports: tuple[Report, Report]) -> None:
    # Six of the young have no targets in the second report: only there they are too few.
    alone = disclosable(reports[:1])[0]
    first, second = disclosable(reports)

    def published(report: Report) -> set[tuple[str, str | None]]:
        return {(each.metric, each.group) for each in report.measurements if each.value is not None}

    assert ("ndcg", "age = young") in published(alone)
    assert published(first) == published(second)
    assert ("ndcg", "age = young") not in published(first)
    assert ("ndcg", "age = middle") not in published(first)
    assert ("ndcg", "age = old") in published(first)


def test_what_is_suppressed_leaves_its_number_and_its_reason_and_no_figure(reports: tuple[Report, Report]) -> None:
    released = disclosable(reports)[1]
    row = next(each for each in released.measurements if each.undefined is Undefined.SUPPRESSED)
    encoded = released.to_json()

    assert (row.metric, row.group, row.n) == ("ndcg", "age = suppressed", 6 + 38)
    assert (row.value, row.low, row.standard_error) == (None, None, None)
    assert b"young" not in encoded
    assert Report.from_json(encoded) == released
    assert any("suppressed" in caveat for caveat in released.caveats)


@pytest.mark.parametrize(
    ("caveat", "published"),
    [
        ("3 of 60 subjects (5.0%) have no age.", "Some subjects have no age."),
        ("57 of 60 subjects (95.0%) have no age.", "Some subjects have no age."),
        ("10 of 60 subjects (16.7%) have no age.", "10 of 60 subjects (16.7%) have no age."),
        (
            "1 subjects have held-out choices but no list and are not counted.",
            "Some subjects have held-out choices but no list and are not counted.",
        ),
        (
            "3 groups with too few subjects are measured together.",
            "3 groups with too few subjects are measured together.",
        ),
    ],
)
def test_a_caveat_counts_no_small_group_either(reports: tuple[Report, Report], caveat: str, published: str) -> None:
    one = replace(reports[0], subjects=60, caveats=(caveat,))

    assert disclosable([one])[0].caveats[0] == published


def test_few_subjects_without_a_group_or_a_list_are_counted_in_no_published_caveat(build: Build) -> None:
    names = [f"u{n:02d}" for n in range(61)]
    given = build(
        {name: ["a"] for name in names[:60]},
        items=["a"],
        genres={"a": ["x"]},
        targets={name: ["a"] for name in names},
        groups={name: "new" if n % 2 else "old" for n, name in enumerate(names[:57])},
    )
    report = run(given, config=AuditConfig(seed=1, model_digest="", replicates=100, min_subjects=1, metrics=("ndcg",)))

    assert {each for each in report.caveats if each[0].isdigit()} == {
        "1 subjects have held-out choices but no list and are not counted.",
        "3 of 60 subjects (5.0%) have no group.",
    }
    assert not any(each[0].isdigit() for each in disclosable([report])[0].caveats)


def test_a_figure_of_a_whole_attribute_goes_with_its_groups(reports: tuple[Report, Report]) -> None:
    one = reports[1]
    worst = replace(one.measurements[-1], metric="worst_ndcg", group="age = worst", n=38)
    released = disclosable([replace(one, measurements=(*one.measurements, worst))])[0]

    assert not [each for each in released.measurements if each.metric == "worst_ndcg" and each.value is not None]


def band(group: str | None) -> Band:
    return Band(
        metric="ndcg",
        attribute=None,
        category=None,
        group=group,
        low=0.1,
        low_model="uniform",
        high=0.2,
        high_model="logarithmic",
    )


@pytest.mark.parametrize(
    ("measured", "kept"),
    # 114 of the 120 subjects have targets. Of 100 subjects 94 or more do, of 10 perhaps 4; of a group perhaps none.
    [(120, {None, "age = old"}), (100, {None}), (10, set())],
)
def test_bands_leave_only_beside_their_figures_and_of_enough_subjects(
    reports: tuple[Report, Report], measured: int, kept: set[str | None]
) -> None:
    bands = tuple(band(group) for group in (None, "age = middle", "age = old", "age = young"))
    found = Sensitivity(models=("logarithmic", "uniform"), subjects=measured, bands=bands)
    (released,) = disclosable([replace(reports[1], sensitivity=found)])

    assert released.sensitivity is not None
    assert {each.group for each in released.sensitivity.bands} == kept


def test_of_suppressed_and_merged_groups_leaves_only_that_there_are_some(reports: tuple[Report, Report]) -> None:
    sizes = tuple(
        GroupSize(group=f"age = {name}", subjects=n, merged=merged)
        for name, n, merged in (("old", 4, False), ("mid", 30, True), ("young", 300, False), ("new", 0, False))
    )
    released = disclosable([replace(reports[0], group_sizes=sizes)])[0]

    assert [(each.group, each.subjects, each.merged) for each in released.group_sizes] == [
        ("age = young", 300, False),
        ("age = new", 0, False),
        ("age = suppressed", 0, True),
    ]


def test_large_groups_leave_as_they_are(reports: tuple[Report, Report]) -> None:
    assert disclosable(reports[:1]) == (reports[0],)


@pytest.mark.parametrize("k", [1, 121])
def test_refuses_a_threshold_that_protects_nobody_or_leaves_nothing(reports: tuple[Report, Report], k: int) -> None:
    with pytest.raises(InvalidConfig, match="disclosure: expected k of 2 or more"):
        disclosable(reports, k=k)


def test_refuses_to_release_nothing() -> None:
    with pytest.raises(InvalidConfig, match="disclosure"):
        disclosable([])
