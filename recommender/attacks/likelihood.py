"""What a release tells of every canary's coin at once, over all the sums that it holds.

A release is a list of sums with independent Gaussian noise: counts, the Gram matrix (through its lens, if it has one),
and each further signal. What a canary adds to each of them is known, and so is what everybody else does who was surely
in. What is left is Σ_c (b_c - ½) v_c plus noise, with a fair coin b_c for each canary. The attacker's score is the best
linear guess of b - ½,

    x = (K + 4)⁻¹ t,    K_cc' = Σ ⟨v_c, v_c'⟩/σ²,    t_c = Σ ⟨what is left, v_c⟩/σ²,

added up over all of them: each counts by one over its σ², as in the likelihood ratio of independent Gaussians,
and a coin has the variance ¼. Were canaries orthogonal, x would rise with that ratio; as they are not, it also takes
the other canaries' coins out as far as they can be told. Of what the others add only the direction is taken as known,
and for each sum a factor is guessed with the coins: else code that adds everybody up twice would hide behind them.

Contributions come from the very functions that a measurement adds up, so a fault in one is in the other as well.
"""

import math
from collections.abc import Collection, Iterator
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_matrix, diags_array

from recommender.errors import BadAttack
from recommender.exact_sums import Basis, Rule, as_seen, basis_of, gram_rows, observed_by, signal_rows
from recommender.fixed_point import COUNT_BITS, count_rows
from recommender.interactions import Interactions
from recommender.release import Release
from recommender.signals import get_signal

Rows = csr_matrix | np.ndarray
"""Contributions, one row for each subject: sparse, or dense where a lens makes them so."""

_AT_ONCE = 2048
_ACCURACY = 1e-6
_COIN = 0.25
"""Variance of a fair coin."""


@dataclass(frozen=True, slots=True, eq=False)
class NoisySum:
    """One noisy sum of a release, as contributions see it.

    Attributes:
        values: as released: a vector, or for outer products a symmetric matrix.
        noise: standard deviation of one value; off the diagonal of a symmetric matrix, on it √2 more.
        outer: whether contributions are outer products of rows, and not rows.
    """

    values: np.ndarray
    noise: float
    outer: bool

    def read(self, values: np.ndarray, rows: Rows) -> np.ndarray:
        """⟨values, v⟩ of each row's contribution v; of outer products over the upper triangle, the diagonal halved."""
        if not self.outer:
            return np.asarray(rows @ values).ravel()
        return np.concatenate([_squares(part, values) / 2 for part in _chunks(rows)])

    def product(self, values: np.ndarray, others: np.ndarray) -> float:
        """⟨values, others⟩ of two sums, likewise."""
        return float(np.vdot(values, others)) / (2 if self.outer else 1)

    def add(self, rows: Rows, weights: np.ndarray) -> np.ndarray:
        """The weighted sum of contributions: float64, a vector or a symmetric matrix."""
        if not self.outer:
            return np.asarray(rows.T @ weights).ravel()
        if isinstance(rows, np.ndarray):
            return np.asarray(rows.T @ (rows * weights[:, None]))
        return np.asarray((rows.T @ diags_array(weights) @ rows).todense())


def sums_of(release: Release) -> dict[str, NoisySum]:
    """All sums of a release by name; counts and Gram matrix first."""
    found = {
        "counts": NoisySum(release.counts, release.noise.count, outer=False),
        "gram": NoisySum(release.gram, release.noise.gram, outer=True),
    }
    for slug, signal in release.signals.items():
        outer = get_signal(slug).outer
        found[slug] = NoisySum(signal.values if outer else signal.values.ravel(), signal.noise, outer)
    return found


def contributions(interactions: Interactions, basis: Basis, rule: Rule) -> dict[str, Rows]:
    """What each subject adds to each sum, in its units, one row for each subject; of outer products z, not z zᵀ."""
    observed, bits = observed_by(interactions, basis, rule), rule.gram_bits
    place = {item: number for number, item in enumerate(interactions.items)}
    columns = [place[item] for item in basis.items]
    pairs = as_seen(gram_rows(observed, basis), basis, bits)
    rows: dict[str, Rows] = {
        "counts": count_rows(observed.whole.matrix)[:, columns],
        "gram": pairs if basis.lens is None else pairs.toarray(),
    }
    units = {"counts": 2.0**COUNT_BITS, "gram": 2.0**bits}
    for slug in rule.signals:
        rows[slug] = signal_rows(slug, observed)
        units[slug] = 2.0**bits if get_signal(slug).outer else 2.0**COUNT_BITS
    return {name: _scaled(each, units[name]) for name, each in rows.items()}


