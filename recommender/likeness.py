"""How alike titles are by what is publicly known of them: the cosine of their categories, rare ones counting for more.

TF-IDF as for documents (Salton and Buckley 1988): a category weighs ln((n + 1)/(its titles + 1)), so sharing "western"
says more than sharing "drama". Genres and the like, and who made a title, are two vectors of length 1 each: otherwise
five rare names would drown every genre.
"""

from collections.abc import Sequence

import numpy as np

from recommender.features import CatalogueFeatures

SHARE_OF_PEOPLE = 1 / 3
"""Of the likeness, what shared cast and directors decide; the rest are genre, decade and the like. Declared."""

_IN_COMMON = 0.1
"""All titles share one more, faint category, so that titles without metadata are like all others, and a little."""


def title_vectors(features: CatalogueFeatures | None, items: Sequence[str]) -> np.ndarray:
    """A vector for each title, of length 1 (√⅔ where nobody is known to have made it): float64, (len(items), any).

    How rare a category is, is counted over the whole catalogue.
    """
    common = np.full((len(items), 1), _IN_COMMON)
    if features is None:
        return common / _IN_COMMON
    titles = len(features.items)
    rarity = np.log((titles + 1) / (features.matrix.sum(axis=0) + 1))
    dense = _unit(np.column_stack([features.of(items) * rarity, common]))
    made = features.details_of(items)
    people = _unit(made * np.log((titles + 1) / (made.sum(axis=0) + 1)))
    return np.column_stack([np.sqrt(1 - SHARE_OF_PEOPLE) * dense, np.sqrt(SHARE_OF_PEOPLE) * people])


def likeness(features: CatalogueFeatures | None, items: Sequence[str]) -> np.ndarray:
    """The cosine of each two titles, from 0 to 1: float64, shape (m, m); all 1 where nothing is known of any."""
    vectors = title_vectors(features, items)
    alike: np.ndarray = vectors @ vectors.T
    return alike


def _unit(rows: np.ndarray) -> np.ndarray:
    scaled: np.ndarray = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)
    return scaled
