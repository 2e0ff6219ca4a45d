"""Histories seen along a few directions: fewer numbers, less noise, and the same bound on each subject."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_matrix

from recommender.artefact import read_artefact, write_artefact
from recommender.errors import BadMechanism, CorruptArtefact
from recommender.exact_sums import Basis, ExactSums, few_gram, outer_sum
from recommender.features import CatalogueFeatures
from recommender.fixed_point import unit_rows
from recommender.interactions import Interactions, ones
from recommender.lens import AVERAGE_TASTE_KEPT, lens_for, seen_rows, taste_kernel, verify_lens
from recommender.measurement import ON_AN_EARLIER_BASIS, exact_sums, measure, measure_keeping, release_from
from recommender.mechanism import Performance, plan
from recommender.noise import NoiseSource, OpenDPNoise
from recommender.release import load_release
from recommender.sums_encoding import from_bytes, to_bytes

BITS = 16
ITEMS = tuple(f"item-{number:02d}" for number in range(12))
COUNTS = np.arange(12.0, 0.0, -1.0)
WEIGHTS = COUNTS**-0.25
FEATURES = CatalogueFeatures(ITEMS, ("genre:drama", "genre:comedy"), np.array([[1.0, 0.0]] * 6 + [[0.0, 1.0]] * 6))


def lens(gram_noise: float = 20.0, features: CatalogueFeatures | None = FEATURES) -> np.ndarray:
    found = lens_for(ITEMS, COUNTS, WEIGHTS, count_noise=1.0, gram_noise=gram_noise, features=features)
    assert found is not None
    return found


histories = st.lists(st.sets(st.integers(0, 11), max_size=12), min_size=1, max_size=8)


def rows_of(held: list[set[int]]) -> csr_matrix:
    rows = np.repeat(np.arange(len(held)), [len(one) for one in held]).astype(np.int64)
    columns = np.array([column for one in held for column in sorted(one)], dtype=np.int64)
    return unit_rows(ones(rows, columns, (len(held), len(ITEMS))), WEIGHTS, bits=BITS)


@settings(deadline=None, max_examples=60)
@given(histories, st.sampled_from([5.0, 20.0, 60.0]))
def test_no_subject_moves_the_sum_by_more_than_the_sensitivity(held: list[set[int]], gram_noise: float) -> None:
    seen = seen_rows(rows_of(held), lens(gram_noise), bits=BITS).toarray().astype(object)

    for row in seen:
        upper = sum((row[i] * row[j]) ** 2 for i in range(len(row)) for j in range(i + 1, len(row)))
        diagonal = sum(value**4 for value in row)
        assert 2 * upper + diagonal <= 16**BITS  # twice the square of 4^bits/√2, in integers of any size


@settings(deadline=None, max_examples=30)
@given(histories)
def test_a_row_does_not_depend_on_who_else_is_there(held: list[set[int]]) -> None:
    together = seen_rows(rows_of(held), lens(), bits=BITS).toarray()
    alone = [seen_rows(rows_of([one]), lens(), bits=BITS).toarray()[0] for one in held]

    assert (together == np.array(alone)).all()


def test_histories_have_nearly_the_whole_norm_that_they_may_have() -> None:
    seen = seen_rows(rows_of([{0, 1, 2}, {7, 8}, {3}]), lens(), bits=BITS).toarray() / 2.0**BITS

    assert np.linalg.norm(seen, axis=1) == pytest.approx(1.0, abs=1e-3)


def test_an_empty_history_adds_nothing() -> None:
    assert seen_rows(rows_of([set()]), lens(), bits=BITS).nnz == 0


def test_few_directions_under_much_noise_more_under_less_and_all_under_little() -> None:
    # Σ counts = 78: d = ¼ (78/τ)^⅔, which is 2 from τ = 3.4 up, 7 at τ = 0.53 and 12 or more below τ = 0.23.
    assert lens(5.0).shape == (12, 2)
    assert lens(0.53).shape == (12, 7)
    assert lens_for(ITEMS, COUNTS, WEIGHTS, count_noise=1.0, gram_noise=0.2, features=None) is None
    assert lens_for(ITEMS, COUNTS, WEIGHTS, count_noise=0.0, gram_noise=0.0, features=None) is None


def test_directions_are_orthonormal_but_for_the_damped_average_taste() -> None:
    found = lens(0.53)

    assert found.T @ found == pytest.approx(np.diag([AVERAGE_TASTE_KEPT**2, *[1.0] * 6]), abs=1e-3)
    # The average taste likes everything, and popular titles most.
    assert (np.abs(found[:6, 0]) > 0).all()
    assert abs(found[0, 0]) > abs(found[11, 0])


def test_the_second_direction_sets_apart_what_metadata_sets_apart() -> None:
    second = lens()[:, 1]

    assert len(set(np.sign(second[:6]))) == len(set(np.sign(second[6:]))) == 1
    assert np.sign(second[0]) != np.sign(second[11])


def test_the_kernel_by_hand() -> None:
    # Equal counts: C = 1. Same genre: (1 + 1 + 1)(1 + 1), other genre: (1 + 0 + 0)(1 + 1), and 1 on the diagonal.
    kernel = taste_kernel(
        ("a", "b", "c"),
        np.full(3, 4.0),
        np.full(3, 0.5),
        count_noise=1.0,
        features=CatalogueFeatures(
            ("a", "b", "c"), ("genre:x", "genre:y"), np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
        ),
    )

    assert kernel == pytest.approx(4 * np.array([[7.0, 6.0, 2.0], [6.0, 7.0, 2.0], [2.0, 2.0, 7.0]]))


def test_neighbouring_decades_are_alike_by_the_years_between_them() -> None:
    # e^(-10/10) between 1980s and 1990s. With one attribute A = P: (1 + 2 e⁻¹) · 2.
    features = CatalogueFeatures(("a", "b"), ("decade:1980s", "decade:1990s"), np.eye(2))

    kernel = taste_kernel(("a", "b"), np.ones(2), np.ones(2), count_noise=1.0, features=features)

    assert kernel[0, 1] == pytest.approx(2 * (1 + 2 * np.exp(-1)))


@pytest.mark.parametrize(
    "broken", [np.zeros((3, 2)), np.full((12, 2), 2.0), np.full((12, 2), 0.1), np.zeros(12), np.zeros((12, 1), int)]
)
def test_what_is_not_a_lens_on_its_grid_is_refused(broken: np.ndarray) -> None:
    with pytest.raises(BadMechanism, match="a lens for 12 items"):
        verify_lens(broken, 12)


def test_a_lens_through_which_histories_grow_is_refused() -> None:
    verify_lens(np.eye(12), 12)
    with pytest.raises(BadMechanism, match="keeps histories from growing"):
        verify_lens(np.full((12, 1), 0.5), 12)  # its norm is √3
    with pytest.raises(BadMechanism, match="keeps histories from growing"):
        verify_lens(np.eye(12)[:, [0, 0]], 12)


def test_as_many_subjects_as_64_bits_hold_are_counted_whole_and_not_chunk_by_chunk() -> None:
    basis = Basis(items=("a",), history_weights=np.ones(1), exact=True, lens=np.ones((1, 1)))
    count = 2**22 + 1
    crowd = csr_matrix((count, 1), dtype=np.int64)

    with pytest.raises(BadMechanism, match="4194305 subjects at 20 bits could overflow"):
        outer_sum(crowd, basis, 20, few_gram)


def sums(held: Interactions) -> ExactSums:
    mechanism = plan(1.0, 1e-6)
    basis = Basis(items=ITEMS, history_weights=WEIGHTS, exact=True, lens=lens())
    return exact_sums(held, mechanism, basis=basis, performance=Performance(threads=1))


def test_sums_through_a_lens_forget_a_subject_bit_for_bit_and_keep_their_encoding() -> None:
    rng = np.random.default_rng(4)
    matrix = csr_matrix(rng.random((50, 12)) < 0.3)
    rows, columns = matrix.nonzero()
    everybody = Interactions(tuple(f"s{n}" for n in range(50)), ITEMS, ones(rows, columns, (50, 12)))
    gone = np.arange(50) < 9

    left = sums(everybody).without(everybody.rows(gone))

    assert to_bytes(left) == to_bytes(sums(everybody.rows(~gone)))
    assert to_bytes(from_bytes(to_bytes(left))) == to_bytes(left)


def test_a_release_keeps_its_lens(
    population: Interactions, silence: NoiseSource, tmp_path_factory: pytest.TempPathFactory
) -> None:
    release = measure(population, plan(0.3, 1e-6, kept_at_least=20), noise=silence)
    folder = tmp_path_factory.mktemp("release") / "artefact"

    back = load_release(folder, release.save(folder))

    assert back.lens is not None
    assert release.lens is not None
    assert (back.lens == release.lens).all()
    assert np.trace(release.gram) == pytest.approx(len(population.subjects), rel=0.02)


def test_a_release_of_old_whose_pairs_of_titles_went_through_a_lens_is_refused(
    population: Interactions, silence: NoiseSource, tmp_path: Path
) -> None:
    release = measure(population, plan(0.3, 1e-6, kept_at_least=20), noise=silence)
    description, arrays = read_artefact(tmp_path / "now", release.save(tmp_path / "now"))
    digest = write_artefact(tmp_path / "old", description | {"format": "probity/release/v1"}, arrays)

    assert description["format"] == "probity/release/v2"
    with pytest.raises(CorruptArtefact, match="not a release in the format probity/release/v1 or probity/release/v2"):
        load_release(tmp_path / "old", digest)


GAUSSIAN = "discrete Gaussian on integer counts and on the integer Gram matrix of"
SEEN = f"{GAUSSIAN} histories seen along {{}} directions, normalised"
WHOLE = f"{GAUSSIAN} normalised histories"


@pytest.mark.parametrize(("through_lens", "measured"), [(True, SEEN), (False, WHOLE)])
def test_the_guarantee_says_what_was_measured(population: Interactions, measured: str, *, through_lens: bool) -> None:
    noise = OpenDPNoise()
    release = measure(population, plan(1.0, 1e-6, through_lens=through_lens), noise=noise)
    directions = "" if release.lens is None else f"{release.lens.shape[1]}"

    assert release.guarantee.mechanism == f"{measured.format(directions)}; {noise.name}"
    assert (release.guarantee.epsilon, release.guarantee.mu) == (1.0, release.mechanism.mu)


def test_a_release_from_kept_sums_says_the_same(population: Interactions) -> None:
    mechanism = plan(1.0, 1e-6)
    release, sums = measure_keeping(population, mechanism, noise=OpenDPNoise())
    anew = release_from(sums, mechanism, OpenDPNoise(), inputs_digest="0" * 64)

    assert anew.guarantee.mechanism == f"{release.guarantee.mechanism}; {ON_AN_EARLIER_BASIS}"


def test_a_release_that_was_written_in_other_words_keeps_them_and_its_digest(
    population: Interactions, tmp_path: Path
) -> None:
    measured = measure(population, plan(1.0, 1e-6), noise=OpenDPNoise())
    old = replace(measured, guarantee=replace(measured.guarantee, mechanism=WHOLE))
    read = load_release(tmp_path / "old", old.save(tmp_path / "old"))

    assert read.guarantee == old.guarantee
    assert read.digest == old.digest
