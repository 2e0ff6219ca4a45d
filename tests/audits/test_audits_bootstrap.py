"""Intervals keep their promise, and the shortcuts that do not are caught."""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import sparse

from audits.bootstrap import Resampling, intervals
from audits.evidence import Evidence, Grouping
from audits.quality import Quality, gap_by_group
from audits.statistics import Cell, Smooth, Stepped, ratios

Floats = NDArray[np.float64]


def alone(n: int) -> NDArray[np.int64]:
    return np.zeros(n, dtype=np.int64)


def mean_of(values: Floats) -> Smooth:
    return ratios([Cell(n=values.size, span=1.0)], values[:, None], np.ones((values.size, 1)))


def grouped(sizes: list[int]) -> Evidence:
    """Evidence of which only the groups matter."""
    codes = np.repeat(np.arange(len(sizes)), sizes)
    n = codes.size
    return Evidence(
        lists=np.zeros((n, 1), dtype=np.int64),
        looks=np.ones((n, 1)),
        exposure=sparse.csr_array(np.ones((n, 1))),
        attributes=(),
        targets=None,
        history=None,
        popularity=None,
        groupings=(
            Grouping(attribute="", groups=tuple(f"g{index}" for index in range(len(sizes))), codes=codes, merged=0),
        ),
        subjects_without_list=0,
        baseline=None,
    )


def test_the_standard_error_of_a_mean_is_the_textbook_one() -> None:
    values = np.random.default_rng(1).normal(3.0, 2.0, size=500)
    found = intervals([mean_of(values)], alone(500), Resampling(replicates=2000, seed=3))

    assert found.standard_errors[0] == pytest.approx(values.std() / np.sqrt(500), rel=1e-12)
    # One cell: the joint quantile is that of |t|, 1.96 for a normal mean.
    assert found.critical_value == pytest.approx(1.96, abs=0.1)
    assert found.critical_value_error < 0.06
    assert found.half_widths[0] == pytest.approx(found.pointwise_half_widths[0])


def test_the_standard_error_of_a_ratio_is_the_delta_methods() -> None:
    rng = np.random.default_rng(2)
    bottom = rng.uniform(1.0, 3.0, size=400)
    top = bottom * 0.4 + rng.normal(0.0, 0.1, size=400)
    ratio = top.mean() / bottom.mean()
    by_hand = np.sqrt(((top - ratio * bottom) ** 2).sum()) / 400 / bottom.mean()

    statistic = ratios([Cell(n=400, span=1.0)], top[:, None], bottom[:, None], scale=5.0)
    assert np.sqrt(statistic.variance()[0]) == pytest.approx(5.0 * by_hand, rel=1e-12)


def test_more_cells_make_a_larger_critical_value() -> None:
    rng = np.random.default_rng(4)
    one, many = rng.normal(size=(300, 1)), rng.normal(size=(300, 20))
    resampling = Resampling(replicates=1000, seed=1)
    ones = np.ones((300, 1))
    single = intervals([ratios([Cell(n=300, span=1.0)], one, ones)], alone(300), resampling)
    family = intervals([ratios([Cell(n=300, span=1.0)] * 20, many, ones)], alone(300), resampling)

    # 20 independent normal means: the 95 % quantile of the largest |t| is 3.02.
    assert family.critical_value == pytest.approx(3.02, abs=0.15)
    assert single.critical_value < 2.15
    assert (family.half_widths > family.pointwise_half_widths).all()


def test_equal_seeds_give_equal_intervals_and_other_seeds_do_not() -> None:
    statistic = mean_of(np.random.default_rng(1).normal(size=60))
    first = intervals([statistic], alone(60), Resampling(replicates=200, seed=9))
    again = intervals([statistic], alone(60), Resampling(replicates=200, seed=9))
    other = intervals([statistic], alone(60), Resampling(replicates=200, seed=10))

    assert first.critical_value == again.critical_value
    assert first.critical_value != other.critical_value


def test_no_variation_among_n_subjects_gives_the_exact_binomial_width() -> None:
    found = intervals([mean_of(np.full(100, 0.25))], alone(100), Resampling(replicates=100, seed=1))

    assert found.standard_errors[0] == 0.0
    assert found.half_widths[0] == pytest.approx(1 - 0.05 ** (1 / 100))


