"""A release: what one private measurement says about a population. Everything learnt later is learnt from it.

Reading one needs neither torch nor OpenDP; making one is ``recommender.measurement``.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from recommender.accounting import Guarantee
from recommender.artefact import artefact_digest, read_as, write_artefact
from recommender.errors import CorruptArtefact
from recommender.immutable import Immutable
from recommender.lens import verify_lens
from recommender.mechanism import Mechanism

_FORMAT = "probity/release/v1"
_THROUGH_A_LENS = "probity/release/v2"
"""``gram`` has the coordinates along the lens. Under v1 releases through a lens once held pairs of titles: refused."""
_SIGNAL = "signal_"


@dataclass(frozen=True, slots=True, kw_only=True)
class NoiseLevels:
    """Standard deviations of the noise of a count, and of a Gram entry off the diagonal (on it, √2 more)."""

    count: float
    gram: float


@dataclass(frozen=True, slots=True, eq=False)
class Signal(Immutable):
    """A further noisy sum of a release.

    Attributes:
        values: float64; the shape is the signal's own. May be negative.
        noise: standard deviation of the noise of one value (of a symmetric signal, off the diagonal).
    """

    values: np.ndarray
    noise: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Release(Immutable):
    """Noisy counts and the noisy Gram matrix of the kept items, and what else was measured under the same budget.

    Attributes:
        items: the m kept items, in catalogue order.
        counts: Σ_u 1[i ∈ I_u]/√|I_u| plus noise: float64, shape (m,). May be negative.
        gram: Σ_u x_u x_uᵀ plus noise, x_u of norm 1: float64, shape (m, m), symmetric; through a lens the same of the
            coordinates along its directions, shape (d, d).
        history_weights: how much an item weighs in a history before normalising: float64, positive, shape (m,).
        kept_share: share of all noisy counts that the kept items hold, in (0, 1]: what a model can speak about.
        noise: how large the noise is, which is public.
        mechanism: what was planned.
        guarantee: what holds; ``no_guarantee`` where the noise was not drawn from an exact source.
        inputs_digest: which snapshot was measured. Not covered by the guarantee (see ``interactions.digest_of``).
        signals: further noisy sums by slug, if the mechanism gave them a share.
        lens: along which directions histories were measured (``recommender.lens``): float64, shape (m, d), public; None
            for all directions.
    """

    items: tuple[str, ...]
    counts: np.ndarray
    gram: np.ndarray
    history_weights: np.ndarray
    kept_share: float
    noise: NoiseLevels
    mechanism: Mechanism
    guarantee: Guarantee
    inputs_digest: str
    signals: Mapping[str, Signal] = field(default_factory=dict)
    lens: np.ndarray | None = None

    @property
    def digest(self) -> str:
        """Content digest, 64 hex digits: what ``save`` returns and ``load_release`` demands."""
        return artefact_digest(self._description(), self._arrays())

    def save(self, folder: Path) -> str:
        """Write once, whole, and return the digest.

        Raises:
            ArtefactExists: the folder holds something else.
        """
        return write_artefact(folder, self._description(), self._arrays())

    def _arrays(self) -> dict[str, np.ndarray]:
        upper = self.gram[np.triu_indices(len(self.gram))]
        arrays = {"counts": self.counts, "gram_upper": upper, "history_weights": self.history_weights}
        if self.lens is not None:
            arrays["lens"] = self.lens
        return arrays | {_SIGNAL + slug: signal.values for slug, signal in self.signals.items()}

    def _description(self) -> dict[str, Any]:
        description: dict[str, Any] = {
            "format": _FORMAT if self.lens is None else _THROUGH_A_LENS,
            "items": list(self.items),
            "kept_share": self.kept_share,
            "noise": {"count": self.noise.count, "gram": self.noise.gram},
            "mechanism": self.mechanism.as_dict(),
            "guarantee": self.guarantee.as_dict(),
            "inputs_digest": self.inputs_digest,
        }
        if self.signals:  # left out where there is none: releases of old keep their digest
            description["signals"] = {slug: signal.noise for slug, signal in self.signals.items()}
        return description


def load_release(folder: Path, expected_digest: str) -> Release:
    """Read a release whose content has the expected digest.

    Raises:
        CorruptArtefact: it has another, or is not a release.
    """
    return read_as(folder, expected_digest, "release", {_FORMAT: _release_from, _THROUGH_A_LENS: _release_from})


def _release_from(description: dict[str, Any], arrays: dict[str, np.ndarray]) -> Release:
    width = len(description["items"])
    lens = _lens_from(arrays, width)
    if (lens is None) != (description["format"] == _FORMAT):
        msg = "a release through a lens is one of format v2, any other of v1"
        raise CorruptArtefact(msg)
    seen = width if lens is None else lens.shape[1]
    gram = np.zeros((seen, seen))
    gram[np.triu_indices(seen)] = arrays["gram_upper"]
    return Release(
        items=tuple(description["items"]),
        counts=arrays["counts"].reshape(width),
        gram=gram + np.triu(gram, 1).T,
        history_weights=arrays["history_weights"].reshape(width),
        kept_share=description["kept_share"],
        noise=NoiseLevels(**description["noise"]),
        mechanism=Mechanism(**description["mechanism"]),
        guarantee=Guarantee.from_dict(description["guarantee"]),
        inputs_digest=description["inputs_digest"],
        lens=lens,
        signals={slug: Signal(arrays[_SIGNAL + slug], noise) for slug, noise in description.get("signals", {}).items()},
    )


def _lens_from(arrays: Mapping[str, np.ndarray], width: int) -> np.ndarray | None:
    if "lens" not in arrays:
        return None
    verify_lens(arrays["lens"], width)
    return arrays["lens"]
