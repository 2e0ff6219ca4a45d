"""What an audit by canaries showed: of the whole release, and of each of its sums alone. Pure."""

from dataclasses import asdict, dataclass
from typing import Any

from recommender.accounting import compose_mu, epsilon_at
from recommender.mechanism import Mechanism


@dataclass(frozen=True, slots=True, kw_only=True)
class SumBound:
    """What one sum of the release shows alone: with a small share, it could leak far too much and be lost in the whole.

    Attributes:
        name: ``counts``, ``gram``, or a signal's slug.
        mu: claimed: what the sum's noise costs.
        guesses: r, fixed beforehand.
        correct: v.
        mu_lower: shown; 0 where nothing is.
    """

    name: str
    mu: float
    guesses: int
    correct: int
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
        correct: v.
        confidence: with which all bounds hold together.
        epsilon_lower: on ε at the claimed δ, whatever the mechanism is; 0 where nothing is shown.
        mu_lower: on μ, of a mechanism that is Gaussian, as this one claims to be; 0 where nothing is shown.
        noise: where the noise came from.
        sums: what each sum shows alone, in the order of the release.
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
    correct: int
    confidence: float
    epsilon_lower: float
    mu_lower: float
    noise: str
    sums: tuple[SumBound, ...]
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
        return epsilon_at(self.mu_lower, self.delta)

    @property
    def epsilon_lower_by_sums(self) -> float:
        """The ε of a mechanism in which one sum leaks what it alone shows, and all others what is claimed of them.

        0 unless a sum alone shows more than is claimed of it. It is a bound if no other sum has more noise than it
        should.
        """
        rest = {part.name: compose_mu(each.mu for each in self.sums if each is not part) for part in self.sums}
        whole = (compose_mu((rest[part.name], part.mu_lower)) for part in self.sums if part.refuted)
        return max((epsilon_at(mu, self.delta) for mu in whole), default=0.0)

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
        """``refuted`` or ``not refuted``."""
        return "refuted" if self.refuted else "not refuted"

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
            f"{self.guesses:,} and was right {self.correct:,} times: with {self.confidence:.0%} confidence epsilon is "
            f"at least {self.epsilon_lower:.3g} for any mechanism and {self.gaussian_epsilon_lower:.3g} for a Gaussian "
            f"one, at delta {self.delta:g}; {self.epsilon:g} is claimed and {self.verdict}. "
            f"Attacked, together and each alone: {', '.join(self.attacked)}.{self._beyond}"
        )

    @property
    def _beyond(self) -> str:
        beyond = [
            f"{words} show a mu of at least {part.mu_lower:.3g} where {part.mu:.3g} is claimed"
            for words, part in zip(self.attacked, self.sums, strict=True)
            if part.refuted
        ]
        return f" By themselves, {', '.join(beyond)}." if beyond else ""

    def as_dict(self) -> dict[str, Any]:
        """Everything, ready for JSON."""
        found = asdict(self)
        found |= {"epsilon": self.epsilon, "delta": self.delta, "mu": self.mechanism.mu}
        found |= {"attacked": list(self.attacked), "verdict": self.verdict}
        found |= {"epsilon_lower_by_sums": self.epsilon_lower_by_sums}
        return found | {"gaussian_epsilon_lower": self.gaussian_epsilon_lower}
