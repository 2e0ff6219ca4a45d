"""Predicting ratings: a Gaussian process whose mean and covariance are public and whose data are the subject's own.

A rating is mean + effect + taste + noise. The subject's level and taste are random: the level has variance
``LEVEL_VARIANCE``, tastes have covariance L Lᵀ. What is predicted is the posterior mean given the subject's own ratings
(a ridge regression), computed when it is asked for, so it costs no privacy beyond the release: joint differential
privacy. It is linear in the residuals, so each rated title's part in a prediction is exact.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import scipy.linalg

from recommender.accounting import Guarantee
from recommender.artefact import artefact_digest, read_as, write_artefact
from recommender.errors import BadInteractions
from recommender.immutable import Immutable
from recommender.ratings.table import Ratings

_FORMAT = "probity/rating-model/v1"

LEVEL_VARIANCE = 0.25
"""Variance of subjects' levels in squared half-widths of the scale over 4: a subject of 3 ratings is half known."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RatingModel(Immutable):
    """rating_uj = mean + effects_j + level_u + factors_j · taste_u + noise.

    Attributes:
        items: the m titles of the catalogue.
        effects: how well each is liked: float64, shape (m,), rating units.
        factors: float64, shape (m, rank), rating units; zero rows where only the effect is known.
        noise_variance: variance of one rating around all that.
        mean: the mean level.
        lowest: the lower end of the scale.
        highest: the upper end.
        release_digest: the measurement it was computed from.
        guarantee: that measurement's guarantee. Computing a model from it costs nothing more.
    """

    items: tuple[str, ...]
    effects: np.ndarray
    factors: np.ndarray
    noise_variance: float
    mean: float
    lowest: float
    highest: float
    release_digest: str
    guarantee: Guarantee

    @property
    def digest(self) -> str:
        """Content digest, 64 hex digits: what ``save`` returns and ``load_rating_model`` demands."""
        return artefact_digest(self._description(), self._arrays())

    def save(self, folder: Path) -> str:
        """Write once, whole, and return the digest.

        Raises:
            ArtefactExists: the folder holds something else.
        """
        return write_artefact(folder, self._description(), self._arrays())

    def predict(self, history: Ratings, items: Sequence[str] | None = None) -> np.ndarray:
        """What each subject of ``history`` would rate each item: float64, shape (subjects, items), on the scale.

        Args:
            history: the subjects' own ratings, over any item axis; unknown titles are ignored.
            items: the titles asked for; all of the model's when absent.

        Raises:
            BadInteractions: an item is not in the model's catalogue.
        """
        columns = np.arange(len(self.items)) if items is None else self._columns(items)
        known = history.on_items(self.items)
        loadings = self._loadings()
        base = self.mean + self.effects[columns]
        result = np.empty((len(known.interactions.subjects), len(columns)))
        matrix = known.interactions.matrix
        for row, (start, stop) in enumerate(zip(matrix.indptr[:-1], matrix.indptr[1:], strict=True)):
            held = matrix.indices[start:stop]
            residuals = known.values[start:stop] - self.mean - self.effects[held]
            result[row] = base + loadings[columns] @ self._taste(loadings[held], residuals)
        return np.clip(result, self.lowest, self.highest)

    def shares(self, history: Ratings, subject: str, item: str) -> "RatingExplanation":
        """One prediction taken apart, exactly.

        Raises:
            BadInteractions: subject or item is unknown.
        """
        if subject not in history.interactions.subjects:
            msg = "the subject has no row in this history"
            raise BadInteractions(msg)
        column = int(self._columns([item])[0])
        known = history.on_items(self.items)
        row = known.interactions.subjects.index(subject)
        start, stop = known.interactions.matrix.indptr[row : row + 2]
        held = known.interactions.matrix.indices[start:stop]
        residuals = known.values[start:stop] - self.mean - self.effects[held]
        loadings = self._loadings()
        gram = loadings[held] @ loadings[held].T + self.noise_variance * np.eye(len(held))
        weights = scipy.linalg.solve(gram, loadings[held] @ loadings[column], assume_a="pos") if len(held) else held
        parts = sorted(
            ((self.items[at], float(w * r)) for at, w, r in zip(held, weights, residuals, strict=True)),
            key=lambda part: (-abs(part[1]), part[0]),
        )
        return RatingExplanation(item, self.mean, float(self.effects[column]), tuple(parts))

    def _loadings(self) -> np.ndarray:
        level = np.sqrt(LEVEL_VARIANCE) * (self.highest - self.lowest) / 4
        return np.hstack([np.full((len(self.items), 1), level), self.factors])

    def _taste(self, held: np.ndarray, residuals: np.ndarray) -> np.ndarray:
        """Posterior mean of level and taste: shape (1 + rank,). Solved on the smaller side."""
        count, rank = held.shape
        if count < rank:
            gram = held @ held.T + self.noise_variance * np.eye(count)
            small: np.ndarray = (
                held.T @ scipy.linalg.solve(gram, residuals, assume_a="pos") if count else np.zeros(rank)
            )
            return small
        normal = held.T @ held + self.noise_variance * np.eye(rank)
        taste: np.ndarray = scipy.linalg.solve(normal, held.T @ residuals, assume_a="pos")
        return taste

    def _columns(self, items: Sequence[str]) -> np.ndarray:
        place = {item: column for column, item in enumerate(self.items)}
        unknown = [item for item in items if item not in place]
        if unknown:
            msg = f"{len(unknown)} of {len(items)} items are not in the model's catalogue"
            raise BadInteractions(msg)
        return np.array([place[item] for item in items], dtype=np.int64)

    def _arrays(self) -> dict[str, np.ndarray]:
        return {"effects": self.effects, "factors": self.factors}

    def _description(self) -> dict[str, Any]:
        return {
            "format": _FORMAT,
            "items": list(self.items),
            "noise_variance": self.noise_variance,
            "mean": self.mean,
            "lowest": self.lowest,
            "highest": self.highest,
            "release_digest": self.release_digest,
            "guarantee": self.guarantee.as_dict(),
        }


@dataclass(frozen=True, slots=True)
class RatingExplanation:
    """A predicted rating, before it is cut to the scale: ``mean`` + ``effect`` + Σ ``parts``.

    Attributes:
        item: the title.
        mean: what ratings are on average.
        effect: how much better or worse everybody likes this title.
        parts: (title, amount) of each rated title, the largest amount first: what that rating adds or takes.
    """

    item: str
    mean: float
    effect: float
    parts: tuple[tuple[str, float], ...] = field(repr=False)

    @property
    def predicted(self) -> float:
        """The sum."""
        return self.mean + self.effect + sum(amount for _, amount in self.parts)


def load_rating_model(folder: Path, expected_digest: str) -> RatingModel:
    """Read a model whose content has the expected digest.

    Raises:
        CorruptArtefact: it has another, or is not a rating model.
    """
    return read_as(folder, expected_digest, "model", {_FORMAT: _model_from})


def _model_from(description: dict[str, Any], arrays: dict[str, np.ndarray]) -> RatingModel:
    width = len(description["items"])
    rows, rank = arrays["factors"].shape
    return RatingModel(
        items=tuple(description["items"]),
        effects=arrays["effects"].reshape(width),
        factors=arrays["factors"].reshape(width, rank if rows == width else -1),
        release_digest=description["release_digest"],
        guarantee=Guarantee.from_dict(description["guarantee"]),
        **{name: float(description[name]) for name in ("noise_variance", "mean", "lowest", "highest")},
    )
