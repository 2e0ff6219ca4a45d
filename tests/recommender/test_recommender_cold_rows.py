"""Whoever has no history, or none that may be looked at, gets popular titles that are not all of the same."""

import numpy as np
import pyarrow as pa
import pytest

from recommender.diversified import diversified
from recommender.eligibility import Eligibility
from recommender.errors import BadInteractions
from recommender.explanation import Reason
from recommender.features import CatalogueFeatures, features_from
from recommender.interactions import Interactions, ones
from recommender.linear_model import LinearModel, price_items
from recommender.models import get_kind
from recommender.non_profiling import non_profiling
from recommender.release import Release
from recommender.serving import Recommender


@pytest.fixture
def model(release: Release) -> LinearModel:
    """With lifts, so that the hour could matter."""
    return get_kind("temporal").fit(release)


@pytest.fixture
def two_genres(model: LinearModel) -> CatalogueFeatures:
    """The three most popular titles are dramas, all others comedies."""
    dramas = set(np.argsort(-model.popularity)[:3].tolist())
    genres = ["drama" if place in dramas else "comedy" for place in range(len(model.items))]
    return features_from(
        pa.table({"item": list(model.items), "attribute": ["genre"] * len(genres), "category": genres})
    )


@pytest.fixture
def recommender(model: LinearModel, two_genres: CatalogueFeatures) -> Recommender:
    return Recommender(model, features=two_genres)


def visits(population: Interactions, *cold: int, count: int = 600) -> Interactions:
    """Some subjects, of whom these have nothing."""
    kept = population.rows(np.arange(count))
    return kept.only(~np.isin(kept.row_numbers, cold))


def of(table: pa.Table, subject: str) -> list[str]:
    mask = [each == subject for each in table["subject"].to_pylist()]
    return [item for item, ours in zip(table["item"].to_pylist(), mask, strict=True) if ours]


def test_a_new_subject_gets_the_diversified_row_and_not_three_dramas(
    recommender: Recommender, model: LinearModel, two_genres: CatalogueFeatures
) -> None:
    listed = tuple(each.item for each in recommender.recommend_one((), 3))

    assert listed == diversified(model, 3, features=two_genres)
    assert listed != tuple(each.item for each in Recommender(model).recommend_one((), 3))


def test_so_do_all_of_a_batch_and_nobody_elses_list_changes(
    recommender: Recommender, model: LinearModel, population: Interactions
) -> None:
    some = visits(population, 3, 4, 599)
    table, before = recommender.recommend(some, 5), Recommender(model).recommend(some, 5)
    cold = {some.subjects[row] for row in (3, 4, 599)}
    varied = [each.item for each in recommender.recommend_one((), 5)]

    assert all(of(table, subject) == varied for subject in cold)
    warm = [subject not in cold for subject in table["subject"].to_pylist()]
    assert table.filter(pa.array(warm)) == before.filter(pa.array(warm))
    assert table["subject"] == before["subject"]
    assert table["rank"] == before["rank"]


def test_a_history_of_unknown_titles_is_none(recommender: Recommender) -> None:
    assert recommender.recommend_one(("unheard of",), 3) == recommender.recommend_one((), 3)


def test_without_metadata_it_is_what_most_people_watch(model: LinearModel) -> None:
    listed = [each.item for each in Recommender(model).recommend_one((), 5)]

    assert listed == [model.items[place] for place in np.argsort(-model.popularity, kind="stable")[:5]]


def test_the_score_of_each_title_is_still_the_one_that_is_explained(recommender: Recommender) -> None:
    for context in (None, 6):
        for each in recommender.recommend_one((), 5, context=context):
            why = recommender.explain((), each.item, context=context)
            assert why.reason is Reason.NO_HISTORY
            assert why.score == pytest.approx(each.score, rel=1e-6)


def test_whoever_must_not_be_profiled_gets_the_list_that_uses_nothing_about_them(
    recommender: Recommender, model: LinearModel, two_genres: CatalogueFeatures
) -> None:
    nothing = recommender.recommend_one((), 4)

    assert recommender.recommend_one(model.items[:3], 4, context=6, profiled=False) == nothing
    assert tuple(each.item for each in nothing) == non_profiling(model, 4, features=two_genres).titles
    for each in nothing:
        why = recommender.explain(model.items[:3], each.item, context=6, profiled=False)
        assert (why.reason, why.score, why.lift) == (Reason.NOT_PROFILED, pytest.approx(each.score, rel=1e-6), 1.0)


def test_a_list_that_is_the_same_for_all_stays_so(release: Release, two_genres: CatalogueFeatures) -> None:
    popular = get_kind("popularity").fit(release)
    served = Recommender(popular, features=two_genres)

    assert served.recommend_one((), 5) == Recommender(popular).recommend_one((), 5)
    unprofiled = tuple(each.item for each in served.recommend_one((), 5, profiled=False))
    assert unprofiled == non_profiling(popular, 5, features=two_genres).titles


def test_what_may_not_be_shown_is_not(
    recommender: Recommender, model: LinearModel, population: Interactions, two_genres: CatalogueFeatures
) -> None:
    available = set(model.items[::2])
    ages = {item: 16.0 if place % 3 else 0.0 for place, item in enumerate(model.items)}
    some = visits(population, 0, 1, count=2)
    limits = Eligibility(levels=ages, limits={some.subjects[0]: 12.0, some.subjects[1]: 18.0})
    table = recommender.recommend(some, 4, available=available, eligible=limits)

    young = {item for item in available if ages[item] <= 12}
    assert of(table, some.subjects[0]) == list(diversified(model, 4, features=two_genres, eligible=young))
    assert of(table, some.subjects[1]) == list(diversified(model, 4, features=two_genres, eligible=available))


def test_exposure_prices_count(model: LinearModel, two_genres: CatalogueFeatures) -> None:
    rows = pa.table({"item": [model.items[-1]], "category": ["drama"]})
    priced = model.with_prices(price_items(model.items, rows, {"drama": 2.0}, attribute="genre"))
    listed = tuple(each.item for each in Recommender(priced, features=two_genres).recommend_one((), 5))

    assert listed == diversified(priced, 5, features=two_genres)
    assert listed[0] == model.items[-1]


def test_a_batch_in_which_nobody_has_a_history_is_served(recommender: Recommender, population: Interactions) -> None:
    nobody = Interactions(("a", "b"), population.items, ones(np.array([], int), np.array([], int), (2, 40)))

    assert recommender.recommend(nobody, 2)["rank"].to_pylist() == [1, 2, 1, 2]


def test_a_list_of_no_titles_is_still_refused(recommender: Recommender) -> None:
    with pytest.raises(BadInteractions, match="at least one title"):
        recommender.recommend_one((), 0)
