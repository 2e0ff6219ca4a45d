"""What groups are shown, against everybody else, with and without their taste."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from scipy import sparse

from audits.attention import Attention
from audits.bootstrap import Resampling, intervals
from audits.categories import Attribute
from audits.configuration import AuditConfig
from audits.evidence import Evidence, evidence_from
from audits.groupings import Grouping
from audits.metrics import category_gap, category_gap_given_taste
from audits.run import run
from audits.tables import AuditInput

Build = Callable[..., AuditInput]
Floats = np.ndarray

DRAMA = Attribute(name="genre", categories=("comedy", "drama"), shares=np.array([[1.0, 0.0], [0.0, 1.0]]))


def shares(shown: Floats, chosen: Floats, groups: Floats) -> Evidence:
    """Evidence in which a list holds this share of drama and a history that one; a share below 0 is no history."""
    n = len(shown)
    history = np.stack([1.0 - chosen, chosen], axis=1) * (chosen >= 0)[:, None]
    return Evidence(
        lists=np.zeros((n, 1), dtype=np.int64),
        looks=np.ones((n, 1)),
        attention=Attention(),
        exposure=sparse.csr_array(np.stack([1.0 - shown, shown], axis=1)),
        attributes=(DRAMA,),
        targets=None,
        history=sparse.csr_array(history),
        popularity=None,
        groupings=(Grouping(attribute="age", groups=("old", "young"), codes=groups, merged=0),),
        subjects_without_list=0,
        baseline=None,
    )


def drama_of_the_old(evidence: Evidence, metric: object) -> float:
    measured = metric.measure(evidence)
    (at,) = [at for at, cell in enumerate(measured.cells) if (cell.category, cell.group) == ("drama", "age = old")]
    return float(measured.values()[at])


BY_HAND = shares(np.array([0.3, 0.5, 0.3, 0.4]), np.array([0.2, 0.6, 0.2, 0.4]), np.array([0, 0, 1, 1]))


def test_the_example_of_the_docstring() -> None:
    assert drama_of_the_old(BY_HAND, category_gap) == pytest.approx(0.05)
    assert drama_of_the_old(BY_HAND, category_gap_given_taste) == pytest.approx(0.0, abs=1e-12)


def random_shares(seed: int, *, n: int = 80, pushed: float = 0.0) -> Evidence:
    """Old subjects like drama more; lists follow taste, and push drama to the old by so much more."""
    rng = np.random.default_rng(seed)
    groups = np.arange(n) % 2
    taste = np.clip(rng.normal(np.where(groups == 0, 0.6, 0.4), 0.1), 0.0, 1.0)
    shown = np.clip(0.1 + 0.7 * taste + pushed * (groups == 0) + rng.normal(0.0, 0.05, n), 0.0, 1.0)
    return shares(shown, taste, groups)


def least_squares(evidence: Evidence, *, without: int | None = None) -> float:
    kept = np.arange(evidence.subjects) != (-1 if without is None else without)
    y, x = evidence.exposure.toarray()[kept, 1], evidence.history.toarray()[kept, 1]
    old = evidence.groupings[0].codes[kept] == 0
    design = np.stack([np.ones(y.size), old, x], axis=1)
    return float(np.linalg.lstsq(design, y, rcond=None)[0][1])


def test_the_gap_given_taste_is_the_coefficient_of_a_regression_and_so_is_what_each_subject_changes() -> None:
    evidence = random_shares(1)
    measured = category_gap_given_taste.measure(evidence)
    (at,) = [at for at, cell in enumerate(measured.cells) if (cell.category, cell.group) == ("drama", "age = old")]
    again = [least_squares(evidence, without=subject) for subject in range(evidence.subjects)]

    assert measured.figures[at] == pytest.approx(least_squares(evidence), abs=1e-12)
    assert measured.figures[at] - measured.leave_one_out[:, at] == pytest.approx(again, abs=1e-12)


def test_subjects_without_history_count_in_neither_version() -> None:
    extra = shares(np.array([0.3, 0.5, 0.3, 0.4, 1.0]), np.array([0.2, 0.6, 0.2, 0.4, -1.0]), np.array([0, 0, 1, 1, 1]))

    assert drama_of_the_old(extra, category_gap) == pytest.approx(0.05)
    assert [cell.n for cell in category_gap.measure(extra).cells] == [2, 2, 2, 2]


def test_a_difference_of_taste_alone_is_found_unadjusted_and_not_given_taste() -> None:
    trials, unadjusted, given_taste = 60, 0, 0
    for seed in range(trials):
        evidence = random_shares(seed, n=200)
        both = [category_gap.measure(evidence), category_gap_given_taste.measure(evidence)]
        found = [intervals([each], Resampling(replicates=150, seed=seed)) for each in both]
        unadjusted += bool((np.abs(found[0].values) > found[0].half_widths).any())
        given_taste += bool((np.abs(found[1].values) > found[1].half_widths).any())

    assert unadjusted == trials
    # Nominal 5 %, Monte-Carlo standard error 2.8 points.
    assert given_taste / trials <= 0.135


def test_what_lists_push_beyond_taste_is_found() -> None:
    evidence = random_shares(3, n=300, pushed=0.05)
    found = intervals([category_gap_given_taste.measure(evidence)], Resampling(replicates=300, seed=1))

    assert drama_of_the_old(evidence, category_gap_given_taste) == pytest.approx(0.05, abs=0.02)
    assert (np.abs(found.values) > found.half_widths).all()


def test_intersections_are_left_out_of_the_family(build: Build) -> None:
    lists = {f"s{u:02d}": ["a", "b"] for u in range(40)}
    given = build(lists, items=["a", "b"], genres={"a": ["x"], "b": ["y"]}, history={s: ["a"] for s in lists})
    groups = {"subject": [*lists] * 2, "attribute": ["age"] * 40 + ["region"] * 40}
    divided = replace(
        given, subject_groups=pa.table({**groups, "group": ["old", "young"] * 20 + ["n", "n", "s", "s"] * 10})
    )
    evidence = evidence_from(divided, AuditConfig(seed=1, model_digest="m", intersections=2))

    assert len(evidence.groupings) == 3
    assert {cell.group for cell in category_gap.measure(evidence).cells} == {
        "age = old",
        "age = young",
        "region = n",
        "region = s",
    }


def test_without_any_difference_in_histories_there_is_no_taste_to_hold_fixed() -> None:
    alike = shares(np.array([0.3, 0.5, 0.3, 0.4]), np.full(4, 0.5), np.array([0, 0, 1, 1]))

    assert drama_of_the_old(alike, category_gap_given_taste) == pytest.approx(0.05)


def test_a_group_that_holds_everybody_has_no_gap(build: Build) -> None:
    lists = {f"s{u:02d}": ["a"] for u in range(20)}
    given = build(
        lists,
        items=["a", "b"],
        genres={"a": ["x"], "b": ["y"]},
        history={s: ["a"] for s in lists},
        groups=dict.fromkeys(lists, "all"),
    )
    config = AuditConfig(seed=1, model_digest="m", replicates=100, sensitivity=False)
    report = run(given, config=replace(config, metrics=("category_gap",)))

    assert run(given, config=config).select("category_gap") == ()
    assert {row.undefined for row in report.select("category_gap")} == {"n = 0"}
    assert evidence_from(given, AuditConfig(seed=1, model_digest="m")).history_lengths.tolist() == [1] * 20


def test_groups_of_other_subjects_leave_nothing_to_compare(build: Build) -> None:
    lists = {f"s{u:02d}": ["a"] for u in range(20)}
    given = build(
        lists,
        items=["a", "b"],
        genres={"a": ["x"], "b": ["y"]},
        history={s: ["a"] for s in lists},
        groups={"somebody": "else"},
    )
    config = AuditConfig(seed=1, model_digest="m", replicates=100, metrics=("category_gap", "exposure_share"))

    assert {row.metric for row in run(given, config=config).measurements} == {"exposure_share"}
