"""The one step that reads what people did: counts, Gram matrix and signals in exact integers, plus noise, once.

Sources: McSherry and Mironov 2009 (a private item covariance for recommendation); Dwork, Talwar, Thakurta, Zhang 2014
   (Analyze Gauss).
"""

from dataclasses import replace

import numpy as np
from scipy.sparse import csr_matrix

from recommender.accounting import Guarantee, no_guarantee
from recommender.errors import EmptyInteractions
from recommender.exact_sums import Basis, ExactSums, Rule, added_up, rule_for
from recommender.features import CatalogueFeatures
from recommender.fixed_point import COUNT_BITS, exact_counts
from recommender.gram import exact_gram
from recommender.interactions import Interactions, capped, digest_of
from recommender.lens import lens_for
from recommender.mechanism import Mechanism, Performance, verify_fine_enough
from recommender.noise import NoiseSource, Progress, symmetric_noise
from recommender.release import NoiseLevels, Release, Signal
from recommender.signals import get_signal

ON_AN_EARLIER_BASIS = "on the basis of an earlier release, whose cost comes on top"


def measure(
    interactions: Interactions,
    mechanism: Mechanism,
    *,
    noise: NoiseSource,
    as_of: int | None = None,
    features: CatalogueFeatures | None = None,
    performance: Performance | None = None,
    progress: Progress | None = None,
    inputs_digest: str | None = None,
) -> Release:
    """Measure the population once.

    Args:
        interactions: over the whole catalogue, which is public; every item is a candidate, watched or not.
        mechanism: all that the guarantee depends on.
        noise: the source of the noise. Anything that is not exact yields a release without a guarantee.
        as_of: the moment (seconds since 1970 UTC, public) at which the signal ``trending`` ends.
        features: public metadata: where tastes may differ (``recommender.lens``), and for the signal ``categories``.
        performance: where and how fast sums are added up.
        progress: told (noise entries drawn, noise entries in all) as the Gram matrix's noise is drawn, the long step.
        inputs_digest: names the snapshot; computed from the interactions when absent.

    Guarantees:
        - adding or removing one subject moves the integer counts by at most 2^32 in L2
        - it moves the integer Gram matrix's upper triangle, diagonal divided by √2, by at most 4^bits/√2 in L2
        - it moves each further signal by at most its ``SignalKind.sensitivity``
        - which items are kept, how they weigh and along which directions histories are seen depends on the noisy
          counts and on public metadata only
        - with an exact noise source the release is (ε, δ)-DP as ``mechanism.guarantee`` says, among populations in
          which somebody watched something: that nobody did is told by the refusal

    Raises:
        EmptyInteractions: nobody watched anything.
        BadMechanism: the mechanism cannot keep its guarantee on data of this size, or a signal lacks what it needs.
    """
    release, _ = measure_keeping(
        interactions,
        mechanism,
        noise=noise,
        as_of=as_of,
        features=features,
        performance=performance,
        progress=progress,
        inputs_digest=inputs_digest,
    )
    return release


def measure_keeping(
    interactions: Interactions,
    mechanism: Mechanism,
    *,
    noise: NoiseSource,
    as_of: int | None = None,
    features: CatalogueFeatures | None = None,
    performance: Performance | None = None,
    progress: Progress | None = None,
    inputs_digest: str | None = None,
) -> tuple[Release, ExactSums]:
    """The same with the exact sums behind the release, which nobody may see.

    Args, Guarantees and Raises: as ``measure``.
    """
    sums, counts = measured_sums(
        interactions, mechanism, noise=noise, as_of=as_of, features=features, performance=performance
    )
    digest = digest_of(interactions) if inputs_digest is None else inputs_digest
    promise = _guarantee(mechanism, noise, sums.basis)
    return _released(sums, counts, mechanism, noise, promise, inputs_digest=digest, progress=progress), sums


def measured_sums(
    interactions: Interactions,
    mechanism: Mechanism,
    *,
    noise: NoiseSource,
    as_of: int | None = None,
    features: CatalogueFeatures | None = None,
    performance: Performance | None = None,
) -> tuple[ExactSums, np.ndarray]:
    """Noisy counts choose the basis, under which the exact sums follow; both, the counts float64, shape (n,).

    Args and Raises: as ``measure``, which goes on from here. Of the two, only the counts may be shown to anybody.
    """
    if interactions.matrix.nnz == 0:
        msg = "nothing to measure: no subject has an interaction"
        raise EmptyInteractions(msg)
    rule = rule_for(interactions, mechanism, as_of=as_of, features=features)
    verify_fine_enough(
        mechanism, coordinates=_coordinates(len(interactions.items), mechanism.kept_at_most, mechanism, features)
    )
    whole = capped(interactions, mechanism.max_items_per_subject)
    engine = performance.engine if performance else None
    counts = noisy_counts(exact_counts(whole.matrix, engine=engine), mechanism, noise)
    level = mechanism.count_scale / 2**COUNT_BITS
    kept = kept_items(counts, mechanism, noise_level=level)
    items = tuple(interactions.items[column] for column in kept)
    weights = history_weights(counts[kept], mechanism, noise_level=level)
    gram_noise = mechanism.gram_scale / 4**mechanism.gram_bits
    lens = None
    if mechanism.through_lens:
        lens = lens_for(items, counts[kept], weights, count_noise=level, gram_noise=gram_noise, features=features)
    basis = Basis(items=items, history_weights=weights, exact=noise.exact, lens=lens)
    return _added_up(interactions, basis, rule, performance), counts


