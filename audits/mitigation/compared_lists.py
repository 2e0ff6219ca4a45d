"""Lists before and after, on held-out subjects: utility kept and by whom, exposure, and further figures of each list.

All intervals of one comparison hold together, so they come from the same resamples.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from audits.bootstrap import Intervals, Resampling, intervals
from audits.categories import UNKNOWN
from audits.errors import InvalidConfig
from audits.mitigation.held_out import TIERS, HeldOut
from audits.mitigation.prices import PriceFit
from audits.mitigation.problem import Floats, Ints, Mask, Name, Scores, shares_of_lists
from audits.mitigation.report import ExposureChange, ExposureRatio, UtilityKept
from audits.statistics import Cell, Smooth

UNKNOWN_GROUP = "unknown"

Estimate = tuple[float | None, float | None, float | None]
"""A figure with the ends of its simultaneous interval; None where there are too few subjects."""

NOTHING: Estimate = (None, None, None)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Shown:
    """What exposure is counted: ranks and categories.

    Attributes:
        attention: weight of each rank, (k,).
        names: (attribute, category) of each, G of them.
        groups: category shares of the items that scores are of, (m, G).
        catalogue_shares: those of the whole catalogue, (G,).
        lower: floor of each category's share of the attention, (G,).
        upper: its ceiling.
        prices: what every item of it gains in score, (G,).
    """

    attention: Floats
    names: Sequence[Name]
    groups: Floats
    catalogue_shares: Floats
    lower: Floats
    upper: Floats
    prices: Floats

    @classmethod
    def of(cls, fit: PriceFit, groups: Floats, catalogue_shares: Floats, attention: Floats) -> "Shown":
        """The categories that prices were fitted for."""
        lower, upper, prices = (np.array(each) for each in (fit.lower, fit.upper, fit.prices))
        return cls(
            attention=attention,
            names=fit.names,
            groups=groups,
            catalogue_shares=catalogue_shares,
            lower=lower,
            upper=upper,
            prices=prices,
        )

    def shares(self, lists: Ints) -> Floats:
        """Share of each list's attention on each category, (n, G)."""
        return shares_of_lists(lists, self.groups, self.attention)

    def utility(self, lists: Ints, scores: Scores) -> Floats:
        """Attention-weighted mean score of each list, (n,)."""
        return np.asarray(np.take_along_axis(scores, lists, axis=1) @ (self.attention / self.attention.sum()))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Lists:
    """What held-out subjects get, (n, k) item places each.

    Where lists depend on those of others, as with a controller, ``answer`` (n,) is by how much each subject moves
    everybody's mean utility afterwards beside the own list's, of mean 0; None where every list is made for itself.
    """

    before: Ints
    after: Ints
    answer: Floats | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """What was found; ``beside`` has an estimate for every cell of the further statistics, in their order."""

    utility: tuple[UtilityKept, ...]
    exposure: tuple[ExposureChange, ...]
    ratios: tuple[ExposureRatio, ...]
    beside: tuple[Estimate, ...]


def require_fit(held_out: HeldOut, shown: Shown) -> None:
    """Refuse held-out subjects who cannot be given lists of these items.

    Raises:
        InvalidConfig: shapes that do not fit, or too few items left for somebody.
    """
    size = len(shown.names)
    if shown.groups.shape != (held_out.scores.shape[1], size) or shown.catalogue_shares.shape != (size,):
        msg = f"mitigation report: expected category shares of {size} categories, got {shown.groups.shape}"
        raise InvalidConfig(msg)
    if held_out.excluded is not None and int((~held_out.excluded).sum(axis=1).min()) < shown.attention.size:
        msg = f"mitigation report: expected {shown.attention.size} items left for every subject, got fewer for some"
        raise InvalidConfig(msg)


