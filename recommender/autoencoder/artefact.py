"""An autoencoder as it is kept and served: item vectors in, item vectors out. Serving needs NumPy and SciPy."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from scipy.sparse import csr_matrix

from recommender.accounting import Guarantee
from recommender.artefact import artefact_digest, write_artefact
from recommender.autoencoder.mechanism import DeepMechanism
from recommender.errors import BadModel
from recommender.immutable import Immutable
from recommender.linear_model import ItemPrices, normalised, verify_prices_fit

AUTOENCODER_FORMAT = "probity/autoencoder/v1"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Autoencoder(Immutable):
    """score = (x encoder) decoder, with x the history, weighted and scaled to norm 1.

    The hidden layer has no bend, so a score still divides exactly among the titles of a history (``amounts``).

    Attributes:
        items: the m titles it knows: those that the release kept.
        encoder: float32, shape (m, d): what each watched title adds to a subject's hidden taste.
        decoder: float32, shape (d, m): how each taste speaks for each title.
        popularity: float64, shape (m,), not negative: the list for whoever has no history the model knows.
        history_weights: float64, positive, shape (m,).
        release_digest: the measurement that it was warm-started from.
        guarantee: of that measurement and the private training together.
        mechanism: the private steps.
        prices: exposure prices, if the model was mitigated.
        kind: slug of the model kind.
    """

    items: tuple[str, ...]
    encoder: np.ndarray
    decoder: np.ndarray
    popularity: np.ndarray
    history_weights: np.ndarray
    release_digest: str
    guarantee: Guarantee
    mechanism: DeepMechanism
    prices: ItemPrices | None = None
    kind: str = "autoencoder"

    def __post_init__(self) -> None:
        """Refuse layers that do not fit each other or the titles.

        Raises:
            BadModel: shapes differ, or a number is not finite.
        """
        self._fix()
        width, hidden = self.encoder.shape
        if width != len(self.items) or self.decoder.shape != (hidden, width):
            msg = f"layers of {self.encoder.shape} and {self.decoder.shape} for {len(self.items)} titles"
            raise BadModel(msg)
        if not (np.isfinite(self.encoder).all() and np.isfinite(self.decoder).all()):
            msg = "an autoencoder's layer holds a number that is not finite"
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
        """Scores before prices: float32, shape (n, m); popularity for a row without any title.

        Guarantees:
            - a row's scores are the same to the last bit whatever rows stand beside it (both products are sparse ones,
              which add up in the order of the columns)
        """
        tastes = normalised(known, self.history_weights).astype(np.float32, copy=False) @ self.encoder
        scores = np.asarray(csr_matrix(tastes) @ self.decoder, dtype=np.float32)
        scores[np.diff(known.indptr) == 0] = self.popularity.astype(np.float32)
        return scores

    def amounts(self, row: csr_matrix, column: int) -> np.ndarray:
        """What each title of one history adds to the raw score of the title in ``column``: float64, summing to it."""
        weights = self.history_weights[row.indices]
        shares = weights / max(float(np.linalg.norm(weights)), 1e-300)
        spoken = self.encoder[row.indices].astype(np.float64) @ self.decoder[:, column].astype(np.float64)
        amounts: np.ndarray = shares * spoken
        return amounts

    def with_prices(self, prices: ItemPrices) -> "Autoencoder":
        """The same model with these prices in place of any it had.

        Raises:
            BadPrices: they are not for this model's titles, or not finite.
        """
        verify_prices_fit(prices, self.items)
        return replace(self, prices=prices)

    def _arrays(self) -> dict[str, np.ndarray]:
        arrays = {
            "encoder": self.encoder,
            "decoder": self.decoder,
            "popularity": self.popularity,
            "history_weights": self.history_weights,
        }
        if self.prices is not None:
            arrays |= {"prices": self.prices.prices, "memberships": self.prices.memberships}
        return arrays

    def _description(self) -> dict[str, Any]:
        priced = self.prices and {"attribute": self.prices.attribute, "categories": list(self.prices.categories)}
        return {
            "format": AUTOENCODER_FORMAT,
            "kind": self.kind,
            "items": list(self.items),
            "release_digest": self.release_digest,
            "guarantee": self.guarantee.as_dict(),
            "mechanism": self.mechanism.as_dict(),
            "prices": priced,
        }


def autoencoder_from(description: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> Autoencoder:
    """The model with this content.

    Raises:
        KeyError, TypeError, ValueError, BadModel, BadMechanism, BadPrices: the content is no autoencoder;
            ``load_model`` converts them.
    """
    width = len(description["items"])
    model = Autoencoder(
        kind=description["kind"],
        items=tuple(description["items"]),
        encoder=arrays["encoder"].astype(np.float32, casting="no"),
        decoder=arrays["decoder"].astype(np.float32, casting="no"),
        popularity=arrays["popularity"].reshape(width),
        history_weights=arrays["history_weights"].reshape(width),
        release_digest=description["release_digest"],
        guarantee=Guarantee.from_dict(description["guarantee"]),
        mechanism=DeepMechanism(**description["mechanism"]),
    )
    priced = description["prices"]
    if priced is None:
        return model
    categories = tuple(priced["categories"])
    return model.with_prices(ItemPrices(priced["attribute"], categories, arrays["prices"], arrays["memberships"]))
