"""The one step that reads everybody's ratings: three sums in exact integers, each with noise, under one guarantee.

The first sum says how often and how well each title is rated; the second, around what the first one taught, says what
it missed; the third is the covariance of what is left. Each subject's contribution to each has norm 1.

Sources: McSherry and Mironov 2009 (noisy item effects, then a noisy item covariance); here subject by subject, and
without a bound lost to single ratings.
"""

from dataclasses import dataclass, replace

import numpy as np

from recommender.accounting import Guarantee, no_guarantee
from recommender.discreteness import verify_margin
from recommender.errors import EmptyInteractions
from recommender.features import CatalogueFeatures
from recommender.gram import exact_gram
from recommender.mechanism import Performance
from recommender.noise import NoiseSource, Progress, symmetric_noise
from recommender.ratings.contributions import (
    COUNT_PART,
    MOMENT_PART,
    covariance_rows,
    exact_sums,
    first_rows,
    second_rows,
)
from recommender.ratings.effects import FirstRound, Sums, design, fit_effects, read_sums
from recommender.ratings.mechanism import LEVEL_BITS, RatingMechanism
from recommender.ratings.release import RatingRelease
from recommender.ratings.table import Ratings, ratings_digest

_LEVEL_PRIOR = 4.0
"""Ratings' worth of the general mean in a subject's level."""


@dataclass(frozen=True, slots=True, eq=False)
class _Scales:
    """Noise of the three sums, in the units of their contributions; all 0 for a measurement without privacy."""

    first: float
    second: float
    covariance: float


def measure_ratings(
    ratings: Ratings,
    mechanism: RatingMechanism,
    *,
    noise: NoiseSource,
    features: CatalogueFeatures | None = None,
    performance: Performance | None = None,
    progress: Progress | None = None,
    inputs_digest: str | None = None,
    silent: bool = False,
) -> RatingRelease:
    """Measure once.

    Args:
        ratings: over the whole public catalogue.
        mechanism: all that the guarantee depends on.
        noise: the source of the noise. Anything that is not exact yields a release without a guarantee.
        features: public metadata, to learn from titles of a kind what no single title tells.
        performance: threads and chunk size.
        progress: told (noise entries drawn, entries in all) as the covariance's noise is drawn, the long step.
        inputs_digest: names the snapshot; computed from the ratings when absent.
        silent: estimate as if there were no noise: for a ``noise`` that draws zeros.

    Guarantees:
        - adding or removing one subject moves each round's integer sums by at most 2^24 in L2
        - it moves the integer covariance's upper triangle, diagonal divided by √2, by at most 4^gram_bits/√2 in L2
        - with an exact noise source the release is (ε, δ)-DP as ``mechanism.guarantee`` says, among populations in
          which somebody rated something: that nobody did is told by the refusal

    Raises:
        EmptyInteractions: nobody rated anything.
        BadMechanism: the mechanism cannot keep its guarantee on data of this size.
    """
    _require_measurable(ratings, mechanism)
    scales = _Scales(0, 0, 0) if silent else _scales_of(mechanism)
    held = ratings.capped(mechanism.max_items_per_subject)
    first = _first_round(held, mechanism, noise, scales)
    items = ratings.interactions.items
    categories = np.zeros((len(items), 0)) if features is None else features.of(items)
    columns = design(first, categories)
    before = read_sums(first, first.sums, first.sum_noise, spread=first.spread, around=np.zeros(len(items)))
    effects, spread = _second_round(held, first, before, columns, mechanism=mechanism, noise=noise, scales=scales)
    kept = _kept(first, mechanism)
    rows = covariance_rows(held, residuals_of(held, effects, first.mean), kept, bits=mechanism.gram_bits)
    covariance = exact_gram(rows, bits=mechanism.gram_bits, performance=performance or Performance())
    covariance += symmetric_noise(len(kept), mechanism.gram_scale, noise, progress=progress)
    return RatingRelease(
        items=items,
        first=first,
        effects=effects,
        columns=columns,
        spread=spread,
        kept=kept,
        covariance=covariance / 4.0**mechanism.gram_bits,
        covariance_noise=scales.covariance,
        scale=(ratings.lowest, ratings.highest),
        mechanism=mechanism,
        guarantee=_guarantee(mechanism, noise),
        inputs_digest=ratings_digest(ratings) if inputs_digest is None else inputs_digest,
    )


def _require_measurable(ratings: Ratings, mechanism: RatingMechanism) -> None:
    if ratings.interactions.matrix.nnz == 0:
        msg = "nothing to measure: no subject has a rating"
        raise EmptyInteractions(msg)
    items = len(ratings.interactions.items)
    width = min(mechanism.kept_at_most, items)
    coordinates = 3 * items + 5 + width * (width + 1) // 2
    finest = min(mechanism.first_scale, mechanism.second_scale, mechanism.gram_scale)
    verify_margin(finest_scale=finest, coordinates=coordinates, epsilon=mechanism.epsilon, delta=mechanism.delta)