def compare(
    lists: Lists, shown: Shown, held_out: HeldOut, *, resampling: Resampling, beside: Sequence[Smooth] = ()
) -> Compared:
    """Measure lists against those that subjects would have had.

    Where others answer, the interval of a utility is the wider one of that with their whole answer and that without:
    what they do lies in between. Where a group's utility before is not positive there is nothing to keep a part of, and
    its figures are None; so is its comparison with others where theirs is not.
    """
    cohorts, changes = _cohorts(held_out), _changes(held_out, lists, shown)
    before, after = (shown.shares(each) for each in (lists.before, lists.after))
    statistics = [_mean_shares(after), *(_kept(change, cohorts) for change in changes), *beside]
    found = intervals(statistics, resampling)
    starts = np.cumsum([len(each.cells) for each in statistics])
    exposure = _exposure(shown, [each.mean(axis=0) for each in (before, after)], found)
    rest = int(starts[len(changes)])
    return Compared(
        utility=tuple(
            row
            for change, start in zip(changes, starts, strict=False)
            for row in _utility(change, cohorts, found, int(start))
        ),
        exposure=exposure,
        ratios=_ratios(exposure),
        beside=tuple(_interval(found, cell) for cell in range(rest, len(found.cells))),
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Change:
    """A figure of every subject before and after, (n,), whether the subject counts, and what others answer."""

    measure: str
    before: Floats
    after: Floats
    counted: Mask
    answer: Floats | None = None


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


def _changes(held_out: HeldOut, lists: Lists, shown: Shown) -> list[_Change]:
    score = [shown.utility(each, held_out.scores) for each in (lists.before, lists.after)]
    everyone = np.ones(len(held_out.subjects), dtype=bool)
    found = [_Change(measure="score", before=score[0], after=score[1], counted=everyone, answer=lists.answer)]
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


def _mean_shares(shares: Floats) -> Smooth:
    def value_of(means: NDArray[np.inexact]) -> NDArray[np.inexact]:
        return means

    cells = tuple(Cell(n=shares.shape[0], span=1.0) for _ in range(shares.shape[1]))
    return Smooth(cells=cells, channels=shares, value_of=value_of)


def _kept(change: _Change, cohorts: _Cohorts) -> Smooth:
    """Utility kept by each cohort, then by each group less that of the others its attribute divides.

    Where others answer, all of these once more with the answer.
    """
    counted = cohorts.members * change.counted[:, None]
    size, beside = counted.shape[1], (cohorts.owners[:, None] == cohorts.owners)[:, 1:].astype(np.float64)
    sizes = counted.sum(axis=0)
    others = sizes @ beside - sizes[1:]
    cells = [Cell(n=int(n), span=1.0) for n in sizes]
    cells += [Cell(n=int(min(pair)), span=2.0) for pair in zip(sizes[1:], others, strict=True)]

    def value_of(means: NDArray[np.inexact]) -> NDArray[np.inexact]:
        before, *afters = np.split(means, means.shape[-1] // size, axis=-1)
        found = []
        for after in afters:
            kept = after / before
            rest = (after @ beside - after[..., 1:]) / (before @ beside - before[..., 1:])
            found += [kept, kept[..., 1:] - rest]
        return np.concatenate(found, axis=-1)

    channels = [counted * change.before[:, None], counted * change.after[:, None]]
    if change.answer is not None:
        # Every group bears its part of what others answer, by its size.
        channels.append(channels[1] + counted.mean(axis=0) * change.answer[:, None])
    return Smooth(cells=tuple(cells) * (len(channels) - 1), channels=np.hstack(channels), value_of=value_of)


def _utility(change: _Change, cohorts: _Cohorts, found: Intervals, start: int) -> list[UtilityKept]:
    counted = cohorts.members * change.counted[:, None]
    size, rows, totals = len(cohorts.names), [], counted.T @ change.before
    rest = (cohorts.owners[:, None] == cohorts.owners) @ totals - totals

    def estimate(cell: int) -> Estimate:
        alone = _interval(found, start + cell)
        return alone if change.answer is None else wider(alone, _interval(found, start + cell + 2 * size - 1))

    for place, (attribute, group) in enumerate(cohorts.names):
        n = int(counted[:, place].sum())
        kept = estimate(place) if totals[place] > 0 else NOTHING
        others = estimate(size + place - 1) if place and min(totals[place], rest[place]) > 0 else NOTHING
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


def _exposure(shown: Shown, means: Sequence[Floats], found: Intervals) -> tuple[ExposureChange, ...]:
    rows = []
    for place, (attribute, category) in enumerate(shown.names):
        _, low, high = _interval(found, place)
        rows.append(
            ExposureChange(
                attribute=attribute,
                category=category,
                price=float(shown.prices[place]),
                floor=float(shown.lower[place]),
                ceiling=float(shown.upper[place]),
                catalogue=float(shown.catalogue_shares[place]),
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


def wider(one: Estimate, other: Estimate) -> Estimate:
    """A figure with the wider of two intervals about it; nothing where either is nothing."""
    (value, low, high), (_, lower, higher) = one, other
    if value is None or low is None or high is None or lower is None or higher is None:
        return NOTHING
    return value, min(low, lower), max(high, higher)


def _interval(found: Intervals, cell: int) -> Estimate:
    if not found.defined[cell]:
        return None, None, None
    value, half = float(found.values[cell]), float(found.half_widths[cell])
    return value, value - half, value + half
