"""How well scores tell members from others, as a report: area under the curve, rates at few false alarms, tiers. Pure.

Rates of hits at few false alarms stand beside the area, since a model that gives away a few for certain is worse than
one that gives away everybody a little (Carlini et al., "Membership Inference Attacks From First Principles", 2022).
"""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from recommender.errors import BadAttack

TIERS = ("light", "medium", "heavy")
FALSE_ALARMS = (0.01, 0.001)
FEWEST = 20
"""Members, and others, that an area under the curve needs."""

_REPLICATES, _TOGETHER = 1000, 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """Members found when at most ``false_alarms`` of the others are taken for members.

    ``value`` is None where there are too few others to tell; ``low`` and ``high`` are Clopper-Pearson's, with the
    threshold taken as given.
    """

    false_alarms: float
    value: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Area:
    """Area under the curve: the chance that a member scores higher than another; ½ is guessing.

    ``of`` is who was compared: everybody or a tier by length of history. The interval is bootstrapped over subjects;
    ``value`` is None with fewer than ``FEWEST`` on either side.
    """

    of: str
    members: int
    others: int
    value: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class MembershipReport:
    """How one attacker fared: over everybody, at few false alarms, and tier by tier of activity."""

    attack: str
    confidence: float
    area: Area
    rates: tuple[Rate, ...]
    tiers: tuple[Area, ...]

    @property
    def found(self) -> bool:
        """Whether it does better than guessing, beyond what chance explains."""
        return self.area.low is not None and self.area.low > 0.5  # noqa: PLR2004 - a coin

    def as_dict(self) -> dict[str, Any]:
        """Everything, ready for JSON."""
        return asdict(self) | {"found": self.found}


def compare(
    attack: str,
    members: np.ndarray,
    others: np.ndarray,
    lengths: tuple[np.ndarray, np.ndarray],
    *,
    rng: np.random.Generator,
    confidence: float = 0.95,
) -> MembershipReport:
    """How well scores tell members from others. Scores that are NaN are left out; ``lengths`` are of histories.

    Raises:
        BadAttack: nobody is left on one side.
    """
    keep_in, keep_out = np.isfinite(members), np.isfinite(others)
    inside, outside = members[keep_in], others[keep_out]
    if not len(inside) or not len(outside):
        msg = f"membership can be guessed among members and others: {len(inside)} and {len(outside)} have a score"
        raise BadAttack(msg)
    tier_in, tier_out = _tiers(lengths[0][keep_in], lengths[1][keep_out])
    return MembershipReport(
        attack=attack,
        confidence=confidence,
        area=_area("everybody", inside, outside, rng, confidence),
        rates=tuple(_rate(inside, outside, share, confidence) for share in FALSE_ALARMS),
        tiers=tuple(
            _area(name, inside[tier_in == number], outside[tier_out == number], rng, confidence)
            for number, name in enumerate(TIERS)
        ),
    )


def largest_area(mu: float) -> float:
    """The largest area that μ-GDP allows in expectation, for members and others drawn alike: Φ(μ).

    The area is the chance of telling, of two subjects of whom one was in, which. Those two inputs differ by one
    subject removed and one added, so they are 2μ-GDP apart, and the best guess is right with probability Φ(2μ/2).
    """
    from scipy.special import ndtr

    return float(ndtr(mu))


def area_under_curve(members: np.ndarray, others: np.ndarray) -> float:
    """Pr[member > other] + ½ Pr[equal], exactly, over all pairs (Mann and Whitney)."""
    ordered = np.sort(others)
    below, up_to = np.searchsorted(ordered, members, side="left"), np.searchsorted(ordered, members, side="right")
    return float((below + up_to).mean() / 2 / len(others))


def _area(of: str, members: np.ndarray, others: np.ndarray, rng: np.random.Generator, confidence: float) -> Area:
    sizes = len(members), len(others)
    if min(sizes) < FEWEST:
        return Area(of=of, members=sizes[0], others=sizes[1], value=None, low=None, high=None)
    drawn = _resampled(members, others, rng)
    low, high = np.quantile(drawn, [(1 - confidence) / 2, (1 + confidence) / 2])
    value = area_under_curve(members, others)
    return Area(of=of, members=sizes[0], others=sizes[1], value=value, low=float(low), high=float(high))


def _resampled(members: np.ndarray, others: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Areas when both sides are drawn again with replacement: shape (replicates,)."""
    values, place = np.unique(np.concatenate([members, others]), return_inverse=True)
    inside, outside = place[: len(members)], place[len(members) :]
    areas = []
    for _ in range(_REPLICATES // _TOGETHER):
        again, against = (_drawn(side, len(values), rng) for side in (inside, outside))
        below = np.cumsum(against, axis=1) - against / 2
        areas.append((again * below).sum(axis=1) / len(members) / len(others))
    return np.concatenate(areas)


def _drawn(places: np.ndarray, width: int, rng: np.random.Generator) -> np.ndarray:
    """How often each value is drawn, replicate by replicate: shape (replicates, width)."""
    drawn = places[rng.integers(0, len(places), (_TOGETHER, len(places)))] + width * np.arange(_TOGETHER)[:, None]
    return np.bincount(drawn.ravel(), minlength=_TOGETHER * width).reshape(_TOGETHER, width)


def _rate(members: np.ndarray, others: np.ndarray, share: float, confidence: float) -> Rate:
    from scipy.stats import binomtest

    allowed = int(share * len(others) + 1e-9)
    if allowed < 1:
        return Rate(false_alarms=share, value=None, low=None, high=None)
    threshold = np.sort(others)[-allowed - 1] if allowed < len(others) else -np.inf
    hits = int((members > threshold).sum())
    interval = binomtest(hits, len(members)).proportion_ci(confidence)
    return Rate(false_alarms=share, value=hits / len(members), low=float(interval.low), high=float(interval.high))


def _tiers(members: np.ndarray, others: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The third of all histories, by length, that each belongs to."""
    edges = np.quantile(np.concatenate([members, others]), [1 / 3, 2 / 3])
    return np.searchsorted(edges, members, side="left"), np.searchsorted(edges, others, side="left")
