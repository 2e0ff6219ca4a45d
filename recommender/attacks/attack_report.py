"""What an audit by canaries showed: of the whole release, and of each of its sums alone. Pure."""

import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from recommender.accounting import LARGEST_MU, compose_mu, epsilon_at
from recommender.mechanism import Mechanism

SURE = 0.8
"""How likely an audit has to find half of the noise missing, for its finding nothing to mean something."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SumBound:
    """What one sum of the release shows alone: with a small share, it could leak far too much and be lost in the whole.

    Attributes:
        name: ``counts``, ``gram``, or a signal's slug.
        mu: claimed: what the sum's noise costs.
        statistic: by how many of its estimated errors the canaries' coins stand out of it
            (``attacks.signal_to_noise``).
        needed: the statistic that refutes the claim; None where the canaries add nothing to this sum.
        chance: with which it would have been exceeded, had this sum half of its noise.
        mu_lower: shown, if the sum has Gaussian noise of one size; 0 where nothing is.
    """

    name: str
    mu: float
    statistic: float
    needed: float | None
    chance: float
    mu_lower: float

    @property
    def refuted(self) -> bool:
        """Whether the sum is shown to have less noise, or more of a subject in it, than is claimed."""
        return self.mu_lower > self.mu


@dataclass(frozen=True, slots=True, kw_only=True)
class AttackReport:
    """What one run showed.

    Attributes:
        mechanism: as it was run, which is as it is claimed.
        subjects: others in the input beside the canaries and their supporters.
        supporters: further subjects who make the canaries' items popular, so that they are kept and seen.
        items: on the item axis, canary items included.
        canary_items: items of one canary.
        canaries: m, each in with probability ½.
        included: how many were.
        guesses: r, fixed beforehand.
        needed: the fewest right guesses that refute the claimed μ; None where not even r do, as for a large ε.
        correct: v.
        confidence: with which all bounds hold together.
        epsilon_lower: on ε at the claimed δ, whatever the mechanism is; 0 where nothing is shown.
        mu_lower: on μ by the guesses, of a mechanism that is Gaussian, as this one claims to be; 0 where nothing is
            shown.
        noise: where the noise came from.
        sums: what each sum shows alone, in the order of the release.
        chance: with which the sums would have refuted the claim, had all of them half of their noise.
        canaries_needed: how many make that chance ``SURE``; None if more than a million.
        directions: of the lens that the Gram matrix was measured through; None where there was none.
    """

    mechanism: Mechanism
    subjects: int
    supporters: int
    items: int
    canary_items: int
    canaries: int
    included: int
    guesses: int
    needed: int | None
    correct: int
    confidence: float
    epsilon_lower: float
    mu_lower: float
    noise: str
    sums: tuple[SumBound, ...]
    chance: float
    canaries_needed: int | None
    directions: int | None = None

    @property
    def epsilon(self) -> float:
        """Claimed."""
        return self.mechanism.epsilon

    @property
    def delta(self) -> float:
        """Claimed."""
        return self.mechanism.delta

    @property
    def gaussian_epsilon_lower(self) -> float:
        """The ε that a Gaussian mechanism of ``mu_lower`` has at the claimed δ."""
        return self._epsilon(self.mu_lower)

    @property
    def epsilon_lower_by_sums(self) -> float:
        """The ε of what all sums show together; or what one shows beside what is claimed of the others, if it is more.

        The second where one shows more than is claimed of it: a bound if no other has more noise than it should.
        """
        rest = {part.name: compose_mu(each.mu for each in self.sums if each is not part) for part in self.sums}
        beyond = [compose_mu((rest[part.name], part.mu_lower)) for part in self.sums if part.refuted]
        return self._epsilon(max([compose_mu(part.mu_lower for part in self.sums), *beyond]))

    @property
    def lower_bound(self) -> float:
        """On ε, by the strongest of the three."""
        return max(self.epsilon_lower, self.gaussian_epsilon_lower, self.epsilon_lower_by_sums)

    @property
    def refuted(self) -> bool:
        """Whether the claim is shown to be wrong, of the whole or of a sum."""
        return self.lower_bound > self.epsilon

    @property
    def verdict(self) -> str:
        """``refuted``; ``undecided`` where half of the noise would likely have passed as well; or ``not refuted``."""
        if self.refuted:
            return "refuted"
        return "not refuted" if self.chance >= SURE else "undecided"

    @property
    def attacked(self) -> tuple[str, ...]:
        """What was read, in words."""
        lens = "" if self.directions is None else f" through a lens of {self.directions} directions"
        words = {"counts": "counts", "gram": f"pairs of titles{lens}"}
        return tuple(words.get(part.name, f"the signal {part.name}") for part in self.sums)

    @property
    def sentence(self) -> str:
        """The finding in words, and what it is about."""
        return (
            f"Of {self.canaries:,} canary subjects, each in with probability one half, the attacker guessed "
            f"{self.guesses:,} and was right {self.correct:,} times: with {100 * self.confidence:g}% confidence "
            f"epsilon is at least {self.epsilon_lower:.3g} for any mechanism, "
            f"{self.gaussian_epsilon_lower:.3g} for a Gaussian "
            f"one and {self.epsilon_lower_by_sums:.3g} for Gaussian noise in each sum, at delta {self.delta:g}; "
            f"{self.epsilon:g} is claimed and {self.verdict}. "
            f"Attacked, together and each alone: {', '.join(self.attacked)}.{self._beyond} {self.could_find}"
        )

    @property
    def could_find(self) -> str:
        """What the audit could have refuted, in words."""
        guessed = "no number of right guesses" if self.needed is None else f"{self.needed:,} right guesses"
        said = (
            f"Half of the noise would have been found with a chance of {_percent(self.chance)}; {guessed} would have "
            f"refuted the claim."
        )
        if self.chance >= SURE:
            return said
        would = "more than a million" if self.canaries_needed is None else f"{self.canaries_needed:,}"
        return f"{said} For a chance of {SURE:.0%} it takes {would} canaries."

    @property
    def _beyond(self) -> str:
        beyond = [
            f"{words} show a mu of at least {part.mu_lower:.3g} where {part.mu:.3g} is claimed"
            for words, part in zip(self.attacked, self.sums, strict=True)
            if part.refuted
        ]
        return f" By themselves, {', '.join(beyond)}." if beyond else ""

    def _epsilon(self, mu: float) -> float:
        return epsilon_at(min(mu, LARGEST_MU), self.delta)

    def as_dict(self) -> dict[str, Any]:
        """Everything, ready for JSON."""
        found = asdict(self)
        found |= {"epsilon": self.epsilon, "delta": self.delta, "mu": self.mechanism.mu}
        found |= {"attacked": list(self.attacked), "verdict": self.verdict}
        found |= {"epsilon_lower_by_sums": self.epsilon_lower_by_sums}
        return found | {"gaussian_epsilon_lower": self.gaussian_epsilon_lower}


def chance_of_any(chances: Iterable[float]) -> float:
    """Of one at least, of sums whose noises are independent."""
    return 1 - math.prod(1 - chance for chance in chances)


def _percent(chance: float) -> str:
    """Never quite certain, nor quite impossible."""
    return "more than 99 %" if chance > 0.99 else "less than 1 %" if chance < 0.01 else f"{100 * chance:.0f} %"  # noqa: PLR2004
