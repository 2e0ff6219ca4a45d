"""What an attack on the recommender found, as data that a report carries and a rule can judge.

A guarantee is a claim about the worst case. An attack that plants canaries and guesses who was in bounds from below
what the model really leaks; a bound above the claim refutes it. One below proves nothing but that this attack failed.
"""

import math
from dataclasses import dataclass, field

from audits.encoding import LATER, decode, encode
from audits.errors import InvalidConfig

SURE = 0.8
"""How likely an attack has to find half of the noise missing, for its finding nothing to be evidence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Guesses:
    """How an attacker fared, canary by canary: of those who were in, and of those who were not, how many it called in.

    Raises:
        InvalidConfig: negative numbers, more hits than canaries, or no canaries on one side.
    """

    members: int
    called_members: int
    others: int
    called_others: int

    def __post_init__(self) -> None:
        fine = 0 <= self.called_members <= self.members and 0 <= self.called_others <= self.others
        if not fine or min(self.members, self.others) < 1:
            msg = (
                "attack: expected canaries on both sides and no more calls than canaries, got "
                f"{self.called_members} of {self.members} and {self.called_others} of {self.others}"
            )
            raise InvalidConfig(msg)


@dataclass(frozen=True, slots=True, kw_only=True)
class PrivacyAttack:
    """One attack's outcome against the guarantee of the model it attacked.

    Attributes:
        epsilon: claimed, per subject.
        delta: claimed.
        lower_bound: on epsilon, as measured; 0 where the attack shows nothing.
        confidence: with which the true epsilon lies above ``lower_bound``.
        attack: what was done, for people to read.
        canaries: subjects planted, in or out.
        model_digest: the model that was attacked.
        chance: with which the same attack refutes the claim of a mechanism with half of its noise; None where nobody
            said. An attack that could find nothing shows nothing by finding nothing.

    Raises:
        InvalidConfig: a number out of range or not finite, or an attack without name or canaries.
    """

    epsilon: float
    delta: float
    lower_bound: float
    confidence: float
    attack: str
    canaries: int
    model_digest: str
    chance: float | None = field(default=None, metadata=LATER)

    def __post_init__(self) -> None:
        checks = (
            ("chance", self.chance is None or 0 <= self.chance <= 1, "a number from 0 to 1, or none"),
            ("epsilon", 0 < self.epsilon < math.inf, "a positive number"),
            ("delta", 0 <= self.delta < 1, "at least 0 and below 1"),
            ("lower_bound", 0 <= self.lower_bound < math.inf, "0 or more"),
            ("confidence", 0 < self.confidence < 1, "between 0 and 1"),
            ("attack", bool(self.attack.strip()), "a name"),
            ("canaries", self.canaries >= 1, "1 or more"),
        )
        for name, holds, expected in checks:
            if not holds:
                msg = f"privacy attack, {name}: expected {expected}, got {getattr(self, name)!r}"
                raise InvalidConfig(msg)

    @property
    def refuted(self) -> bool:
        """Whether the attack shows that the claim is wrong; if not, it is not refuted, which is less than proved."""
        return self.lower_bound > self.epsilon

    @property
    def undecided(self) -> bool:
        """Whether the claim stands only because the attack may well have missed half of the noise."""
        return not self.refuted and (self.chance is None or self.chance < SURE)

    @property
    def sentence(self) -> str:
        """The finding in words."""
        found = (
            f"The attack ({self.attack}, {self.canaries:,} canaries) shows with {100 * self.confidence:g}% confidence"
        )
        claim = f"a subject's epsilon of at least {self.lower_bound:.3g}"
        if self.refuted:
            return f"{found} {claim}, which refutes the claimed {self.epsilon:.3g}."
        could = "Nobody says with what chance it would have found half of the noise missing."
        if self.chance is not None:
            could = (
                f"Half of the noise missing would have been found with a chance of {math.floor(100 * self.chance)}%."
            )
        return f"{found} {claim}; that does not contradict the claimed {self.epsilon:.3g}, nor prove it. {could}"

    def to_json(self) -> bytes:
        """The one encoding; equal attacks give equal bytes."""
        return encode(self)

    @classmethod
    def from_json(cls, unverified: bytes) -> "PrivacyAttack":
        """The attack with exactly this encoding.

        Raises:
            CorruptReport: an unknown, missing or repeated key, a wrong type, another encoding.
            InvalidConfig: a number out of range.
        """
        return decode(cls, unverified)


@dataclass(frozen=True, slots=True, kw_only=True)
class MembershipInference:
    """How well attackers told who was trained on from who was not.

    Attributes:
        area: under the ROC curve of the strongest of them: the chance that a member scores higher than another; None
            together with its interval where too few were attacked to tell.
        low: lower end of an interval for the largest area that any of them has.
        high: upper end.
        confidence: with which that area lies between the two, whichever of the attackers has it.
        attackers: what each looked at, for people to read.
        members: subjects who were trained on.
        others: subjects who were not, drawn alike.
        model_digest: the model that was attacked.

    Raises:
        InvalidConfig: a number out of range or not finite, an area without interval, or no attacker.
    """

    area: float | None
    low: float | None
    high: float | None
    confidence: float
    attackers: tuple[str, ...]
    members: int
    others: int
    model_digest: str

    def __post_init__(self) -> None:
        figures = [each for each in (self.area, self.low, self.high) if each is not None]
        ordered = self.low is None or self.high is None or self.low <= self.high
        whole = len(figures) in {0, 3} and all(0 <= each <= 1 for each in figures) and ordered
        named = bool(self.attackers) and all(each.strip() for each in self.attackers)
        checks = (
            ("area, low, high", whole, "numbers from 0 to 1, or none", (self.area, self.low, self.high)),
            ("confidence", 0 < self.confidence < 1, "between 0 and 1", self.confidence),
            ("attackers", named, "names", self.attackers),
            ("members, others", min(self.members, self.others) >= 1, "1 or more", (self.members, self.others)),
        )
        for name, holds, expected, got in checks:
            if not holds:
                msg = f"membership inference, {name}: expected {expected}, got {got!r}"
                raise InvalidConfig(msg)

    @property
    def sentence(self) -> str:
        """What was tried, in words."""
        tried = ", ".join(self.attackers)
        return (
            f"Membership was inferred among {self.members:,} subjects who were trained on and {self.others:,} who were "
            f"not, by: {tried}. The interval for the strongest of them is at {self.confidence:.0%}."
        )

    def to_json(self) -> bytes:
        """The one encoding; equal findings give equal bytes."""
        return encode(self)

    @classmethod
    def from_json(cls, unverified: bytes) -> "MembershipInference":
        """The finding with exactly this encoding.

        Raises:
            CorruptReport: an unknown, missing or repeated key, a wrong type, another encoding.
            InvalidConfig: a number out of range.
        """
        return decode(cls, unverified)


def epsilon_lower_bound(guesses: Guesses, *, delta: float, confidence: float) -> float:
    """Lower bound on epsilon from an attacker's guesses, 0 where they show nothing.

    (epsilon, delta) allows no test with TPR > e^epsilon FPR + delta (Kairouz, Oh & Viswanath 2015), nor with the two
    kinds of canaries exchanged. So epsilon >= ln((TPR - delta) / FPR) and ln((TNR - delta) / FNR), with Clopper-Pearson
    bounds for both rates, each at half of the error allowed. The canaries have to be drawn independently, and the
    attack's threshold fixed before it is counted.

    Example: all of 100 members called and none of 100 others, delta 0, confidence 0.95: the exact bounds are
        0.025^(1/100) = 0.9638 and 1 - 0.025^(1/100) = 0.0362, so ln(0.9638 / 0.0362) = 3.28.

    Raises:
        InvalidConfig: delta outside [0, 1) or confidence outside (0, 1).
    """
    from scipy.special import betaincinv

    if not 0 <= delta < 1 or not 0 < confidence < 1:
        msg = f"privacy attack: expected delta in [0, 1) and confidence in (0, 1), got {delta} and {confidence}"
        raise InvalidConfig(msg)
    error = (1.0 - confidence) / 2.0

    def at_least(hits: int, trials: int) -> float:
        return float(betaincinv(hits, trials - hits + 1, error)) if hits else 0.0

    true_in, false_in = guesses.called_members, guesses.called_others
    sides = (
        (at_least(true_in, guesses.members), 1.0 - at_least(guesses.others - false_in, guesses.others)),
        (at_least(guesses.others - false_in, guesses.others), 1.0 - at_least(true_in, guesses.members)),
    )
    found = [math.log((right - delta) / wrong) for right, wrong in sides if right > delta]
    return max(0.0, *found) if found else 0.0
