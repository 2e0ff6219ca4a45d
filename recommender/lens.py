"""How a population is looked at: which directions of taste a measurement of its noise level can tell apart.

A subject's contribution to the Gram matrix is bounded by the norm of what they add. Along directions in which the
noise will drown everybody, norm is spent for nothing. So of a history x only the coordinates along d directions chosen
from public knowledge are kept, z = Vᵀx/‖Vᵀx‖, and Σ z zᵀ is released: d² numbers with noise in place of m². At ε = 1
that raises the signal to several times the noise's level where it was lost before, and draws a thirtieth of the noise.

Three public facts choose the directions: titles with the same metadata are watched by the same people; so are titles
of similar popularity; and a title's weight in the Gram matrix grows with its noisy count. Together they are a kernel,
the covariance of tastes before anything is measured; its d leading eigenvectors are the directions. The first is the
average taste. It would take most of every norm, and the noisy counts tell it already: its column of V is shorter.

Source of the idea: Gaussian noise is calibrated to the norm of a query, so that the strategy of queries decides the
error (Li, Miklau, Hay, McGregor, Rastogi 2015, the matrix mechanism).
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from recommender.errors import BadMechanism
from recommender.features import CatalogueFeatures
from recommender.fixed_point import SHY, verify_norms

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

LENS_BITS = 15
"""Entries of V are multiples of 2^-15, so that what a subject adds is a matter of integers."""

LARGEST = 1 + 2**-4
"""Bound of the spectral norm of VᵀV: 1 but for the rounding of V, which adds at most some 1e-5 for each direction."""

AVERAGE_TASTE_KEPT = 0.3
"""Length of the column of V along the average taste, where others have 1.

Declared, chosen on validation subjects of MovieLens-1M: 0.2 to 0.3 are equally good there, within what divisions
differ by.
"""

DIRECTIONS = 0.25
"""Directions, in units of (Σ counts/τ)^⅔.

