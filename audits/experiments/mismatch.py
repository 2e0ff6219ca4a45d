"""Whether the arms have the sizes they were drawn for; where they do not, no other figure means anything."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from audits.errors import InvalidConfig

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

_EXACT_BELOW = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Mismatch:
    """The answer: ``counts`` against ``expected`` numbers, the test used, its p-value, and whether it alarms."""

    counts: tuple[int, ...]
    expected: tuple[float, ...]
    test: str
    p_value: float
    mismatch: bool


def sample_ratio_mismatch(counts: Sequence[int], shares: Sequence[float], *, alpha: float = 0.001) -> Mismatch:
    """Test subjects per arm against the shares they were drawn by.

    Two arms with fewer than 1,000 subjects: the exact binomial test; otherwise chi-square. The usual ``alpha`` is
    small, since the check runs on every test and an alarm voids it (Fabijan et al., KDD 2019). Counts are of subjects:
    visits are no independent draws.

    Raises:
        InvalidConfig: shares that are not positive or do not sum to 1, a negative count, no subjects, or alpha outside
            (0, 1).
    """
    from scipy import stats

    if not 0 < alpha < 1:
        msg = f"sample ratio, alpha: expected a number between 0 and 1, got {alpha}"
        raise InvalidConfig(msg)
    wanted = _shares(counts, shares)
    total = sum(counts)
    if len(counts) == 2 and total < _EXACT_BELOW:  # noqa: PLR2004 - the binomial has two outcomes
        test, p_value = "exact binomial", float(stats.binomtest(counts[0], total, wanted[0]).pvalue)
    else:
        test, p_value = "chi-square", float(stats.chisquare(counts, wanted * total).pvalue)
    return Mismatch(
        counts=tuple(counts),
        expected=tuple((wanted * total).tolist()),
        test=test,
        p_value=p_value,
        mismatch=p_value < alpha,
    )


def mismatch_evidence(counts: Sequence[int], shares: Sequence[float], *, concentration: float = 100.0) -> float:
    """Evidence against the shares, as an e-value that may be looked at any time.

    An alarm at 1 / alpha errs with probability alpha at most, however often one looks. The ratio of the
    arms' likelihood under a Dirichlet(concentration * shares) prior to that under the shares: B(a + n) / (B(a) prod
    shares^n) with a = concentration * shares. Lindon & Malek (NeurIPS 2022).

    Example: concentration 2, shares 1/2 and 1/2, n of n in one arm: 2^n / (n + 1).

    Raises:
        InvalidConfig: shares or counts as for ``sample_ratio_mismatch``, or a concentration that is not positive.
    """
    from scipy.special import gammaln

    wanted = _shares(counts, shares)
    if not concentration > 0:
        msg = f"sample ratio, concentration: expected a positive number, got {concentration}"
        raise InvalidConfig(msg)
    prior, n = concentration * wanted, np.asarray(counts, dtype=np.float64)
    marginal = gammaln(concentration) - gammaln(concentration + n.sum()) + (gammaln(prior + n) - gammaln(prior)).sum()
    return float(np.exp(min(marginal - n @ np.log(wanted), 700.0)))


def _shares(counts: Sequence[int], shares: Sequence[float]) -> Floats:
    fine = len(counts) == len(shares) >= 2 and all(share > 0 for share in shares)  # noqa: PLR2004 - arms to compare
    if not fine or not math.isclose(sum(shares), 1.0, rel_tol=1e-9):
        msg = f"sample ratio, shares: expected a positive share for each arm, together 1, got {list(shares)}"
        raise InvalidConfig(msg)
    if min(counts) < 0 or sum(counts) == 0:
        msg = f"sample ratio, counts: expected subjects in the arms, got {list(counts)}"
        raise InvalidConfig(msg)
    return np.asarray(shares, dtype=np.float64)
