"""What most models of this package are: one weight per pair of a watched title and a candidate title.

That is small enough to explain exactly, to price, and to compute again when somebody is erased.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from scipy.sparse import csr_matrix

from recommender.accounting import Guarantee
from recommender.artefact import artefact_digest, write_artefact
from recommender.blocked_product import blocks_of, product
from recommender.context import SLOTS
from recommender.errors import BadModel, BadPrices
from recommender.immutable import Immutable

LINEAR_FORMAT = "probity/linear-model/v1"

MANY = 64
"""Histories from which weights are laid out in blocks: fewer are scored before that copy would be made."""


@dataclass(frozen=True, slots=True, eq=False)
class ItemPrices(Immutable):
    """Exposure prices: what each category adds to, or takes from, the scores of its titles.

    Attributes:
        attribute: what the categories are categories of.
        categories: their names, g of them.
        prices: float64, shape (g,), in units of a subject's best score.
        memberships: float64, shape (m, g): how much of a category's price each of the model's titles gets.
    """

    attribute: str
    categories: tuple[str, ...]
    prices: np.ndarray
    memberships: np.ndarray

    @property
    def per_item(self) -> np.ndarray:
        """Added to each title's relative score: float64, shape (m,)."""
        total: np.ndarray = self.memberships @ self.prices
        return total


@dataclass(frozen=True, kw_only=True, eq=False)
class LinearModel(Immutable):
    """score_j = Σ_i x_i weights_ij with x the history, weighted and scaled to norm 1.

    Attributes:
        kind: slug of the model kind.
        items: the m titles it knows.
        weights: float32, shape (m, m), or None for a model that gives everybody the same list.
        popularity: float64, shape (m,), not negative: the list for whoever has no history the model knows.
        history_weights: float64, positive, shape (m,).
        release_digest: the measurement it was computed from.
        guarantee: that measurement's guarantee. Computing a model from it costs nothing more.
        prices: exposure prices, if the model was mitigated.
        slot_lifts: float32, positive, shape (m, 8): what a title's score is multiplied by in each time slot
           (``recommender.context``), if the release measured them.
    """

    kind: str
    items: tuple[str, ...]
    weights: np.ndarray | None
    popularity: np.ndarray
    history_weights: np.ndarray
    release_digest: str
    guarantee: Guarantee
    prices: ItemPrices | None = None
    slot_lifts: np.ndarray | None = None

    def __post_init__(self) -> None:
        """Refuse lifts that would turn an order round.

        Raises:
            BadModel: lifts of another shape, or one that is not positive and finite.
        """
        self._fix()
        lifts = self.slot_lifts
        if lifts is None:
            return
        if lifts.shape != (len(self.items), SLOTS) or not (np.isfinite(lifts) & (lifts > 0)).all():
            msg = f"a model of {len(self.items)} titles has {SLOTS} positive lifts for each, got {lifts.shape}"
            raise BadModel(msg)

    @property
    def digest(self) -> str:
        """Content digest, 64 hex digits: what ``save`` returns and ``load_model`` demands."""
        return artefact_digest(self._description(), self._arrays())

    def save(self, folder: Path) -> str:
        """Write once, whole, and return the digest.

        Raises:
            ArtefactExists: the folder holds something else.
        """
        return write_artefact(folder, self._description(), self._arrays())

    def raw_scores(self, known: csr_matrix) -> np.ndarray:
        """Scores before lifts and prices: float32, shape (n, m); popularity for a row without any title.

        Guarantees:
            - a row's scores are the same to the last bit whatever rows stand beside it: titles are added up in the
              order of their columns, by the sparse product, and not by a BLAS that orders by the shape of a batch

        The first call with many rows copies the weights into blocks (``recommender.blocked_product``) and keeps them,
        so a wide model that scores batches takes twice the memory of its weights.
        """
        popular = self.popularity.astype(np.float32)
        if self.weights is None:
            return np.tile(popular, (known.shape[0], 1))
        histories = normalised(known, self.history_weights).astype(np.float32, copy=False)
        scores = product(histories, (self.weights,) if known.shape[0] < MANY else self._blocks)
        scores[np.diff(known.indptr) == 0] = popular
        return scores

    @cached_property
    def _blocks(self) -> tuple[np.ndarray, ...]:
        return () if self.weights is None else blocks_of(self.weights)

    def amounts(self, row: csr_matrix, column: int) -> np.ndarray:
        """What each title of one history adds to the raw score of the title in ``column``: float64, its sum the score.

        Zeros for a model without weights.
        """
        watched = row.indices
        if self.weights is None:
            return np.zeros(len(watched))
        weights = self.history_weights[watched]
        amounts: np.ndarray = weights / max(float(np.linalg.norm(weights)), 1e-300) * self.weights[watched, column]
        return amounts

    def with_prices(self, prices: ItemPrices) -> "LinearModel":
        """The same model with these prices in place of any it had.

        Raises:
            BadPrices: they are not for this model's titles, or not finite.
        """
        verify_prices_fit(prices, self.items)
        return replace(self, prices=prices)

    def _arrays(self) -> dict[str, np.ndarray]:
        arrays = {"popularity": self.popularity, "history_weights": self.history_weights}
        if self.weights is not None:
            arrays["weights"] = self.weights
        if self.prices is not None:
            arrays |= {"prices": self.prices.prices, "memberships": self.prices.memberships}
        if self.slot_lifts is not None:  # left out where there are none: models of old keep their digest
            arrays["slot_lifts"] = self.slot_lifts
        return arrays

    def _description(self) -> dict[str, Any]:
        priced = self.prices and {"attribute": self.prices.attribute, "categories": list(self.prices.categories)}
        return {
            "format": LINEAR_FORMAT,
            "kind": self.kind,
            "items": list(self.items),
            "release_digest": self.release_digest,
            "guarantee": self.guarantee.as_dict(),
            "prices": priced,
        }


