"""Who is held out, and which part of a held-out history is shown to the model."""

import hashlib
from collections.abc import Iterable

import numpy as np

from recommender.errors import BadInteractions
from recommender.interactions import Interactions, ones


def hold_out(subjects: Iterable[str], share: float, *, salt: bytes) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Split into (kept, held out) by a keyed hash: a subject stays on its side whoever else comes or goes.

    Raises:
        BadInteractions: ``share`` is not inside [0, 1].
    """
    if not 0 <= share <= 1:
        msg = f"the held-out share lies in [0, 1], got {share}"
        raise BadInteractions(msg)
    key = hashlib.sha256(b"probity/hold-out/v1\x00" + salt).digest()
    limit = round(share * 2**64)
    kept: list[str] = []
    held: list[str] = []
    for subject in subjects:
        ticket = hashlib.blake2b(subject.encode(), key=key, digest_size=8).digest()
        (held if int.from_bytes(ticket, "big") < limit else kept).append(subject)
    return tuple(kept), tuple(held)


def fold_in(
    interactions: Interactions, share: float = 0.8, *, rng: np.random.Generator
) -> tuple[Interactions, Interactions]:
    """Split each history at random into (shown, targets), on the same axes.

    Guarantees:
        - shown and targets of a subject are disjoint and together are the whole history
        - a subject with two items or more has at least one in each; a single item is shown
    """
    return _parted(interactions, share, rng.random(interactions.matrix.nnz))


def fold_in_each(interactions: Interactions, share: float = 0.8, *, salt: bytes) -> tuple[Interactions, Interactions]:
    """The same, each history by draws of its own: nobody's split hangs on whoever else comes or goes.

    What is released under differential privacy needs that: one subject more may change that subject's part alone.
    """
    key = hashlib.sha256(b"probity/fold-in/v1\x00" + salt).digest()
    draws = [
        np.random.default_rng(int.from_bytes(hashlib.blake2b(subject.encode(), key=key).digest(), "big")).random(length)
        for subject, length in zip(interactions.subjects, interactions.lengths.tolist(), strict=True)
    ]
    return _parted(interactions, share, np.concatenate(draws) if draws else np.empty(0))


def _parted(interactions: Interactions, share: float, tickets: np.ndarray) -> tuple[Interactions, Interactions]:
    """Of each history the items with the lowest tickets, one for each entry of the matrix, and the others."""
    matrix, lengths = interactions.matrix, interactions.lengths
    rows = np.repeat(np.arange(len(lengths)), lengths)
    order = np.lexsort((tickets, rows))
    rank = np.arange(matrix.nnz) - np.repeat(matrix.indptr[:-1], lengths)
    shown_count = np.clip(np.rint(lengths * share).astype(np.int64), np.minimum(lengths, 1), np.maximum(lengths - 1, 1))
    is_shown = np.empty(matrix.nnz, dtype=bool)
    is_shown[order] = rank < shown_count[rows]

    def part(mask: np.ndarray) -> Interactions:
        chosen = ones(rows[mask], matrix.indices[mask], matrix.shape)
        return Interactions(interactions.subjects, interactions.items, chosen)

    return part(is_shown), part(~is_shown)
