"""What the chooser of images would do otherwise: for another cohort, with another policy, and how far it explores."""

import math
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from audits.artwork.measures import Figure
from audits.artwork.tables import ArtworkInput, Gallery, image_keys
from audits.errors import InvalidConfig
from audits.measuring import rounded
from audits.statistics import Cell, Smooth, ratios
from audits.tables import codes

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_PRIOR_IMPRESSIONS = 10.0
_ROUNDING = 1e-9

COHORT_SENSITIVITY = Figure(
    slug="cohort_sensitivity",
    title="How far the choice of image depends on the cohort, title and subject held fixed",
    formula="mean over probes of the largest total variation between the image distributions of two cohorts",
    low=0.0,
    high=1.0,
)
COHORT_FLIPS = Figure(
    slug="cohort_flips",
    title="How often another cohort would be shown another image",
    formula="share of probes whose most likely image is not the same for every cohort",
    low=0.0,
    high=1.0,
)
CLICK_RATE = Figure(
    slug="click_rate",
    title="Clicks per impression, as shown",
    formula="clicks of the cohort / its impressions",
    low=0.0,
    high=1.0,
)
CLICK_RATE_SNIPS = Figure(
    slug="click_rate_uniform_snips",
    title="Clicks per impression, had every eligible image been as likely (SNIPS)",
    formula="sum of weight * click / sum of weight, weight = (1 / eligible images of the title) / propensity",
    low=0.0,
    high=1.0,
)
CLICK_RATE_ROBUST = Figure(
    slug="click_rate_uniform_dr",
    title="Clicks per impression, had every eligible image been as likely (doubly robust)",
    formula="mean of (mean predicted rate of the eligible images + weight * (click - predicted rate of the image))",
    low=-math.inf,
    high=math.inf,
)


def cohort_sensitivity(given: ArtworkInput) -> tuple[Smooth, Smooth]:
    """Total variation and flips between cohorts, from probes; a subject's probes count by their mean.

    Probes ask the chooser itself, so what is left is what the cohort does to it, not what cohorts like. A subject and
    title with probes of one cohort only shows nothing and is left out.

    Example: images a and b get 0.5 and 0.5 for one cohort, 0.8 and 0.2 for the other: 0.3, and no flip where ties go to
        the first name.
    """
    table = given.probes
    if table is None:
        msg = "sensitivity to the cohort needs probes"
        raise ValueError(msg)
    cases, case = _numbered([f"{s}\x1f{t}" for s, t in zip(*_columns(table, "subject", "title"), strict=True)])
    cohorts, cohort = _numbered(_columns(table, "cohort")[0])
    image = _numbered(image_keys(table))[1]
    probability = np.asarray(table["probability"])
    asked = np.zeros((len(cases), len(cohorts)), dtype=bool)
    asked[case, cohort] = True
    rows = np.unique(np.stack([case, image]), axis=1, return_inverse=True)
    chances = np.zeros((rows[0].shape[1], len(cohorts)))
    chances[rows[1].ravel(), cohort] = probability
    case_of = rows[0][0]
    farthest = np.zeros(len(cases))
    for a in range(len(cohorts)):
        for b in range(a):
            apart = np.bincount(case_of, weights=np.abs(chances[:, a] - chances[:, b]) / 2.0, minlength=len(cases))
            farthest = np.maximum(farthest, np.where(asked[:, a] & asked[:, b], apart, 0.0))
    flipped = _flipped(case_of, chances, asked)
    counted = asked.sum(axis=1) > 1
    subject_of = _numbered([name.split("\x1f")[0] for name in cases])[1]
    return _mean_by_subject(subject_of, farthest, counted), _mean_by_subject(subject_of, flipped, counted)


def _flipped(case_of: Ints, chances: Floats, asked: NDArray[np.bool_]) -> Floats:
    """1.0 where two cohorts that were asked have another likeliest image; of equals the first name is taken."""
    starts = np.r_[0, np.flatnonzero(np.diff(case_of)) + 1, case_of.size]
    found = np.zeros(asked.shape[0])
    for case, (start, end) in enumerate(pairwise(starts)):
        likeliest = chances[start:end].argmax(axis=0)[asked[case]]
        found[case] = float((likeliest != likeliest[0]).any())
    return found


