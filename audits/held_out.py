"""Prices measured on subjects they were not fitted on: utility kept, by whom, and exposure, before and after."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from audits.bootstrap import Intervals, Resampling, intervals
from audits.categories import UNKNOWN
from audits.errors import InvalidConfig
from audits.exposure_problem import Floats, Ints, Mask, Scores
from audits.mitigation import PriceFit, serve
from audits.mitigation_report import Certificate, ExposureChange, ExposureRatio, MitigationReport, UtilityKept
from audits.statistics import Cell, Smooth

UNKNOWN_GROUP = "unknown"
TIERS = ("light", "medium", "heavy")
ACTIVITY = "activity"
_NOTHING = (None, None, None)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class HeldOut:
    """Subjects to measure on, with the scores of the model that has no prices.

    Attributes:
        subjects: n keys, distinct.
        scores: (n, m), of which the best are positive.
        excluded: what a subject must not get, (n, m), or None.
        groups: group of each subject by what divides them; an empty name is "unknown".
        targets: items that subjects went on to choose, (n, m), or None.
        fitted_on: keys of those the prices were fitted on; none for synthetic subjects.

    Raises:
        InvalidConfig: shapes that do not fit, a subject twice, or one that the prices were fitted on.
    """

    subjects: Sequence[str]
    scores: Scores
    excluded: Mask | None = None
    groups: Mapping[str, Sequence[str]] = field(default_factory=dict)
    targets: Mask | None = None
    fitted_on: Collection[str] = ()

    def __post_init__(self) -> None:
        n = self.scores.shape[0]
        seen = len(set(self.subjects) & set(self.fitted_on))
        checks = (
            (n == len(self.subjects) == len(set(self.subjects)) > 0, "one row of scores per subject, each once"),
            (bool(np.isfinite(self.scores).all()), "finite scores"),
            (all(len(names) == n for names in self.groups.values()), "one group per subject and attribute"),
            (
                all(mask is None or mask.shape == self.scores.shape for mask in (self.excluded, self.targets)),
                "masks of the scores' shape",
            ),
            (seen == 0, f"subjects that the prices were not fitted on ({seen} of them were)"),
        )
        for holds, expected in checks:
            if not holds:
                msg = f"mitigation report: expected {expected}, got scores of shape {self.scores.shape}"
                raise InvalidConfig(msg)


def activity_tiers(interactions: Ints) -> tuple[str, ...]:
    """Thirds of the subjects by how much they did, (n,) counts; subjects who did equally much share a tier."""
    edges = np.quantile(interactions, [1 / 3, 2 / 3], method="inverted_cdf")
    return tuple(TIERS[int(place)] for place in np.searchsorted(edges, interactions, side="left"))


def report_on(
    fit: PriceFit,
    groups: Floats,
    catalogue_shares: Floats,
    attention: Floats,
    held_out: HeldOut,
    *,
    resampling: Resampling,
    caveats: Sequence[str] = (),
) -> MitigationReport:
    """Measure prices on held-out subjects.

    Where a group's utility before is not positive there is nothing to keep a part of, and its figures are None.

    ``groups`` (m, G) are the category shares of the items that scores are of, ``catalogue_shares`` (G,) those of the
    whole catalogue, ``attention`` (k,) the weights of the ranks.

    Raises:
        InvalidConfig: shapes that do not fit the prices.

    Guarantees:
      - subjects that the prices were fitted on are refused, not measured
      - equal input gives equal bytes
    """
    if groups.shape != (held_out.scores.shape[1], len(fit.names)) or catalogue_shares.shape != (len(fit.names),):
        msg = f"mitigation report: expected category shares of {len(fit.names)} categories, got {groups.shape}"
        raise InvalidConfig(msg)
    if held_out.excluded is not None and int((~held_out.excluded).sum(axis=1).min()) < attention.size:
        msg = f"mitigation report: expected {attention.size} items left for every subject, got fewer for some"
        raise InvalidConfig(msg)
    lists = _Lists(
        before=serve(held_out.scores, np.zeros(groups.shape[0]), attention.size, held_out.excluded),
        after=serve(held_out.scores, fit.item_prices(groups), attention.size, held_out.excluded),
    )
    cohorts, changes = _cohorts(held_out), _changes(held_out, lists, attention)
    statistics = [
        _mean_shares(_shares(lists.after, groups, attention)),
        *(_kept(change, cohorts) for change in changes),
    ]
    found = intervals(statistics, resampling)
    starts = np.cumsum([len(each.cells) for each in statistics])
    means = [_shares(each, groups, attention).mean(axis=0) for each in (lists.before, lists.after)]
    exposure = _exposure(fit, catalogue_shares, means, found)
    return MitigationReport(
        certificate=certificate_of(fit),
        utility=tuple(
            row
            for change, start in zip(changes, starts, strict=False)
            for row in _utility(change, cohorts, found, int(start))
        ),
        exposure=exposure,
        ratios=_ratios(exposure),
        k=attention.size,
        subjects=len(held_out.subjects),
        fitted_on=f"{fit.subjects:,} {'other' if held_out.fitted_on else 'synthetic'} subjects",
        level=resampling.level,
        replicates=resampling.replicates,
        seed=resampling.seed,
        caveats=tuple(caveats),
    )


def certificate_of(fit: PriceFit) -> Certificate:
    """What the fit proves."""
    return Certificate(
        subjects=fit.subjects,
        unconstrained_utility=fit.unconstrained_utility,
        utility=fit.utility,
        bound=fit.bound,
        gap=fit.gap,
        largest_violation=fit.largest_violation,
        converged=fit.converged,
        evaluations=fit.evaluations,
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Lists:
    before: Ints
    after: Ints


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Change:
    """A figure of every subject before and after, (n,), and whether the subject counts."""

    measure: str
    before: Floats
    after: Floats
    counted: Mask


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Cohorts:
    """Who belongs where: columns for everyone and then each group, (n, c), and which columns divide together.

    ``owners`` (c,) numbers the attributes from 1; everyone has 0.
    """

    names: tuple[tuple[str | None, str | None], ...]
    members: Floats
    owners: Ints


def _cohorts(held_out: HeldOut) -> _Cohorts:
    names: list[tuple[str | None, str | None]] = [(None, None)]
    columns, owners = [np.ones(len(held_out.subjects))], [0]
    for owner, (attribute, given) in enumerate(sorted(held_out.groups.items()), start=1):
        group = np.array([name or UNKNOWN_GROUP for name in given], dtype=object)
        for name in sorted(set(group), key=lambda name: (TIERS.index(name) if name in TIERS else 0, name)):
            names.append((attribute, str(name)))
            columns.append((group == name).astype(np.float64))
            owners.append(owner)
    return _Cohorts(names=tuple(names), members=np.stack(columns, axis=1), owners=np.array(owners))


def _changes(held_out: HeldOut, lists: _Lists, attention: Floats) -> list[_Change]:
    weights = attention / attention.sum()
    score = [np.take_along_axis(held_out.scores, each, axis=1) @ weights for each in (lists.before, lists.after)]
    everyone = np.ones(len(held_out.subjects), dtype=bool)
    found = [_Change(measure="score", before=score[0], after=score[1], counted=everyone)]
    if held_out.targets is not None:
        ndcg = [_ndcg(each, held_out.targets) for each in (lists.before, lists.after)]
        counted = np.asarray(held_out.targets.any(axis=1), dtype=bool)
        found.append(_Change(measure="ndcg", before=ndcg[0], after=ndcg[1], counted=counted))
    return found


def _ndcg(lists: Ints, targets: Mask) -> Floats:
    """As ``audits.metrics.ndcg``: binary gains, a fixed logarithmic discount, 0 for a subject without targets."""
    discounts = 1.0 / np.log2(np.arange(2, lists.shape[1] + 2))
    ideal = np.r_[0.0, np.cumsum(discounts)][np.minimum(targets.sum(axis=1), discounts.size)]
    gained = np.take_along_axis(targets, lists, axis=1) @ discounts
    found: Floats = np.divide(gained, ideal, out=np.zeros(ideal.shape), where=ideal > 0)
    return found


def _shares(lists: Ints, groups: Floats, attention: Floats) -> Floats:
    """Share of each subject's attention on each category, (n, G)."""
    return np.asarray(np.einsum("r,urg->ug", attention / attention.sum(), groups[lists]), dtype=np.float64)