def normalised(matrix: csr_matrix, weights: np.ndarray, importance: np.ndarray | None = None) -> csr_matrix:
    """Histories as models read them: weighted and scaled to norm 1, an empty one zero.

    Args:
        matrix: 0/1 in canonical CSR form, shape (n, m).
        weights: of each title, positive, shape (m,).
        importance: of each interaction, aligned with ``matrix.data``, where it is known.

    Returns:
        float64, shape (n, m), with the places of ``matrix``.
    """
    lengths = np.diff(matrix.indptr)
    values = weights[matrix.indices] * (1.0 if importance is None else importance)
    squares = np.bincount(np.repeat(np.arange(len(lengths)), lengths), values**2, minlength=len(lengths))
    shares = values / np.sqrt(np.repeat(squares, lengths))
    return csr_matrix((shares, matrix.indices, matrix.indptr), shape=matrix.shape)


def verify_prices_fit(prices: ItemPrices, items: Sequence[str]) -> None:
    """Check that prices are for these titles.

    Raises:
        BadPrices: they are for another number of titles, or one is not a finite number.
    """
    if prices.memberships.shape != (len(items), len(prices.categories)):
        msg = f"prices cover {prices.memberships.shape[0]} titles, the model has {len(items)}"
        raise BadPrices(msg)
    if not (np.isfinite(prices.prices).all() and np.isfinite(prices.memberships).all()):
        msg = "a price is not a finite number"
        raise BadPrices(msg)


def price_items(
    items: Sequence[str], memberships: pa.Table, prices: Mapping[str, float], *, attribute: str
) -> ItemPrices:
    """Lay prices per category out over a model's titles.

    Args:
        items: the model's titles.
        memberships: columns ``item``, ``category`` and, optionally, ``weight`` (else 1). Other titles and categories
           are ignored.
        prices: by category.
        attribute: what the categories are categories of.

    Raises:
        BadPrices: a priced category has no title among the memberships at all.
    """
    unknown = set(prices) - set(memberships["category"].to_pylist())
    if unknown:
        msg = f"{len(unknown)} of {len(prices)} priced categories of {attribute} have no title in the catalogue"
        raise BadPrices(msg)
    categories = tuple(sorted(prices))
    row, column = {item: n for n, item in enumerate(items)}, {category: n for n, category in enumerate(categories)}
    weighted = "weight" in memberships.column_names
    weights = memberships["weight"].to_pylist() if weighted else [1.0] * memberships.num_rows
    matrix = np.zeros((len(items), len(categories)))
    pairs = zip(memberships["item"].to_pylist(), memberships["category"].to_pylist(), weights, strict=True)
    for item, category, weight in pairs:
        if item in row and category in column:
            matrix[row[item], column[category]] = weight
    return ItemPrices(attribute, categories, np.array([prices[c] for c in categories], dtype=np.float64), matrix)


def linear_model_from(description: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> LinearModel:
    """The model with this content.

    Raises:
        KeyError, TypeError, ValueError, BadModel, BadPrices: the content is no linear model; ``load_model`` converts
            them.
    """
    width = len(description["items"])
    weights, lifts = arrays.get("weights"), arrays.get("slot_lifts")
    model = LinearModel(
        kind=description["kind"],
        items=tuple(description["items"]),
        weights=None if weights is None else weights.reshape(width, width),
        popularity=arrays["popularity"].reshape(width),
        history_weights=arrays["history_weights"].reshape(width),
        release_digest=description["release_digest"],
        guarantee=Guarantee.from_dict(description["guarantee"]),
        slot_lifts=None if lifts is None else lifts.reshape(width, SLOTS),
    )
    priced = description["prices"]
    if priced is None:
        return model
    categories = tuple(priced["categories"])
    return model.with_prices(ItemPrices(priced["attribute"], categories, arrays["prices"], arrays["memberships"]))
