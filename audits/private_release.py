"""Group means and exposure shares under differential privacy: what one subject did cannot be told from them.

Sums over subjects are whole numbers, each subject moves a table of sums by a bounded amount, and noise of that size is
added to every cell (``audits.release_noise``; OpenDP's exact samplers, seeded from the operating system). Everything
else, means and intervals too, is computed from the noisy sums alone.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import hypot, sqrt

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from audits.configuration import AuditConfig
from audits.errors import InvalidConfig
from audits.evidence import Evidence, evidence_from
from audits.metrics import ndcg
from audits.release_noise import GRAIN, Gaussian, Guarantee, Laplace, Mechanism, Noise, Table
from audits.tables import AuditInput, Membership, Recommendations

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_FEWEST = 1.0


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """How many tables of sums a release has, and how many numbers in all: known without reading any subject."""

    tables: int
    cells: int


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
    mechanism = Laplace(epsilon=epsilon, noise=noise)
    return _released(_tables(given, config, groups), mechanism, config.level)


def gaussian_release(
    given: AuditInput | None, nobody: AuditInput, *, config: AuditConfig, mechanism: Gaussian
) -> PrivateRelease:
    """The figures of ``private_release`` with Gaussian noise, of all subjects and by no group.

    ``given`` is None where there is nobody to read; what is released then is noise, for that there is nobody must not
    be told either. ``nobody`` is what ``made_up`` gives.

    Raises:
        InvalidConfig: ``config.k`` not given, or attention that depends on the grades of all.
        ValueError: the tables are others than ``shape_of`` said, so the noise was planned for other numbers.

    Guarantees:
      - one subject more or less, with its list and targets, moves all tables together by at most ``GRAIN`` · √tables
      - every cell of every table gets noise of the mechanism's scale
      - intervals hold at the level for other subjects like these, noise included
    """
    planned, means = _tables(nobody, config, {})
    tables = [replace(table, contributions=table.contributions * 0) for table in planned]
    if given is not None:
        tables, means = _tables(given, config, {})
    if [(each.name, each.sums.size) for each in tables] != [(each.name, each.sums.size) for each in planned]:
        msg = f"private release: expected the tables {[each.name for each in planned]}, got others"
        raise ValueError(msg)
    return _released((tables, means), mechanism, config.level)


def made_up(membership: Membership, items: Sequence[str]) -> AuditInput:
    """One subject who does not exist, over the real catalogue: what a release looks like, from public things alone."""
    item = min(items)
    return AuditInput(
        recommendations=Recommendations(pa.table({"subject": ["nobody"], "item": [item], "rank": [1]})),
        membership=membership,
        items=items,
        relevance=pa.table({"subject": ["nobody"], "item": [item]}),
    )


def shape_of(nobody: AuditInput, config: AuditConfig) -> Shape:
    """What ``gaussian_release`` will release, of however many subjects.

    Raises:
        InvalidConfig: as there.
    """
    tables, _ = _tables(nobody, config, {})
    return Shape(tables=len(tables), cells=sum(table.sums.size for table in tables))


def _tables(
    given: AuditInput, config: AuditConfig, groups: Mapping[str, Sequence[str]]
) -> tuple[list[Table], list["_Means"]]:
    if config.k is None:
        msg = "private release: expected a fixed number of ranks k, got none"
        raise InvalidConfig(msg)
    if config.attention.needs_relevance:
        msg = f"private release: expected an attention model by rank alone, got {config.attention.text}"
        raise InvalidConfig(msg)
    # Merged groups and tiers are read off the data, and would tell of it.
    plain = replace(config, min_subjects=1, popularity_tiers=False, activity_tiers=False, intersections=1)
    return tables_of(evidence_from(given, plain), groups)


def _released(made: tuple[list[Table], list["_Means"]], mechanism: Mechanism, level: float) -> PrivateRelease:
    tables, means = made
    noisy = mechanism.noisy(tables)
    deviations = {table.name: mechanism.deviation(table, len(tables)) for table in tables}
    quantile = mechanism.quantile(level)
    found = tuple(figure for each in means for figure in _figures(each, noisy, deviations, quantile))
    return PrivateRelease(figures=found, level=level, guarantee=mechanism.guarantee(len(tables)))


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
    means: _Means, noisy: Mapping[str, Floats], deviations: Mapping[str, float], quantile: float
) -> Iterator[PrivateFigure]:
    sums = noisy[means.numerator.name] / GRAIN
    subjects = np.broadcast_to(noisy[means.denominator], sums.shape)
    errors = (deviations[means.numerator.name] / GRAIN, deviations[means.denominator])
    for (attribute, category, group), total, n in zip(means.cells, sums, subjects, strict=True):
        numbers = _interval(float(total), float(n), errors, quantile) if n >= _FEWEST else (None,) * 4
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


def _interval(
    total: float, n: float, errors: tuple[float, float], quantile: float
) -> tuple[float, float, float, float]:
    """Mean, both ends, and the standard deviation that noise gives the mean.

    A number in [0, 1] of mean m has variance m (1 - m) at most (Bhatia & Davis 2000), so sampling error needs no
    further look at the data.
    """
    value = min(max(total / n, 0.0), 1.0)
    noise = hypot(errors[0], value * errors[1]) / n
    # One more subject than the noisy variance suggests, so that a mean of 0 or 1 is not certain.
    centred = (value * n + 0.5) / (n + 1.0)
    half = quantile * sqrt(noise**2 + centred * (1.0 - centred) / n)
    return value, max(value - half, 0.0), min(value + half, 1.0), noise
