"""Each system stands where the registry says; what costs nothing reads nobody; what gives titles gives fit ones."""

import inspect
from collections.abc import Callable, Collection
from importlib import import_module
from typing import Any

import pytest

from recommender.bandit.candidates import unexplored
from recommender.denoise import denoise
from recommender.diversified import diversified
from recommender.features import CatalogueFeatures
from recommender.models import MODELS, get_kind
from recommender.models.kind import ModelKind
from recommender.non_profiling import non_profiling
from recommender.onboarding import onboarding
from recommender.paid_models import PAID_MODELS, PaidKind
from recommender.release import Release
from recommender.rows import Visit, rows
from recommender.serving import Recommender
from recommender.similar import similar
from recommender.systems import SYSTEMS, Paid, System

PEOPLE = ("Interactions", "Ratings", "Batch", "Stream", "Log")
"""Names of the types in which subjects come."""


def part(where: str) -> Any:  # noqa: ANN401 - whatever stands there
    module, name = where.split(":")
    return getattr(import_module(f"recommender.{module}"), name)


def reads_people(where: str) -> bool:
    """Whether a function has an argument in which subjects come; a kind of model has none."""
    found = part(where)
    if isinstance(found, ModelKind | PaidKind):
        return False
    annotations = [str(each.annotation) for each in inspect.signature(found).parameters.values()]
    return any(name in annotation for name in PEOPLE for annotation in annotations)


every_system = pytest.mark.parametrize("system", SYSTEMS, ids=lambda system: system.name)


@every_system
def test_each_part_stands_where_the_registry_says(system: System) -> None:
    assert all(part(where) is not None for where in system.where)


@every_system
def test_what_costs_nothing_reads_nobody_and_what_costs_does(system: System) -> None:
    assert any(map(reads_people, system.where)) == (system.paid is not Paid.NOTHING)


def test_names_are_unique_and_costs_are_sentences() -> None:
    assert len({system.name for system in SYSTEMS}) == len(SYSTEMS)
    assert all(paid.endswith(".") for paid in Paid)


def test_every_kind_of_model_is_a_system_once() -> None:
    kinds = [part(where) for system in SYSTEMS for where in system.where]

    assert [kind for kind in kinds if isinstance(kind, ModelKind)] == list(MODELS)
    assert [kind for kind in kinds if isinstance(kind, PaidKind)] == list(PAID_MODELS)


Titles = Callable[[int, Collection[str] | None], tuple[str, ...]]


@pytest.fixture(
    params=["for you", "similar", "diversified", "non-profiling", "onboarding", "a row of the page", "to explore"]
)
def titles(request: pytest.FixtureRequest, release: Release, features: CatalogueFeatures) -> Titles:
    """Whatever gives titles: at most so many, out of those that may be shown."""
    ease, kept, history = get_kind("ease").fit(release, features), denoise(release, features), ("item-00", "item-03")

    def page(k: int, eligible: Collection[str] | None) -> tuple[str, ...]:
        return rows({"ease": ease}, Visit(history=history), k, eligible=eligible)[0].titles

    def to_explore(k: int, eligible: Collection[str] | None) -> tuple[str, ...]:
        return tuple(each.item for each in unexplored(release, features, history, eligible=eligible))[:k]

    found: dict[str, Titles] = {
        "for you": lambda k, e: tuple(each.item for each in Recommender(ease).recommend_one(history, k, available=e)),
        "similar": lambda k, e: tuple(title for title, _ in similar(ease, "item-01", k, eligible=e)),
        "diversified": lambda k, e: diversified(ease, k, features=features, eligible=e),
        "non-profiling": lambda k, e: non_profiling(ease, k, features=features, eligible=e).titles,
        "onboarding": lambda k, e: onboarding(kept, k, eligible=e),
        "a row of the page": page,
        "to explore": to_explore,
    }
    return found[request.param]


def test_at_most_so_many_titles_each_once_the_same_again(titles: Titles) -> None:
    found = titles(4, None)

    assert len(found) == len(set(found)) == 4
    assert titles(4, None) == found


def test_only_titles_that_may_be_shown(titles: Titles, release: Release) -> None:
    shown = frozenset({*release.items[5:8], "item-31", "item-33"})

    assert set(titles(10, shown)) <= shown
    assert titles(10, shown)