n subjects leave an average of n/d along each of d directions, and noise reaches 2τ√d: the two meet at d = (n/τ)^⅔.
Σ counts is n times the mean root of a history's length, known without another query. Declared, chosen on
validation subjects of MovieLens-1M, where 0.6 and 1.6 times as many are up to a point worse.
"""

_YEARS_APART = 10.0
_NORM_BITS = 24


def lens_for(
    items: Sequence[str],
    counts: np.ndarray,
    history_weights: np.ndarray,
    *,
    count_noise: float,
    gram_noise: float,
    features: CatalogueFeatures | None,
) -> np.ndarray | None:
    """V of shape (m, d), float64 in multiples of 2^-15, or None where every direction of the m items stands out.

    Guarantees:
        - a function of noisy counts and of what is public
        - ‖VᵀV‖ ≤ 1 up to rounding, so that no history grows
    """
    width = len(items)
    total = float(np.maximum(counts, 0.0).sum())
    directions = max(round(DIRECTIONS * (total / gram_noise) ** (2 / 3)), 2) if gram_noise > 0 else width
    if directions >= width:
        return None
    import scipy.linalg  # readers of releases need it not

    kernel = taste_kernel(items, counts, history_weights, count_noise=count_noise, features=features)
    _, vectors = scipy.linalg.eigh(kernel, subset_by_index=[width - directions, width - 1], check_finite=False)
    scale = np.ones(directions)
    scale[-1] = AVERAGE_TASTE_KEPT
    lens: np.ndarray = np.rint(vectors * scale * 2.0**LENS_BITS)[:, ::-1] / 2.0**LENS_BITS
    return np.ascontiguousarray(lens)


def verify_lens(lens: np.ndarray, width: int) -> None:
    """Check that a lens is one for that many items, on its grid, through which no history grows.

    The largest row sum of |VᵀV| bounds its spectral norm. ``LARGEST`` leaves room for the rounding of V.

    Raises:
        BadMechanism: it is not.
    """
    fits = lens.ndim == 2 and len(lens) == width and lens.dtype == np.float64  # noqa: PLR2004 - a matrix
    if not fits or (np.abs(lens) > 1).any() or (np.rint(lens * 2**LENS_BITS) != lens * 2**LENS_BITS).any():
        msg = f"a lens for {width} items is float64 of shape ({width}, d) in multiples of 2^-{LENS_BITS}, at most 1"
        raise BadMechanism(msg)
    if np.abs(lens.T @ lens).sum(axis=1).max(initial=0.0) > LARGEST:
        msg = f"a lens keeps histories from growing: the row sums of |VᵀV| are at most {LARGEST}"
        raise BadMechanism(msg)


def seen_rows(rows: "csr_matrix", lens: np.ndarray, *, bits: int) -> "csr_matrix":
    """Histories through a lens, z = Vᵀx/‖Vᵀx‖ in units of 2^-bits: int64 CSR of shape (n, d).

    Why the result is the same on every machine: x and V are integers on their grids, and ‖VᵀV‖ ≤ ``LARGEST``, so every
    sum in Vᵀx is an integer below 2^53 that float64 holds exactly, in whatever order it is added up. So are the squares
    of the result once it is cut to 24 bits; a root and a quotient are rounded as IEEE 754 says.

    Args:
        rows: integers, Σ x² ≤ 4^bits in each (``fixed_point.unit_rows``).
        lens: V, shape (m, d).
        bits: the grid, at most 20.

    Guarantees:
        - Σ_j z_j² ≤ 4^bits for every row, checked in integers
        - a row depends on that subject's history alone; one that the lens does not see is 0

    Raises:
        BadMechanism: the bound does not hold, which would be an arithmetic fault of the machine.
    """
    from scipy.sparse import csr_matrix

    seen = rows.astype(np.float64) @ np.rint(lens * 2.0**LENS_BITS)
    seen = np.trunc(seen / 2.0 ** (LENS_BITS + bits - _NORM_BITS))
    norms = np.sqrt((seen**2).sum(axis=1, keepdims=True))
    values = np.trunc(seen / np.maximum(norms, 1.0) * (SHY * 2.0**bits)).astype(np.int64)
    result = csr_matrix(values)
    numbers = np.repeat(np.arange(result.shape[0]), np.diff(result.indptr))
    verify_norms(result.data, numbers, count=result.shape[0], bits=bits)
    return result


def expected_weights(counts: np.ndarray, history_weights: np.ndarray, *, count_noise: float) -> np.ndarray:
    """How much of all histories a title holds, up to a factor: positive, shape (m,)."""
    weights: np.ndarray = np.maximum(counts, max(count_noise, 1e-9)) * history_weights
    return weights


def taste_kernel(
    items: Sequence[str],
    counts: np.ndarray,
    history_weights: np.ndarray,
    *,
    count_noise: float,
    features: CatalogueFeatures | None,
) -> np.ndarray:
    """Covariance of tastes as far as it is public: positive definite, shape (m, m), up to a factor.

    (1 + A + P)(1 + C) + I, entry by entry, times the expected weights of the two titles: A is the mean likeness of
    their attributes, P its product (alike in every attribute), C the likeness of their popularity, I what is a title's
    own. All have weight one: on MovieLens-1M no other weights are clearly better.
    """
    logs = np.log(np.maximum(counts, max(count_noise, 1.0)))
    logs = (logs - logs.mean()) / max(float(logs.std()), 1e-9)
    popularity = np.exp(-((logs[:, None] - logs) ** 2) / 2)
    likeness = np.ones_like(popularity)
    if features is not None and features.names:
        each = _attribute_likeness(items, features)
        likeness = likeness + sum(each) / len(each) + np.prod(each, axis=0)
    kernel = likeness * (1 + popularity) + np.eye(len(items))
    expected = expected_weights(counts, history_weights, count_noise=count_noise)
    result: np.ndarray = kernel * np.outer(expected, expected)
    return result


def _attribute_likeness(items: Sequence[str], features: CatalogueFeatures) -> list[np.ndarray]:
    """For each attribute the cosine between the categories of two titles, neighbouring years counting as alike."""
    matrix = features.of(items)
    attributes = [name.split(":", 1)[0] for name in features.names]
    result = []
    for attribute in sorted(set(attributes)):
        columns = [column for column, name in enumerate(attributes) if name == attribute]
        member = matrix[:, columns]
        years = _as_years([features.names[column].split(":", 1)[1] for column in columns])
        if years is not None:
            near = np.exp(-np.abs(years[:, None] - years) / _YEARS_APART)
            member = member @ np.linalg.cholesky(near)
        member = member / np.maximum(np.linalg.norm(member, axis=1, keepdims=True), 1e-12)
        result.append(member @ member.T)
    return result


def _as_years(categories: Sequence[str]) -> np.ndarray | None:
    """Categories as years, if all are (``1994``, ``1990s``)."""
    stripped = [category.removesuffix("s") for category in categories]
    if not all(text.isdecimal() and len(text) == 4 for text in stripped):  # noqa: PLR2004 - digits of a year
        return None
    return np.array([float(text) for text in stripped])