def test_small_groups_are_resampled_within_so_that_none_is_ever_empty() -> None:
    evidence = grouped([60, 12])
    values = np.random.default_rng(1).uniform(size=72)
    statistic = gap_by_group(Quality(values=values, counted=np.ones(72, dtype=bool)), evidence)
    found = intervals([statistic], evidence.strata, Resampling(replicates=500, seed=1))

    assert found.stratified
    assert found.defined.all()
    assert not intervals([statistic], alone(72), Resampling(replicates=100, seed=1)).stratified


def test_a_figure_that_some_resample_cannot_compute_is_left_out_rather_than_narrowed() -> None:
    shown = np.zeros((200, 1))
    shown[0] = 1.0
    rare = ratios([Cell(n=200, span=1.0)], shown * 0.5 + 0.1, shown)
    found = intervals(
        [rare, mean_of(np.random.default_rng(0).uniform(size=200))], alone(200), Resampling(replicates=200, seed=1)
    )

    assert found.defined.tolist() == [False, True]
    assert found.steady.tolist() == [False, True]


def test_a_stepped_figures_error_is_the_efron_stein_sum() -> None:
    changes = np.array([[0.1], [0.0], [0.2], [0.0]])
    stepped = Stepped(cells=(Cell(n=4, span=1.0),), figures=np.array([0.5]), leave_one_out=changes)

    assert stepped.variance()[0] == pytest.approx(0.05)
    assert stepped.resampled(np.ones((1, 4)))[0, 0] == pytest.approx(0.5)


def test_equal_groups_are_called_different_at_the_nominal_rate_and_by_the_spread_rule_nearly_always() -> None:
    rng = np.random.default_rng(11)
    evidence = grouped([200] * 8)
    trials, rejected, blocked = 150, 0, 0
    for trial in range(trials):
        values = rng.normal(0.3, 0.2, size=1600)
        statistic = gap_by_group(Quality(values=values, counted=np.ones(1600, dtype=bool)), evidence)
        found = intervals([statistic], evidence.strata, Resampling(replicates=150, seed=trial))
        rejected += bool((np.abs(found.values) > found.half_widths).any())
        means = values.reshape(8, 200)[:, rng.integers(0, 200, size=(100, 200))].mean(axis=2)
        blocked += bool(np.quantile(means.max(axis=0) - means.min(axis=0), 0.025) > 0.02)

    # Nominal 5 %, Monte-Carlo standard error 1.8 points.
    assert 0.015 <= rejected / trials <= 0.10
    assert blocked / trials > 0.9


def test_a_true_difference_between_groups_is_found() -> None:
    rng = np.random.default_rng(12)
    evidence = grouped([200] * 8)
    values = rng.normal(0.3, 0.2, size=1600) - 0.1 * (evidence.strata == 3)
    statistic = gap_by_group(Quality(values=values, counted=np.ones(1600, dtype=bool)), evidence)
    found = intervals([statistic], evidence.strata, Resampling(replicates=500, seed=1))

    assert found.values[3] + found.half_widths[3] < 0.0


def test_intervals_over_subjects_cover_where_intervals_over_rows_do_not() -> None:
    rng = np.random.default_rng(21)
    trials, by_subject, by_row = 300, 0, 0
    for trial in range(trials):
        # 400 subjects with tastes of their own, 10 slots each, filled by taste; the true share is 0.3.
        taste = rng.beta(0.9, 2.1, size=400)
        slots = (rng.random((400, 10)) < taste[:, None]).astype(np.float64)
        subjects = intervals([mean_of(slots.mean(axis=1))], alone(400), Resampling(replicates=200, seed=trial))
        rows_error = np.sqrt(mean_of(slots.ravel()).variance()[0])
        by_subject += bool(abs(subjects.values[0] - 0.3) <= subjects.half_widths[0])
        by_row += bool(abs(slots.mean() - 0.3) <= 1.96 * rows_error)

    assert 0.915 <= by_subject / trials <= 0.985
    assert by_row / trials < 0.8


def test_progress_ends_at_the_number_of_replicates() -> None:
    seen: list[tuple[int, int]] = []
    intervals(
        [mean_of(np.random.default_rng(1).normal(size=50_000))],
        alone(50_000),
        Resampling(replicates=400, seed=1),
        progress=lambda done, total: seen.append((done, total)),
    )

    assert seen[-1] == (400, 400)
    assert len(seen) > 1
