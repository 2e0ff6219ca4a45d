"""The rows of a home page, from the models of one release: each with a name, where it comes from, and no title twice.

Whoever must not be profiled gets the rows that use nothing about anyone, from the same plan.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field

import numpy as np

from recommender.diversified import diversified
from recommender.features import CatalogueFeatures
from recommender.linear_model import LinearModel
from recommender.model import Model
from recommender.serving import Recommender
from recommender.similar import similar


@dataclass(frozen=True, slots=True)
class Row:
    """Titles side by side, best first.

    Attributes:
        name: what to write above it; ``{title}`` stands for the name of ``because``.
        kind: slug of the model kind that it is from.
        titles: at least one.
        because: the watched title that it follows from, where it follows from a single one.
    """

    name: str
    kind: str
    titles: tuple[str, ...]
    because: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """For whom rows are made, and from what.

    Attributes:
        history: titles watched; never in a row of a personal page.
        slot: the time slot, 0 to 7 (``recommender.context``), where it is known.
        features: public metadata.
    """

    history: tuple[str, ...] = field(default=(), repr=False)
    slot: int | None = field(default=None, repr=False)
    features: CatalogueFeatures | None = None


_Fill = Callable[[Model, Visit, int, Collection[str]], tuple[tuple[str, ...], str | None]]


@dataclass(frozen=True, slots=True)
class _Plan:
    """One row: its name, the kinds that can fill it (the first that is there does), and how."""

    name: str
    kinds: tuple[str, ...]
    fill: _Fill
    personal: bool


def _best(model: Model, visit: Visit, k: int, free: Collection[str]) -> tuple[tuple[str, ...], None]:
    return tuple(each.item for each in Recommender(model).recommend_one(visit.history, k, available=free)), None


def _at_this_hour(model: Model, visit: Visit, k: int, free: Collection[str]) -> tuple[tuple[str, ...], None]:
    if visit.slot is None:
        return (), None
    listed = Recommender(model).recommend_one(visit.history, k, available=free, context=visit.slot)
    return tuple(each.item for each in listed), None


def _like_one(model: Model, visit: Visit, k: int, free: Collection[str]) -> tuple[tuple[str, ...], str | None]:
    """Like the watched title that says most: the one whose part of all scores is the largest."""
    known = [column for column, item in enumerate(model.items) if item in set(visit.history)]
    if not isinstance(model, LinearModel) or model.weights is None or not known:
        return (), None
    says = model.history_weights[known] * np.linalg.norm(model.weights[known], axis=1)
    because = model.items[known[int(np.argmax(says))]]
    return tuple(title for title, _ in similar(model, because, k, eligible=free)), because


def _varied(model: Model, visit: Visit, k: int, free: Collection[str]) -> tuple[tuple[str, ...], None]:
    return diversified(model, k, features=visit.features, eligible=free), None


PLAN: tuple[_Plan, ...] = (
    _Plan("For you", ("ensemble", "ease", "svd"), _best, personal=True),
    _Plan("Watch next", ("next_title",), _best, personal=True),
    _Plan("Because you watched {title}", ("item_cf", "ease"), _like_one, personal=True),
    _Plan("At this hour", ("temporal",), _at_this_hour, personal=True),
    _Plan("More of what you like", ("content",), _best, personal=True),
    _Plan("Trending now", ("trending",), _best, personal=False),
    _Plan("Popular", ("popularity",), _best, personal=False),
    _Plan("Something of everything", ("popularity",), _varied, personal=False),
)
"""The page, from the top. An earlier row takes a title from the later ones."""


def rows(
    models: Mapping[str, Model],
    visit: Visit,
    k: int,
    *,
    eligible: Collection[str] | None = None,
    profiling: bool = True,
) -> tuple[Row, ...]:
    """The rows of one visit; a row without a title left is not shown.

    Args:
        models: by the slug of their kind; a row whose kinds are all absent is not shown.
        visit: for whom.
        k: titles a row, at most.
        eligible: if given, only these titles (available, and of a fit maturity).
        profiling: False leaves out the personal rows, and nothing of the visit but public metadata is read.

    Guarantees:
        - no title stands in two rows, or twice in one
        - with profiling, no title of the history stands in a row
    """
    subject = visit if profiling else Visit(features=visit.features)
    taken = set(subject.history)
    page: list[Row] = []
    for plan in PLAN:
        model = next((models[kind] for kind in plan.kinds if kind in models), None)
        has_taste = profiling and bool(set(subject.history) & set(model.items if model else ()))
        if model is None or (plan.personal and not has_taste):
            continue
        free = {item for item in model.items if item not in taken and (eligible is None or item in eligible)}
        titles, because = plan.fill(model, subject, k, free)
        if titles:
            page.append(Row(plan.name, model.kind, titles, because))
            taken.update(titles)
    return tuple(page)
