import random
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from recommender.noise import OpenDPNoise, diagonal, symmetric_noise

SCALE = 1 << 34


@pytest.fixture(scope="module")
def draws() -> np.ndarray:
    return OpenDPNoise(threads=2).draw(30_000, SCALE)


def _fits(draws: np.ndarray, scale: float) -> bool:
    """Kolmogorov-Smirnov at one in a million: fresh draws each run, so the test may not cry wolf."""
    return bool(stats.kstest(draws / scale, "norm").pvalue > 1e-6)


def test_the_noise_has_the_planned_size_and_shape(draws: np.ndarray) -> None:
    assert _fits(draws, SCALE)


@pytest.mark.parametrize("wrong", [2 / 3, 1.5])
def test_the_same_test_rejects_noise_of_another_size(draws: np.ndarray, wrong: float) -> None:
    assert not _fits(draws, wrong * SCALE)


def test_small_scales_follow_the_discrete_gaussian_and_not_its_rounding() -> None:
    counts = np.bincount(OpenDPNoise(threads=1).draw(80_000, 1) + 40, minlength=81)[38:43]
    weight = np.exp(-(np.arange(-40, 41) ** 2) / 2)
    expected = 80_000 * weight / weight.sum()
    rounded = 80_000 * np.diff(stats.norm.cdf(np.arange(-2.5, 3)))

    assert stats.chisquare(counts, expected[38:43] * counts.sum() / expected[38:43].sum()).pvalue > 1e-6
    assert stats.chisquare(counts, rounded * counts.sum() / rounded.sum()).pvalue < 1e-6


def test_draws_are_independent_of_each_other_and_of_the_chunk_they_came_in(draws: np.ndarray) -> None:
    first, second = draws[:-1] / SCALE, draws[1:] / SCALE

    assert abs(np.corrcoef(first, second)[0, 1]) < 5 / np.sqrt(len(first))
    assert len(np.unique(draws)) > len(draws) - 10


def test_draws_as_many_as_asked_also_across_chunks() -> None:
    seen: list[tuple[int, int]] = []

    drawn = OpenDPNoise(threads=2).draw(20_001, SCALE, progress=lambda done, whole: seen.append((done, whole)))

    assert drawn.shape == (20_001,)
    assert drawn.dtype == np.int64
    assert seen == [(20_000, 20_001), (20_001, 20_001)]


def test_no_noise_is_an_empty_array() -> None:
    assert OpenDPNoise().draw(0, SCALE).shape == (0,)


def _has_variance(draws: np.ndarray, scale: float) -> bool:
    """Within five standard deviations of a variance: sharper on the size than Kolmogorov-Smirnov, blind to shape."""
    return bool(abs((draws / scale).var() - 1) < 5 * np.sqrt(2 / len(draws)))


def _has_tails(draws: np.ndarray, scale: float) -> bool:
    """As many beyond three standard deviations, on either side, as a normal law has, at one in a million each."""
    beyond = (int((draws > 3 * scale).sum()), int((draws < -3 * scale).sum()))
    return all(stats.binomtest(found, len(draws), stats.norm.sf(3)).pvalue > 1e-6 for found in beyond)


def test_the_size_is_right_to_a_few_percent_and_the_tails_are_there(draws: np.ndarray) -> None:
    assert _has_variance(draws, SCALE)
    assert _has_tails(draws, SCALE)


@pytest.mark.parametrize("wrong", [0.95, 1.05])
def test_noise_that_is_a_twentieth_too_small_or_too_large_is_told(draws: np.ndarray, wrong: float) -> None:
    """Kolmogorov-Smirnov passes this in half of all runs."""
    assert not _has_variance(draws, wrong * SCALE)


def test_noise_that_is_cut_off_is_told() -> None:
    """A subject beyond the cut would be seen for certain; neither variance nor Kolmogorov-Smirnov notices."""
    normal = np.random.default_rng(3).normal(0, SCALE, 30_000)
    cut = np.clip(normal, -3 * SCALE, 3 * SCALE)

    assert _has_tails(normal, SCALE)
    assert _fits(cut, SCALE)
    assert _has_variance(cut, SCALE)
    assert not _has_tails(cut, SCALE)


def test_draws_do_not_follow_from_any_seed_that_a_program_can_set() -> None:
    both = []
    for _ in range(2):
        np.random.seed(0)  # noqa: NPY002 - the seed that must not matter
        random.seed(0)
        both.append(OpenDPNoise(threads=1).draw(20, SCALE))

    assert not (both[0] == both[1]).any()


@given(st.integers(1, 2**60))
def test_the_diagonal_of_a_symmetric_matrix_gets_root_two_more_and_never_less(scale: int) -> None:
    assert 2 * scale**2 < diagonal(scale) ** 2
    assert (diagonal(scale) - 1) ** 2 <= 2 * scale**2


def test_noise_for_a_symmetric_matrix_is_symmetric_and_fresh_in_every_place() -> None:
    noise = symmetric_noise(12, SCALE, OpenDPNoise(threads=1))

    assert (noise == noise.T).all()
    assert len(np.unique(noise[np.triu_indices(12)])) == 78


def _of_sizes(noise: np.ndarray, off: float, on: float) -> bool:
    rows, columns = np.triu_indices(len(noise), k=1)
    return _has_variance(noise[rows, columns], off) and _has_variance(np.diag(noise), on)


def test_noise_for_a_symmetric_matrix_has_its_size_off_the_diagonal_and_root_two_more_on_it() -> None:
    noise = symmetric_noise(300, SCALE, OpenDPNoise(threads=1))

    assert _of_sizes(noise, SCALE, np.sqrt(2) * SCALE)
    assert not _of_sizes(noise, SCALE, SCALE)
    assert not _of_sizes(noise, 0.9 * SCALE, np.sqrt(2) * SCALE)


def test_drawing_noise_does_not_load_what_opendp_itself_never_uses() -> None:
    program = (
        "import sys\n"
        "from recommender.noise import OpenDPNoise\n"
        "assert len(OpenDPNoise(threads=1).draw(3, 4)) == 3\n"
        "print({'sklearn', 'pandas', 'scipy.stats'} & set(sys.modules))\n"
    )

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert done.stdout == "set()\n"
