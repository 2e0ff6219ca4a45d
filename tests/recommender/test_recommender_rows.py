"""The rows of a home page, whatever models there are."""

import pytest

from recommender.denoise import denoise
from recommender.features import CatalogueFeatures
from recommender.linear_model import LinearModel
from recommender.models import kinds_for
from recommender.release import Release
from recommender.rows import PLAN, Visit, rows

HISTORY = ("item-00", "item-01", "never heard of")


@pytest.fixture(scope="module")
def models(release: Release, features: CatalogueFeatures) -> dict[str, LinearModel]:
    denoised = denoise(release, features)
    return {kind.slug: kind.fit_from(denoised) for kind in kinds_for(release.signals)}


def test_a_page_has_each_row_of_the_plan_in_its_order(
    models: dict[str, LinearModel], features: CatalogueFeatures
) -> None:
    page = rows(models, Visit(history=HISTORY, slot=6, features=features), 3)

    assert [row.name for row in page] == [
        "For you",
        "Watch next",
        "Because you watched {title}",
        "At this hour",
        "More of what you like",
        "Trending now",
        "Popular",
        "Something of everything",
    ]
    assert [row.kind for row in page][:3] == ["ensemble", "next_title", "item_cf"]
    assert page[2].because in HISTORY[:2]


@pytest.mark.parametrize("slot", [None, 0, 7])
def test_no_title_stands_twice_on_a_page_and_none_was_watched(
    models: dict[str, LinearModel], features: CatalogueFeatures, slot: int | None
) -> None:
    page = rows(models, Visit(history=HISTORY, slot=slot, features=features), 4)

    shown = [title for row in page for title in row.titles]
    assert len(shown) == len(set(shown))
    assert not set(shown) & set(HISTORY)
    assert ("At this hour" in [row.name for row in page]) == (slot is not None)


def test_whoever_must_not_be_profiled_gets_the_rows_that_are_the_same_for_everybody(
    models: dict[str, LinearModel], features: CatalogueFeatures
) -> None:
    page = rows(models, Visit(history=HISTORY, slot=3, features=features), 3, profiling=False)

    assert [row.name for row in page] == ["Trending now", "Popular", "Something of everything"]
    assert page == rows(models, Visit(features=features), 3, profiling=False)
    assert all(row.because is None for row in page)


def test_a_new_subject_gets_no_row_that_claims_to_know_them(models: dict[str, LinearModel]) -> None:
    page = rows(models, Visit(history=("never heard of",), slot=2), 3)

    assert [row.name for row in page] == ["Trending now", "Popular", "Something of everything"]


def test_rows_hold_eligible_titles_only_and_an_empty_row_is_not_shown(models: dict[str, LinearModel]) -> None:
    page = rows(models, Visit(history=HISTORY), 3, eligible=["item-02", "item-03", "item-04", "item-05"])

    assert [len(row.titles) for row in page] == [3, 1]
    assert {title for row in page for title in row.titles} == {"item-02", "item-03", "item-04", "item-05"}


def test_another_kind_fills_a_row_whose_first_is_not_there(models: dict[str, LinearModel]) -> None:
    few = {slug: models[slug] for slug in ("svd", "popularity")}

    page = rows(few, Visit(history=HISTORY), 2)

    assert [(row.name, row.kind) for row in page] == [
        ("For you", "svd"),
        ("Popular", "popularity"),
        ("Something of everything", "popularity"),
    ]


def test_every_row_of_the_plan_names_kinds_that_there_are(models: dict[str, LinearModel]) -> None:
    assert {kind for plan in PLAN for kind in plan.kinds} <= set(models)
