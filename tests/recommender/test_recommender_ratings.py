"""Rating prediction: privacy by its definition, and predictions that degrade as they should."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recommender.accounting import delta_at
from recommender.artefact import read_artefact, write_artefact
from recommender.errors import BadInteractions, BadMechanism, CorruptArtefact, EmptyInteractions
from recommender.features import CatalogueFeatures, features_from
from recommender.gram import exact_gram
from recommender.interactions import Interactions, ones
from recommender.mechanism import Performance
from recommender.noise import NoiseSource, OpenDPNoise, diagonal
from recommender.ratings.contributions import covariance_rows, exact_sums, first_rows, second_rows
from recommender.ratings.measurement import measure_ratings, residuals_of
from recommender.ratings.mechanism import LEVEL_BITS, RatingMechanism, plan_ratings
from recommender.ratings.model import RatingModel, load_rating_model
from recommender.ratings.release import RatingRelease, load_rating_release
from recommender.ratings.table import Ratings, ratings_digest, ratings_from

ITEMS = tuple(f"i{n:02d}" for n in range(30))
PERFORMANCE = Performance(threads=1, chunk_rows=64)
tables = st.lists(st.dictionaries(st.integers(0, 11), st.floats(1, 5), min_size=0, max_size=12), min_size=1, max_size=6)


def _ratings(held: list[dict[int, float]], width: int = 12) -> Ratings:
    rows = np.array([row for row, given_ in enumerate(held) for _ in given_], dtype=np.int64)
    columns = np.array([column for given_ in held for column in sorted(given_)], dtype=np.int64)
    values = np.array([given_[column] for given_ in held for column in sorted(given_)], dtype=np.float64)
    people = Interactions(
        tuple(f"s{n}" for n in range(len(held))), ITEMS[:width], ones(rows, columns, (len(held), width))
    )
    return Ratings(people, values, 1.0, 5.0)


def _population(subjects: int = 1500) -> tuple[Ratings, Ratings, CatalogueFeatures]:
    """Two tastes: subjects like one half of the titles and not the other; some titles are better for all."""
    rng = np.random.default_rng(3)
    effect = rng.normal(0, 0.5, 30)
    side = np.where(np.arange(30) < 15, 1.0, -1.0)
    train, test = [], []
    for _ in range(subjects):
        taste, level = rng.normal(0, 0.7), rng.normal(3.5, 0.3)
        items = rng.choice(30, size=int(rng.integers(8, 20)), replace=False)
        values = np.clip(level + effect[items] + taste * side[items] + rng.normal(0, 0.5, len(items)), 1, 5)
        pairs = list(zip(items.tolist(), values.tolist(), strict=True))
        train.append(dict(pairs[2:]))
        test.append(dict(pairs[:2]))
    kinds = ["drama" if n < 15 else "comedy" for n in range(30)]
    table = pa.table({"item": list(ITEMS), "attribute": ["genre"] * 30, "category": kinds})
    return _ratings(train, 30), _ratings(test, 30), features_from(table)


@pytest.fixture(scope="module")
def people() -> tuple[Ratings, Ratings, CatalogueFeatures]:
    return _population()


@pytest.fixture(scope="module")
def release(people: tuple[Ratings, Ratings, CatalogueFeatures]) -> RatingRelease:
    train, _, features = people
    return measure_ratings(train, plan_ratings(5.0, 1e-6), noise=OpenDPNoise(), features=features)


def _error(model: RatingModel, train: Ratings, test: Ratings) -> float:
    predicted = model.predict(train)[test.rows, test.interactions.matrix.indices]
    return float(np.sqrt(np.mean((predicted - test.values) ** 2)))


def _sums(ratings: Ratings) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    lengths = ratings.interactions.lengths
    means = np.bincount(ratings.rows, ratings.values, minlength=len(lengths)) / np.maximum(lengths, 1)
    effects = np.linspace(-1, 1, 12)
    rest = residuals_of(ratings, effects, 3.5)
    rows = covariance_rows(ratings, rest, np.arange(2, 12), bits=16)
    return (
        exact_sums(first_rows(ratings, ratings.values - means[ratings.rows], means, cap=12)),
        exact_sums(second_rows(ratings, rest)),
        exact_gram(rows, bits=16, performance=PERFORMANCE),
    )


@settings(deadline=None, max_examples=60)
@given(tables, st.data())
def test_removing_a_subject_moves_every_sum_by_no_more_than_its_bound(
    held: list[dict[int, float]], data: st.DataObject
) -> None:
    gone = data.draw(st.integers(0, len(held) - 1))
    fewer = [given_ for row, given_ in enumerate(held) if row != gone] or [{}]
    first, second, gram = (a - b for a, b in zip(_sums(_ratings(held)), _sums(_ratings(fewer)), strict=True))
    upper = 2 * sum(int(v) ** 2 for v in gram[np.triu_indices(10, 1)]) + sum(int(v) ** 2 for v in np.diag(gram))

    assert sum(int(v) ** 2 for v in first) <= 4**LEVEL_BITS
    assert sum(int(v) ** 2 for v in second) <= 4**LEVEL_BITS
    assert upper <= 16**16  # twice (4^16/√2)²


def test_the_bounds_are_nearly_reached_so_little_noise_is_wasted() -> None:
    first, second, gram = _sums(_ratings([dict.fromkeys(range(2, 12), 1.0) | {3: 5.0, 7: 5.0}]))

    assert math.sqrt(sum(int(v) ** 2 for v in first)) > 0.95 * 2**LEVEL_BITS
    assert math.sqrt(sum(int(v) ** 2 for v in second)) > 0.98 * 2**LEVEL_BITS
    assert np.trace(gram) / 4**16 == pytest.approx(1, abs=1e-3)


@given(st.floats(0.05, 50), st.floats(1e-10, 1e-2), st.floats(0.01, 0.45), st.floats(0.01, 0.45))
@settings(deadline=None, max_examples=50)
def test_the_integer_noise_never_costs_more_than_planned(
    epsilon: float, delta: float, first: float, second: float
) -> None:
    mechanism = plan_ratings(epsilon, delta, first_share=first, second_share=second)

    assert delta_at(mechanism.mu, epsilon) <= delta
    assert (2**LEVEL_BITS / mechanism.first_scale / mechanism.mu) ** 2 == pytest.approx(first, rel=1e-3)


def test_the_release_asks_for_exactly_the_noise_that_is_planned(silence: NoiseSource) -> None:
    train, _, features = _population(300)
    mechanism = plan_ratings(5.0, 1e-6, kept_at_most=20)
    found = measure_ratings(train, mechanism, noise=silence, features=features)

    kept = len(found.kept)
    assert silence.asked == [  # type: ignore[attr-defined]
        (64, mechanism.first_scale),
        (31, mechanism.second_scale),
        (kept * (kept - 1) // 2, mechanism.gram_scale),
        (kept, diagonal(mechanism.gram_scale)),
    ]
    assert found.guarantee.epsilon == math.inf


def test_the_moments_of_the_population_come_back(release: RatingRelease) -> None:
    assert release.first.subjects == pytest.approx(1500, rel=0.05)
    assert 10 < release.first.length < 26  # 11.5, known to within a factor where histories are short
    assert release.first.mean == pytest.approx(3.45, abs=0.15)
    assert release.guarantee.unit == "subject: everything one person rated, at most 500 ratings"
    assert release.guarantee.mechanism.endswith("; OpenDP, exact discrete Gaussian")


def test_predictions_are_better_than_means_and_close_to_what_is_possible(
    people: tuple[Ratings, Ratings, CatalogueFeatures], release: RatingRelease, silence: NoiseSource
) -> None:
    train, test, features = people
    exact = measure_ratings(train, plan_ratings(50.0, 1e-6), noise=silence, features=features, silent=True).model()
    private = release.model()
    without_taste = replace(private, factors=np.zeros((30, 0)))
    without_effects = replace(without_taste, effects=np.zeros(30))

    errors = [_error(m, train, test) for m in (exact, private, without_taste, without_effects)]
    assert errors[0] < 0.53  # the noise of a rating is 0.5, less what the ends of the scale cut off
    assert errors[1] < 0.6
    assert 0.8 < errors[2] < 0.9 < errors[3]


def test_hardly_any_budget_leaves_the_subjects_own_mean(people: tuple[Ratings, Ratings, CatalogueFeatures]) -> None:
    train, test, features = people
    model = measure_ratings(train, plan_ratings(0.02, 1e-6), noise=OpenDPNoise(), features=features).model()
    own = replace(model, effects=np.zeros(30), factors=np.zeros((30, 0)))

    assert _error(model, train, test) < _error(own, train, test) + 0.05


def test_parts_of_a_prediction_add_up_to_it(
    people: tuple[Ratings, Ratings, CatalogueFeatures], release: RatingRelease
) -> None:
    train, _, _ = people
    model = release.model()
    told = model.shares(train, "s4", "i07")

    expected = model.predict(train, ["i07"])[4, 0]
    assert np.clip(told.predicted, 1, 5) == pytest.approx(expected)
    assert {item for item, _ in told.parts} == {ITEMS[c] for c in train.interactions.matrix[4].indices}


def test_a_prediction_by_hand(release: RatingRelease) -> None:
    # Level variance ¼, noise ½, two residuals of 1 and 0: level = ¼·1/(½ + 2·¼) = ¼.
    model = replace(release.model(), effects=np.zeros(30), factors=np.zeros((30, 0)), mean=3.0, noise_variance=0.5)
    history = _ratings([{0: 4.0, 1: 3.0}, {}], 30)

    assert model.predict(history, ["i05"]) == pytest.approx(np.array([[3.25], [3.0]]))
    assert model.shares(history, "s0", "i05").parts == (("i00", pytest.approx(0.25)), ("i01", 0.0))
    assert model.shares(history, "s1", "i05").predicted == 3.0


def test_release_and_model_come_back_from_their_folders_and_no_other_content_does(
    release: RatingRelease, tmp_path: Path
) -> None:
    model = release.model()
    loaded = load_rating_release(tmp_path / "r", release.save(tmp_path / "r"))

    assert loaded.model().digest == model.digest
    assert load_rating_model(tmp_path / "m", model.save(tmp_path / "m")).digest == model.digest
    with pytest.raises(CorruptArtefact, match="expected digest"):
        load_rating_model(tmp_path / "m", release.digest)
    with pytest.raises(CorruptArtefact, match="not a model"):
        load_rating_model(tmp_path / "r", release.digest)
    with pytest.raises(CorruptArtefact, match="not a release"):
        load_rating_release(tmp_path / "m", model.digest)


@pytest.mark.parametrize("steps", [{"noise_multiplier": 0.0, "sampling_rate": 0.5, "steps": 4}, {"sigma": 1.0}, 7])
def test_a_promise_that_cannot_be_is_no_rating_model_or_release(
    release: RatingRelease, tmp_path: Path, steps: object
) -> None:
    model = release.model()
    for saved, load in ((model, load_rating_model), (release, load_rating_release)):
        at, forged = tmp_path / load.__name__, tmp_path / f"forged {load.__name__}"
        description, arrays = read_artefact(at, saved.save(at))
        description["guarantee"]["sampled"] = [steps]

        with pytest.raises(CorruptArtefact, match="in the format probity/rating-"):
            load(forged, write_artefact(forged, description, arrays))


def test_ratings_are_read_with_repeats_averaged_and_strays_moved_to_the_scale() -> None:
    columns = {"subject": ["b", "a", "b"], "item": ["x", "y", "x"], "rating": [2.0, 9.0, 3.0]}
    found = ratings_from(pa.table(columns), ["x", "y"])

    assert found.interactions.subjects == ("a", "b")
    assert found.values.tolist() == [5.0, 2.5]


def test_cutting_a_history_keeps_each_rating_with_its_title() -> None:
    long = _ratings([{n: 1 + n / 4 for n in range(12)}, {3: 2.0}])
    cut = long.capped(5)

    assert cut.interactions.lengths.tolist() == [5, 1]
    assert cut.values[:5].tolist() == (1 + cut.interactions.matrix.indices[:5] / 4).tolist()
    assert cut.on_items(ITEMS[11::-1]).values[:5].tolist() == sorted(cut.values[:5].tolist(), reverse=True)


def test_a_digest_names_the_ratings_and_not_the_order_of_their_axes() -> None:
    columns = {"subject": ["b", "a", "b"], "item": ["x", "y", "y"], "rating": [2.0, 4.0, 3.0]}
    other = columns | {"rating": [2.0, 4.0, 5.0]}
    one = ratings_digest(ratings_from(pa.table(columns), ["x", "y"]))

    assert one == ratings_digest(ratings_from(pa.table(columns), ["y", "x"], subjects=["b", "a"]))
    assert one != ratings_digest(ratings_from(pa.table(other), ["x", "y"]))


def test_refuses_what_is_no_rating() -> None:
    with pytest.raises(BadInteractions, match="1 ratings are off the scale"):
        _ratings([{0: 6.0}])
    with pytest.raises(BadInteractions, match="column rating"):
        ratings_from(pa.table({"subject": ["a"], "item": ["x"]}), ["x"])
    with pytest.raises(BadInteractions, match="is none"):
        replace(_ratings([{0: 5.0}]), lowest=5.0)
    with pytest.raises(EmptyInteractions):
        measure_ratings(_ratings([{}]), plan_ratings(1.0, 1e-6), noise=OpenDPNoise())
    with pytest.raises(BadMechanism, match="no such setting: sigma"):
        plan_ratings(1.0, 1e-6, sigma=2.0)
    with pytest.raises(BadMechanism, match="shares that leave some"):
        RatingMechanism(epsilon=1.0, delta=1e-6, first_share=0.9, second_share=0.1)


def test_refuses_unknown_titles_and_subjects(release: RatingRelease) -> None:
    history = _ratings([{0: 4.0}], 30)

    with pytest.raises(BadInteractions, match="1 of 2 items"):
        release.model().predict(history, ["i01", "nowhere"])
    with pytest.raises(BadInteractions, match="no row"):
        release.model().shares(history, "s9", "i01")