@dataclass(frozen=True, slots=True, eq=False)
class Reading:
    """A release as the attacker sees it, by name of its sums.

    Attributes:
        sums: those with noise.
        rows: what each suspect adds.
        known: what is added by those who were surely in.
    """

    sums: dict[str, NoisySum]
    rows: dict[str, Rows]
    known: dict[str, np.ndarray]


def reading(release: Release, suspects: Interactions, others: Interactions, rule: Rule) -> Reading:
    """What a white-box attacker has: the release, what each suspect did, and what everybody else did.

    Raises:
        BadAttack: the measurement kept none of the suspects' items.
    """
    basis, sums = basis_of(release), sums_of(release)
    if not set(basis.items).intersection(suspects.items[column] for column in np.unique(suspects.matrix.indices)):
        msg = "the measurement kept none of the canary items: nothing of a canary is in it"
        raise BadAttack(msg)
    theirs, surely = contributions(others, basis, rule), np.ones(len(others.subjects))
    known = {name: each.add(theirs[name], surely) for name, each in sums.items()}
    return Reading(sums, contributions(suspects, basis, rule), known)


def guessed_coins(seen: Reading, names: Collection[str]) -> np.ndarray:
    """The best linear guess of each suspect's coin less ½: float64, shape (suspects,).

    Args:
        seen: the release.
        names: of the sums to guess from.

    Guarantees:
        - where the release has the claimed noise, of those with a guess of x a share of ½ + x were in, on average and
          as far as coins and noise are Gaussian
    """
    from scipy.sparse.linalg import LinearOperator, cg

    # What is asked for, (K + 4)⁻¹ t, without writing down K, which is as wide as there are canaries. The factors of
    # what is known stand below the coins, in units in which the noise is 1; nothing is assumed about them.
    given = [(seen.sums[name], seen.rows[name], seen.known[name]) for name in names]
    scaled = [(noisy, rows, _in_noises(noisy, known)) for noisy, rows, known in given]
    count = given[0][1].shape[0]

    def read(values: list[np.ndarray]) -> np.ndarray:
        each = list(zip(scaled, values, strict=True))
        coins = np.sum([noisy.read(value, rows) / noisy.noise**2 for (noisy, rows, _), value in each], axis=0)
        return np.append(coins, [noisy.product(value, known) / noisy.noise**2 for (noisy, _, known), value in each])

    def mixed(guess: np.ndarray) -> np.ndarray:
        factors = zip(scaled, guess[count:], strict=True)
        values = [noisy.add(rows, guess[:count]) + factor * known for (noisy, rows, known), factor in factors]
        return read(values) + np.where(np.arange(len(guess)) < count, guess / _COIN, 0.0)

    wanted = read([noisy.values - known - noisy.add(rows, np.full(count, 0.5)) for noisy, rows, known in given])
    operator = LinearOperator((len(wanted), len(wanted)), matvec=mixed, dtype=np.float64)
    guesses: np.ndarray = cg(operator, wanted, rtol=_ACCURACY)[0][:count]
    return guesses


def _in_noises(noisy: NoisySum, values: np.ndarray) -> np.ndarray:
    """The same direction, as long as the noise of one number."""
    scaled: np.ndarray = values * (noisy.noise / max(math.sqrt(noisy.product(values, values)), 1e-300))
    return scaled


def _scaled(rows: Rows, unit: float) -> Rows:
    return np.asarray(rows / unit) if isinstance(rows, np.ndarray) else csr_matrix(rows / unit)


def _squares(rows: Rows, matrix: np.ndarray) -> np.ndarray:
    """zᵀ M z of each row z."""
    if isinstance(rows, np.ndarray):
        return np.asarray(np.einsum("ci,ci->c", rows @ matrix, rows))
    return np.asarray(rows.multiply(rows @ matrix).sum(axis=1)).ravel()


def _chunks(rows: Rows) -> Iterator[Rows]:
    for start in range(0, rows.shape[0], _AT_ONCE):
        yield rows[start : start + _AT_ONCE]
