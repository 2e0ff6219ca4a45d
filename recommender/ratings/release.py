"""A rating release: what one private measurement says about how a population rates."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from recommender.accounting import Guarantee
from recommender.artefact import artefact_digest, read_as, write_artefact
from recommender.immutable import Immutable
from recommender.ratings.covariance import taste_factors
from recommender.ratings.effects import FirstRound
from recommender.ratings.mechanism import RatingMechanism
from recommender.ratings.model import RatingModel

_FORMAT = "probity/rating-release/v1"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RatingRelease(Immutable):
    """Noisy sums, and the effects that follow from them and were centred on in the covariance.

    Attributes:
        items: the m titles of the catalogue.
        first: the first round.
        effects: both rounds' effects: float64, shape (m,), rating units.
        columns: what tastes may depend on first: float64, shape (m, f); public or from the first round.
        spread: root mean square residual of a subject around effects, in rating units, on average.
        kept: which items the covariance is over: int64, shape (k,), ascending.
        covariance: Σ_u x_u x_uᵀ plus noise: float64, shape (k, k), symmetric.
        covariance_noise: standard deviation of its noise off the diagonal (on it, √2 more).
        scale: lowest and highest rating.
        mechanism: what was planned.
        guarantee: what holds.
        inputs_digest: which snapshot was measured. Not covered by the guarantee.
    """

    items: tuple[str, ...]
    first: FirstRound
    effects: np.ndarray
    columns: np.ndarray
    spread: float
    kept: np.ndarray
    covariance: np.ndarray
    covariance_noise: float
    scale: tuple[float, float]
    mechanism: RatingMechanism
    guarantee: Guarantee
    inputs_digest: str

    @property
    def digest(self) -> str:
        """Content digest, 64 hex digits."""
        return artefact_digest(self._description(), self._arrays())

    def save(self, folder: Path) -> str:
        """Write once, whole, and return the digest.

        Raises:
            ArtefactExists: the folder holds something else.
        """
        return write_artefact(folder, self._description(), self._arrays())

    def model(self) -> RatingModel:
        """The model that follows: post-processing, which costs no privacy however often it is done."""
        tastes = np.column_stack([self.columns, self.effects])[self.kept]
        factors = np.zeros((len(self.items), 0))
        if len(self.kept):
            found = taste_factors(self.covariance, self.covariance_noise, self.first, kept=self.kept, columns=tastes)
            factors = np.zeros((len(self.items), found.shape[1]))
            factors[self.kept] = found * self.spread
        explained = self._explained(factors)
        return RatingModel(
            items=self.items,
            effects=self.effects,
            factors=factors,
            noise_variance=max(self.spread**2 - explained, self.spread**2 / 2),
            mean=self.first.mean,
            lowest=self.scale[0],
            highest=self.scale[1],
            release_digest=self.digest,
            guarantee=self.guarantee,
        )

    def _explained(self, factors: np.ndarray) -> float:
        """Variance of taste in the average rating."""
        counts = np.maximum(self.first.counts, 0.0)
        return float(counts @ (factors**2).sum(axis=1)) / max(float(counts.sum()), 1e-12)

    def _arrays(self) -> dict[str, np.ndarray]:
        return {
            "counts": self.first.counts,
            "sums": self.first.sums,
            "effects": self.effects,
            "columns": self.columns,
            "kept": self.kept,
            "covariance_upper": self.covariance[np.triu_indices(len(self.kept))],
        }

    def _description(self) -> dict[str, Any]:
        first = self.first
        return {
            "format": _FORMAT,
            "items": list(self.items),
            "first": {
                name: getattr(first, name)
                for name in ("count_noise", "sum_noise", "subjects", "length", "mean", "spread")
            },
            "spread": self.spread,
            "covariance_noise": self.covariance_noise,
            "scale": list(self.scale),
            "mechanism": self.mechanism.as_dict(),
            "guarantee": self.guarantee.as_dict(),
            "inputs_digest": self.inputs_digest,
        }


def load_rating_release(folder: Path, expected_digest: str) -> RatingRelease:
    """Read a release whose content has the expected digest.

    Raises:
        CorruptArtefact: it has another, or is not a rating release.
    """
    return read_as(folder, expected_digest, "release", {_FORMAT: _release_from})


def _release_from(description: dict[str, Any], arrays: dict[str, np.ndarray]) -> RatingRelease:
    items = tuple(description["items"])
    width = len(arrays["kept"])
    upper = np.zeros((width, width))
    upper[np.triu_indices(width)] = arrays["covariance_upper"]
    lowest, highest = description["scale"]
    counts, sums = (arrays[name].reshape(len(items)) for name in ("counts", "sums"))
    return RatingRelease(
        items=items,
        first=FirstRound(counts=counts, sums=sums, **description["first"]),
        effects=arrays["effects"].reshape(len(items)),
        columns=arrays["columns"].reshape(len(items), -1),
        spread=description["spread"],
        kept=arrays["kept"],
        covariance=upper + np.triu(upper, 1).T,
        covariance_noise=description["covariance_noise"],
        scale=(lowest, highest),
        mechanism=RatingMechanism(**description["mechanism"]),
        guarantee=Guarantee.from_dict(description["guarantee"]),
        inputs_digest=description["inputs_digest"],
    )
