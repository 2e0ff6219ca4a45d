"""What is spent and what is permitted: the privacy budget, and consents by count."""

from fastapi import APIRouter

from governance.budget.reservations import state
from governance.consent.counts import count_consents
from governance.web.api.bodies import BudgetOut, ConsentCountOut
from governance.web.dependencies import Context, Transaction, requires

router = APIRouter(tags=["accounts"], dependencies=[requires("ledger:read")])


@router.get("/budget")
def show_budget(session: Transaction, context: Context) -> BudgetOut:
    """The budget of the policy's population."""
    return BudgetOut.model_validate(state(session, policy=context.policies.privacy.value))


@router.get("/consents/summary")
def show_consents(session: Transaction) -> list[ConsentCountOut]:
    """Decisions in force by purpose and choice; counts only."""
    return [ConsentCountOut.model_validate(each) for each in count_consents(session)]
