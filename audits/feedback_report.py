"""What a simulated loop does to a recommender's lists, beside recommenders that learn nothing about a subject."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from audits.categories import Attribute
from audits.encoding import decode, encode
from audits.feedback import Loop, LoopSettings, Progress, Recommend, Round, simulate, tastes
from audits.feedback_baselines import BASELINES
from audits.measuring import rounded

if TYPE_CHECKING:
    from scipy import sparse

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """One figure of a round: its slug, its title for readers, and whether categories of an attribute divide it."""

    slug: str
    title: str
    by_attribute: bool = False


LIST_ENTROPY = Measure(slug="list_entropy", title="Variety within a list (entropy, bits)", by_attribute=True)
FRAGMENTATION = Measure(
    slug="fragmentation", title="How far apart two subjects' lists are (divergence of categories)", by_attribute=True
)
ITEM_FRAGMENTATION = Measure(
    slug="item_fragmentation", title="How far apart two subjects' lists are (distance of titles)"
)
EXPOSURE_ENTROPY = Measure(slug="exposure_entropy", title="Variety over the catalogue (entropy of exposure, bits)")
EXPOSURE_GINI = Measure(slug="exposure_gini", title="Concentration of exposure (Gini)")
COVERAGE = Measure(slug="coverage", title="Share of the catalogue in any list")

About = tuple[Measure, str | None]

MEASURES = (LIST_ENTROPY, FRAGMENTATION, ITEM_FRAGMENTATION, EXPOSURE_ENTROPY, EXPOSURE_GINI, COVERAGE)
"""Every figure, in the order of reports."""

ASSUMED = "How subjects choose is assumed: tastes stay as they are, and the direction of a loop is shown, not its size."
OF_SEEDS = "Intervals are those of the simulation's own noise over seeds: other subjects, items or choices may differ."


@dataclass(frozen=True, slots=True, kw_only=True)
class Trajectory:
    """One figure of one recommender over the rounds.

    Attributes:
        recommender: its name.
        measure: slug of the figure.
        attribute: whose categories it is about, or None.
        means: mean over seeds, round by round.
        lows: smallest over seeds, round by round.
        highs: largest over seeds, round by round.
        drift: last round less first, mean over seeds.
        drift_low: lower end of the drift's interval (Student's t over seeds, all of the report together); None with
            one seed.
        drift_high: the same, upper end.
    """

    recommender: str
    measure: str
    attribute: str | None
    means: tuple[float, ...]
    lows: tuple[float, ...]
    highs: tuple[float, ...]
    drift: float
    drift_low: float | None
    drift_high: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Excess:
    """How much more a figure drifts with the recommender than with a baseline, seed by seed; ends as a trajectory's."""

    baseline: str
    measure: str
    attribute: str | None
    excess: float
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedbackReport:
    """A recommender in a simulated loop, and baselines in the same one.

    Attributes:
        recommender: name of the one that is audited.
        baselines: names of the others.
        trajectories: the recommender's first, in the order of measures and attributes.
        excesses: its drift less that of each baseline.
        loops: all rounds of all runs, in the order of recommender and baselines.
        subjects: how many, and whose histories they began with.
        subjects_from: in words.
        items: in the catalogue.
        rounds: times that lists were made.
        seeds: of the runs.
        choices: items chosen from each list.
        k: ranks of a list, at most.
        attention_formula: weight of each rank.
        level: joint coverage of all intervals here.
        caveats: what limits the figures, in sentences.
    """

    recommender: str
    baselines: tuple[str, ...]
    trajectories: tuple[Trajectory, ...]
    excesses: tuple[Excess, ...]
    loops: tuple[Loop, ...]
    subjects: int
    subjects_from: str
    items: int
    rounds: int
    seeds: tuple[int, ...]
    choices: int
    k: int
    attention_formula: str
    level: float
    caveats: tuple[str, ...]

    def to_json(self) -> bytes:
        """The one encoding; equal reports give equal bytes."""
        return encode(self)

    @classmethod
    def from_json(cls, unverified: bytes) -> "FeedbackReport":
        """The report with exactly this encoding.

        Raises:
            CorruptReport: an unknown, missing or repeated key, a wrong type, another encoding.
        """
        return decode(cls, unverified)

    def of(self, recommender: str) -> tuple[Trajectory, ...]:
        """The trajectories of one of the recommenders."""
        return tuple(each for each in self.trajectories if each.recommender == recommender)


