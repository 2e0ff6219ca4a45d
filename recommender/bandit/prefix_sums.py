"""Sums that are released again after every batch: how to spread noise over a stream.

All prefix sums A x of a stream x are computed from C x + z with A = B C and fresh noise z: B z is smaller than
independent noise at every step, since one subject moves few rows of C x (Denisov et al. 2022; the guarantee holds for
streams that react to earlier releases, which a bandit's do: their Theorem 2.1).

* ``tree``: C sums the nodes of a binary tree, B adds up at most 1 + log₂ T of them (Chan, Shi, Song 2010; Dwork et al.
  2010)
* ``square_root``: C = A^½, the Toeplitz matrix of the coefficients binom(2k, k)/4^k (Fichtenberger, Henzinger, Upadhyay
  2023): a smaller constant
* ``independent``: C = 1, B = A, for comparison
* ``direct``: C = A, B = 1, for comparison: each prefix sum gets noise of its own

C is rounded to integers, so that C x is a sum of integers and so is its squared sensitivity; B is computed for that C.
"""

import math
from dataclasses import dataclass

import numpy as np
import scipy.linalg

from recommender.errors import BadMechanism

ENCODER_BITS = 12
"""Grid of the encoder: with contributions of 2^-24 that holds 2^27 subjects a batch."""


@dataclass(frozen=True, slots=True, eq=False)
class Factorisation:
    """Prefix sums of T batches as decoder · encoder.

    Attributes:
        slug: which one.
        encoder: int64 ≥ 0, shape (rows, T), in units of 2^-12.
        ends: batch after which each row is known, ascending: int64, shape (rows,).
        decoder: float64, shape (T, rows); ``decoder @ encoder`` is 2^12 times the lower triangle of ones.
    """

    slug: str
    encoder: np.ndarray
    ends: np.ndarray
    decoder: np.ndarray

    @property
    def horizon(self) -> int:
        """How many batches."""
        return int(self.encoder.shape[1])

    def squared_sensitivity(self, participations: int, separation: int) -> int:
        """By how much one subject can move the rows together: the squared L2 norm, an integer in units of 4^-12.

        A subject takes part in at most ``participations`` batches, at least ``separation`` apart, each time with a
        contribution of norm at most 1.

        Guarantees:
            - an upper bound for every pattern of participation and all contributions: the encoder is not negative, so
              equal contributions are the worst. For Toeplitz encoders with falling coefficients the earliest batches
              are the worst pattern, and the bound is reached (Kalinin and Lampert 2024, Theorem 2). For the tree a
              node of size s holds at most c = min(p, ⌈s/separation⌉) participations, so its level adds at most c·p.
        """
        if self.slug == "tree":
            sizes = sorted({int(size) for size in self.encoder.sum(axis=1) >> ENCODER_BITS})
            held = [min(participations, math.ceil(size / separation)) for size in sizes]
            return int(sum(participations * count for count in held)) << (2 * ENCODER_BITS)
        earliest = np.arange(0, self.horizon, separation)[:participations]
        total = self.encoder[:, earliest].sum(axis=1)
        return int(sum(int(v) ** 2 for v in total))

    def error(self, participations: int = 1, separation: int = 1) -> np.ndarray:
        """Standard deviation of the error of each prefix sum at μ = 1, per unit contribution: shape (T,)."""
        sensitivity = math.sqrt(self.squared_sensitivity(participations, separation))
        result: np.ndarray = np.linalg.norm(self.decoder, axis=1) * sensitivity / 2**ENCODER_BITS
        return result


def tree(horizon: int) -> Factorisation:
    """Binary counting."""
    _check(horizon)
    nodes = [
        (start, start + size)
        for size in (2**level for level in range(horizon.bit_length()))
        for start in range(0, horizon - size + 1, size)
    ]
    nodes.sort(key=lambda node: (node[1], node[1] - node[0]))
    place = {node: row for row, node in enumerate(nodes)}
    encoder = np.zeros((len(nodes), horizon), dtype=np.int64)
    for (start, stop), row in place.items():
        encoder[row, start:stop] = 2**ENCODER_BITS
    decoder = np.zeros((horizon, len(nodes)))
    for step in range(1, horizon + 1):
        start = 0
        for level in reversed(range(step.bit_length())):
            if step >> level & 1:
                decoder[step - 1, place[start, start + 2**level]] = 1.0
                start += 2**level
    return Factorisation("tree", encoder, np.array([stop - 1 for _, stop in nodes]), decoder)


def square_root(horizon: int) -> Factorisation:
    """The Toeplitz square root of the prefix sums."""
    _check(horizon)
    coefficients = np.cumprod([1.0, *((2 * k - 1) / (2 * k) for k in range(1, horizon))])
    return _triangular("square-root", np.floor(coefficients * 2**ENCODER_BITS).astype(np.int64))


def independent(horizon: int) -> Factorisation:
    """Fresh noise on every batch."""
    _check(horizon)
    return _triangular("independent", np.array([2**ENCODER_BITS] + [0] * (horizon - 1)))


def direct(horizon: int) -> Factorisation:
    """Fresh noise on every prefix sum."""
    _check(horizon)
    return _triangular("direct", np.full(horizon, 2**ENCODER_BITS))


FACTORISATIONS = {"tree": tree, "square-root": square_root, "independent": independent, "direct": direct}


def _triangular(slug: str, coefficients: np.ndarray) -> Factorisation:
    horizon = len(coefficients)
    encoder = scipy.linalg.toeplitz(coefficients, np.zeros(horizon)).astype(np.int64)
    sums = np.tril(np.ones((horizon, horizon))) * 2**ENCODER_BITS
    decoder = scipy.linalg.solve_triangular(encoder.T.astype(np.float64), sums.T, lower=False).T
    return Factorisation(slug, encoder, np.arange(horizon), decoder)


def _check(horizon: int) -> None:
    if horizon < 1:
        msg = f"a stream has at least one batch, got {horizon}"
        raise BadMechanism(msg)
