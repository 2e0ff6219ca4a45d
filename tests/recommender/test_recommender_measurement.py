"""Privacy by its definition: neighbouring populations in, the distance of what is summed out."""

import math
from contextlib import nullcontext
from itertools import pairwise
from typing import Protocol

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_matrix

from recommender.bandit.statistics import batch_sums
from recommender.errors import BadMechanism, EmptyInteractions
from recommender.fixed_point import count_contributions, exact_counts, unit_rows, verify_norms
from recommender.gram import exact_gram
from recommender.interactions import Interactions, capped, ones
from recommender.lens import seen_rows
from recommender.measurement import history_weights, kept_items, measure
from recommender.mechanism import Mechanism, Performance, plan
from recommender.noise import NoiseSource, OpenDPNoise, diagonal
from recommender.ratings.contributions import integer_rows

BITS = 16


class Silence(NoiseSource, Protocol):
    """The fixture: it remembers what it was asked for."""

    asked: list[tuple[int, int]]


PERFORMANCE = Performance(threads=1, chunk_rows=64)

histories = st.lists(st.sets(st.integers(0, 11), min_size=0, max_size=12), min_size=1, max_size=8)
weightings = st.lists(st.floats(1e-3, 1e3), min_size=12, max_size=12).map(np.array)


def _matrix(held: list[set[int]]) -> csr_matrix:
    rows = np.array([row for row, items in enumerate(held) for _ in items], dtype=np.int64)
    columns = np.array([column for items in held for column in sorted(items)], dtype=np.int64)
    return ones(rows, columns, (len(held), 12))


