"""Figures with corners or flat places: honest at parity, plain elsewhere, and harmless to the intervals beside them."""

import numpy as np
import pytest

from audits.bootstrap import Resampling, intervals
from audits.pooled import Numbers, jensen_shannon, pooled, share, size
from audits.statistics import Cell, Floats, Smooth, Stepped, ValueOf, ratios

PARITY = np.array([0.4, 0.3, 0.2, 0.1])
SUBJECTS = 400
HALF = np.array([0.5, 0.5, 0.0, 0.0])


def drawn(seed: int, parts: Floats = PARITY) -> Floats:
    """Attention of subjects whose lists of ten are draws from ``parts``, (n, 4)."""
    return np.random.default_rng(seed).multinomial(10, parts, size=SUBJECTS).astype(np.float64)


def distance(means: Numbers) -> Numbers:
    return size(share(means) - PARITY).sum(axis=-1, keepdims=True) / 2.0


def divergence(means: Numbers) -> Numbers:
    return jensen_shannon(share(means), PARITY)[..., None]


def cell() -> list[Cell]:
    return [Cell(n=SUBJECTS, span=1.0)]


def test_a_linear_figure_has_the_standard_error_of_the_delta_method() -> None:
    seen = drawn(1)

    def first(means: Numbers) -> Numbers:
        return means[..., :1]

    plain = Smooth(cells=tuple(cell()), channels=seen, value_of=first)
    found = pooled(cell(), seen, first, low=0.0, high=np.inf)

    assert found.variance() == pytest.approx(plain.variance(), rel=1e-9)
    assert found.figures == pytest.approx(plain.values())


def test_far_from_parity_a_distance_has_the_standard_error_of_the_delta_method() -> None:
    seen = drawn(2, np.array([0.7, 0.1, 0.1, 0.1]))
    plain = Smooth(cells=tuple(cell()), channels=seen, value_of=distance)

    assert pooled(cell(), seen, distance, low=0.0, high=1.0).variance() == pytest.approx(plain.variance(), rel=0.05)


def missing_parity(value_of: ValueOf, *, honest: bool) -> float:
    """How often an interval does not reach 0 for lists drawn from the catalogue itself."""
    missed, trials = 0, 150
    for seed in range(trials):
        found = (
            pooled(cell(), drawn(seed), value_of, low=0.0, high=1.0)
            if honest
            else Smooth(cells=tuple(cell()), channels=drawn(seed), value_of=value_of)
        )
        missed += bool(found.values()[0] > 1.96 * np.sqrt(found.variance()[0]))
    return missed / trials


def test_at_parity_the_interval_reaches_parity_where_the_delta_method_misses_it() -> None:
    # 5 % and three standard errors of 1.5 points.
    assert missing_parity(distance, honest=True) <= 0.096
    assert missing_parity(divergence, honest=True) <= 0.096
    # The delta method alone calls fair lists unfair four times as often as it says.
    assert missing_parity(distance, honest=False) > 0.15


def test_subjects_who_balance_each_other_exactly_still_have_an_error() -> None:
    one = np.array([[2.0, 0.0, 1.0, 0.0], [0.0, 2.0, 0.0, 1.0]])
    seen = np.tile(one, (200, 1))

    def even(means: Numbers) -> Numbers:
        return jensen_shannon(share(means), np.array([1.0, 1.0, 0.5, 0.5]) / 3.0)[..., None]

    found = pooled(cell(), seen, even, low=0.0, high=1.0)
    assert found.figures == pytest.approx([0.0], abs=1e-15)
    assert found.variance()[0] > 0.0
    assert found.leave_one_out.mean() == pytest.approx(0.0, abs=1e-12)


def test_subjects_who_are_all_alike_have_none() -> None:
    found = pooled(cell(), np.tile(PARITY, (50, 1)), distance, low=0.0, high=1.0)

    assert found.variance() == pytest.approx([0.0], abs=1e-30)


def test_a_divergence_at_parity_does_not_widen_the_intervals_beside_it() -> None:
    """Shares that were fitted to parity, as after mitigation: a studentised resample would divide by nearly nothing."""
    one = np.array([[2.0, 0.0, 1.0, 0.0], [0.0, 2.0, 0.0, 1.0], [1.0, 1.0, 0.5, 0.5001]])
    seen = np.tile(one, (200, 1))
    cells = [Cell(n=600, span=1.0, category=str(g)) for g in range(4)]
    shares = ratios(cells, seen, seen.sum(axis=1, keepdims=True))

    def nearly_even(means: Numbers) -> Numbers:
        return jensen_shannon(share(means), np.array([1.0, 1.0, 0.5, 0.5]) / 3.0)[..., None]

    flat = pooled(cell(), seen, nearly_even, low=0.0, high=1.0)
    naive = Smooth(cells=tuple(cell()), channels=seen, value_of=nearly_even)
    alone, beside, poisoned = (
        intervals(statistics, Resampling(replicates=400, seed=5)).critical_value
        for statistics in ([shares], [shares, flat], [shares, naive])
    )
    assert beside < 1.2 * alone
    assert poisoned > 10.0 * alone


def test_a_mean_of_equal_numbers_over_some_subjects_does_not_vary() -> None:
    counted = (np.arange(900) % 3 > 0).astype(np.float64)

    def mean(means: Numbers) -> Numbers:
        return means[..., :1] / means[..., 1:]

    found = pooled(cell(), np.stack([3.1208880 * counted, counted], axis=1), mean, low=0.0, high=np.inf)
    assert np.sqrt(found.variance()[0]) < 1e-12


def test_it_is_of_the_kind_that_a_comparison_subtracts() -> None:
    assert isinstance(pooled(cell(), drawn(4), distance, low=0.0, high=1.0), Stepped)


def test_divergence_of_opposite_distributions_is_the_largest_there_is() -> None:
    assert jensen_shannon(np.array([1.0, 0.0]), np.array([1e-12, 1.0])) == pytest.approx(np.log(2), abs=1e-9)
    assert jensen_shannon(HALF, np.array([0.5, 0.5, 1e-300, 1e-300])) == pytest.approx(0.0, abs=1e-15)


def test_the_order_of_subjects_moves_no_error_where_directions_vary_alike() -> None:
    # Each of six categories in turn, so that five directions have one variance, and rounding decides how they lie.
    channels = np.tile(np.eye(6), (70, 1)) * np.linspace(1.0, 1.0 + 1e-13, 420)[:, None]
    target = np.full(6, 1.0 / 6.0)

    def distance(means: Numbers) -> Numbers:
        return size(share(means) - target).sum(axis=-1)[..., None] / 2.0

    cell = Cell(n=420, span=1.0)
    forth, back = (
        pooled([cell], rows, distance, low=0.0, high=1.0).variance() for rows in (channels, channels[::-1].copy())
    )

    assert forth == pytest.approx(back, rel=1e-10)
