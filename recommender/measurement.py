"""The one step that reads what people did: counts and Gram matrix in exact integers, plus noise, once.

Sources: McSherry and Mironov 2009 (a private item covariance for recommendation); Dwork, Talwar, Thakurta, Zhang 2014
   (Analyze Gauss).
"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from scipy.sparse import csr_matrix

from recommender.accounting import Guarantee, no_guarantee
from recommender.errors import EmptyInteractions
from recommender.fixed_point import exact_counts, unit_rows
from recommender.gram import exact_gram
from recommender.interactions import Interactions, capped, digest_of
from recommender.mechanism import COUNT_BITS, Mechanism, Performance, verify_fine_enough
from recommender.noise import NoiseSource
from recommender.release import NoiseLevels, Release

Progress = Callable[[int, int], None]


def measure(
    interactions: Interactions,
    mechanism: Mechanism,
    *,
    noise: NoiseSource,
    performance: Performance | None = None,
    progress: Progress | None = None,
    inputs_digest: str | None = None,
) -> Release:
    """Measure the population once.

    Args:
        interactions: over the whole catalogue, which is public; every item is a candidate, watched or not.
        mechanism: all that the guarantee depends on.
        noise: the source of the noise. Anything that is not exact yields a release without a guarantee.
        performance: threads and chunk size.
        progress: told (noise entries drawn, noise entries in all) as the Gram matrix's noise is drawn, the long step.
        inputs_digest: names the snapshot; computed from the interactions when absent.

    Guarantees:
        - adding or removing one subject moves the integer counts by at most 2^32 in L2
        - it moves the integer Gram matrix's upper triangle, diagonal divided by √2, by at most 4^bits/√2 in L2
        - which items are kept and how they weigh depends on the noisy counts only
        - with an exact noise source the release is (ε, δ)-DP as ``mechanism.guarantee`` says

    Raises:
        EmptyInteractions: nobody watched anything.
        BadMechanism: the mechanism cannot keep its guarantee on data of this size.
    """
    if interactions.matrix.nnz == 0:
        msg = "nothing to measure: no subject has an interaction"
        raise EmptyInteractions(msg)
    width = min(mechanism.kept_at_most, len(interactions.items))
    verify_fine_enough(mechanism, coordinates=len(interactions.items) + width * (width + 1) // 2)
    histories = capped(interactions, mechanism.max_items_per_subject)
    counts = _noisy_counts(histories.matrix, mechanism, noise)
    levels = NoiseLevels(
        count=mechanism.count_scale / 2**COUNT_BITS, gram=mechanism.gram_scale / 4**mechanism.gram_bits
    )
    kept = kept_items(counts, mechanism, noise_level=levels.count)
    weights = history_weights(counts[kept], mechanism, noise_level=levels.count)
    rows = unit_rows(csr_matrix(histories.matrix[:, kept]), weights, bits=mechanism.gram_bits)
    gram = exact_gram(rows, bits=mechanism.gram_bits, performance=performance or Performance())
    gram += symmetric_noise(len(kept), mechanism, noise, progress=progress)
    return Release(
        items=tuple(interactions.items[column] for column in kept),
        counts=counts[kept],
        gram=gram / 4.0**mechanism.gram_bits,
        history_weights=weights,
        kept_share=float(np.clip(counts[kept].sum() / max(counts.sum(), 1e-12), 1e-3, 1.0)),
        noise=levels,
        mechanism=mechanism,
        guarantee=_guarantee(mechanism, noise),
        inputs_digest=digest_of(interactions) if inputs_digest is None else inputs_digest,
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


def symmetric_noise(
    width: int, mechanism: Mechanism, noise: NoiseSource, *, progress: Progress | None = None
) -> np.ndarray:
    """Symmetric integer noise for the Gram matrix: int64, shape (width, width); the diagonal is √2 larger."""
    rows, columns = np.triu_indices(width, k=1)
    result = np.zeros((width, width), dtype=np.int64)
    result[rows, columns] = noise.draw(len(rows), mechanism.gram_scale, progress=progress)
    result += result.T
    result[np.diag_indices(width)] = noise.draw(width, mechanism.diagonal_scale)
    return result


def _noisy_counts(matrix: csr_matrix, mechanism: Mechanism, noise: NoiseSource) -> np.ndarray:
    exact = exact_counts(matrix)
    noisy: np.ndarray = (exact + noise.draw(len(exact), mechanism.count_scale)) / 2.0**COUNT_BITS
    return noisy


def _guarantee(mechanism: Mechanism, noise: NoiseSource) -> Guarantee:
    if not noise.exact:
        return no_guarantee(noise.name)
    return replace(mechanism.guarantee, mechanism=f"{mechanism.guarantee.mechanism}; {noise.name}")
