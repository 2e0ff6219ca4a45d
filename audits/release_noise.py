"""Noise for sums over subjects that are released: how much of it, who draws it, and what it then promises.

Pure ε-differential privacy by discrete Laplace noise, an equal part of ε for each table of sums; or, where releases are
accounted for in Gaussian differential privacy, discrete Gaussian noise of one scale on all tables as one vector.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import inf, log, sqrt
from statistics import NormalDist
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from audits.errors import InvalidConfig

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
# Noisy sums from sums, the most that one subject moves all of them together, and ε.
Noise = Callable[[Ints, int, float], Ints]
# Noisy sums from sums and the noise's standard deviation.
GaussianNoise = Callable[[Ints, int], Ints]

UNIT = "one subject, with list, targets and groups"
NEIGHBOURS = "one subject more or less"
GRAIN = 2**20
"""A number in [0, 1] becomes a whole one of at most this."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Guarantee:
    """What holds for a release, whatever else anybody knows or releases."""

    epsilon: float
    delta: float
    unit: str
    neighbours: str
    mechanism: str
    accountant: str


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Table:
    """Sums over subjects. One subject more or less moves them by at most ``bound`` in all (L1, so in L2 too).

    ``contributions`` (n, cells) are whole numbers.

    Raises:
        ValueError: a subject contributes more than the bound.
    """

    name: str
    contributions: Ints
    bound: int

    def __post_init__(self) -> None:
        most = int(np.abs(self.contributions).sum(axis=1).max(initial=0))
        if most > self.bound:
            msg = f"table {self.name}: expected at most {self.bound} from one subject, got {most}"
            raise ValueError(msg)

    @property
    def sums(self) -> Ints:
        """Of all subjects, shape (cells,)."""
        return np.asarray(self.contributions.sum(axis=0), dtype=np.int64)


