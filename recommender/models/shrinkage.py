"""From noisy values to the best guess at the true ones, when how large the noise is and a first guess are known.

Empirical Bayes after James and Stein (1961). True values scatter around the first guess, more where it is larger: as
those of counts do, their variance is ``spread · guess``. Observed values scatter more, by the noise's variance. Both
are known or follow from all values together, so nothing is tuned. Each value is then moved from the guess towards what
was observed by the share of its scatter that is no noise.

One value can be a true exception among thousands that obey the guess: a new hit, a sequel. As in Efron and Morris
("Limiting the risk of Bayes and empirical Bayes estimators", 1972), no value is therefore moved further from what was
observed than noise can explain: √(2 ln n) standard deviations, which the largest of n pure noises rarely exceeds
(Donoho and Johnstone 1994). So noise alone returns the guess, and an exception beyond doubt survives.
"""

import numpy as np


def shrunk_towards(guess: np.ndarray, observed: np.ndarray, noise: np.ndarray | float) -> np.ndarray:
    """The estimate, not negative: float64, of ``observed``'s shape.

    Args:
        guess: the first guess, not negative, of the same shape.
        observed: the noisy values.
        noise: the standard deviation of their noise, one for all or one for each.

    Guarantees:
        - without noise it is ``observed`` (negative values become 0)
        - when noise drowns everything it is ``guess``, up to the noise's rare extremes
    """
    variance = np.broadcast_to(np.square(noise), observed.shape)
    difference = observed - guess
    scatter = spread_of(guess, difference, variance) * guess
    trust = np.divide(scatter, scatter + variance, out=np.ones_like(guess), where=variance > 0)
    doubt = np.sqrt(2 * np.log(max(observed.size, 2)) * variance)
    estimate = np.clip(guess + trust * difference, observed - doubt, observed + doubt)
    positive: np.ndarray = np.maximum(estimate, 0.0)
    return positive


def spread_of(guess: np.ndarray, difference: np.ndarray, variance: np.ndarray) -> float:
    """By how much true values scatter, per unit of the guess: what the squares hold beyond noise, 0 where nothing."""
    beyond = float((np.square(difference) - variance).sum())
    # The squares of n noises scatter by √(2 Σ σ⁴) around their sum: what lies within that is not yet a finding.
    if beyond <= np.sqrt(2 * float(np.square(variance).sum())):
        return 0.0
    return beyond / max(float(guess.sum()), 1e-12)
