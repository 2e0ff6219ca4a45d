"""Integer Gaussian noise from a source that an attacker can neither predict nor read back from its rounding.

OpenDP draws the discrete Gaussian of Canonne, Kamath and Steinke (NeurIPS 2020) by exact rejection sampling on big
integers, seeded from the operating system. It releases the interpreter's lock, so chunks are drawn on threads; a
sample costs ten to twenty microseconds of a core.
"""

import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol

import numpy as np

Progress = Callable[[int, int], None]

_CHUNK = 20_000


class NoiseSource(Protocol):
    """Where a release takes its noise from."""

    @property
    def exact(self) -> bool:
        """Whether draws are exactly discrete Gaussian, independent and unpredictable: else nothing is guaranteed."""

    @property
    def name(self) -> str:
        """What the release says about its noise."""

    def draw(self, count: int, scale: int, *, progress: Progress | None = None) -> np.ndarray:
        """``count`` independent integers with Pr[k] ∝ exp(-k²/(2 scale²)): int64, shape (count,)."""


@dataclass(frozen=True, slots=True)
class OpenDPNoise:
    """The source for every real release. ``threads`` changes speed only."""

    threads: int = 2

    @property
    def exact(self) -> bool:
        """OpenDP's sampler is exact and takes its randomness from the operating system."""
        return True

    @property
    def name(self) -> str:
        """As stated in the guarantee."""
        return "OpenDP, exact discrete Gaussian"

    def draw(self, count: int, scale: int, *, progress: Progress | None = None) -> np.ndarray:
        """See ``NoiseSource.draw``."""
        sizes = [min(_CHUNK, count - start) for start in range(0, count, _CHUNK)]
        parts: list[np.ndarray] = []
        done = 0
        with ThreadPoolExecutor(self.threads) as pool:
            for part in pool.map(lambda size: _draw_chunk(size, scale), sizes):
                parts.append(part)
                done += len(part)
                if progress is not None:
                    progress(done, count)
        return np.concatenate(parts) if parts else np.empty(0, dtype=np.int64)


def diagonal(scale: int) -> int:
    """The scale of the noise on the diagonal of a sum of outer products with that scale off it: √2 more, rounded up."""
    return math.isqrt(2 * scale**2) + 1


def symmetric_noise(width: int, scale: int, noise: NoiseSource, *, progress: Progress | None = None) -> np.ndarray:
    """Symmetric integer noise for a sum of outer products: int64, shape (width, width).

    Entries have the scale off the diagonal and ``diagonal(scale)`` on it, so that one subject, whose row has a norm of
    at most 1, moves the upper triangle with its diagonal divided by √2 by at most 1/√2. ``progress`` is told of what
    lies off the diagonal, the long part.
    """
    rows, columns = np.triu_indices(width, k=1)
    result = np.zeros((width, width), dtype=np.int64)
    result[rows, columns] = noise.draw(len(rows), scale, progress=progress)
    result += result.T
    result[np.diag_indices(width)] = noise.draw(width, diagonal(scale))
    return result


def _draw_chunk(size: int, scale: int) -> np.ndarray:
    # A large native library, which readers of releases do not need. Not by its prelude: that loads scikit-learn and
    # pandas as well, which takes longer than the noise of a small release.
    from opendp.domains import atom_domain, vector_domain
    from opendp.measurements import make_gaussian
    from opendp.metrics import l2_distance
    from opendp.mod import enable_features

    enable_features("contrib")  # OpenDP's word for what is proved but not yet vetted by its board
    domain = vector_domain(atom_domain(T="i64"), size=size)
    mechanism = make_gaussian(domain, l2_distance(T="f64"), scale=float(scale))
    return np.array(mechanism([0] * size), dtype=np.int64)