def _sums(held: list[set[int]], weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    matrix = _matrix(held)
    return exact_counts(matrix), exact_gram(unit_rows(matrix, weights, bits=BITS), bits=BITS, performance=PERFORMANCE)


def _scaled_norm_squared(gram: np.ndarray) -> float:
    """Twice the squared L2 norm of the upper triangle with the diagonal divided by √2, in exact integers."""
    upper = [int(v) ** 2 for v in gram[np.triu_indices(len(gram), 1)]]
    return 2 * sum(upper) + sum(int(v) ** 2 for v in np.diag(gram))


@given(histories, weightings, st.data())
def test_removing_a_subject_moves_counts_and_gram_by_no_more_than_the_bound(
    held: list[set[int]], weights: np.ndarray, data: st.DataObject
) -> None:
    gone = data.draw(st.integers(0, len(held) - 1))
    counts, gram = _sums(held, weights)
    fewer_counts, fewer_gram = _sums([items for row, items in enumerate(held) if row != gone] or [set()], weights)

    assert sum(int(v) ** 2 for v in counts - fewer_counts) <= 4**32
    assert _scaled_norm_squared(gram - fewer_gram) <= 16**BITS  # twice (4^bits/√2)²


@given(histories, weightings)
def test_the_sums_are_exactly_the_sums_of_what_each_subject_adds(held: list[set[int]], weights: np.ndarray) -> None:
    counts, gram = _sums(held, weights)
    alone = [_sums([items], weights) for items in held]

    assert (counts == sum(one[0] for one in alone)).all()
    assert (gram == sum(one[1] for one in alone)).all()


def test_the_bound_is_nearly_reached_so_no_noise_is_wasted() -> None:
    counts, gram = _sums([{1, 4, 7}], np.ones(12))

    assert math.isqrt(sum(int(v) ** 2 for v in counts)) > 0.999999 * 2**32
    assert math.sqrt(_scaled_norm_squared(gram)) > 0.9999 * 4**BITS


def test_a_history_of_two_equal_titles_adds_one_half_to_each_entry() -> None:
    _, gram = _sums([{0, 1}], np.ones(12))

    assert gram[:2, :2] / 4**BITS == pytest.approx(np.full((2, 2), 0.5), rel=1e-4)
    assert not gram[2:].any()


@given(st.integers(1, 100_000))
def test_no_history_length_breaks_the_bound_of_the_counts(length: int) -> None:
    value = int(count_contributions(np.array([length]))[0])

    assert length * value**2 <= 4**32 < length * (value + 1) ** 2


def test_a_row_that_arithmetic_left_too_long_is_refused_and_not_summed() -> None:
    # The square of 2.7e-162 rounds down to the smallest number there is, so the norm comes out 18 % too small.
    with pytest.raises(BadMechanism, match="1 histories exceed norm 1"):
        unit_rows(_matrix([{0, 1}]), np.full(12, 2.7e-162), bits=BITS)


@pytest.mark.parametrize(
    ("row", "allowed"),
    [([-3, 2, 1], True), ([4, 0, 0], True), ([3, -3, 0], False), ([0, 5, 0], False), ([0, -(2**63), 0], False)],
)
def test_a_row_of_signed_numbers_is_at_most_as_long_as_the_grid_says(row: list[int], *, allowed: bool) -> None:
    values, rows = np.array([1, *row], np.int64), np.array([0, 1, 1, 1])

    with nullcontext() if allowed else pytest.raises(BadMechanism, match="1 contributions exceed norm 1"):
        verify_norms(values, rows, count=2, bits=2)


def test_what_is_no_number_never_becomes_a_short_row() -> None:
    rows, lens = csr_matrix(np.array([[1, 2]], np.int64)), np.array([[np.nan], [1.0]])
    with np.errstate(invalid="ignore"):
        for contribute in (
            lambda: seen_rows(rows, lens, bits=16),
            lambda: integer_rows([(csr_matrix(np.ones((1, 2))), np.array([np.nan, 0.5]))], bits=24),
            lambda: batch_sums(np.array([[np.nan, 0.5]]), np.array([1.0]), 2),
            lambda: batch_sums(np.array([[0.5, 0.5]]), np.array([np.nan]), 2),
        ):
            with pytest.raises(BadMechanism, match="contributions exceed norm 1 after rounding"):
                contribute()


@pytest.mark.parametrize(("threads", "rows"), [(1, 1), (1, 7), (2, 64), (2, 10_000)])
def test_neither_threads_nor_chunks_change_a_single_bit(population: Interactions, threads: int, rows: int) -> None:
    weights = np.linspace(0.5, 2, len(population.items))
    integers = unit_rows(population.matrix, weights, bits=BITS)
    dense = integers.toarray().astype(object)

    found = exact_gram(integers, bits=BITS, performance=Performance(threads=threads, chunk_rows=rows))

    assert (found.astype(object) == dense.T @ dense).all()


def test_chunks_are_cut_where_float64_would_start_to_round() -> None:
    # 20 bits leave 2^13 rows of the largest possible history; one more row in a chunk would reach 2^53.
    rows = csr_matrix((np.full(9000, 2**20), (np.arange(9000), np.zeros(9000, int))), shape=(9000, 1))

    found = exact_gram(rows, bits=20, performance=Performance(threads=1, chunk_rows=10**9))

    assert int(found[0, 0]) == 9000 * 2**40


def test_refuses_more_subjects_than_the_integers_hold() -> None:
    endless = csr_matrix((2**31, 1), dtype=np.int64)

    with pytest.raises(BadMechanism, match="could overflow 64 bits"):
        exact_gram(endless, bits=BITS, performance=PERFORMANCE)
    with pytest.raises(BadMechanism, match="could overflow 64 bits"):
        exact_counts(endless)


def test_a_subject_never_changes_what_another_adds_even_when_histories_are_cut(population: Interactions) -> None:
    cut = plan(1.0, 1e-6, max_items_per_subject=4)
    with_all = _silent_gram(population, cut)
    without_first = _silent_gram(population.rows(np.arange(1, len(population.subjects))), cut)
    first_alone = _silent_gram(population.rows(np.array([0])), cut)

    assert (with_all == without_first + first_alone).all()


def _silent_gram(people: Interactions, mechanism: Mechanism) -> np.ndarray:
    matrix = capped(people, mechanism.max_items_per_subject).matrix
    return exact_gram(unit_rows(matrix, np.ones(matrix.shape[1]), bits=BITS), bits=BITS, performance=PERFORMANCE)


def test_asks_for_exactly_the_noise_that_the_mechanism_plans(
    population: Interactions, mechanism: Mechanism, silence: Silence
) -> None:
    release = measure(population, mechanism, noise=silence)

    kept = len(release.items)
    assert silence.asked == [
        (40, mechanism.count_scale),
        (kept * (kept - 1) // 2, mechanism.gram_scale),
        (kept, diagonal(mechanism.gram_scale)),
    ]


def test_every_item_of_the_catalogue_is_a_candidate_whether_watched_or_not(silence: Silence) -> None:
    people = Interactions(("a",), tuple("wxyz"), ones(np.array([0]), np.array([2]), (1, 4)))

    measure(people, plan(1.0, 1e-6, kept_at_least=1), noise=silence)

    assert silence.asked[0][0] == 4


def test_two_measurements_of_one_population_differ(population: Interactions, mechanism: Mechanism) -> None:
    first, second = (measure(population, mechanism, noise=OpenDPNoise()) for _ in range(2))

    assert first.digest != second.digest


def test_a_release_with_exact_noise_carries_the_planned_guarantee(
    population: Interactions, mechanism: Mechanism
) -> None:
    release = measure(population, mechanism, noise=OpenDPNoise())

    assert (release.guarantee.epsilon, release.guarantee.delta) == (5.0, 1e-6)
    assert release.guarantee.mechanism.endswith("; OpenDP, exact discrete Gaussian")


def test_a_release_with_any_other_noise_carries_none(
    population: Interactions, mechanism: Mechanism, silence: Silence
) -> None:
    release = measure(population, mechanism, noise=silence)

    assert release.guarantee.epsilon == math.inf
    assert release.guarantee.mechanism == "silence, for tests"


def test_keeps_the_items_that_stand_out_of_the_noise_within_the_limits() -> None:
    counts = np.array([9.0, -3.0, 2.1, 50.0, 1.9, 7.0])

    assert kept_items(counts, plan(1.0, 1e-6, kept_at_least=1), noise_level=1.0).tolist() == [0, 2, 3, 5]
    assert kept_items(counts, plan(1.0, 1e-6, kept_at_least=1, kept_at_most=2), noise_level=1.0).tolist() == [0, 3]
    assert kept_items(counts, plan(1.0, 1e-6, kept_at_least=5), noise_level=1.0).tolist() == [0, 2, 3, 4, 5]


def test_weights_fall_with_popularity_and_stop_at_the_noise() -> None:
    weights = history_weights(np.array([-5.0, 16.0, 81.0]), plan(1.0, 1e-6, count_exponent=0.25), noise_level=4.0)

    assert weights == pytest.approx([4**-0.25, 1 / 2, 1 / 3])


def test_refuses_to_measure_nobody(mechanism: Mechanism, silence: Silence) -> None:
    nobody = Interactions(("a",), ("x",), ones(np.empty(0, int), np.empty(0, int), (1, 1)))

    with pytest.raises(EmptyInteractions):
        measure(nobody, mechanism, noise=silence)


def test_progress_rises_to_the_number_of_entries(population: Interactions, mechanism: Mechanism) -> None:
    seen: list[tuple[int, int]] = []

    release = measure(
        population, mechanism, noise=OpenDPNoise(), progress=lambda done, whole: seen.append((done, whole))
    )

    entries = len(release.items) * (len(release.items) - 1) // 2
    assert seen[-1] == (entries, entries)
    assert all(before < after for (before, _), (after, _) in pairwise(seen))
