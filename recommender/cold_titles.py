"""Titles that nobody, or hardly anybody, has watched: what the model would say of them, learnt from their metadata.

What a title is like stands in its column of the weights (which watched titles speak for it) and in its row (what it
speaks for). Kept titles have both. Kernel ridge regression of the kept titles' columns and rows on the likeness of
their metadata (the dual of ridge regression on the categories) predicts them for the others; the ridge is the one that
best predicts each kept title from all other kept ones (leave one out, in closed form), which reads the model alone and
costs no privacy. How strong a title is cannot be read off its genre: that is a modest public prior.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import scipy.linalg

from recommender.errors import BadPrices
from recommender.features import CatalogueFeatures
from recommender.likeness import likeness
from recommender.linear_model import LinearModel

MODEST = 0.25
"""Quantile of the kept titles' popularity that an unknown title is taken to have. A declared choice."""

_RIDGES = tuple(10.0**power for power in range(-2, 4))


def extend(
    model: LinearModel, features: CatalogueFeatures, items: Sequence[str], *, modest: float = MODEST
) -> LinearModel:
    """The same model over more titles: its own first, then those of ``items`` that it does not know.

    Args:
        model: over the kept titles.
        features: of these and of the new titles; a new title without metadata becomes an average one.
        items: titles to add.
        modest: the quantile of the kept titles' popularity, of the strength of their columns and of their weight in a
            history that new ones get, 0 to 1.

    Guarantees:
        - what the model says of the titles that it knows does not change
        - a function of the model and public metadata: it costs no privacy

    Raises:
        BadPrices: the model has prices, which say nothing of the new titles: extend first, then price.
    """
    if model.prices is not None:
        msg = "a priced model cannot take new titles, for its prices do not cover them: extend it, then price it"
        raise BadPrices(msg)
    new = tuple(item for item in dict.fromkeys(items) if item not in set(model.items))
    if not new:
        return model
    known = len(model.items)
    weights, lifts = model.weights, model.slot_lifts
    if weights is not None:
        alike = likeness(features, (*model.items, *new))
        regression = _regression(alike[:known, :known], alike[:known, known:], _directions(weights))
        weights = _extended_weights(weights, regression, modest)
        lifts = None if lifts is None else _extended_lifts(lifts, regression)
    elif lifts is not None:
        lifts = np.vstack([lifts, np.ones((len(new), lifts.shape[1]), dtype=np.float32)])
    return replace(
        model,
        items=(*model.items, *new),
        weights=weights,
        popularity=_with_more(model.popularity, len(new), modest),
        history_weights=_with_more(model.history_weights, len(new), 1 - modest),
        slot_lifts=lifts,
    )


def _with_more(values: np.ndarray, count: int, quantile: float) -> np.ndarray:
    return np.append(values, np.full(count, np.quantile(values, quantile)))


@dataclass(frozen=True, slots=True, eq=False)
class _Regression:
    """``hat`` (m, n): how much each of the m kept titles says of each of the n new ones, beside the average."""

    hat: np.ndarray

    def predict(self, kept: np.ndarray) -> np.ndarray:
        """From something known of each kept title, shape (m, any), the same for the new ones, shape (n, any)."""
        average = kept.mean(axis=0)
        predicted: np.ndarray = average + self.hat.T @ (kept - average)
        return predicted


def _regression(kept_alike: np.ndarray, new_alike: np.ndarray, targets: np.ndarray) -> _Regression:
    """Kernel ridge, its ridge chosen by the squared leave-one-out error: |(Y - SY)_i/(1 - S_ii)|², S = K(K + r)⁻¹."""
    values, vectors = scipy.linalg.eigh(kept_alike, check_finite=False)
    values = np.maximum(values, 0.0)
    centred = vectors.T @ (targets - targets.mean(axis=0))

    def error(ridge: float) -> float:
        left = ridge / (values + ridge)  # I - S, in the eigenbasis
        missed = ((vectors * left) @ centred) / ((vectors**2) @ left)[:, None]
        return float((missed**2).sum())

    ridge = min(_RIDGES, key=error)
    return _Regression((vectors / (values + ridge)) @ (vectors.T @ new_alike))


def _directions(weights: np.ndarray) -> np.ndarray:
    """Each title's column, of length 1, as a row: shape (m, m)."""
    columns = weights.T.astype(np.float64)
    directions: np.ndarray = columns / np.maximum(np.linalg.norm(columns, axis=1, keepdims=True), 1e-12)
    return directions


def _extended_weights(weights: np.ndarray, regression: _Regression, modest: float) -> np.ndarray:
    strength = np.quantile(np.linalg.norm(weights, axis=0), modest)
    columns = np.hstack([weights, strength * regression.predict(_directions(weights)).T])
    whole = np.vstack([columns, regression.predict(columns)]).astype(np.float32)
    new = np.arange(len(weights), len(whole))
    whole[new, new] = 0.0  # a title does not speak for itself
    return whole


def _extended_lifts(lifts: np.ndarray, regression: _Regression) -> np.ndarray:
    predicted = np.clip(regression.predict(lifts), lifts.min(), lifts.max())  # a lift is positive
    return np.vstack([lifts, predicted]).astype(np.float32)
