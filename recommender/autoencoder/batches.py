"""Who is in a private step: each subject with a known probability, by a coin that nobody can predict."""

import secrets
from dataclasses import dataclass
from typing import Protocol

import numpy as np


class BatchSource(Protocol):
    """Where a training takes its batches from."""

    @property
    def exact(self) -> bool:
        """Whether each subject's coin is independent, unpredictable and has the stated probability."""

    def draw(self, count: int, rate: float) -> np.ndarray:
        """Which of ``count`` subjects are in, each with probability ``rate``: bool, shape (count,). May be nobody."""


@dataclass(frozen=True, slots=True)
class SecureBatches:
    """The source for every real training: 64 bits from the operating system for each subject."""

    @property
    def exact(self) -> bool:
        """The probability is met to 2^-64, from below."""
        return True

    def draw(self, count: int, rate: float) -> np.ndarray:
        """See ``BatchSource.draw``."""
        if rate == 1:
            return np.ones(count, dtype=bool)
        coins = np.frombuffer(secrets.token_bytes(8 * count), dtype=np.uint64)
        chosen: np.ndarray = coins < np.uint64(int(rate * 2**64))
        return chosen
