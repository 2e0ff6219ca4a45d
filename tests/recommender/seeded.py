"""A noise source that is quick and the same in every run: Gaussian, but neither exact nor secret."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class SeededNoise:
    """Gaussian integers of the planned size over ``divided``."""

    rng: np.random.Generator
    divided: int = 1
    exact: bool = False
    name: str = "seeded, for tests"

    def draw(self, count: int, scale: int, *, progress: object = None) -> np.ndarray:
        del progress
        return np.rint(self.rng.normal(0, scale / self.divided, count)).astype(np.int64)
