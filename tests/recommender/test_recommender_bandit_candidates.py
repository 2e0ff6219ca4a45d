"""What is explored: titles that a release says little of, and categories that are new to a subject."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recommender.accounting import no_guarantee
from recommender.bandit.candidates import Candidate, little_known, unexplored
from recommender.bandit.policy import explore
from recommender.exploration import greedy
from recommender.features import CatalogueFeatures, features_from
from recommender.mechanism import plan
from recommender.release import NoiseLevels, Release

CATALOGUE = ("alien", "blade", "casa", "dune", "emma")
"""The release kept the first three; emma is a new title, of which nothing is known but its genre."""

GENRES = (("alien", "horror"), ("alien", "space"), ("blade", "space"), ("casa", "romance"), ("emma", "romance"))


def measured() -> Release:
    """Two standard deviations of a count are 4."""
    return Release(
        items=("alien", "blade", "casa"),
        counts=np.array([90.0, 40.0, 3.0]),
        gram=np.eye(3),
        history_weights=np.ones(3),
        kept_share=1.0,
        noise=NoiseLevels(count=2.0, gram=1.0),
        mechanism=plan(5.0, 1e-6),
        guarantee=no_guarantee("none"),
        inputs_digest="0" * 64,
    )


@pytest.fixture
def few() -> Release:
    return measured()


@pytest.fixture
def genres() -> CatalogueFeatures:
    items, categories = zip(*GENRES, strict=True)
    return features_from(
        pa.table(
            {"item": [*items, "blade"], "attribute": ["genre"] * 5 + ["decade"], "category": [*categories, "1980s"]}
        )
    )


def test_a_title_that_the_release_did_not_keep_is_little_known_and_so_is_one_that_does_not_stand_out(
    few: Release,
) -> None:
    assert little_known(few, CATALOGUE) == ("casa", "dune", "emma")


def test_what_a_small_count_is_may_be_said(few: Release) -> None:
    assert little_known(few, CATALOGUE, below=3.0) == ("dune", "emma")
    assert little_known(few, CATALOGUE, below=41.0) == ("blade", "casa", "dune", "emma")


def test_whoever_watched_what_is_in_space_is_shown_horror_and_romance_and_what_is_new(
    few: Release, genres: CatalogueFeatures
) -> None:
    assert unexplored(few, genres, ["blade"]) == (
        Candidate("alien", little_known=False, new_categories=("genre:horror",)),
        Candidate("casa", little_known=True, new_categories=("genre:romance",)),
        Candidate("emma", little_known=True, new_categories=("genre:romance",)),
    )


def test_where_every_category_is_known_to_somebody_only_new_titles_are_left(
    few: Release, genres: CatalogueFeatures
) -> None:
    found = unexplored(few, genres, ["alien", "casa"])

    assert found == (Candidate("emma", little_known=True),)


def test_to_somebody_without_a_history_every_category_is_new(few: Release, genres: CatalogueFeatures) -> None:
    assert [each.item for each in unexplored(few, genres, [])] == ["alien", "blade", "casa", "emma"]


def test_another_attribute_may_count(few: Release, genres: CatalogueFeatures) -> None:
    assert [each.item for each in unexplored(few, genres, ["alien"], attribute="decade", below=0.0)] == [
        "blade",
        "emma",
    ]


def test_only_what_may_be_shown_is_explored(few: Release, genres: CatalogueFeatures) -> None:
    assert [each.item for each in unexplored(few, genres, ["blade"], eligible={"emma", "blade"})] == ["emma"]


def test_without_metadata_titles_are_new_and_categories_are_not(few: Release) -> None:
    nothing = CatalogueFeatures(("dune",), (), np.zeros((1, 0)))

    assert unexplored(few, nothing, ["alien"]) == (
        Candidate("dune", little_known=True),
        Candidate("casa", little_known=True),
    )


@given(data=st.data())
def test_each_candidate_is_there_once_unwatched_and_for_a_reason(data: st.DataObject) -> None:
    features = features_from(
        pa.table({"item": [i for i, _ in GENRES], "attribute": ["genre"] * 5, "category": [c for _, c in GENRES]})
    )
    history = data.draw(st.sets(st.sampled_from((*CATALOGUE, "unheard of"))))
    eligible = data.draw(st.none() | st.sets(st.sampled_from(CATALOGUE)))
    found = unexplored(measured(), features, history, eligible=eligible)

    names = [each.item for each in found]
    assert len(set(names)) == len(names)
    assert not set(names) & history
    assert eligible is None or set(names) <= eligible
    assert all(each.little_known or each.new_categories for each in found)


def test_a_candidate_is_drawn_into_a_slot(few: Release, genres: CatalogueFeatures) -> None:
    titles = [each.item for each in unexplored(few, genres, ["blade"])]
    chances = greedy(np.array([0.0, 0.0, 1.0]), floor=0.1)

    drawn = explore(["dune"], titles, chances, slot=0, rng=np.random.default_rng(1))

    assert drawn.item in {"alien", "casa", "emma"}
    assert drawn.candidates == ("alien", "casa", "emma")
