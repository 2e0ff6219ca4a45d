"""What is publicly known of titles: how alike they are, content, rows that are not all of the same, onboarding."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from recommender.denoise import denoise
from recommender.diversified import diversified
from recommender.explanation import Reason
from recommender.features import CatalogueFeatures, features_from
from recommender.interactions import Interactions
from recommender.likeness import likeness
from recommender.linear_model import LinearModel, price_items
from recommender.models import get_kind
from recommender.non_profiling import non_profiling
from recommender.onboarding import onboarding
from recommender.release import NoiseLevels, Release
from recommender.serving import Recommender


def _catalogue(*rows: tuple[str, str, str]) -> CatalogueFeatures:
    return features_from(pa.table(dict(zip(("item", "attribute", "category"), zip(*rows, strict=True), strict=True))))


@pytest.fixture
def westerns() -> CatalogueFeatures:
    """Two westerns by the same director, and a drama that shares an actor with one of them."""
    return _catalogue(
        ("a", "genre", "western"),
        ("b", "genre", "western"),
        ("c", "genre", "drama"),
        ("a", "person", "director:Ford"),
        ("b", "person", "director:Ford"),
        ("b", "person", "cast:Stewart"),
        ("c", "person", "cast:Stewart"),
        ("c", "person", "cast:Nobody else"),
    )


def test_people_who_made_one_title_only_are_left_out(westerns: CatalogueFeatures) -> None:
    assert westerns.names == ("genre:drama", "genre:western")
    assert westerns.details_of(["a", "b", "c"]).tolist() == [[0, 1], [1, 1], [1, 0]]
    assert westerns.details_of(["a", "unknown"]).tolist() == [[1], [0]]


def test_likeness_is_two_parts_genre_and_one_part_people(westerns: CatalogueFeatures) -> None:
    # a and b: genres agree in all, people in one of b's two, so 2/3 + 1/3 · 1/√2. b and c: people only, 1/3 · 1/√2,
    # but for the faint category that all titles share.
    alike = likeness(westerns, ["a", "b", "c"])

    assert alike[0, 1] == pytest.approx(2 / 3 + 1 / (3 * np.sqrt(2)))
    assert alike[1, 2] == pytest.approx(1 / (3 * np.sqrt(2)), abs=0.05)
    assert np.diag(alike) == pytest.approx(1.0)


def test_sharing_a_rare_genre_says_more_than_sharing_a_common_one() -> None:
    common = [(f"d{n}", "genre", "drama") for n in range(20)]
    both = [("x", "genre", "drama"), ("x", "genre", "western"), ("w", "genre", "western")]

    alike = likeness(_catalogue(*common, *both), ["x", "w", "d0"])

    assert alike[0, 1] > 2 * alike[0, 2]


def test_without_metadata_all_titles_are_alike() -> None:
    assert (likeness(None, ["a", "b"]) == 1.0).all()


def test_content_recommends_by_genre_and_then_by_popularity(release: Release, westerns: CatalogueFeatures) -> None:
    three = replace(
        release,
        items=("a", "b", "c"),
        counts=np.array([1.0, 16.0, 81.0]),
        gram=np.eye(3),
        history_weights=np.ones(3),
        noise=NoiseLevels(count=0.0, gram=0.0),
    )

    weights = get_kind("content").fit(three, westerns).weights
    unknown = get_kind("content").fit(three).weights

    assert weights is not None
    assert weights[0].argmax() == 1
    assert unknown == pytest.approx(np.array([[0, 8, 27], [1, 0, 27], [1, 8, 0]]) / 27)  # popularity^(3/4)


@pytest.fixture
def popular(release: Release) -> LinearModel:
    return get_kind("popularity").fit(release)


def test_a_row_without_variety_or_metadata_is_by_popularity(popular: LinearModel, features: CatalogueFeatures) -> None:
    by_count = [popular.items[n] for n in np.argsort(-popular.popularity, kind="stable")]

    assert list(diversified(popular, 8, features=features, variety=0.0)) == by_count[:8]
    assert list(diversified(popular, 8)) == by_count[:8]


def test_a_diversified_row_turns_to_another_genre_sooner(release: Release) -> None:
    items = ("d1", "d2", "d3", "c1")
    features = _catalogue(*((item, "genre", "drama") for item in items[:3]), ("c1", "genre", "comedy"))
    model = replace(get_kind("popularity").fit(release), items=items, popularity=np.array([10.0, 9.0, 8.0, 7.0]))

    # After d1, d2 is worth 0.7 · 0.9 - 0.3 · ⅔ = 0.43 and c1 0.7 · 0.7 - 0.3 · nearly 0 = 0.49.
    assert diversified(model, 3, features=features) == ("d1", "c1", "d2")


def test_exposure_prices_hold_in_a_diversified_row(popular: LinearModel, features: CatalogueFeatures) -> None:
    genres = pa.table(
        {"item": popular.items, "category": ["drama" if i < "item-20" else "comedy" for i in popular.items]}
    )
    priced = popular.with_prices(price_items(popular.items, genres, {"comedy": -2.0}, attribute="genre"))

    assert max(diversified(priced, 8, features=features)) < "item-20"


def test_a_row_holds_eligible_titles_only(popular: LinearModel, features: CatalogueFeatures) -> None:
    eligible = popular.items[5:8]

    assert set(diversified(popular, 10, features=features, eligible=eligible)) == set(eligible)


def test_a_list_without_profiling_says_so_and_takes_nothing_about_a_subject(
    popular: LinearModel, features: CatalogueFeatures, release: Release
) -> None:
    personal = get_kind("ease").fit(release, features)

    listed = non_profiling(personal, 5, features=features)

    assert listed == non_profiling(popular, 5, features=features)
    assert listed.reason is Reason.NOT_PROFILED
    assert len(set(listed.titles)) == 5


def test_onboarding_asks_about_both_tastes_first(release: Release, features: CatalogueFeatures) -> None:
    clean = denoise(replace(release, noise=NoiseLevels(count=0.0, gram=0.0)), features)

    asked = onboarding(clean, 2)

    assert asked in {("item-00", "item-20"), ("item-20", "item-00")}


def test_choices_at_onboarding_tell_more_about_a_taste_than_choices_among_titles_at_random(
    release: Release, population: Interactions
) -> None:
    clean = denoise(replace(release, noise=NoiseLevels(count=0.0, gram=0.0)))
    half = np.array([item < "item-20" for item in release.items])
    even = np.array([int(subject, 16) % 2 == 0 for subject in population.subjects])
    svd = Recommender(get_kind("svd").fit_from(clean))

    def right(asked: Sequence[str]) -> float:
        scores = svd.scores(population.on_items(asked).on_items(release.items))
        return float(((scores[:, half].sum(axis=1) > scores[:, ~half].sum(axis=1)) == even).mean())

    rng = np.random.default_rng(0)
    by_chance = [right(rng.choice(release.items, 4, replace=False).tolist()) for _ in range(20)]
    assert right(onboarding(clean, 4)) > max(by_chance)


def test_onboarding_asks_about_eligible_titles_only_and_the_popular_ones_where_tastes_are_lost(
    release: Release,
) -> None:
    flat = denoise(replace(release, gram=np.ones_like(release.gram), noise=NoiseLevels(count=0.0, gram=0.0)))

    by_count = [release.items[n] for n in np.argsort(-release.counts)]
    assert list(onboarding(flat, 3)) == by_count[:3]
    assert set(onboarding(flat, 9, eligible=by_count[4:6])) == set(by_count[4:6])
