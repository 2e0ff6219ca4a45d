"""A candidate beside a baseline, subject by subject."""

from collections.abc import Callable

import numpy as np
import pytest

from audits.bootstrap import Resampling, intervals
from audits.comparison import difference
from audits.configuration import AuditConfig
from audits.run import run
from audits.statistics import Cell, Smooth, Stepped, ratios
from audits.tables import AuditInput

Build = Callable[..., AuditInput]


def mean_of(values: np.ndarray) -> Smooth:
    return ratios([Cell(n=values.size, span=1.0)], values[:, None], np.ones((values.size, 1)))


def test_the_error_of_a_difference_is_that_of_paired_values() -> None:
    rng = np.random.default_rng(1)
    subject = rng.normal(0.3, 0.2, size=500)
    ours, theirs = subject + rng.normal(0.01, 0.01, size=500), subject
    found = difference(mean_of(ours), mean_of(theirs))

    assert found.values() == pytest.approx([(ours - theirs).mean()])
    assert found.variance() == pytest.approx([(ours - theirs).var() / 500])
    # Apart, the two would seem to vary a thousand times more.
    assert found.variance()[0] < 0.01 * (mean_of(ours).variance()[0] + mean_of(theirs).variance()[0])


def test_where_nobody_differs_others_could_by_no_more_than_one_figure_spans() -> None:
    same = mean_of(np.random.default_rng(1).uniform(size=400))
    found = intervals([difference(same, same)], Resampling(replicates=100, seed=1))

    assert found.values[0] == 0.0
    assert found.reach[0].tolist() == pytest.approx([1 - 0.05 ** (1 / 400)] * 2)


def test_the_same_lists_as_the_baseline_are_told_and_leave_open_what_others_get(build: Build) -> None:
    lists = {f"s{u:03d}": ["a", "b"] if u % 2 else ["b", "a"] for u in range(60)}
    given = build(lists, items=["a", "b"], targets={name: ["a"] for name in lists}, baseline=lists)
    report = run(given, config=AuditConfig(seed=1, model_digest="m", replicates=100, metrics=("ndcg",)))
    (row,) = report.differences

    # Two figures hold together: of all subjects' quality, and of its difference.
    assert (row.value, row.high) == (0.0, pytest.approx(1 - 0.025 ** (1 / 60), abs=1e-9))
    assert report.caveats[2].startswith("The same lists as the baseline for every subject")


def test_refuses_statistics_of_different_cells_or_kinds() -> None:
    one = mean_of(np.ones(3))
    with pytest.raises(ValueError, match="same 1 cells, got 2 or others"):
        difference(one, ratios([Cell(n=3, span=1.0)] * 2, np.ones((3, 2)), np.ones((3, 1))))
    stepped = Stepped(cells=one.cells, figures=np.ones(1), leave_one_out=np.zeros((3, 1)))
    with pytest.raises(ValueError, match="two statistics of one kind"):
        difference(one, stepped)


def test_an_audit_with_a_baseline_reports_every_difference(build: Build) -> None:
    config = AuditConfig(seed=1, model_digest="", k=1, min_subjects=1, replicates=200)
    given = {"items": ["a", "b"], "genres": {"a": ["x"], "b": ["y"]}, "targets": {"s": ["a"], "t": ["a"], "u": ["b"]}}
    better, worse = {"s": ["a"], "t": ["a"], "u": ["b"]}, {"s": ["b"], "t": ["a"], "u": ["a"]}
    report = run(build(better, baseline=worse, **given), config=config)
    ndcg = next(each for each in report.differences if each.metric == "ndcg")

    assert len(report.differences) == len(report.measurements)
    assert ndcg.value == pytest.approx(1.0 - 1.0 / 3.0)
    assert ndcg.target == 0.0
    assert ndcg.low is not None
    assert ndcg.low < ndcg.value


def test_a_recommender_beside_itself_differs_by_nothing_that_is_certain(build: Build) -> None:
    lists = {f"s{number}": ["a", "b"] if number % 3 else ["b", "a"] for number in range(40)}
    given = build(lists, baseline=lists, items=["a", "b"], genres={"a": ["x"], "b": ["y"]})
    report = run(given, config=AuditConfig(seed=1, model_digest="", min_subjects=1, replicates=200))

    certain = [each for each in report.differences if each.value is not None]
    assert {each.value for each in certain} == {0.0}
    assert all(each.low <= 0.0 <= each.high for each in certain)
    assert len(certain) > len(report.differences) / 2


def test_lists_of_another_length_are_compared_as_they_are(build: Build) -> None:
    longer, shorter = {"s": ["a", "b"], "t": ["c", "a"]}, {"s": ["a"], "t": ["b"]}
    given = build(longer, baseline=shorter, items=["a", "b", "c", "d"], popularity={"a": 9, "b": 1})
    report = run(given, config=AuditConfig(seed=1, model_digest="", min_subjects=1, replicates=200))
    found = {each.metric: each.value for each in report.differences}

    assert found["coverage"] == pytest.approx(0.75 - 0.5)
    assert found["long_tail_count"] == pytest.approx(1.0 - 0.5)


def test_without_a_baseline_there_are_no_differences(build: Build) -> None:
    report = run(
        build({"s": ["a"]}, items=["a"]), config=AuditConfig(seed=1, model_digest="", min_subjects=1, replicates=200)
    )

    assert report.differences == ()