def audit_feedback(
    history: "sparse.csr_array",
    recommend: Recommend,
    *,
    name: str,
    subjects_from: str,
    attributes: Sequence[Attribute],
    settings: LoopSettings,
    k: int,
    level: float = 0.95,
    caveats: Sequence[str] = (),
    progress: Progress | None = None,
) -> FeedbackReport:
    """Run the loop with the recommender, and with lists at random and the most popular ones of length k.

    Every run begins with ``history``, and subjects choose by the categories of ``attributes`` that it holds. Baselines
    are run with the same seeds. ``progress(done, rounds of all runs)`` is called after each round.

    Raises:
        InvalidConfig: fewer than two subjects, or no attribute.
        InvalidTable: the recommender returned something else than lists.

    Guarantees:
      - deterministic in its arguments, if the recommender is deterministic in its own
    """
    contenders = [(name, recommend), *((title, made(k)) for title, made in BASELINES)]
    relevance, each_run = tastes(history, attributes), settings.rounds * len(settings.seeds)

    def told_from(place: int) -> Progress | None:
        if progress is None:
            return None
        return lambda done, _: progress(place * each_run + done, len(contenders) * each_run)

    loops = [
        simulate(history, each, relevance, attributes=attributes, settings=settings, progress=told_from(place))
        for place, (_, each) in enumerate(contenders)
    ]
    names = [title for title, _ in contenders]
    found = _compared(names, loops, attributes, settings, level)
    return FeedbackReport(
        recommender=name,
        baselines=tuple(names[1:]),
        trajectories=found[0],
        excesses=found[1],
        loops=tuple(loops),
        subjects=loops[0].subjects,
        subjects_from=subjects_from,
        items=loops[0].items,
        rounds=settings.rounds,
        seeds=settings.seeds,
        choices=settings.choices,
        k=k,
        attention_formula=settings.attention.description,
        level=level,
        caveats=(ASSUMED, OF_SEEDS, *caveats),
    )


def _compared(
    names: Sequence[str],
    loops: Sequence[Loop],
    attributes: Sequence[Attribute],
    settings: LoopSettings,
    level: float,
) -> tuple[tuple[Trajectory, ...], tuple[Excess, ...]]:
    """All trajectories, and what the first one's drift has beyond the others', with intervals that hold together."""
    measured = [(measure, attribute) for measure in MEASURES for attribute in _divided_by(measure, attributes)]
    tables = {
        (title, *about): _table(loop, settings, *about)
        for title, loop in zip(names, loops, strict=True)
        for about in measured
    }
    family = len(measured) * (len(names) + len(names) - 1)
    quantile = _quantile(len(settings.seeds), (1.0 - level) / family)
    excesses = tuple(
        _excess(baseline, about, tables[names[0], *about], tables[baseline, *about], quantile)
        for baseline in names[1:]
        for about in measured
    )
    return tuple(_trajectory(about, table, quantile) for about, table in tables.items()), excesses


def _divided_by(measure: Measure, attributes: Sequence[Attribute]) -> Sequence[str | None]:
    return [each.name for each in attributes] if measure.by_attribute else [None]


def _table(loop: Loop, settings: LoopSettings, measure: Measure, attribute: str | None) -> Floats:
    """The figure by seed and round, (seeds, rounds)."""
    figures = [_figure(each, measure, attribute) for each in loop.rounds]
    return np.array(figures, dtype=np.float64).reshape(len(settings.seeds), settings.rounds)


def _figure(found: Round, measure: Measure, attribute: str | None) -> float:
    place = found if attribute is None else next(each for each in found.attributes if each.attribute == attribute)
    number: float = getattr(place, measure.slug)
    return number


def _trajectory(about: tuple[str, Measure, str | None], table: Floats, quantile: float | None) -> Trajectory:
    recommender, measure, attribute = about
    drift, low, high = _interval(table[:, -1] - table[:, 0], quantile)
    over_seeds = (table.mean(axis=0), table.min(axis=0), table.max(axis=0))
    means, lows, highs = (tuple(rounded(float(each)) for each in row) for row in over_seeds)
    return Trajectory(
        recommender=recommender,
        measure=measure.slug,
        attribute=attribute,
        means=means,
        lows=lows,
        highs=highs,
        drift=drift,
        drift_low=low,
        drift_high=high,
    )


def _excess(baseline: str, about: About, ours: Floats, theirs: Floats, quantile: float | None) -> Excess:
    measure, attribute = about
    # The same seed gives both the same noise where it can.
    found, low, high = _interval((ours[:, -1] - ours[:, 0]) - (theirs[:, -1] - theirs[:, 0]), quantile)
    return Excess(baseline=baseline, measure=measure.slug, attribute=attribute, excess=found, low=low, high=high)


def _interval(values: Floats, quantile: float | None) -> tuple[float, float | None, float | None]:
    """Mean of one number a seed, with its ends."""
    mean = float(values.mean())
    if quantile is None:
        return rounded(mean), None, None
    half = quantile * float(values.std(ddof=1)) / math.sqrt(values.size)
    return rounded(mean), rounded(mean - half), rounded(mean + half)


def _quantile(seeds: int, error: float) -> float | None:
    """Student's t, two-sided; None where one seed says nothing of others."""
    from scipy.special import stdtrit

    return None if seeds < 2 else float(stdtrit(seeds - 1, 1.0 - error / 2.0))  # noqa: PLR2004 - a difference
