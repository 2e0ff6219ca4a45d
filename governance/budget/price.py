"""What something would cost, before anything is reserved or read."""

from dataclasses import dataclass

from governance.budget.reservations import ROUNDING, BudgetState
from recommender.accounting import Guarantee
from recommender.composition import cost_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """A promise, and the budget as it stands without it."""

    promise: Guarantee
    before: BudgetState

    @property
    def affordable(self) -> bool:
        """Whether the budget has room for it."""
        return self.epsilon_after <= self.before.budget_epsilon * (1 + ROUNDING)

    @property
    def epsilon_after(self) -> float:
        """What the population's releases would have cost with this one, composed exactly."""
        return self.before.epsilon_after(cost_of(self.promise))

    @property
    def epsilon_left_after(self) -> float:
        """The largest epsilon that one more release might have after this one."""
        return self.before.epsilon_left_after(cost_of(self.promise))