def exact_sums(
    interactions: Interactions,
    mechanism: Mechanism,
    *,
    basis: Basis,
    as_of: int | None = None,
    features: CatalogueFeatures | None = None,
    performance: Performance | None = None,
) -> ExactSums:
    """What a mechanism measures of these interactions, without its noise, under a basis that is public already.

    Raises:
        BadMechanism: a signal of the mechanism lacks times, ``as_of`` or features; or the integers could overflow.
    """
    rule = rule_for(interactions, mechanism, as_of=as_of, features=features)
    return _added_up(interactions, basis, rule, performance)


def _added_up(interactions: Interactions, basis: Basis, rule: Rule, performance: Performance | None) -> ExactSums:
    speed = performance or Performance()

    def gram(rows: csr_matrix, bits: int) -> np.ndarray:
        return exact_gram(rows, bits=bits, performance=speed)

    return added_up(interactions, basis, rule, gram=gram, engine=speed.engine)


def release_from(
    sums: ExactSums,
    mechanism: Mechanism,
    noise: NoiseSource,
    *,
    inputs_digest: str,
    progress: Progress | None = None,
) -> Release:
    """A release from kept sums, on the basis that they have; its noise is drawn now and shared with no other release.

    Costs what the mechanism says, as if everything had been read anew. Which items are kept, how they weigh and the
    lens were learnt from the noisy counts of an earlier release: its cost comes on top, as the guarantee's text says.

    Raises:
        BadMechanism: the sums are of another mechanism's contributions, or its guarantee cannot be kept on them.
    """
    sums.rule.verify_fits(mechanism)
    verify_fine_enough(
        mechanism, coordinates=_coordinates(len(sums.catalogue), len(sums.basis.items), mechanism, sums.rule.features)
    )
    counts = noisy_counts(sums.counts, mechanism, noise)
    promise = _guarantee(mechanism, noise, sums.basis)
    if noise.exact and not sums.basis.exact:
        promise = no_guarantee(f"{noise.name}; on a basis whose noise was not exact")
    elif noise.exact:
        promise = replace(promise, mechanism=f"{promise.mechanism}; {ON_AN_EARLIER_BASIS}")
    return _released(sums, counts, mechanism, noise, promise, inputs_digest=inputs_digest, progress=progress)


def _released(
    sums: ExactSums,
    counts: np.ndarray,
    mechanism: Mechanism,
    noise: NoiseSource,
    promise: Guarantee,
    *,
    inputs_digest: str,
    progress: Progress | None,
) -> Release:
    basis, place = sums.basis, {item: column for column, item in enumerate(sums.catalogue)}
    held = counts[[place[item] for item in basis.items]]
    gram = sums.gram + symmetric_noise(basis.width, mechanism.gram_scale, noise, progress=progress)
    return Release(
        items=basis.items,
        counts=held,
        gram=gram / 4.0**mechanism.gram_bits,
        history_weights=basis.history_weights,
        lens=basis.lens,
        kept_share=float(np.clip(held.sum() / max(counts.sum(), 1e-12), 1e-3, 1.0)),
        noise=NoiseLevels(
            count=mechanism.count_scale / 2**COUNT_BITS, gram=mechanism.gram_scale / 4**mechanism.gram_bits
        ),
        mechanism=mechanism,
        guarantee=promise,
        inputs_digest=inputs_digest,
        signals={slug: _noisy_signal(slug, sums.signals[slug], mechanism, noise) for slug in sums.rule.signals},
    )


def kept_items(counts: np.ndarray, mechanism: Mechanism, *, noise_level: float) -> np.ndarray:
    """Columns to keep, ascending: the largest noisy counts that stand out of the noise, within the limits."""
    clear = int((counts > mechanism.kept_sigmas * noise_level).sum())
    wanted = min(max(clear, mechanism.kept_at_least), mechanism.kept_at_most)
    return np.sort(np.argsort(-counts, kind="stable")[:wanted])


def history_weights(counts: np.ndarray, mechanism: Mechanism, *, noise_level: float) -> np.ndarray:
    """max(count, its noise, 1) to the power -``count_exponent``: widely watched items say less about a taste."""
    weights: np.ndarray = np.maximum(counts, max(noise_level, 1.0)) ** -mechanism.count_exponent
    return weights


def noisy_counts(exact: np.ndarray, mechanism: Mechanism, noise: NoiseSource) -> np.ndarray:
    """Integer counts with fresh noise: float64, in subjects."""
    noisy: np.ndarray = (exact + noise.draw(len(exact), mechanism.count_scale)) / 2.0**COUNT_BITS
    return noisy


def _noisy_signal(slug: str, exact: np.ndarray, mechanism: Mechanism, noise: NoiseSource) -> Signal:
    kind, scale = get_signal(slug), mechanism.signal_scales[slug]
    drawn = symmetric_noise(len(exact), scale, noise) if kind.outer else noise.draw(exact.size, scale)
    unit = kind.unit(mechanism.gram_bits)
    return Signal((exact + drawn.reshape(exact.shape)) / float(unit), scale / unit)


def _coordinates(items: int, kept: int, mechanism: Mechanism, features: CatalogueFeatures | None) -> int:
    """How many noisy numbers a release has at most, which keeps so many items at most."""
    width = min(kept, items)
    names = len(features.names) if features else 0
    further = sum(get_signal(slug).coordinates(width, names) for slug, _ in mechanism.shares)
    return items + width * (width + 1) // 2 + further


def _guarantee(mechanism: Mechanism, noise: NoiseSource, basis: Basis) -> Guarantee:
    if not noise.exact:
        return no_guarantee(noise.name)
    measured = mechanism.measured(None if basis.lens is None else basis.width)
    return replace(mechanism.guarantee, mechanism=f"{measured}; {noise.name}")
