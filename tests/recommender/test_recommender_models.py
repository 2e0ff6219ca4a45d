"""What holds for every entry of ``MODELS``, and one example by hand for each kind.

What holds for whatever is served holds for ``PAID_MODELS`` too.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from scipy.sparse import csr_matrix

from recommender.autoencoder.artefact import Autoencoder
from recommender.autoencoder.mechanism import DeepMechanism
from recommender.autoencoder.training import train_autoencoder
from recommender.denoise import denoise
from recommender.errors import MissingSignal, UnknownModel
from recommender.explanation import Reason
from recommender.features import CatalogueFeatures, features_from
from recommender.interactions import Interactions
from recommender.linear_model import ItemPrices
from recommender.measurement import measure
from recommender.mechanism import plan
from recommender.model import Model, load_model
from recommender.models import MODELS, get_kind, kinds_for
from recommender.models.kind import ModelKind
from recommender.noise import NoiseSource, OpenDPNoise
from recommender.paid_models import AUTOENCODER, PAID_MODELS
from recommender.release import NoiseLevels, Release, Signal
from recommender.serving import Recommender
from recommender.split import fold_in
from tests.recommender.conftest import SilentNoise

every_kind = pytest.mark.parametrize("kind", MODELS, ids=lambda kind: kind.slug)
every_personal_kind_of_counts_and_gram = pytest.mark.parametrize(
    "kind", [kind for kind in MODELS if kind.personal and not kind.needs], ids=lambda kind: kind.slug
)
every_personal_model = pytest.mark.parametrize(
    "served", [*(kind.slug for kind in MODELS if kind.personal), *(kind.slug for kind in PAID_MODELS)], indirect=True
)


@pytest.fixture(scope="module")
def autoencoder(release: Release, features: CatalogueFeatures, population: Interactions) -> Autoencoder:
    steps = DeepMechanism(noise_multiplier=2.0, max_grad_norm=0.5, sampling_rate=0.5, steps=3, delta=1e-6)
    return train_autoencoder(population, denoise(release, features), steps, noise=SilentNoise())


@pytest.fixture(params=[kind.slug for kind in (*MODELS, *PAID_MODELS)])
def served(request: pytest.FixtureRequest, release: Release, features: CatalogueFeatures) -> Model:
    """One model of each kind that there is, free or paid for."""
    if request.param == AUTOENCODER.slug:
        paid: Autoencoder = request.getfixturevalue("autoencoder")
        return paid
    return get_kind(request.param).fit(release, features)


@pytest.fixture
def two_titles(release: Release) -> Release:
    """G = [[4, 2], [2, 4]], without noise and with equal weights: eigenvalues 6 and 2, mean 4, ridge 12."""
    return replace(
        release,
        items=("x", "y"),
        counts=np.array([5.0, 3.0]),
        gram=np.array([[4.0, 2.0], [2.0, 4.0]]),
        history_weights=np.ones(2),
        noise=NoiseLevels(count=0.0, gram=0.0),
    )


BY_HAND = {
    "item_cf": [[0, 1 / 2], [1 / 2, 0]],  # 2/√(4·4)
    # The leading eigenvector is (1, 1)/√2 with eigenvalue 6, so 0.95 · 3 is taken off each entry.
    "user_cf": [[4 - 2.85, 2 - 2.85], [2 - 2.85, 4 - 2.85]],
    # 6/18 = 1/3 along (1, 1)/√2 and 2/14 = 1/7 along (1, -1)/√2.
    "svd": [[(1 / 3 + 1 / 7) / 2, (1 / 3 - 1 / 7) / 2], [(1 / 3 - 1 / 7) / 2, (1 / 3 + 1 / 7) / 2]],
    # (G + 12)⁻¹ ∝ [[16, -2], [-2, 16]], so B = 2/16 off the diagonal.
    "ease": [[0, 1 / 8], [1 / 8, 0]],
}


@pytest.mark.parametrize("slug", BY_HAND)
def test_weights_are_those_worked_by_hand(two_titles: Release, slug: str) -> None:
    model = get_kind(slug).fit(two_titles)

    assert model.weights == pytest.approx(np.array(BY_HAND[slug]), abs=1e-6)


def test_popularity_orders_titles_by_their_noisy_counts(two_titles: Release) -> None:
    model = get_kind("popularity").fit(two_titles)

    assert model.weights is None
    assert model.popularity.tolist() == [5.0, 3.0]


def test_slugs_are_unique_and_summaries_are_sentences() -> None:
    assert len({kind.slug for kind in MODELS}) == len(MODELS) == 10
    assert all(kind.summary.endswith(".") for kind in MODELS)


def test_an_unknown_model_is_refused_with_the_ones_there_are() -> None:
    known = "popularity, trending, item_cf, user_cf, svd, ease, content, next_title, temporal, ensemble"

    with pytest.raises(UnknownModel, match=known):
        get_kind("oracle")


def test_a_release_gives_the_kinds_whose_signals_it_measured(release: Release) -> None:
    assert kinds_for(release.signals) == MODELS
    assert [kind.slug for kind in kinds_for(())] == [
        *("popularity", "item_cf", "user_cf", "svd", "ease", "content", "ensemble")
    ]
    assert set(kinds_for(["time_slots"])) - set(kinds_for(())) == {get_kind("temporal")}


@pytest.mark.parametrize("slug", ["trending", "temporal", "next_title"])
def test_a_kind_whose_signal_is_missing_is_refused_with_its_name(release: Release, slug: str) -> None:
    kind = get_kind(slug)

    with pytest.raises(MissingSignal, match=f"{slug} needs {kind.needs[0]}"):
        kind.fit(replace(release, signals={}))


@every_kind
def test_a_model_carries_the_guarantee_of_its_release(kind: ModelKind, release: Release) -> None:
    assert kind.fit(release).guarantee == release.guarantee


def test_a_model_carries_the_digest_and_the_titles_of_its_release(served: Model, release: Release) -> None:
    assert served.release_digest == release.digest
    assert served.items == release.items


def test_a_model_says_of_what_kind_it_is(served: Model, request: pytest.FixtureRequest) -> None:
    assert served.kind == request.node.callspec.params["served"]


@every_kind
def test_fitting_twice_gives_the_same_artefact(kind: ModelKind, release: Release, features: CatalogueFeatures) -> None:
    assert kind.fit(release, features).digest == kind.fit(release, features).digest


@every_kind
def test_weights_are_finite_and_fit_the_items(kind: ModelKind, release: Release, features: CatalogueFeatures) -> None:
    model = kind.fit(release, features)

    width = len(release.items)
    assert model.weights is None or (model.weights.shape == (width, width) and np.isfinite(model.weights).all())


@every_kind
def test_a_release_of_pure_noise_still_gives_a_finite_model(kind: ModelKind, release: Release) -> None:
    noise = np.random.default_rng(0).normal(size=release.gram.shape) * release.noise.gram
    model = kind.fit(replace(release, gram=noise + noise.T, counts=-np.ones(len(release.items))))

    assert model.weights is None or np.isfinite(model.weights).all()
    assert np.isfinite(model.popularity).all()


@every_kind
def test_a_release_of_one_title_gives_a_model(kind: ModelKind, release: Release) -> None:
    one = Release(
        items=release.items[:1],
        counts=release.counts[:1],
        gram=release.gram[:1, :1],
        history_weights=release.history_weights[:1],
        kept_share=release.kept_share,
        noise=release.noise,
        mechanism=release.mechanism,
        guarantee=release.guarantee,
        inputs_digest=release.inputs_digest,
        signals={
            "trending": Signal(np.ones(1), 1.0),
            "time_slots": Signal(np.ones((1, 8)), 1.0),
            "transitions": Signal(np.zeros((1, 1)), 1.0),
        },
    )

    model = kind.fit(one)

    assert model.weights is None or (model.weights.shape == (1, 1) and np.isfinite(model.weights).all())


def test_a_model_comes_back_from_its_folder(served: Model, tmp_path: Path) -> None:
    back = load_model(tmp_path / "model", served.save(tmp_path / "model"))

    assert type(back) is type(served)
    assert (back.digest, back.kind, back.guarantee) == (served.digest, served.kind, served.guarantee)


def test_a_model_comes_back_with_the_same_lists(served: Model, population: Interactions, tmp_path: Path) -> None:
    back = load_model(tmp_path / "model", served.save(tmp_path / "model"))

    assert Recommender(back).recommend(population, 5) == Recommender(served).recommend(population, 5)


@every_kind
def test_a_model_has_weights_and_lifts_where_its_kind_says_so(kind: ModelKind, release: Release) -> None:
    model = kind.fit(release)

    assert (model.weights is None) == (not kind.personal)
    assert (model.slot_lifts is None) == (kind.lifts is None)


def test_scores_are_finite_and_each_titles_own(served: Model, population: Interactions) -> None:
    scores = served.raw_scores(population.on_items(served.items).matrix)

    assert (scores.dtype, scores.shape) == (np.float32, (len(population.subjects), len(served.items)))
    assert np.isfinite(scores).all()


def test_whoever_has_no_history_gets_what_is_popular(served: Model) -> None:
    nothing = csr_matrix((1, len(served.items)), dtype=np.int8)

    assert served.raw_scores(nothing)[0].tolist() == served.popularity.astype(np.float32).tolist()


def test_a_list_is_the_same_alone_and_in_a_batch(served: Model, population: Interactions) -> None:
    together = Recommender(served).scores(population)
    alone = [Recommender(served).scores(population.rows(np.array([row])))[0] for row in range(5)]

    assert (together[:5] == np.array(alone)).all()


def test_a_price_is_added_to_the_titles_of_its_category(served: Model, population: Interactions) -> None:
    members = np.zeros((len(served.items), 1))
    members[0] = 1.0
    priced = served.with_prices(ItemPrices("genre", ("drama",), np.array([0.5]), members))

    moved = Recommender(priced).scores(population) - Recommender(served).scores(population, relative=True)

    assert moved[:, 0] == pytest.approx(0.5, abs=1e-5)
    assert moved[:, 1:] == pytest.approx(0.0, abs=1e-5)


def test_nothing_that_was_watched_is_recommended(served: Model, population: Interactions) -> None:
    table = Recommender(served).recommend(population, 5)

    pairs = zip(table["subject"].to_pylist(), table["item"].to_pylist(), strict=True)
    rows = {subject: row for row, subject in enumerate(population.subjects)}
    columns = {item: column for column, item in enumerate(population.items)}
    assert not any(population.matrix[rows[subject], columns[item]] for subject, item in pairs)


def test_what_watched_titles_add_is_the_score(served: Model, population: Interactions) -> None:
    recommender = Recommender(served)
    subject = population.rows(np.array([4]))
    history = [population.items[column] for column in subject.matrix.indices]
    best = recommender.recommend(subject, 1).to_pylist()[0]

    why = recommender.explain(history, best["item"])

    assert sum(part.amount for part in why.parts) + why.popularity == pytest.approx(best["score"], rel=1e-5)
    same_for_all = served.kind in {kind.slug for kind in MODELS if not kind.personal}
    assert why.reason is (Reason.SAME_FOR_ALL if same_for_all else Reason.HISTORY)


@every_personal_model
def test_learns_which_half_a_subject_prefers(served: Model, population: Interactions) -> None:
    shown, _ = fold_in(population, 0.7, rng=np.random.default_rng(0))
    table = Recommender(served).recommend(shown, 3)

    even = np.array([int(subject, 16) % 2 == 0 for subject in table["subject"].to_pylist()])
    first_half = np.array([item < "item-20" for item in table["item"].to_pylist()])
    assert (even == first_half).mean() > 0.75  # popularity alone: one half


@every_personal_kind_of_counts_and_gram
def test_scores_approach_those_without_noise_as_epsilon_grows(
    kind: ModelKind, population: Interactions, silence: NoiseSource
) -> None:
    def scores(epsilon: float, source: NoiseSource) -> np.ndarray:
        mechanism = plan(epsilon, 1e-6, kept_at_most=30, kept_at_least=30)
        release = measure(population, mechanism, noise=source)
        if not source.exact:
            release = replace(release, noise=NoiseLevels(count=0.0, gram=0.0))
        model = kind.fit(release)
        return Recommender(model).scores(population.on_items(population.items[:30]))

    clean = _ranks(scores(50.0, silence))
    near, far = (np.abs(_ranks(scores(epsilon, OpenDPNoise())) - clean).mean() for epsilon in (50.0, 0.3))

    assert near < far / 2


def _ranks(scores: np.ndarray) -> np.ndarray:
    ranks: np.ndarray = np.argsort(np.argsort(scores, axis=1), axis=1)
    return ranks


def test_features_leave_out_the_attributes_with_few_titles_each() -> None:
    table = pa.table(
        {
            "item": ["x", "x", "y", "y"],
            "attribute": ["genre", "person", "genre", "decade"],
            "category": ["drama", "cast:A", "comedy", "1990s"],
        }
    )

    features = features_from(table)

    assert features.names == ("decade:1990s", "genre:comedy", "genre:drama")
    assert features.of(["y", "unknown", "x"]).tolist() == [[1, 1, 0], [0, 0, 0], [0, 0, 1]]
