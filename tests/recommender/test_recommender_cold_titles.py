"""Titles that nobody has watched yet, by hand and on published interactions."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from recommender.cold_titles import extend
from recommender.denoise import denoise
from recommender.errors import BadInteractions, BadPrices
from recommender.features import CatalogueFeatures, features_from
from recommender.interactions import Interactions, interactions_from
from recommender.linear_model import ItemPrices, price_items
from recommender.measurement import measure
from recommender.mechanism import plan
from recommender.models import MODELS, get_kind
from recommender.models.kind import ModelKind
from recommender.release import Release
from recommender.serving import Recommender
from recommender.similar import similar
from tests.recommender.test_recommender_explanations import by_hand

MOVIELENS = Path(__file__).parents[3] / "shared" / "data" / "ml-100k"

every_kind = pytest.mark.parametrize("kind", MODELS, ids=lambda kind: kind.slug)


@every_kind
def test_what_a_model_says_of_known_titles_does_not_change(
    kind: ModelKind, release: Release, features: CatalogueFeatures, population: Interactions
) -> None:
    model = kind.fit(release, features)
    width = len(model.items)

    extended = extend(model, features, population.items)

    assert set(extended.items) == set(population.items)
    assert extended.items[:width] == model.items
    assert model.weights is None or (extended.weights[:width, :width] == model.weights).all()  # type: ignore[index]
    assert (extended.popularity[:width] == model.popularity).all()
    assert extended.slot_lifts is None or (extended.slot_lifts > 0).all()
    assert (extended.guarantee, extended.release_digest) == (model.guarantee, model.release_digest)
    assert extend(extended, features, population.items) is extended


def test_a_new_title_is_as_modest_as_the_lower_quarter_of_the_known_ones(
    release: Release, features: CatalogueFeatures
) -> None:
    model = get_kind("svd").fit(release, features)

    extended = extend(model, features, ["item-19"])

    assert extended.weights is not None
    assert model.weights is not None
    lengths = np.linalg.norm(model.weights, axis=0)
    assert extended.popularity[-1] == np.quantile(model.popularity, 0.25)
    assert np.linalg.norm(extended.weights[:-1, -1]) <= np.quantile(lengths, 0.25) * 1.01
    assert extended.weights[-1, -1] == 0


@pytest.mark.parametrize(("item", "genre"), [("item-19", "drama"), ("item-39", "comedy")])
def test_a_new_title_is_for_those_who_watch_its_genre(
    release: Release, features: CatalogueFeatures, population: Interactions, item: str, genre: str
) -> None:
    model = get_kind("ease").fit(release, features)
    extended = extend(model, features, [item])

    scores = Recommender(extended).scores(population.on_items(model.items).on_items(extended.items))[:, -1]

    even = np.array([int(subject, 16) % 2 == 0 for subject in population.subjects])
    fans = even if genre == "drama" else ~even
    assert np.median(scores[fans]) > np.median(scores[~fans])


def test_a_history_of_new_titles_alone_speaks_for_their_genre(release: Release, features: CatalogueFeatures) -> None:
    extended = extend(get_kind("svd").fit(release, features), features, ["item-39"])

    likes = [title for title, _ in similar(extended, "item-39", 5)]

    assert all(title >= "item-20" for title in likes)


def test_a_title_without_metadata_becomes_an_average_one(release: Release, features: CatalogueFeatures) -> None:
    model = get_kind("item_cf").fit(release, features)

    extended = extend(model, features, ["unknown"])

    assert model.weights is not None
    assert extended.weights is not None
    columns = model.weights / np.linalg.norm(model.weights, axis=0)
    assert np.corrcoef(extended.weights[:-1, -1], columns.mean(axis=1))[0, 1] > 0.95


def test_a_priced_model_is_extended_before_it_is_priced(release: Release, features: CatalogueFeatures) -> None:
    model = get_kind("ease").fit(release, features)
    genres = pa.table({"item": [release.items[0]], "category": ["drama"]})
    priced = model.with_prices(price_items(model.items, genres, {"drama": 0.1}, attribute="genre"))

    with pytest.raises(BadPrices, match="extend it, then price it"):
        extend(priced, features, ["item-39"])


def test_titles_like_one_are_those_it_speaks_for_without_itself(release: Release, features: CatalogueFeatures) -> None:
    model = get_kind("item_cf").fit(release, features)
    assert model.weights is not None

    likes = similar(model, release.items[0], 3)

    best = np.sort(model.weights[0])[::-1][:3]
    assert [score for _, score in likes] == best.tolist()
    assert release.items[0] not in dict(similar(model, release.items[0], 100))
    assert similar(model, release.items[0], 3, eligible=[release.items[5]])[0][0] == release.items[5]


def test_exposure_prices_move_what_is_like_a_title_as_they_move_its_list() -> None:
    # Of those who watched w: x has 8, y 4 and z 2, relative to the best 1, ½ and ¼. The price lifts z by ½.
    prices = ItemPrices("genre", ("drama",), np.array([0.5]), np.array([[0.0], [0.0], [0.0], [1.0]]))
    plain, priced = by_hand(), by_hand().with_prices(prices)

    assert similar(plain, "w", 3) == (("x", 8.0), ("y", 4.0), ("z", 2.0))
    assert similar(priced, "w", 3) == (("x", 1.0), ("z", 0.75), ("y", 0.5))
    assert similar(priced, "w", 3, eligible=["y", "z"]) == (("z", 0.75), ("y", 0.5))


@pytest.mark.parametrize(("slug", "item"), [("popularity", "item-00"), ("ease", "nowhere")])
def test_nothing_is_like_a_title_that_a_model_does_not_weigh(release: Release, slug: str, item: str) -> None:
    with pytest.raises(BadInteractions, match=f"kind {slug} cannot say"):
        similar(get_kind(slug).fit(release), item, 3)


@dataclass(frozen=True)
class _SeededNoise:
    """Noise as large as the planned one, the same in every run."""

    exact: bool = False
    name: str = "seeded, for tests"

    def draw(self, count: int, scale: int, *, progress: object = None) -> np.ndarray:
        del progress
        return np.rint(np.random.default_rng(count).normal(0.0, scale, count)).astype(np.int64)


@pytest.fixture(scope="module")
def movielens() -> tuple[Interactions, CatalogueFeatures]:
    """MovieLens 100K: ratings of 4 and more, genres and decades."""
    ratings = [line.split("\t") for line in (MOVIELENS / "u.data").read_text().splitlines()]
    liked = [(subject, item) for subject, item, rating, _ in ratings if int(rating) >= 4]
    names = [line.split("|")[0] for line in (MOVIELENS / "u.genre").read_text().splitlines() if line]
    titles = [line.split("|") for line in (MOVIELENS / "u.item").read_text(encoding="latin-1").splitlines()]
    rows = [(t[0], "genre", name) for t in titles for name, flag in zip(names, t[5:], strict=True) if flag == "1"]
    rows += [(t[0], "decade", f"{t[2][-4:-1]}0s") for t in titles if t[2]]
    categories = dict(zip(("item", "attribute", "category"), map(list, zip(*rows, strict=True)), strict=True))
    pairs = dict(zip(("subject", "item"), map(list, zip(*liked, strict=True)), strict=True))
    return interactions_from(pa.table(pairs), [t[0] for t in titles]), features_from(pa.table(categories))


@pytest.mark.skipif(not MOVIELENS.is_dir(), reason="MovieLens 100K may not be redistributed and is not here")
def test_who_will_watch_hidden_titles_of_movielens_is_predicted_far_better_than_by_chance(
    movielens: tuple[Interactions, CatalogueFeatures],
) -> None:
    everyone, features = movielens
    train, held = everyone.rows(np.arange(700)), everyone.rows(np.arange(700, len(everyone.subjects)))
    release = measure(train, plan(20.0, 1e-5, kept_at_most=250, through_lens=False), noise=_SeededNoise())
    is_hidden = np.arange(len(release.items)) % 5 == 0
    hidden = [item for item, hide in zip(release.items, is_hidden, strict=True) if hide]
    seen = replace(
        release,
        items=tuple(item for item in release.items if item not in hidden),
        counts=release.counts[~is_hidden],
        gram=release.gram[np.ix_(~is_hidden, ~is_hidden)],
        history_weights=release.history_weights[~is_hidden],
    )

    extended = extend(get_kind("svd").fit_from(denoise(seen, features)), features, hidden)

    shown, targets = held.on_items(seen.items).on_items(extended.items), held.on_items(hidden).matrix.toarray() > 0
    scores = Recommender(extended).scores(shown)[:, len(seen.items) :]
    assert _area_under_roc(scores, targets) > 0.62
    assert _area_under_roc(np.tile(scores.mean(axis=0), (len(scores), 1)), targets) < 0.60  # the same for everybody


def _area_under_roc(scores: np.ndarray, targets: np.ndarray) -> float:
    """How often a title that a subject watched is ranked before one that they did not, meaned over subjects."""
    areas = [
        (row[watched][:, None] > row[~watched]).mean()
        for row, watched in zip(scores, targets, strict=True)
        if 0 < watched.sum() < len(watched)
    ]
    return float(np.mean(areas))
