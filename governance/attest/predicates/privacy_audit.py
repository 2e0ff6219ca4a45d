"""Our own predicate: what a release promises to each subject, and what that promise was checked against.

The guarantee is complete, never (ε, δ) alone.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Self

from governance.attest.checks import Checks
from governance.attest.predicate import OURS
from governance.attest.reading import (
    read_moment,
    read_number,
    read_object,
    read_objects,
    read_text,
    write_moment,
    write_number,
)
from governance.attest.resource import Resource, policies_among, read_resource
from governance.ledger.canonical import Json

LEVEL = "PROBITY_PRIVACY"
ROUNDING = 1e-9
"""Relative slack of comparisons with the budget: the error of the accountant's root-finder."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Paid:
    """The reservation that paid for the release, and the state of the population's budget with it in."""

    reservation: str
    population: str
    purpose: str
    composed_epsilon: float
    budget_epsilon: float
    release_epsilon: float
    delta: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PrivacyAudit:
    """The guarantee of a release. ``release_epsilon`` and ``delta`` in ``paid`` are what the policy allows one."""

    predicate_type: ClassVar[str] = f"{OURS}/privacy-audit/v0.1"
    slug: ClassVar[str] = "privacy-audit"
    is_verdict: ClassVar[bool] = False

    auditor: str
    audited_at: datetime
    unit: str
    neighbouring: str
    epsilon: float
    delta: float
    accountant: str
    mechanism: str
    paid: Paid
    policy: Resource
    inputs: tuple[Resource, ...]

    def as_json(self) -> Mapping[str, Json]:
        """See `Predicate`."""
        return {
            "auditor": {"id": self.auditor},
            "timeAudited": write_moment(self.audited_at),
            "guarantee": {
                "unit": self.unit,
                "neighbouringRelation": self.neighbouring,
                "epsilon": write_number(self.epsilon),
                "delta": self.delta,
                "accountant": self.accountant,
                "mechanism": self.mechanism,
            },
            "reservation": {
                "id": self.paid.reservation,
                "population": self.paid.population,
                "purpose": self.paid.purpose,
                "composedEpsilon": self.paid.composed_epsilon,
                "budgetEpsilon": self.paid.budget_epsilon,
                "releaseEpsilon": self.paid.release_epsilon,
                "delta": self.paid.delta,
            },
            "policy": self.policy.as_json(),
            "inputs": [each.as_json() for each in self.inputs],
        }

    @classmethod
    def read(cls, predicate: Mapping[str, Json]) -> Self:
        """See `Predicate`."""
        guarantee, paid = read_object(predicate, "guarantee"), read_object(predicate, "reservation")
        return cls(
            auditor=read_text(read_object(predicate, "auditor"), "id"),
            audited_at=read_moment(predicate, "timeAudited"),
            unit=read_text(guarantee, "unit"),
            neighbouring=read_text(guarantee, "neighbouringRelation"),
            epsilon=read_number(guarantee, "epsilon"),
            delta=read_number(guarantee, "delta"),
            accountant=read_text(guarantee, "accountant"),
            mechanism=read_text(guarantee, "mechanism"),
            paid=Paid(
                reservation=read_text(paid, "id"),
                population=read_text(paid, "population"),
                purpose=read_text(paid, "purpose"),
                composed_epsilon=read_number(paid, "composedEpsilon"),
                budget_epsilon=read_number(paid, "budgetEpsilon"),
                release_epsilon=read_number(paid, "releaseEpsilon"),
                delta=read_number(paid, "delta"),
            ),
            policy=read_resource(read_object(predicate, "policy")),
            inputs=tuple(read_resource(each) for each in read_objects(predicate, "inputs")),
        )

    @property
    def checks(self) -> Checks:
        """What has to hold for the promise to be worth something; names are sentences without figures."""
        paid, slack = self.paid, 1 + ROUNDING
        return {
            "the release promises no more epsilon than the policy allows one": self.epsilon
            <= paid.release_epsilon * slack,
            "its delta is the policy's or smaller": self.delta <= paid.delta * slack,
            "all releases on the population together stay within its budget": paid.composed_epsilon
            <= paid.budget_epsilon * slack,
        }

    @property
    def policies(self) -> Mapping[str, str]:
        """See `Predicate`."""
        return policies_among((self.policy,))

    @property
    def speaker(self) -> str | None:
        """See `Predicate`."""
        return self.auditor

    @property
    def moment(self) -> datetime | None:
        """See `Predicate`."""
        return self.audited_at

    @property
    def refusals(self) -> tuple[str, ...]:
        """See `Predicate`: the checks are done anew from the figures."""
        return tuple(f"does not hold: {name}" for name, held in self.checks.items() if not held)
