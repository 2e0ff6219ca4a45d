"""How surely an audit by canaries finds a mechanism with half of its noise, by epsilon and number of canaries.

Three figures a line of what guesses alone find: how often half of the noise is caught by the bound for Gaussian
mechanisms and by the one for any mechanism, and how often the honest mechanism is accused by either, which may be one
time in twenty. Scores are drawn as the best attacker's are, N(±μ/2, 1); with ``--real`` the mechanism itself is run
instead, with quick noise. Fourth, the chance with which the sums find half of the noise, each with Gaussian noise as is
claimed (``attacks.signal_to_noise``): that of canaries that do not overlap, with as many numbers as one canary design.

    python benchmarks/attack_power.py [--runs 400] [--real] [--figure attack-power.svg]
"""

import argparse
from dataclasses import dataclass

import matplotlib.pyplot as plt
import numpy as np

from recommender.attacks.attack_report import chance_of_any
from recommender.attacks.canary_audit import audit_mechanism, right_guesses
from recommender.attacks.one_run import refutes_mu
from recommender.attacks.power import best_guesses, fewest_for_epsilon
from recommender.attacks.signal_to_noise import Standing
from recommender.interactions import Interactions, ones
from recommender.mechanism import Mechanism, plan

EPSILONS = (0.5, 1.0, 2.0, 3.0, 5.0, 8.0, 20.0)
CANARIES = (500, 1000, 2000, 4000, 8000, 16_000)
DELTA = 1e-6
ERROR = 0.001
"""Of all bounds together, as `probity audit privacy` runs: those on ε, on μ and on the sums have a third each."""
EACH = 1 - ERROR / 3
BY_SUMS = ERROR / 3
FREEDOM = 16 * 17 - 3
"""Degrees of freedom of the counts of one design of canaries; every other sum has more."""


@dataclass(frozen=True)
class QuickNoise:
    """Gaussian integers of the planned size over ``divided``: honest, but neither exact nor secret."""

    rng: np.random.Generator
    divided: int
    exact: bool = False
    name: str = "quick, for a benchmark"

    def draw(self, count: int, scale: int, *, progress: object = None) -> np.ndarray:  # noqa: ARG002 - the protocol's
        """See ``NoiseSource.draw``."""
        return np.rint(self.rng.normal(0, scale / self.divided, count)).astype(np.int64)


@dataclass(frozen=True)
class Line:
    """One line of the table; rates lie in [0, 1]."""

    epsilon: float
    canaries: int
    guesses: int
    caught: float
    caught_by_epsilon: float
    accused: float
    caught_by_sums: float


def played(mechanism: Mechanism, canaries: int, guesses: int, divided: int, rng: np.random.Generator) -> int:
    """Right guesses of the best attacker on a Gaussian mechanism that leaks ``divided`` times the claimed μ."""
    included = rng.random(canaries) < 0.5  # noqa: PLR2004 - a fair coin
    scores = rng.normal(size=canaries) + mechanism.mu * divided * (included - 0.5)
    return right_guesses(scores, included, guesses)


def run(mechanism: Mechanism, canaries: int, guesses: int, divided: int, rng: np.random.Generator) -> int:
    """Right guesses against the mechanism itself, nobody else being in the input."""
    nobody = Interactions((), ("title",), ones(np.empty(0, np.int64), np.empty(0, np.int64), (0, 1)))
    noise = QuickNoise(rng, divided)
    report = audit_mechanism(nobody, mechanism, canaries=canaries, guesses=guesses, rng=rng, noise=noise)
    return report.correct


def measured(epsilon: float, canaries: int, *, runs: int, real: bool) -> Line:
    """One line, over that many runs of either mechanism."""
    mechanism, play = plan(epsilon, DELTA), run if real else played
    rng = np.random.default_rng([round(10 * epsilon), canaries])
    guesses = best_guesses(mechanism.mu, canaries=canaries, confidence=EACH).guesses
    fewest = fewest_for_epsilon(epsilon, DELTA, canaries, guesses, confidence=EACH)

    def by_mu(correct: int) -> bool:
        return refutes_mu(mechanism.mu, canaries=canaries, guesses=guesses, correct=correct, confidence=EACH)

    halved = [play(mechanism, canaries, guesses, 2, rng) for _ in range(runs)]
    honest = [play(mechanism, canaries, guesses, 1, rng) for _ in range(runs)]
    return Line(
        epsilon=epsilon,
        canaries=canaries,
        guesses=guesses,
        caught=float(np.mean([by_mu(v) or v >= fewest for v in halved])),
        caught_by_epsilon=float(np.mean([v >= fewest for v in halved])),
        accused=float(np.mean([by_mu(v) or v >= fewest for v in honest])),
        caught_by_sums=planned(mechanism, canaries),
    )


def planned(mechanism: Mechanism, canaries: int) -> float:
    """The chance of the sums, each at its share of the error that they have together."""
    mus = mechanism.mu_by_sum.values()
    confidence = 1 - BY_SUMS / len(mus)
    return chance_of_any(
        Standing(statistic=0.0, expected=mu * np.sqrt(canaries) / 2, freedom=FREEDOM, longest=mu).chance(mu, confidence)
        for mu in mus
    )


def draw(lines: list[Line], path: str) -> None:
    """The share of halved noise that guesses catch, by canaries, one curve an epsilon."""
    figure, axes = plt.subplots(figsize=(6, 4), layout="constrained")
    for epsilon in dict.fromkeys(line.epsilon for line in lines):
        chosen = [line for line in lines if line.epsilon == epsilon]
        axes.plot([line.canaries for line in chosen], [line.caught for line in chosen], "o-", label=f"ε = {epsilon:g}")
    axes.set(xscale="log", xlabel="canaries", ylabel="half of the noise is caught", ylim=(-0.02, 1.02))
    axes.legend()
    figure.savefig(path)


def main() -> None:
    """Print the table, line by line as it is made."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=400)
    parser.add_argument("--real", action="store_true", help="run the mechanism itself")
    parser.add_argument("--epsilons", type=float, nargs="+", default=EPSILONS)
    parser.add_argument("--canaries", type=int, nargs="+", default=CANARIES)
    parser.add_argument("--figure", help="where to draw it")
    asked = parser.parse_args()
    print("epsilon  canaries  guesses  caught  by epsilon alone  accused wrongly  by sums")
    lines = []
    for epsilon in asked.epsilons:
        for canaries in asked.canaries:
            line = measured(epsilon, canaries, runs=asked.runs, real=asked.real)
            lines.append(line)
            print(
                f"{line.epsilon:7g}  {line.canaries:8}  {line.guesses:7}  {line.caught:6.2f}  "
                f"{line.caught_by_epsilon:16.2f}  {line.accused:15.3f}  {line.caught_by_sums:7.2f}",
                flush=True,
            )
    if asked.figure:
        draw(lines, asked.figure)


if __name__ == "__main__":
    main()
