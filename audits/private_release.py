"""Group means and exposure shares under differential privacy: what one subject did cannot be told from them.

Sums over subjects are whole numbers, each subject moves a table of sums by a bounded amount, and discrete Laplace noise
of that size is added to every cell (Dwork, McSherry, Nissim & Smith 2006; OpenDP's exact sampler, seeded from the
operating system). Everything else, means and intervals too, is computed from the noisy sums alone.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import log, sqrt
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from audits.configuration import AuditConfig
from audits.errors import InvalidConfig
from audits.evidence import Evidence, evidence_from
from audits.metrics import ndcg
from audits.tables import AuditInput

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
# Noisy sums from sums, the most that one subject moves all of them together, and ε.
Noise = Callable[[Ints, int, float], Ints]

GRAIN = 2**20
"""A number in [0, 1] becomes a whole one of at most this."""
_FEWEST = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Guarantee:
    """What holds for a release, whatever else anybody knows or releases."""

    epsilon: float
    delta: float
    unit: str
    neighbours: str
    mechanism: str
    accountant: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PrivateFigure:
    """One noisy mean; without value and interval where noise left no subjects to divide by.

    ``noise_error`` is the standard deviation that noise alone gives the value.
    """

    metric: str
    attribute: str | None
    category: str | None
    group: str | None
    value: float | None
    low: float | None
    high: float | None
    noise_error: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PrivateRelease:
    """The figures, the level of each one's interval, and the guarantee of all together."""

    figures: tuple[PrivateFigure, ...]
    level: float
    guarantee: Guarantee


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Table:
    """Sums over subjects. One subject more or less moves them by at most ``bound`` in all (L1).

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


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Means:
    """Figures that are one table's sums divided by another's: same cells, or one cell for all."""

    metric: str
    cells: tuple[tuple[str | None, str | None, str | None], ...]
    numerator: Table
    denominator: str


def private_release(
    given: AuditInput,
    *,
    config: AuditConfig,
    groups: Mapping[str, Sequence[str]],
    epsilon: float,
    noise: Noise | None = None,
) -> PrivateRelease:
    """Noisy mean exposure share of every category, and mean nDCG of all subjects and of each group.

    The share is that of one list, averaged over subjects, so that each counts the same. ``groups`` names the groups of
    each attribute of subjects ("" where the table names none): which groups exist must not be read off the data. The
    catalogue with its categories, ``config`` and ``groups`` count as public. ``noise`` is OpenDP's where none is given;
    another one voids the guarantee, and the release names it as the mechanism.

    Raises:
        InvalidConfig: ε not positive, ``config.k`` not given (the longest list would tell something about a subject),
            attention that depends on the grades of all, an attribute of ``groups`` that the input lacks, or a group
            named twice (a subject in it would move two cells).

    Guarantees:
      - (ε, 0)-differential privacy for one subject more or less, with its list, targets and groups (add or remove one)
      - every cell of every table gets noise; ε is split equally over tables, whose cells one subject shares
      - intervals hold at the level for other subjects like these, noise included
    """
    if not epsilon > 0:
        msg = f"private release: expected a positive epsilon, got {epsilon}"
        raise InvalidConfig(msg)
    if config.k is None:
        msg = "private release: expected a fixed number of ranks k, got none"
        raise InvalidConfig(msg)
    if config.attention.needs_relevance:
        msg = f"private release: expected an attention model by rank alone, got {config.attention.text}"
        raise InvalidConfig(msg)
    # Merged groups and tiers are read off the data, and would tell of it.
    plain = replace(config, min_subjects=1, popularity_tiers=False, activity_tiers=False, intersections=1)
    tables, means = tables_of(evidence_from(given, plain), groups)
    share = epsilon / len(tables)
    add = opendp_noise if noise is None else noise
    noisy = {table.name: np.asarray(add(table.sums, table.bound, share), dtype=np.float64) for table in tables}
    bounds = {table.name: table.bound for table in tables}
    found = tuple(figure for each in means for figure in _figures(each, noisy, bounds, share, config.level))
    return PrivateRelease(figures=found, level=config.level, guarantee=_guarantee(epsilon, len(tables), noise))


def _guarantee(epsilon: float, tables: int, noise: Noise | None) -> Guarantee:
    ours, theirs = "discrete Laplace noise on whole-number sums (OpenDP)", "the caller's own noise on whole-number sums"
    return Guarantee(
        epsilon=epsilon,
        delta=0.0,
        unit="one subject, with list, targets and groups",
        neighbours="one subject more or less",
        mechanism=ours if noise is None else theirs,
        accountant=f"sum over {tables} tables, an equal part of epsilon each",
    )


def tables_of(evidence: Evidence, groups: Mapping[str, Sequence[str]]) -> tuple[list[Table], list[_Means]]:
    """Every table that is released, and the means made of them."""
    everyone = Table(name="subjects", contributions=np.ones((evidence.subjects, 1), dtype=np.int64), bound=1)
    means = list(_exposure(evidence))
    tables = [everyone, *(each.numerator for each in means)]
    if evidence.targets is not None:
        for numerator, denominator, each in _quality(evidence, groups):
            tables += [numerator, denominator]
            means.append(each)
    return tables, means


def _exposure(evidence: Evidence) -> Iterator[_Means]:
    whole = np.asarray(evidence.exposure.sum(axis=1), dtype=np.float64)[:, None]
    for attribute in evidence.attributes:
        shares = (evidence.exposure @ attribute.shares) / whole
        yield _Means(
            metric="list_exposure_share",
            cells=tuple((attribute.name, category, None) for category in attribute.categories),
            numerator=Table(name=f"exposure of {attribute.name}", contributions=_whole(shares), bound=GRAIN),
            denominator="subjects",
        )


def _quality(evidence: Evidence, groups: Mapping[str, Sequence[str]]) -> Iterator[tuple[Table, Table, _Means]]:
    quality = ndcg.per_subject(evidence)
    counted = quality.counted[:, None].astype(np.int64)
    values = _whole(quality.values[:, None]) * counted
    for name, labels, members in [("all", [None], np.ones_like(counted)), *_members(evidence, groups)]:
        numerator = Table(name=f"nDCG by {name}", contributions=values * members, bound=GRAIN)
        denominator = Table(name=f"subjects with targets by {name}", contributions=counted * members, bound=1)
        cells = tuple((None, None, label) for label in labels)
        yield (
            numerator,
            denominator,
            _Means(metric="ndcg", cells=cells, numerator=numerator, denominator=denominator.name),
        )


def _members(
    evidence: Evidence, groups: Mapping[str, Sequence[str]]
) -> Iterator[tuple[str, Sequence[str | None], Ints]]:
    """Which subject belongs to which of the named groups, (n, groups), one attribute after another."""
    present = {grouping.attribute: grouping for grouping in evidence.groupings}
    if missing := sorted(set(groups) - set(present)):
        msg = f"private release, groups: expected attributes among {sorted(present)}, got also {missing}"
        raise InvalidConfig(msg)
    for attribute in sorted(groups):
        repeated = len(groups[attribute]) - len(set(groups[attribute]))
        if repeated:
            msg = f"private release, groups of {attribute!r}: expected each name once, got {repeated} repeated"
            raise InvalidConfig(msg)
        grouping = present[attribute]
        code = {name: at for at, name in enumerate(grouping.groups)}
        # A group that nobody is in matches no subject, and is released like any other.
        wanted = np.array([code.get(name, len(code)) for name in groups[attribute]])
        labels = [f"{attribute} = {name}" if attribute else name for name in groups[attribute]]
        yield f"attribute {attribute}", labels, (grouping.codes[:, None] == wanted).astype(np.int64)


def _whole(shares: Floats) -> Ints:
    """Numbers in [0, 1], rounded down: a row that sums to 1 sums to at most ``GRAIN``."""
    return np.floor(np.clip(shares, 0.0, 1.0) * GRAIN).astype(np.int64)


def _figures(
    means: _Means, noisy: Mapping[str, Floats], bounds: Mapping[str, int], epsilon: float, level: float
) -> Iterator[PrivateFigure]:
    sums = noisy[means.numerator.name] / GRAIN
    subjects = np.broadcast_to(noisy[means.denominator], sums.shape)
    scales = (bounds[means.numerator.name] / GRAIN / epsilon, bounds[means.denominator] / epsilon)
    for (attribute, category, group), total, n in zip(means.cells, sums, subjects, strict=True):
        numbers = _interval(float(total), float(n), scales, level) if n >= _FEWEST else (None,) * 4
        yield PrivateFigure(
            metric=means.metric,
            attribute=attribute,
            category=category,
            group=group,
            value=numbers[0],
            low=numbers[1],
            high=numbers[2],
            noise_error=numbers[3],
        )


def _interval(total: float, n: float, scales: tuple[float, float], level: float) -> tuple[float, float, float, float]:
    """Mean, both ends, and the standard deviation that noise gives the mean.

    A number in [0, 1] of mean m has variance m (1 - m) at most (Bhatia & Davis 2000), so sampling error needs no
    further look at the data. Laplace noise of scale b has variance 2 b². The quantile is the larger of the normal one
    and a Laplace variable's: whichever of the two errors dominates, the interval is wide enough.
    """
    value = min(max(total / n, 0.0), 1.0)
    noise = sqrt(2.0) * sqrt(scales[0] ** 2 + (value * scales[1]) ** 2) / n
    # One more subject than the noisy variance suggests, so that a mean of 0 or 1 is not certain.
    centred = (value * n + 0.5) / (n + 1.0)
    quantile = max(NormalDist().inv_cdf((1 + level) / 2), -log(1 - level) / sqrt(2.0))
    half = quantile * sqrt(noise**2 + centred * (1.0 - centred) / n)
    return value, max(value - half, 0.0), min(value + half, 1.0), noise


def opendp_noise(sums: Ints, bound: int, epsilon: float) -> Ints:
    """Sums with discrete Laplace noise of scale ``bound / epsilon`` in every cell, by OpenDP.

    Raises:
        InvalidConfig: OpenDP would spend more than ``epsilon`` for this bound.
    """
    import opendp.prelude as dp  # loads a large native library, which readers of releases do not need

    dp.enable_features("contrib")  # OpenDP's word for what is proved but not yet vetted by its board
    domain = dp.vector_domain(dp.atom_domain(T="i64"), size=len(sums))
    # A hair more noise than asked for covers the rounding of the scale itself.
    mechanism = dp.m.make_laplace(domain, dp.l1_distance(T="i64"), scale=bound / epsilon * (1.0 + 1e-12))
    spent: float = mechanism.map(bound)  # type: ignore[no-untyped-call]
    if spent > epsilon:
        msg = f"private release: expected a mechanism for epsilon {epsilon}, got one for {spent}"
        raise InvalidConfig(msg)
    return np.array(mechanism([int(each) for each in sums]), dtype=np.int64)