class Mechanism(Protocol):
    """How the tables of one release get their noise."""

    def noisy(self, tables: Sequence[Table]) -> dict[str, Floats]:
        """The noisy sums of each table by its name, in the table's own unit."""

    def deviation(self, table: Table, tables: int) -> float:
        """Standard deviation of the noise on a cell, in the table's own unit."""

    def quantile(self, level: float) -> float:
        """Standard deviations that an interval must reach for its level, sampling error or noise being the larger."""

    def guarantee(self, tables: int) -> Guarantee:
        """What a release of so many tables promises."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Laplace:
    """Discrete Laplace noise of scale bound · tables / ε in every cell (Dwork, McSherry, Nissim & Smith 2006).

    ``noise`` is OpenDP's where none is given; another one voids the guarantee, which names it as the mechanism.

    Raises:
        InvalidConfig: ε is not positive.
    """

    epsilon: float
    noise: Noise | None = None

    def __post_init__(self) -> None:
        if not self.epsilon > 0:
            msg = f"private release: expected a positive epsilon, got {self.epsilon}"
            raise InvalidConfig(msg)

    def noisy(self, tables: Sequence[Table]) -> dict[str, Floats]:
        """See ``Mechanism``."""
        add, share = self.noise or opendp_noise, self.epsilon / len(tables)
        return {table.name: np.asarray(add(table.sums, table.bound, share), dtype=np.float64) for table in tables}

    def deviation(self, table: Table, tables: int) -> float:
        """Laplace noise of scale b has variance 2 b²."""
        return sqrt(2.0) * table.bound * tables / self.epsilon

    def quantile(self, level: float) -> float:
        """The larger of the normal quantile and a Laplace variable's: whichever error dominates, it is wide enough."""
        return max(_normal_quantile(level), -log(1 - level) / sqrt(2.0))

    def guarantee(self, tables: int) -> Guarantee:
        """See ``Mechanism``."""
        ours, theirs = "discrete Laplace noise on whole-number sums (OpenDP)", "the caller's own noise"
        return Guarantee(
            epsilon=self.epsilon,
            delta=0.0,
            unit=UNIT,
            neighbours=NEIGHBOURS,
            mechanism=ours if self.noise is None else f"{theirs} on whole-number sums",
            accountant=f"sum over {tables} tables, an equal part of epsilon each",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Gaussian:
    """Discrete Gaussian noise of one scale on every cell, each table stretched so that a subject moves it by ``GRAIN``.

    One subject moves all tables together, as one vector, by at most ``GRAIN`` · √tables (L2): with the noise's standard
    deviation ``scale`` the release is μ-GDP for μ = GRAIN √tables / scale (Dong, Roth & Su 2022), but for what integers
    add, which ``promise`` must have room for. Whoever plans the scale accounts for it and gives the promise.

    ``noise`` is OpenDP's where none is given; another one voids the promise, which then is no longer stated.
    """

    scale: int
    promise: Guarantee
    noise: GaussianNoise | None = None

    def noisy(self, tables: Sequence[Table]) -> dict[str, Floats]:
        """See ``Mechanism``."""
        add = self.noise or opendp_gaussian
        stretched = np.concatenate([table.sums * (GRAIN // table.bound) for table in tables])
        found = np.asarray(add(stretched, self.scale), dtype=np.float64)
        ends = np.cumsum([table.sums.size for table in tables])
        parts = np.split(found, ends[:-1])
        return {table.name: part / (GRAIN // table.bound) for table, part in zip(tables, parts, strict=True)}

    def deviation(self, table: Table, tables: int) -> float:  # noqa: ARG002 - the same however many there are
        """See ``Mechanism``."""
        return self.scale / (GRAIN // table.bound)

    def quantile(self, level: float) -> float:
        """See ``Mechanism``."""
        return _normal_quantile(level)

    def guarantee(self, tables: int) -> Guarantee:  # noqa: ARG002 - planned for them
        """See ``Mechanism``."""
        if self.noise is None:
            return self.promise
        return Guarantee(
            epsilon=inf,
            delta=1.0,
            unit="none",
            neighbours="none",
            mechanism="the caller's own noise on whole-number sums",
            accountant="none",
        )


def opendp_noise(sums: Ints, bound: int, epsilon: float) -> Ints:
    """Sums with discrete Laplace noise of scale ``bound / epsilon`` in every cell, by OpenDP.

    Raises:
        InvalidConfig: OpenDP would spend more than ``epsilon`` for this bound.
    """
    # A large native library, which readers of releases do not need. Not by its prelude: that loads scikit-learn and
    # pandas as well, which takes longer than the noise of a release.
    from opendp.domains import atom_domain, vector_domain
    from opendp.measurements import make_laplace
    from opendp.metrics import l1_distance
    from opendp.mod import enable_features

    enable_features("contrib")  # OpenDP's word for what is proved but not yet vetted by its board
    domain = vector_domain(atom_domain(T="i64"), size=len(sums))
    # A hair more noise than asked for covers the rounding of the scale itself.
    mechanism = make_laplace(domain, l1_distance(T="i64"), scale=bound / epsilon * (1.0 + 1e-12))
    spent: float = mechanism.map(bound)  # type: ignore[no-untyped-call]
    if spent > epsilon:
        msg = f"private release: expected a mechanism for epsilon {epsilon}, got one for {spent}"
        raise InvalidConfig(msg)
    return np.array(mechanism([int(each) for each in sums]), dtype=np.int64)


def opendp_gaussian(sums: Ints, scale: int) -> Ints:
    """Sums with discrete Gaussian noise of standard deviation ``scale`` in every cell, by OpenDP's exact sampler."""
    from opendp.domains import atom_domain, vector_domain
    from opendp.measurements import make_gaussian
    from opendp.metrics import l2_distance
    from opendp.mod import enable_features

    enable_features("contrib")
    domain = vector_domain(atom_domain(T="i64"), size=len(sums))
    mechanism = make_gaussian(domain, l2_distance(T="f64"), scale=float(scale))
    return np.array(mechanism([int(each) for each in sums]), dtype=np.int64)


def _normal_quantile(level: float) -> float:
    return NormalDist().inv_cdf((1 + level) / 2)
