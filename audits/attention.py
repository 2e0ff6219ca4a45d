"""Attention models: how much a subject looks at rank r.

Rankings of recommenders change with the model (Raj & Ekstrand, SIGIR 2022), so a report always names the one it used.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from audits.errors import InvalidConfig

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class AttentionModel:
    """One family of weights ``shape(ranks, parameter)``; ``default`` is None where there is no parameter."""

    slug: str
    formula: str
    default: float | None
    shape: Callable[[Floats, float], Floats]


def _logarithmic(rank: Floats, _: float) -> Floats:
    return 1.0 / np.log2(rank + 1.0)


def _clipped(rank: Floats, _: float) -> Floats:
    return 1.0 / np.log2(np.maximum(rank, 2.0))


def _geometric(rank: Floats, stop: float) -> Floats:
    return stop * (1.0 - stop) ** (rank - 1.0)


def _rbp(rank: Floats, patience: float) -> Floats:
    return patience ** (rank - 1.0)


def _uniform(rank: Floats, _: float) -> Floats:
    return np.ones_like(rank)


ATTENTION_MODELS = (
    AttentionModel("logarithmic", "1 / log2(rank + 1)", None, _logarithmic),
    AttentionModel("clipped", "1 / log2(max(rank, 2)), so that ranks 1 and 2 tie", None, _clipped),
    AttentionModel("geometric", "q (1 - q)^(rank - 1), q the chance to stop at an item", 0.5, _geometric),
    AttentionModel("rbp", "g^(rank - 1), g the chance to look at one more item", 0.85, _rbp),
    AttentionModel("uniform", "1 for every rank up to k", None, _uniform),
)


@dataclass(frozen=True, slots=True)
class Attention:
    """An attention model with its parameter, in (0, 1), where it has one.

    Raises:
        InvalidConfig: no such model, a parameter out of range, or one given to a model without any.

    Guarantees:
      - weights are positive and never grow with rank
    """

    model: str = "logarithmic"
    parameter: float | None = None

    def __post_init__(self) -> None:
        known = _model(self.model)
        if known.default is None and self.parameter is not None:
            msg = f"attention {self.model}: expected no parameter, got {self.parameter}"
            raise InvalidConfig(msg)
        if self.parameter is not None and not 0.0 < self.parameter < 1.0:
            msg = f"attention {self.model}: expected a parameter between 0 and 1, got {self.parameter}"
            raise InvalidConfig(msg)

    def weights(self, k: int) -> Floats:
        """Weights of ranks 1..k, shape (k,)."""
        known = _model(self.model)
        parameter = self.parameter if self.parameter is not None else (known.default or 0.0)
        return known.shape(np.arange(1, k + 1, dtype=np.float64), parameter)

    @property
    def description(self) -> str:
        """The formula, and the parameter where there is one, for people to read."""
        known = _model(self.model)
        parameter = self.parameter if self.parameter is not None else known.default
        return known.formula if parameter is None else f"{known.formula} = {parameter:g}"


def _model(slug: str) -> AttentionModel:
    for known in ATTENTION_MODELS:
        if known.slug == slug:
            return known
    msg = f"attention: expected one of {', '.join(m.slug for m in ATTENTION_MODELS)}, got {slug!r}"
    raise InvalidConfig(msg)
