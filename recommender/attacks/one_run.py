"""How much a mechanism leaks at least, from a single run over many canaries. Pure mathematics.

Of m canary subjects each is put into the input with probability ½, independently. The mechanism runs once. The
attacker guesses for r of them, r fixed beforehand, whether they were in, and is right v times. Two statements follow:

* about any mechanism, with (ε, δ): Steinke, Nasr, Jagielski, "Privacy Auditing with One (1) Training Run" (NeurIPS
  2023), main theorem. If the mechanism is (ε, δ)-DP for adding or removing one subject, then with f(x) = Pr[Bin(r,
  e^ε/(1 + e^ε)) ≥ x]

      Pr[W ≥ v] ≤ f(v) + 2mδ · max_{1 ≤ i ≤ v} (f(v - i) - f(v))/i.

  (The theorem's maximum goes to m; beyond v the numerator stays and i grows, so v is enough.)
* about a Gaussian mechanism, with μ: Mahloujifar, Melis, Chaudhuri, "Auditing f-Differential Privacy in One Run" (ICML
  2025), Algorithm 3. It tests the whole trade-off curve and not one point of it, and is far more sensitive: it sees
  noise halved with a few thousand canaries where the first needs a hundred thousand.

A bound is the largest value that the observation refutes. It refutes all smaller ones too: what is (ε, δ)-DP is so for
every larger ε.
"""

from collections.abc import Callable

import numpy as np

from recommender.errors import BadAttack

_PRECISION = 1e-7


def p_value(*, canaries: int, guesses: int, correct: int, epsilon: float, delta: float) -> float:
    """The largest probability, in [0, 1], of guessing so well or better against an (ε, δ)-DP mechanism.

    Raises:
        BadAttack: not 0 ≤ correct ≤ guesses ≤ canaries, ε negative, or δ outside [0, 1).
    """
    from scipy.special import bdtrc, expit

    _check(canaries, guesses, correct)
    if not epsilon >= 0 or not 0 <= delta < 1:
        msg = f"an audit needs epsilon of at least 0 and delta in [0, 1), got {epsilon} and {delta}"
        raise BadAttack(msg)
    chance = expit(epsilon)
    surely = float(bdtrc(correct - 1, guesses, chance))
    if correct == 0 or delta == 0:
        return surely
    steps = np.arange(1, correct + 1)
    worst = float(((bdtrc(correct - steps - 1, guesses, chance) - surely) / steps).max())
    return min(1.0, surely + 2 * canaries * delta * worst)


def epsilon_lower_bound(*, canaries: int, guesses: int, correct: int, delta: float, confidence: float = 0.95) -> float:
    """The largest ε that is refuted with this confidence at δ; 0 where the guesses show nothing.

    Example: 100 guesses, all right, δ = 0, 95 %: (e^ε/(1 + e^ε))^100 = 0.05, so ε = 3.49. More cannot be shown with
        100 guesses; with 1,000 it is 5.81.

    Raises:
        BadAttack: as ``p_value``, or confidence outside (0, 1).
    """
    error = _error(confidence)

    def refuted(epsilon: float) -> bool:
        found = p_value(canaries=canaries, guesses=guesses, correct=correct, epsilon=epsilon, delta=delta)
        return found <= error

    return _largest(refuted)


def refutes_mu(mu: float, *, canaries: int, guesses: int, correct: int, confidence: float = 0.95) -> bool:
    """Whether guessing so well refutes that the mechanism is μ-GDP (for adding or removing one subject).

    Raises:
        BadAttack: not 0 ≤ correct ≤ guesses ≤ canaries, μ negative, or confidence outside (0, 1).
    """
    from scipy.special import ndtr, ndtri

    if not mu >= 0:
        msg = f"an audit needs a mu of at least 0, got {mu}"
        raise BadAttack(msg)

    def least_wrong(right: float) -> float:
        return float(ndtr(ndtri(right) - mu))

    return refutes_curve(least_wrong, canaries=canaries, guesses=guesses, correct=correct, confidence=confidence)


def refutes_curve(
    least_wrong: Callable[[float], float], *, canaries: int, guesses: int, correct: int, confidence: float = 0.95
) -> bool:
    """Whether guessing so well refutes a trade-off curve f, which is symmetric: that of adding or removing one subject.

    With p_j the probability of j right guesses, let r_i = Σ_{j ≥ i} (j/m) p_j and h_i = Σ_{j ≥ i} ((r - j)/m) p_j.
    Were Pr[W ≥ v] above the error allowed, r_v and h_v would be at least the values started from here; the curve then
    asks h_i ≥ f(1 - r_{i+1}) all the way down, and r_0 + h_0 would exceed r/m, which is what they sum to.

    Args:
        least_wrong: r ↦ f(1 - r), of numbers in [0, 1]; for μ-GDP Φ(Φ⁻¹(r) - μ). Rising.
        canaries: m.
        guesses: r.
        correct: v.
        confidence: in (0, 1).

    Raises:
        BadAttack: not 0 ≤ correct ≤ guesses ≤ canaries, or confidence outside (0, 1).
    """
    _check(canaries, guesses, correct)
    error = _error(confidence)
    right, wrong = error * correct / canaries, error * (guesses - correct) / canaries
    for fewer in range(correct - 1, -1, -1):
        more = max(wrong, least_wrong(right))
        if more == wrong:
            break  # neither can change any more
        right = min(right + fewer / (guesses - fewer) * (more - wrong), 1.0)
        wrong = more
    return right + wrong > guesses / canaries


def mu_lower_bound(*, canaries: int, guesses: int, correct: int, confidence: float = 0.95) -> float:
    """The largest μ that is refuted with this confidence; 0 where the guesses show nothing.

    Raises:
        BadAttack: as ``refutes_mu``.
    """
    return _largest(
        lambda mu: refutes_mu(mu, canaries=canaries, guesses=guesses, correct=correct, confidence=confidence)
    )


def _largest(refuted: Callable[[float], bool]) -> float:
    """By bisection; the value returned was itself refuted, whatever the shape of the function."""
    if not refuted(0.0):
        return 0.0
    low, high = 0.0, 1.0
    while refuted(high):
        low, high = high, 2 * high
    while high - low > _PRECISION * max(1.0, high):
        middle = (low + high) / 2
        low, high = (middle, high) if refuted(middle) else (low, middle)
    return low


def _check(canaries: int, guesses: int, correct: int) -> None:
    if not 0 <= correct <= guesses <= canaries or canaries < 1:
        msg = f"expected 0 <= correct <= guesses <= canaries, got {correct}, {guesses} and {canaries}"
        raise BadAttack(msg)


def _error(confidence: float) -> float:
    if not 0 < confidence < 1:
        msg = f"a confidence lies inside (0, 1), got {confidence}"
        raise BadAttack(msg)
    return 1.0 - confidence