def _mean_by_subject(subject: Ints, values: Floats, counted: NDArray[np.bool_]) -> Smooth:
    n = int(subject.max()) + 1
    size = np.bincount(subject, weights=counted, minlength=n)
    total = np.bincount(subject, weights=values * counted, minlength=n)
    has = (size > 0).astype(np.float64)
    means = np.divide(total, size, out=np.zeros(n), where=size > 0)
    return ratios([Cell(n=int(has.sum()), span=1.0)], means[:, None], has[:, None])


@dataclass(frozen=True, slots=True, kw_only=True)
class Exploration:
    """Whether every eligible image has a chance to be shown.

    Attributes:
        floor: chance that each must have.
        eligible: images of the titles that were shown.
        below: images whose chance is below the floor for some cohort: stated so, left so little by another image, or
            surely so because they were never shown.
        unknown: images of whose chance for some cohort too little is known to say.
        smallest: smallest chance stated, or None where none is.
        worst: up to ten of the images below the floor, "title / image".
        at_least: what the smallest chance of all, stated or not, surely reaches: 0 where that of some image is unknown.
        at_most: what it surely does not exceed: 1 where nothing is known.
    """

    floor: float
    eligible: int
    below: int
    unknown: int
    smallest: float | None
    worst: tuple[str, ...]
    at_least: float
    at_most: float

    @property
    def holds(self) -> bool | None:
        """Whether no image lies below the floor; None where some image is unknown."""
        if self.below:
            return False
        return None if self.unknown else True