def residuals_of(ratings: Ratings, effects: np.ndarray, mean: float) -> np.ndarray:
    """Ratings less the titles' effects and the subject's own level, which leans on the mean while ratings are few."""
    above = ratings.values - mean - effects[ratings.interactions.matrix.indices]
    lengths = ratings.interactions.lengths
    levels = np.bincount(ratings.rows, above, minlength=len(lengths)) / (lengths + _LEVEL_PRIOR)
    result: np.ndarray = above - levels[ratings.rows]
    return result


def _first_round(held: Ratings, mechanism: RatingMechanism, noise: NoiseSource, scales: _Scales) -> FirstRound:
    lengths = held.interactions.lengths
    means = np.bincount(held.rows, held.values, minlength=len(lengths)) / np.maximum(lengths, 1)
    cap = mechanism.max_items_per_subject
    sums = exact_sums(first_rows(held, held.values - means[held.rows], means, cap=cap))
    noisy = (sums + noise.draw(len(sums), mechanism.first_scale)) / 2.0**LEVEL_BITS
    width = len(held.interactions.items)
    of_sums, of_counts = np.sqrt(1 - COUNT_PART - 4 * MOMENT_PART), np.sqrt(COUNT_PART)
    there, length, mean, spread = noisy[2 * width :] / np.sqrt(MOMENT_PART)
    subjects, unit = max(float(there), 1.0), scales.first / float(np.sqrt(MOMENT_PART))
    middle, half = (held.highest + held.lowest) / 2, (held.highest - held.lowest) / 2
    first = FirstRound(
        counts=noisy[:width] / of_counts,
        count_noise=scales.first / float(of_counts),
        sums=noisy[width : 2 * width] / of_sums,
        sum_noise=scales.first / float(of_sums),
        subjects=subjects,
        length=cap * float(length) / subjects,
        mean=float(np.clip(middle + half * _shrunk(mean, subjects, 0.0, unit), held.lowest, held.highest)),
        spread=float(half * np.clip(_shrunk(spread, subjects, 0.5, unit), 0.05, 1.0)),
    )
    # Never below the square of the mean root (Cauchy and Schwarz), and far above it only where lengths differ wildly.
    least = first.root_length**2
    return replace(first, length=float(np.clip(first.length, least, 2 * least)))


def _second_round(
    held: Ratings,
    first: FirstRound,
    before: Sums,
    columns: np.ndarray,
    *,
    mechanism: RatingMechanism,
    noise: NoiseSource,
    scales: _Scales,
) -> tuple[np.ndarray, float]:
    """Effects after both rounds, and the spread around them as the second round knows it."""
    around = fit_effects(before, columns)
    sums = exact_sums(second_rows(held, residuals_of(held, around, first.mean)))
    noisy = (sums + noise.draw(len(sums), mechanism.second_scale)) / 2.0**LEVEL_BITS
    half = (held.highest - held.lowest) / 2
    moment, unit = noisy[-1] / np.sqrt(MOMENT_PART), scales.second / float(np.sqrt(MOMENT_PART))
    spread = half * float(np.clip(_shrunk(moment, first.subjects, 0.5, unit), 0.05, 1.0))
    of_sums = float(np.sqrt(1 - MOMENT_PART))
    after = read_sums(first, noisy[:-1] / of_sums, scales.second / of_sums, spread=spread, around=around)
    return fit_effects(after if scales.first == 0 else before.with_more(after), columns), spread


def _shrunk(total: float, subjects: float, prior: float, noise: float) -> float:
    """A mean over subjects from its noisy total, drawn to the prior (give or take ¼) where the noise is large."""
    weight = subjects**2 / (subjects**2 + (4 * noise) ** 2)
    return prior + weight * (float(total) / subjects - prior)


def _kept(first: FirstRound, mechanism: RatingMechanism) -> np.ndarray:
    clear = int((first.counts > max(mechanism.kept_sigmas * first.count_noise, 1e-9)).sum())
    return np.sort(np.argsort(-first.counts, kind="stable")[: min(clear, mechanism.kept_at_most)])


def _scales_of(mechanism: RatingMechanism) -> _Scales:
    unit = 2.0**LEVEL_BITS
    gram = mechanism.gram_scale / 4.0**mechanism.gram_bits
    return _Scales(mechanism.first_scale / unit, mechanism.second_scale / unit, gram)


def _guarantee(mechanism: RatingMechanism, noise: NoiseSource) -> Guarantee:
    if not noise.exact:
        return no_guarantee(noise.name)
    return replace(mechanism.guarantee, mechanism=f"{mechanism.guarantee.mechanism}; {noise.name}")
