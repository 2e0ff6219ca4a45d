"""What the budget writes into the ledger."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetReserved:
    """Privacy was put aside before anything was read. The composed figures include this reservation.

    ``mu`` is of its Gaussian steps; ``sampled`` are those that sample their subjects, as `SampledGaussian` has them.
    """

    kind: ClassVar[str] = "budget.reserved"
    version: ClassVar[int] = 2

    reservation: str
    population: str
    purpose: str
    epsilon: float
    delta: float
    mu: float
    composed_epsilon: float
    budget_epsilon: float
    sampled: tuple[Mapping[str, float], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetReadingBegun:
    """From here on the reservation cannot be taken back."""

    kind: ClassVar[str] = "budget.reading_begun"
    version: ClassVar[int] = 1

    reservation: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetSpent:
    """The release that was paid for exists."""

    kind: ClassVar[str] = "budget.spent"
    version: ClassVar[int] = 1

    reservation: str
    release: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetCancelled:
    """A reservation was given back; nothing had been read."""

    kind: ClassVar[str] = "budget.cancelled"
    version: ClassVar[int] = 1

    reservation: str