def exploration(gallery: Gallery, given: ArtworkInput, *, floor: float, level: float = 0.95) -> Exploration:
    """Compare the smallest chance that each eligible image was given, in impressions and probes, with the floor.

    Off-policy estimates of what an image would do need chances that are nowhere 0, for no cohort. Probes state all
    chances. An impression states that of the image shown, p, and leaves at most 1 - p to any other image of the title.
    An image never shown in n impressions of its title in a cohort has a mean chance there of at most 1 - (error /
    pairs)^(1/n), where error = 1 - ``level`` and pairs are all images in all cohorts that saw their titles: if that is
    below the floor, so is the image. So with a chooser that keeps the floor, any image at all is said to lie below it
    with the chance ``error`` at most, however many there are.

    Raises:
        InvalidConfig: the floor is not in (0, 1).
    """
    if not 0 < floor < 1:
        msg = f"artwork, floor: expected a chance between 0 and 1, got {floor}"
        raise InvalidConfig(msg)
    seen = _by_cohort(gallery, given)
    known = np.isfinite(seen.stated)
    asked = known | (seen.of_title > 0)
    never = asked & ~known & (seen.shown == 0)
    pairs = max(int(np.count_nonzero(seen.of_title)), 1)
    surely = 1.0 - ((1.0 - level) / pairs) ** (1.0 / np.maximum(seen.of_title, 1))
    least = np.minimum(np.minimum(seen.stated, seen.left_over), np.where(never, surely, 1.0))
    # What is left beside 0.9 is 0.1, and not below it by rounding.
    below = (asked & (least < floor - _ROUNDING)).any(axis=1)
    labels = [key.replace("\x1f", " / ") for key in sorted(image_keys(given.images))]
    smallest = np.where(asked, least, np.inf).min(axis=1)
    worst = sorted(np.flatnonzero(below), key=lambda at: (smallest[at], labels[at]))
    at_most = rounded(float(smallest.min()))
    return Exploration(
        floor=floor,
        eligible=int(asked.any(axis=1).sum()),
        below=int(below.sum()),
        unknown=int(((asked & ~known).any(axis=1) & ~below).sum()),
        smallest=float(seen.stated[known].min()) if known.any() else None,
        worst=tuple(labels[at] for at in worst[:10]),
        at_least=0.0 if (asked & ~known).any() else at_most,
        at_most=at_most,
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Seen:
    """What is known of each eligible image in each cohort, (images, cohorts) each.

    ``stated`` is its smallest chance, infinite where none is; ``left_over`` the most that another image's chance leaves
    it; ``shown`` its impressions and ``of_title`` those of its title.
    """

    stated: Floats
    left_over: Floats
    shown: Ints
    of_title: Ints


def _by_cohort(gallery: Gallery, given: ArtworkInput) -> _Seen:
    probes = given.probes
    asked_of = [] if probes is None else probes["cohort"].to_pylist()
    cohorts = sorted({*gallery.cohorts, *asked_of})
    cohort = np.array([cohorts.index(name) for name in gallery.cohorts])[gallery.cohort_of[gallery.subject]]
    images = (gallery.title_of.size, len(cohorts))
    shown, of_title = np.zeros(images, dtype=np.int64), np.zeros((len(gallery.titles), len(cohorts)), dtype=np.int64)
    np.add.at(shown, (gallery.image, cohort), 1)
    np.add.at(of_title, (gallery.title, cohort), 1)
    stated, largest = np.full(images, np.inf), np.zeros(images)
    if gallery.propensity is not None:
        np.minimum.at(stated, (gallery.image, cohort), gallery.propensity)
        np.maximum.at(largest, (gallery.image, cohort), gallery.propensity)
    if probes is not None:
        stated = np.minimum(stated, _probed(gallery, probes, sorted(image_keys(given.images)), cohorts))
    return _Seen(
        stated=stated,
        left_over=1.0 - _largest_of_others(largest, gallery.title_of),
        shown=shown,
        of_title=of_title[gallery.title_of],
    )


def _largest_of_others(chances: Floats, title_of: Ints) -> Floats:
    """The largest chance that another image of the same title has, 0 where there is none; in the shape of ``chances``.

    Example: 0.9, 0.2 and 0.1 of one title: 0.2, 0.9, 0.9.
    """
    titles = (int(title_of.max()) + 1, chances.shape[1])
    first, second, holder = np.zeros(titles), np.zeros(titles), np.zeros(titles, dtype=np.int64)
    np.maximum.at(first, title_of, chances)
    image, cohort = np.nonzero(chances == first[title_of])
    holder[title_of[image], cohort] = image
    holds = holder[title_of] == np.arange(title_of.size)[:, None]
    np.maximum.at(second, title_of, np.where(holds, 0.0, chances))
    return np.where(holds, second[title_of], first[title_of])


def _probed(gallery: Gallery, probes: pa.Table, names: list[str], cohorts: list[str]) -> Floats:
    """Smallest probability of each eligible image in each cohort's probes, infinite where its title has none.

    A probe that leaves an image out gives it none: its probabilities sum to 1 without it.
    """
    image = codes(pa.chunked_array([pa.array(image_keys(probes), pa.string())]), names)
    cohort, shape = codes(probes["cohort"], cohorts), (len(names), len(cohorts))
    smallest, found = np.full(shape, np.inf), np.zeros(shape, dtype=np.int64)
    np.minimum.at(smallest, (image, cohort), np.asarray(probes["probability"]))
    np.add.at(found, (image, cohort), 1)
    cases = probes.group_by(["title", "subject", "cohort"]).aggregate([])
    asked = np.zeros((len(gallery.titles), len(cohorts)), dtype=np.int64)
    np.add.at(asked, (codes(cases["title"], gallery.titles), codes(cases["cohort"], cohorts)), 1)
    return np.where(found < asked[gallery.title_of], 0.0, smallest)


@dataclass(frozen=True, slots=True, kw_only=True)
class OffPolicy:
    """How much a cohort's impressions can say about another policy.

    Attributes:
        cohort: its name.
        impressions: how many.
        effective: (sum of weights)^2 / sum of squared weights, impressions of the other policy that they are worth.
        largest_weight: before clipping.
        clipped: share of impressions whose weight was clipped.
    """

    cohort: str
    impressions: int
    effective: float
    largest_weight: float
    clipped: float


def off_policy(gallery: Gallery, *, clip: float | None) -> tuple[tuple[Smooth, Smooth, Smooth], tuple[OffPolicy, ...]]:
    """Clicks per impression by cohort: as shown, and under uniform choice among eligible images by SNIPS and DR.

    SNIPS (Swaminathan & Joachims, NeurIPS 2015) is consistent where propensities are those the chooser used. The doubly
    robust estimate (Dudik, Langford & Li, ICML 2011) adds a prediction, the image's clicks per impression shrunk to the
    mean, fitted on the subjects of the other half; it is unbiased then, and with a smaller error where predictions are
    good. ``clip`` bounds weights, which trades bias for error; None does not.

    Raises:
        InvalidConfig: the clip is not positive.
    """
    if gallery.propensity is None or gallery.clicked is None:
        msg = "off-policy estimates need propensities and clicks"
        raise ValueError(msg)
    if clip is not None and not clip > 0:
        msg = f"artwork, clip: expected a positive weight, got {clip}"
        raise InvalidConfig(msg)
    raw = 1.0 / gallery.eligible[gallery.title] / gallery.propensity
    weight = raw if clip is None else np.minimum(raw, clip)
    clicked = gallery.clicked.astype(np.float64)
    rate, mean_rate = _predicted(gallery, clicked)
    robust = mean_rate + weight * (clicked - rate)
    one = np.ones(clicked.size)
    figures = (_rates(gallery, clicked, one), _rates(gallery, weight * clicked, weight), _rates(gallery, robust, one))
    cohort = gallery.cohort_of[gallery.subject]
    return figures, tuple(
        _worth(name, weight[cohort == code], raw[cohort == code]) for code, name in enumerate(gallery.cohorts)
    )


def _rates(gallery: Gallery, top: Floats, bottom: Floats) -> Smooth:
    members = gallery.members()
    sums = gallery.by_subject(np.stack([top, bottom], axis=1))
    span = float(np.abs(top).max() / max(bottom.mean(), np.finfo(np.float64).tiny))
    cells = [
        Cell(n=int(n), span=span, group=f"cohort = {name}")
        for name, n in zip(gallery.cohorts, members.sum(axis=0), strict=True)
    ]
    return ratios(cells, members * sums[:, :1], members * sums[:, 1:])


def _predicted(gallery: Gallery, clicked: Floats) -> tuple[Floats, Floats]:
    """Clicks per impression of the image shown, and mean over the title's eligible ones, from the other half's rows."""
    images, half = gallery.title_of.size, gallery.subject % 2
    rate, mean_rate = np.zeros(clicked.size), np.zeros(clicked.size)
    for fold in (0, 1):
        seen, told = half != fold, half == fold
        overall = float(clicked[seen].mean()) if seen.any() else 0.0
        clicks = np.bincount(gallery.image[seen], weights=clicked[seen], minlength=images)
        shown = np.bincount(gallery.image[seen], minlength=images)
        predicted = (clicks + _PRIOR_IMPRESSIONS * overall) / (shown + _PRIOR_IMPRESSIONS)
        by_title = np.bincount(gallery.title_of, weights=predicted, minlength=len(gallery.titles)) / gallery.eligible
        rate[told], mean_rate[told] = predicted[gallery.image[told]], by_title[gallery.title[told]]
    return rate, mean_rate


def _worth(cohort: str, weight: Floats, raw: Floats) -> OffPolicy:
    return OffPolicy(
        cohort=cohort,
        impressions=int(weight.size),
        effective=float(weight.sum() ** 2 / (weight**2).sum()),
        largest_weight=float(raw.max()),
        clipped=float(np.mean(weight < raw)),
    )


def _columns(table: pa.Table, *names: str) -> list[list[str]]:
    return [table[name].to_pylist() for name in names]


def _numbered(names: list[str]) -> tuple[list[str], Ints]:
    distinct = sorted(set(names))
    place = {name: at for at, name in enumerate(distinct)}
    return distinct, np.array([place[name] for name in names], dtype=np.int64)