def _mean_shares(shares: Floats) -> Smooth:
    def value_of(means: NDArray[np.inexact]) -> NDArray[np.inexact]:
        return means

    cells = tuple(Cell(n=shares.shape[0], span=1.0) for _ in range(shares.shape[1]))
    return Smooth(cells=cells, channels=shares, value_of=value_of)


def _kept(change: _Change, cohorts: _Cohorts) -> Smooth:
    """Utility kept by each cohort, then by each group less that of the others its attribute divides."""
    counted = cohorts.members * change.counted[:, None]
    size, beside = counted.shape[1], (cohorts.owners[:, None] == cohorts.owners)[:, 1:].astype(np.float64)
    sizes = counted.sum(axis=0)
    others = sizes @ beside - sizes[1:]
    cells = [Cell(n=int(n), span=1.0) for n in sizes]
    cells += [Cell(n=int(min(pair)), span=2.0) for pair in zip(sizes[1:], others, strict=True)]

    def value_of(means: NDArray[np.inexact]) -> NDArray[np.inexact]:
        before, after = means[..., :size], means[..., size:]
        kept = after / before
        rest = (after @ beside - after[..., 1:]) / (before @ beside - before[..., 1:])
        return np.concatenate([kept, kept[..., 1:] - rest], axis=-1)

    channels = np.hstack([counted * change.before[:, None], counted * change.after[:, None]])
    return Smooth(cells=tuple(cells), channels=channels, value_of=value_of)


