"""A popular row that is not ten of the same: for whoever has no history yet, or wants none to be used.

Maximal marginal relevance (Carbonell and Goldstein, SIGIR 1998): each next title is the one with the best mix of
popularity and unlikeness to those already in the row. Both are public, so the row says nothing about anyone.
"""

from collections.abc import Collection

import numpy as np

from recommender.features import CatalogueFeatures
from recommender.likeness import title_vectors
from recommender.model import Model

VARIETY = 0.3
"""How much unlikeness counts beside popularity, 0 to 1. A declared choice: of ten titles, two or three change."""


def diversified(
    model: Model,
    k: int,
    *,
    features: CatalogueFeatures | None = None,
    eligible: Collection[str] | None = None,
    variety: float = VARIETY,
) -> tuple[str, ...]:
    """At most k popular titles, each unlike those before it; fewer where fewer are eligible.

    Args:
        model: its popularity is used, and its exposure prices if it has any.
        k: at most this many titles.
        features: public metadata; without any, titles are all alike and the row is by popularity.
        eligible: if given, only these titles.
        variety: 0 for popularity alone, 1 for unlikeness alone (after the most popular title).
    """
    vectors = title_vectors(features, model.items)
    popular = model.popularity / max(float(model.popularity.max(initial=0.0)), 1e-12)
    if model.prices is not None:
        popular = popular + model.prices.per_item
    free = np.array([eligible is None or item in eligible for item in model.items], dtype=bool)
    return tuple(model.items[place] for place in varied(popular, vectors, free, k, variety=variety))


def varied(
    popular: np.ndarray, vectors: np.ndarray, free: np.ndarray, k: int, *, variety: float = VARIETY
) -> list[int]:
    """The same by place: at most k of the free ones.

    Args:
        popular: how popular each is, the most popular 1 (and its price added), shape (m,).
        vectors: what each is like, of length 1 at most, shape (m, any).
        free: which may be in the row, shape (m,).
        k: at most this many.
        variety: as in ``diversified``.
    """
    left = free.copy()
    closest = np.zeros(len(popular))
    row: list[int] = []
    for _ in range(min(k, int(left.sum()))):
        # The first is the most popular; a tie goes to the title that comes first on the model's axis.
        value = popular if not row else (1 - variety) * popular - variety * closest
        best = int(np.argmax(np.where(left, value, -np.inf)))
        row.append(best)
        left[best] = False
        closest = np.maximum(closest, vectors @ vectors[best])
    return row
