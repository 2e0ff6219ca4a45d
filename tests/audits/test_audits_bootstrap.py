"""Intervals keep their promise, and the shortcuts that do not are caught."""

from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import sparse
from scipy.stats import poisson

from audits.attention import Attention
from audits.bootstrap import Resampling, intervals
from audits.columns import Columns
from audits.evidence import Evidence, Grouping
from audits.quality import Quality, gap_by_group
from audits.statistics import Cell, Scattered, Smooth, Stepped, moderated, ratios
from audits.weights import POISSON, TWO_POINT, Weights, draw

Floats = NDArray[np.float64]


def mean_of(values: Floats) -> Smooth:
    return ratios([Cell(n=values.size, span=1.0)], values[:, None], np.ones((values.size, 1)))


def grouped(sizes: list[int]) -> Evidence:
    """Evidence of which only the groups matter."""
    codes = np.repeat(np.arange(len(sizes)), sizes)
    n = codes.size
    return Evidence(
        lists=np.zeros((n, 1), dtype=np.int64),
        looks=np.ones((n, 1)),
        attention=Attention(),
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
    found = intervals([mean_of(values)], Resampling(replicates=2000, seed=3))

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
    single = intervals([ratios([Cell(n=300, span=1.0)], one, ones)], resampling)
    family = intervals([ratios([Cell(n=300, span=1.0)] * 20, many, ones)], resampling)

    # 20 independent normal means: the 95 % quantile of the largest |t| is 3.02.
    assert family.critical_value == pytest.approx(3.02, abs=0.15)
    assert single.critical_value < 2.15
    assert (family.half_widths > family.pointwise_half_widths).all()


def test_equal_seeds_give_equal_intervals_and_other_seeds_do_not() -> None:
    values = np.random.default_rng(1).normal(size=(60, 9))
    statistic = ratios([Cell(n=60, span=1.0)] * 9, values, np.ones((60, 1)))
    first = intervals([statistic], Resampling(replicates=200, seed=9))
    again = intervals([statistic], Resampling(replicates=200, seed=9))
    other = intervals([statistic], Resampling(replicates=200, seed=10))

    assert first.critical_value == again.critical_value
    assert first.critical_value != other.critical_value


def test_no_variation_among_n_subjects_gives_the_exact_binomial_width() -> None:
    found = intervals([mean_of(np.full(100, 0.25))], Resampling(replicates=100, seed=1))

    assert found.standard_errors[0] == 0.0
    assert found.half_widths[0] == pytest.approx(1 - 0.05 ** (1 / 100))


def test_a_subject_more_that_differs_narrows_no_interval_by_a_jump() -> None:
    widths = []
    for differing in range(21):
        values = np.where(np.arange(400) < differing, 0.001, 0.0)
        widths.append(intervals([mean_of(values)], Resampling(replicates=100, seed=1)).half_widths[0])

    assert widths[0] == pytest.approx(1 - 0.05 ** (1 / 400))
    assert widths[1] == pytest.approx(widths[0], rel=1e-3)
    # The standard error of one in 400 is 0.0000025: 6,000 times narrower.
    assert all(later > 0.97 * earlier for earlier, later in pairwise(widths))


def test_equivalence_is_not_certified_where_a_few_subjects_change_a_lot_and_none_of_them_is_seen() -> None:
    rng = np.random.default_rng(1)
    certified, by_normal = 0, 0
    for trial in range(150):
        # 2 % of subjects change by a thousandth, 0.4 % by all there is: on average 0.004.
        values = (rng.random(400) < 0.004).astype(np.float64) + np.where(rng.random(400) < 0.02, 0.001, 0.0)
        found = intervals([mean_of(values)], Resampling(replicates=100, seed=trial))
        certified += bool(found.values[0] + found.half_widths[0] <= 0.002)
        by_normal += bool(found.values[0] + 2.5 * found.standard_errors[0] <= 0.002)

    assert certified / 150 <= 0.05
    assert by_normal / 150 > 0.15


@pytest.mark.parametrize("draw", ["normal", "laplace", "hit or miss", "heavy"])
def test_where_most_subjects_vary_they_are_what_an_interval_rests_on(draw: str) -> None:
    rng = np.random.default_rng(3)
    values = {
        "normal": rng.normal(0.0, 1.0, 400),
        "laplace": rng.laplace(0.0, 1.0, 400),
        "hit or miss": (rng.random(400) < 0.3).astype(np.float64),
        "heavy": rng.standard_t(5, 400),
    }[draw]
    found = intervals([mean_of(0.001 * values)], Resampling(replicates=500, seed=1))

    # 1 - 0.05^(1/400) would be 0.0075.
    assert found.half_widths[0] == pytest.approx(found.critical_value * found.standard_errors[0], rel=0.03)


def test_subjects_of_another_kind_carry_a_mean_no_further_than_to_its_end() -> None:
    values = np.where(np.arange(400) < 4, 0.1, 0.0)
    cell = Cell(n=400, span=1.0, ends=(0.0, 1.0))
    statistic = ratios([cell], values[:, None], np.ones((400, 1)))
    found = intervals([statistic], Resampling(replicates=200, seed=1))
    (below, above) = found.reach[0]

    # Above by nearly 0.0075 of nearly 1; below by 0.0075 of 0.001, which is less than what the four tell by themselves.
    assert above == pytest.approx(0.0070, abs=1e-4)
    assert 2 * found.standard_errors[0] < below < 3 * found.standard_errors[0]


def test_where_groups_are_small_no_resample_leaves_one_out() -> None:
    evidence = grouped([60, 12])
    values = np.random.default_rng(1).uniform(size=72)
    statistic = gap_by_group(Quality(values=values, counted=np.ones(72, dtype=bool)), evidence)
    found = intervals([statistic], Resampling(replicates=20_000, seed=1))

    # With whole-number weights, a group of 12 would come out empty about once in 160,000 resamples.
    assert found.weights == TWO_POINT.name
    assert found.steady.all()
    assert intervals([mean_of(values)], Resampling(replicates=100, seed=1)).weights == POISSON.name


def test_a_figure_that_rests_on_one_subject_says_nearly_nothing_however_many_are_counted() -> None:
    shown = np.zeros((200, 1))
    shown[0] = 1.0
    rare = ratios([Cell(n=200, span=1.0)], shown, np.ones((200, 1)))
    found = intervals([rare], Resampling(replicates=200, seed=1))

    # Student's t with 2 degrees of freedom: 4.30 instead of 1.96.
    assert found.half_widths[0] / found.standard_errors[0] > 4.30


def test_a_small_groups_interval_is_students() -> None:
    values = np.random.default_rng(5).normal(size=8)
    found = intervals([mean_of(values)], Resampling(replicates=4000, seed=1))

    # The textbook interval of a mean of 8 values: t(0.975; 7 degrees) = 2.365 with the n - 1 standard deviation.
    assert found.half_widths[0] >= 2.364 * values.std(ddof=1) / np.sqrt(8)


def test_a_figure_that_some_resample_cannot_compute_is_left_out_rather_than_narrowed() -> None:
    values = np.random.default_rng(3).uniform(0.1, 1.0, size=(200, 1))

    def value_of(means: NDArray[np.inexact]) -> NDArray[np.inexact]:
        return np.sqrt(means - values.mean())

    root = Smooth(cells=(Cell(n=200, span=1.0),), channels=values + 1e-9, value_of=value_of)
    found = intervals([root, mean_of(values[:, 0])], Resampling(replicates=200, seed=1))

    assert found.defined.tolist() == [False, True]
    assert found.steady.tolist() == [False, True]


def test_a_stepped_figures_error_is_the_efron_stein_sum() -> None:
    changes = np.array([[0.1], [0.0], [0.2], [0.0]])
    stepped = Stepped(cells=(Cell(n=4, span=1.0),), figures=np.array([0.5]), leave_one_out=changes)

    assert stepped.variance()[0] == pytest.approx(0.05)
    assert stepped.at_means()(changes.mean(axis=0)) == pytest.approx(0.5)
    # The third subject drawn twice, the first not at all: 0.5 - 0.1 + 0.2.
    assert stepped.at_means()(np.array([0.2 * 2 / 4])) == pytest.approx(0.6)


def test_equal_groups_are_called_different_at_the_nominal_rate_and_by_the_spread_rule_nearly_always() -> None:
    rng = np.random.default_rng(11)
    evidence = grouped([200] * 8)
    trials, rejected, blocked = 150, 0, 0
    for trial in range(trials):
        values = rng.normal(0.3, 0.2, size=1600)
        statistic = gap_by_group(Quality(values=values, counted=np.ones(1600, dtype=bool)), evidence)
        found = intervals([statistic], Resampling(replicates=150, seed=trial))
        rejected += bool((np.abs(found.values) > found.half_widths).any())
        means = values.reshape(8, 200)[:, rng.integers(0, 200, size=(100, 200))].mean(axis=2)
        blocked += bool(np.quantile(means.max(axis=0) - means.min(axis=0), 0.025) > 0.02)

    # Nominal 5 %, Monte-Carlo standard error 1.8 points.
    assert 0.015 <= rejected / trials <= 0.10
    assert blocked / trials > 0.9


def test_a_true_difference_between_groups_is_found() -> None:
    rng = np.random.default_rng(12)
    evidence = grouped([200] * 8)
    values = rng.normal(0.3, 0.2, size=1600) - 0.1 * (evidence.groupings[0].codes == 3)
    statistic = gap_by_group(Quality(values=values, counted=np.ones(1600, dtype=bool)), evidence)
    found = intervals([statistic], Resampling(replicates=500, seed=1))

    assert found.values[3] + found.half_widths[3] < 0.0


def test_intervals_over_subjects_cover_where_intervals_over_rows_do_not() -> None:
    rng = np.random.default_rng(21)
    trials, by_subject, by_row = 300, 0, 0
    for trial in range(trials):
        # 400 subjects with tastes of their own, 10 slots each, filled by taste; the true share is 0.3.
        taste = rng.beta(0.9, 2.1, size=400)
        slots = (rng.random((400, 10)) < taste[:, None]).astype(np.float64)
        subjects = intervals([mean_of(slots.mean(axis=1))], Resampling(replicates=200, seed=trial))
        rows_error = np.sqrt(mean_of(slots.ravel()).variance()[0])
        by_subject += bool(abs(subjects.values[0] - 0.3) <= subjects.half_widths[0])
        by_row += bool(abs(slots.mean() - 0.3) <= 1.96 * rows_error)

    assert 0.915 <= by_subject / trials <= 0.985
    assert by_row / trials < 0.8


def test_progress_ends_at_the_number_of_replicates() -> None:
    seen: list[tuple[int, int]] = []
    intervals(
        [mean_of(np.random.default_rng(1).normal(size=50_000))],
        Resampling(replicates=400, seed=1),
        progress=lambda done, total: seen.append((done, total)),
    )

    assert seen[-1] == (400, 400)
    assert len(seen) > 1


def test_changes_of_few_subjects_give_the_same_intervals_as_the_whole_table() -> None:
    rng = np.random.default_rng(6)
    changes = np.where(rng.random((300, 70)) < 0.1, rng.normal(size=(300, 70)), 0.0)
    changes[:, 5], changes[:, 6] = 0.0, changes[:, 7]
    cells = (Cell(n=300, span=1.0),) * 70
    order = rng.permutation(300)
    whole, few = (
        intervals([statistic], Resampling(replicates=150, seed=2), order=order)
        for statistic in (
            Stepped(cells=cells, figures=np.zeros(70), leave_one_out=changes),
            Scattered(cells=cells, figures=np.zeros(70), leave_one_out=sparse.csc_array(changes)),
        )
    )

    assert few.half_widths == pytest.approx(whole.half_widths, rel=1e-12)
    assert few.critical_value == pytest.approx(whole.critical_value, rel=1e-7)
    assert few.pointwise_half_widths == pytest.approx(whole.pointwise_half_widths, rel=1e-7)


def test_intervals_are_equal_to_the_last_bit_whatever_the_number_of_threads_or_the_order_of_sums(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rng = np.random.default_rng(7)
    statistic = ratios([Cell(n=5000, span=1.0)] * 3, rng.gamma(0.3, size=(5000, 3)), rng.random((5000, 1)) + 0.1)
    first = intervals([statistic], Resampling(replicates=120, seed=2))
    product = np.matmul

    def backwards(self: Columns, subjects: slice) -> tuple[NDArray[np.int64], Floats]:
        active, rows = original(self, subjects)
        return active, rows.view(Reversed)

    class Reversed(np.ndarray):
        """Rows that are multiplied from the last subject to the first."""

        def __matmul__(self, other: Floats) -> Floats:
            plain = np.asarray(self)
            return product(plain[:, 1000:], other[1000:]) + product(plain[:, 999::-1], other[999::-1])

    original = Columns._rows
    monkeypatch.setattr(Columns, "_rows", backwards)
    again = intervals([statistic], Resampling(replicates=120, seed=2))

    assert again.critical_value == first.critical_value
    assert again.pointwise_half_widths.tolist() == first.pointwise_half_widths.tolist()


def test_a_figure_that_is_not_a_number_disturbs_no_other() -> None:
    values = np.random.default_rng(8).normal(size=(80, 2))
    alone = intervals([mean_of(values[:, 1])], Resampling(replicates=150, seed=2))
    values[3, 0] = np.nan
    stepped = Stepped(cells=(Cell(n=80, span=1.0),), figures=np.array([np.nan]), leave_one_out=values[:, :1])
    beside = intervals([stepped, mean_of(values[:, 1])], Resampling(replicates=150, seed=2))

    assert beside.defined.tolist() == [False, True]
    assert beside.half_widths[1] == alone.half_widths[0]


@pytest.mark.parametrize("weights", [POISSON, TWO_POINT])
def test_weights_have_the_moments_that_resampling_needs(weights: Weights) -> None:
    chances = np.array(weights.chances) / 65_536
    values = weights.offset + weights.scale * np.arange(chances.size)

    assert chances.sum() == 1.0
    assert chances @ values == pytest.approx(1.0, abs=1e-12)
    assert chances @ (values - 1.0) ** 2 == pytest.approx(1.0, abs=1e-12)
    assert chances @ (values - 1.0) ** 3 == pytest.approx(1.0, abs=1e-4)
    assert (weights is TWO_POINT) == (values.min() > 0)


def test_poisson_weights_are_poissons_to_the_stated_error() -> None:
    exact = poisson.pmf(np.arange(9), 1.0)
    ours = np.array(POISSON.chances) / 65_536

    assert (np.abs(ours - exact).sum() + poisson.sf(8, 1.0)) / 2 < 3.8e-5


@pytest.mark.parametrize("weights", [POISSON, TWO_POINT])
def test_draws_follow_their_chances_and_depend_on_place_alone(weights: Weights) -> None:
    first, again, other = np.empty((2048, 200)), np.empty((2048, 200)), np.empty((2048, 200))
    draw(weights, 5, subjects=slice(2048, 4096), replicates=slice(0, 200), out=first)
    draw(weights, 5, subjects=slice(2048, 4096), replicates=slice(0, 200), out=again)
    draw(weights, 5, subjects=slice(0, 2048), replicates=slice(0, 200), out=other)
    chances = np.array(weights.chances) / 65_536
    seen = np.bincount(first.astype(np.int64).ravel(), minlength=chances.size) / first.size

    assert (first == again).all()
    assert not (first == other).all()
    # Five standard errors of a share of 409,600 draws.
    assert (np.abs(seen - chances) < 5 * np.sqrt(chances / first.size)).all()
    assert abs(np.corrcoef(first.ravel(), other.ravel())[0, 1]) < 0.01


def test_a_comma_in_a_groups_name_does_not_cut_it_off_from_the_groups_beside_it() -> None:
    cells = [Cell(n=10, span=1.0, group="home = Washington, DC"), Cell(n=100, group="home = Lima", span=1.0)]
    found = moderated(cells, np.array([0.0, 0.01]))

    # Per subject 0 and 1, together 100 / 110; that counts as ten beside nine of its own: 10 / 1.1 / 19 / 10.
    assert found == pytest.approx([0.0478469, 0.01], abs=1e-7)