def _utility(change: _Change, cohorts: _Cohorts, found: Intervals, start: int) -> list[UtilityKept]:
    counted = cohorts.members * change.counted[:, None]
    rows = []
    for place, (attribute, group) in enumerate(cohorts.names):
        n = int(counted[:, place].sum())
        shown = bool(counted[:, place] @ change.before > 0)
        kept = _interval(found, start + place) if shown else _NOTHING
        others = _interval(found, start + len(cohorts.names) + place - 1) if shown and place else _NOTHING
        shown = kept[0] is not None
        rows.append(
            UtilityKept(
                measure=change.measure,
                attribute=attribute,
                group=group,
                n=n,
                before=float(counted[:, place] @ change.before / n) if shown else None,
                after=float(counted[:, place] @ change.after / n) if shown else None,
                kept=kept[0],
                low=kept[1],
                high=kept[2],
                against_others=others[0],
                against_others_low=others[1],
                against_others_high=others[2],
            )
        )
    return rows


def _exposure(
    fit: PriceFit, catalogue_shares: Floats, means: Sequence[Floats], found: Intervals
) -> tuple[ExposureChange, ...]:
    rows = []
    for place, (attribute, category) in enumerate(fit.names):
        _, low, high = _interval(found, place)
        rows.append(
            ExposureChange(
                attribute=attribute,
                category=category,
                price=fit.prices[place],
                floor=fit.lower[place],
                ceiling=fit.upper[place],
                catalogue=float(catalogue_shares[place]),
                before=float(means[0][place]),
                after=float(means[1][place]),
                low=None if low is None else max(low, 0.0),
                high=None if high is None else min(high, 1.0),
            )
        )
    return tuple(rows)


def _ratios(exposure: Sequence[ExposureChange]) -> tuple[ExposureRatio, ...]:
    found = []
    for attribute in dict.fromkeys(row.attribute for row in exposure):
        rows = [row for row in exposure if row.attribute == attribute and row.catalogue > 0 and _limited(row)]
        if len(rows) > 1:
            before, after = ([getattr(row, when) / row.catalogue for row in rows] for when in ("before", "after"))
            found.append(
                ExposureRatio(attribute=attribute, before=min(before) / max(before), after=min(after) / max(after))
            )
    return tuple(found)


def _limited(row: ExposureChange) -> bool:
    return row.category != UNKNOWN and (row.floor > 0 or row.ceiling < 1)


def _interval(found: Intervals, cell: int) -> tuple[float | None, float | None, float | None]:
    if not found.defined[cell]:
        return None, None, None
    value, half = float(found.values[cell]), float(found.half_widths[cell])
    return value, value - half, value + half
