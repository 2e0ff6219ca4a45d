"""The budget as the web shows it: how much of the whole each release took.

Epsilons do not add up, squares of mu do (Gaussian DP), so the shares below are of mu squared and sum exactly. Steps
that sample their subjects have no mu: a reservation's share is what it added to the mu that a Gaussian release of the
same epsilon would have.
"""

from dataclasses import dataclass

from sqlalchemy.orm import Session

from governance.budget.reservations import BudgetState, cost_of_reservation, state
from governance.budget.tables import Reservation
from governance.policy.privacy_rules import PrivacyPolicy
from recommender.accounting import mu_for
from recommender.composition import Cost, compose, equivalent_mu


@dataclass(frozen=True, slots=True, kw_only=True)
class Slice:
    """One reservation's part of the budget, from ``begin`` to ``begin + width`` per cent of the whole."""

    reservation: Reservation
    begin: float
    width: float


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetReading:
    """The state, and what each reservation took of it in the order they were made."""

    state: BudgetState
    slices: tuple[Slice, ...]

    @property
    def left_percent(self) -> float:
        """What no reservation took, per cent of the whole."""
        return max(0.0, 100.0 - sum(each.width for each in self.slices))


def read_budget(session: Session, policy: PrivacyPolicy) -> BudgetReading:
    """The budget of the policy's population."""
    present, whole = state(session, policy=policy), mu_for(policy.budget_epsilon, policy.delta) ** 2
    slices, begin, so_far = [], 0.0, Cost()
    for reservation in present.reservations:
        so_far = compose((so_far, cost_of_reservation(reservation)))
        end = 100.0 * equivalent_mu(so_far, policy.delta) ** 2 / whole
        slices.append(Slice(reservation=reservation, begin=begin, width=end - begin))
        begin = end
    return BudgetReading(state=present, slices=tuple(slices))
