"""What serving asks of a model, whatever its kind, and how one is read from its folder.

A new form of model is a dataclass that has what ``Model`` names, and one line in ``FORMATS``.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, Self

import numpy as np
from scipy.sparse import csr_matrix

from recommender.accounting import Guarantee
from recommender.artefact import read_as
from recommender.autoencoder.artefact import AUTOENCODER_FORMAT, autoencoder_from
from recommender.linear_model import LINEAR_FORMAT, ItemPrices, linear_model_from


class Model(Protocol):
    """An immutable model over m titles, as ``LinearModel`` describes the attributes."""

    @property
    def kind(self) -> str:
        """Slug of the model kind."""

    @property
    def items(self) -> tuple[str, ...]:
        """The m titles it knows."""

    @property
    def popularity(self) -> np.ndarray:
        """For whoever has no history that the model knows: float64, not negative, shape (m,)."""

    @property
    def history_weights(self) -> np.ndarray:
        """How much a watched title weighs: float64, positive, shape (m,)."""

    @property
    def release_digest(self) -> str:
        """The measurement it was computed from."""

    @property
    def guarantee(self) -> Guarantee:
        """What is promised to each subject whom it learnt from."""

    @property
    def prices(self) -> ItemPrices | None:
        """Exposure prices, if it was mitigated."""

    @property
    def digest(self) -> str:
        """Content digest, 64 hex digits: what ``save`` returns and ``load_model`` demands."""

    def save(self, folder: Path) -> str:
        """Write once, whole, and return the digest. Raises ArtefactExists."""

    def with_prices(self, prices: ItemPrices) -> Self:
        """The same model with these prices in place of any it had. Raises BadPrices."""

    def raw_scores(self, known: csr_matrix) -> np.ndarray:
        """Scores before lifts and prices: float32, shape (n, m), an array of the caller's own.

        ``known``: histories over ``items``, int8 ones in canonical CSR form, shape (n, m). A row without any title has
        the popularity of each title. A row's scores do not depend on the rows beside it, but for rounding where a
        linear-algebra library adds up in an order of its own. May be called from several threads at once.
        """

    def amounts(self, row: csr_matrix, column: int) -> np.ndarray | None:
        """What each title of one history adds to the raw score of the title in ``column``.

        float64, aligned with ``row.indices``; their sum is the raw score of a history with any title. None for a model
        whose scores are no sum over titles.
        """


@dataclass(frozen=True, slots=True)
class ModelFormat:
    """One entry of ``FORMATS``: what a description's ``format`` says, and how that content becomes a model."""

    name: str
    read: Callable[[Mapping[str, Any], Mapping[str, np.ndarray]], Model]


FORMATS: tuple[ModelFormat, ...] = (
    ModelFormat(LINEAR_FORMAT, linear_model_from),
    ModelFormat(AUTOENCODER_FORMAT, autoencoder_from),
)
"""Every form of model that can be loaded."""


def load_model(folder: Path, expected_digest: str) -> Model:
    """Read a model of any form whose content has the expected digest.

    Raises:
        CorruptArtefact: it has another, or is no model in a form of ``FORMATS``.
    """
    return read_as(folder, expected_digest, "model", {form.name: form.read for form in FORMATS})
