"""Reserve, read, spend: the order in which a release is paid for.

    reserve (committed) → begin_reading (committed) → measure → spend
                └► cancel, only while nothing was read

A run that crashes leaves its reservation behind, and it counts as spent: refusing a training that would have been
allowed is a nuisance, allowing one that should have been refused is a broken promise.
"""

import math
from dataclasses import asdict, dataclass
from uuid import UUID, uuid5

from sqlalchemy import select
from sqlalchemy.orm import Session

from governance.budget.events import BudgetCancelled, BudgetReadingBegun, BudgetReserved, BudgetSpent
from governance.budget.tables import Reservation
from governance.clock import Clock
from governance.database import wait_for_others
from governance.errors import BudgetExceeded, Conflict, InvalidInput, NotFound
from governance.ledger.store import append, is_recorded
from governance.policy.privacy_rules import PrivacyPolicy
from recommender.accounting import Guarantee, epsilon_at, sampled_from
from recommender.composition import Cost, compose, composed_epsilon, cost_of, largest_mu_beside

ROUNDING = 1e-9
"""Relative slack of the comparison with the budget: the error of the root-finder, not a gift (1e-9 of epsilon)."""

UNIT = "subject"
NEIGHBOURING = "add or remove one subject"
"""What every budget here is for (``PrivacyPolicy``). After a colon a unit may say how much of a subject it means."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetState:
    """What a population's releases have cost together, at the policy's delta.

    ``epsilon_left`` is the largest epsilon that one further Gaussian release may have: such releases compose in mu²,
    so it is more than the difference of the epsilons. ``mu`` is of all Gaussian steps so far; ``cost`` has the sampled
    ones too, and any further composition goes by that.
    """

    population: str
    delta: float
    budget_epsilon: float
    epsilon_spent: float
    epsilon_left: float
    cost: Cost
    reservations: tuple[Reservation, ...]

    @property
    def mu(self) -> float:
        """Of the Gaussian steps alone."""
        return self.cost.mu

    def epsilon_after(self, more: Cost) -> float:
        """What would be spent with this cost on top."""
        return composed_epsilon(compose((self.cost, more)), self.delta)

    def epsilon_left_after(self, more: Cost) -> float:
        """The largest epsilon that one more Gaussian release might have after this cost."""
        return _epsilon_left(compose((self.cost, more)), self.budget_epsilon, self.delta)


def state(session: Session, *, policy: PrivacyPolicy) -> BudgetState:
    """The budget of the policy's population. Everything that was not cancelled counts."""
    reservations = _counted(session, policy.population)
    cost = compose(cost_of_reservation(each) for each in reservations)
    return BudgetState(
        population=policy.population,
        delta=policy.delta,
        budget_epsilon=policy.budget_epsilon,
        epsilon_spent=composed_epsilon(cost, policy.delta),
        epsilon_left=_epsilon_left(cost, policy.budget_epsilon, policy.delta),
        cost=cost,
        reservations=tuple(reservations),
    )


def cost_of_reservation(reservation: Reservation) -> Cost:
    """What a reservation counts with."""
    return Cost(mu=reservation.mu, sampled=sampled_from(reservation.guarantee))


def reserve(
    session: Session,
    *,
    reservation_id: UUID,
    purpose: str,
    guarantee: Guarantee,
    policy: PrivacyPolicy,
    actor: str,
    clock: Clock,
) -> Reservation:
    """Put privacy aside for one release on the policy's population, before anything is read.

    Guarantees:
      - the composition over all reservations that were not cancelled stays within the policy's budget, also when two
        processes reserve at once: the second waits for the first one's commit and then sees its row

    Raises:
        BudgetExceeded: says what is composed so far, what this run asks, and what is left.
        InvalidInput: the guarantee contradicts itself, or is for another unit or relation than the policy's.
        Conflict: the id is taken.
    """
    _require_promise_of_the_policy(guarantee)
    _require_consistent(guarantee)
    # Two sums side by side would each leave the other's reservation out.
    wait_for_others(session, f"probity/budget/{policy.population}")
    if session.get(Reservation, reservation_id) is not None:
        msg = f"reservation {reservation_id} exists"
        raise Conflict(msg)
    composed = _composed(state(session, policy=policy), guarantee, policy)
    reservation = Reservation(
        id=reservation_id,
        population=policy.population,
        purpose=purpose,
        mu=guarantee.mu,
        guarantee=dict(guarantee.as_dict()),
        state="reserved",
        reserved_at=clock(),
    )
    session.add(reservation)
    session.flush()
    event = BudgetReserved(
        reservation=str(reservation_id),
        population=policy.population,
        purpose=purpose,
        epsilon=guarantee.epsilon,
        delta=guarantee.delta,
        mu=guarantee.mu,
        composed_epsilon=composed,
        budget_epsilon=policy.budget_epsilon,
        sampled=tuple(asdict(each) for each in guarantee.sampled),
    )
    append(session, event, actor=actor, entry_id=uuid5(reservation_id, event.kind), clock=clock)
    return reservation


def reserve_once(
    session: Session,
    *,
    reservation_id: UUID,
    purpose: str,
    guarantee: Guarantee,
    policy: PrivacyPolicy,
    actor: str,
    clock: Clock,
) -> None:
    """Reserve, unless that was done under this id before: whoever was cut off is taken up again at no further cost.

    Raises:
        Conflict: it was, and under another guarantee.
        BudgetExceeded, InvalidInput: as ``reserve``.
    """
    known = session.get(Reservation, reservation_id)
    if known is not None:
        require_same(known, guarantee)
        return
    reserve(
        session,
        reservation_id=reservation_id,
        purpose=purpose,
        guarantee=guarantee,
        policy=policy,
        actor=actor,
        clock=clock,
    )


def require_not_lost(reservation: Reservation | None) -> None:
    """Refuse to go on with what was cut off while it read.

    Raises:
        Conflict: it was. What may have been read cannot be read again under the same reservation.
    """
    if reservation is not None and reservation.state == "reading":
        msg = f"{reservation.id} was cut off while it read: what it saw is paid for, and nothing came of it"
        raise Conflict(msg)


def require_same(reservation: Reservation, guarantee: Guarantee) -> None:
    """Refuse to go on under another promise than the one that was reserved.

    Raises:
        Conflict: it is another.
    """
    if reservation.guarantee != dict(guarantee.as_dict()):
        msg = f"{reservation.id} was reserved under another guarantee than is asked for now: begin another"
        raise Conflict(msg)


def _composed(before: BudgetState, guarantee: Guarantee, policy: PrivacyPolicy) -> float:
    """The epsilon of everything that was reserved and of this, within the budget."""
    composed = before.epsilon_after(cost_of(guarantee))
    if composed > policy.budget_epsilon * (1 + ROUNDING):
        asked = composed_epsilon(cost_of(guarantee), policy.delta)
        msg = (
            f"the budget of {policy.population} is epsilon {policy.budget_epsilon:g} at delta {policy.delta:g}: "
            f"{before.epsilon_spent:.3f} is spent, this run asks {asked:.3f}, together {composed:.3f}; "
            f"one more release may have at most {before.epsilon_left:.3f}"
        )
        raise BudgetExceeded(msg)
    return composed


def begin_reading(session: Session, reservation_id: UUID, *, actor: str, clock: Clock) -> Reservation:
    """Say that the data is read from now on. Commit it before the first byte: afterwards nothing can be cancelled.

    Raises:
        NotFound, Conflict: there is no such reservation, or it is not waiting.
    """
    reservation = _move(session, reservation_id, "reserved", "reading")
    event = BudgetReadingBegun(reservation=str(reservation_id))
    append(session, event, actor=actor, entry_id=uuid5(reservation_id, event.kind), clock=clock)
    return reservation


def begin_further_reading(session: Session, reservation_id: UUID, *, what: str, actor: str, clock: Clock) -> None:
    """Say that ``what`` the reservation pays for beside its release reads from now on. Commit it before the first byte.

    Raises:
        NotFound: there is no such reservation.
        Conflict: its release is not there yet, or the same read before.
    """
    reservation = session.get(Reservation, reservation_id, with_for_update=True)
    if reservation is None:
        msg = f"no reservation {reservation_id}"
        raise NotFound(msg)
    if reservation.state != "spent":
        msg = f"reservation {reservation_id}: expected spent, it is {reservation.state}"
        raise Conflict(msg)
    event = BudgetReadingBegun(reservation=str(reservation_id))
    entry_id = uuid5(reservation_id, f"{event.kind}/{what}")
    if is_recorded(session, entry_id):
        msg = (
            f"the {what} of training {reservation_id} was cut off while it read: what it saw is paid for, and nothing "
            "came of it; the release and the models from it are registered"
        )
        raise Conflict(msg)
    append(session, event, actor=actor, entry_id=entry_id, clock=clock)


def spend(session: Session, reservation_id: UUID, *, release: str, actor: str, clock: Clock) -> Reservation:
    """Close a reservation with the digest (hex) of the release that it paid for.

    Raises:
        NotFound, Conflict: there is no such reservation, or nothing was read under it.
    """
    reservation = _move(session, reservation_id, "reading", "spent")
    reservation.release, reservation.closed_at = release, clock()
    session.flush()
    event = BudgetSpent(reservation=str(reservation_id), release=release)
    append(session, event, actor=actor, entry_id=uuid5(reservation_id, event.kind), clock=clock)
    return reservation


def cancel(session: Session, reservation_id: UUID, *, actor: str, clock: Clock) -> Reservation:
    """Give a reservation back. Possible only before `begin_reading`: later nobody can prove that nothing was seen.

    Raises:
        NotFound, Conflict: there is no such reservation, or reading under it has begun.
    """
    reservation = _move(session, reservation_id, "reserved", "cancelled")
    reservation.closed_at = clock()
    session.flush()
    event = BudgetCancelled(reservation=str(reservation_id))
    append(session, event, actor=actor, entry_id=uuid5(reservation_id, event.kind), clock=clock)
    return reservation


def _counted(session: Session, population: str) -> list[Reservation]:
    statement = select(Reservation).where(Reservation.population == population, Reservation.state != "cancelled")
    return list(session.scalars(statement.order_by(Reservation.reserved_at, Reservation.id)))


def _move(session: Session, reservation_id: UUID, expected: str, target: str) -> Reservation:
    reservation = session.get(Reservation, reservation_id, with_for_update=True)
    if reservation is None:
        msg = f"no reservation {reservation_id}"
        raise NotFound(msg)
    if reservation.state != expected:
        msg = f"reservation {reservation_id}: expected {expected}, it is {reservation.state}"
        raise Conflict(msg)
    reservation.state = target
    session.flush()
    return reservation


def _epsilon_left(cost: Cost, budget_epsilon: float, delta: float) -> float:
    left = largest_mu_beside(cost, budget_epsilon, delta)
    return epsilon_at(left, delta) if left > 0 else 0.0


def _require_promise_of_the_policy(guarantee: Guarantee) -> None:
    """Budgets of another unit or relation do not add up with the policy's, which are always these."""
    if guarantee.unit.partition(":")[0] != UNIT or guarantee.neighbouring != NEIGHBOURING:
        msg = (
            f"guarantee: expected the unit {UNIT!r} and the relation {NEIGHBOURING!r}, "
            f"got {guarantee.unit!r} and {guarantee.neighbouring!r}"
        )
        raise InvalidInput(msg)


def _require_consistent(guarantee: Guarantee) -> None:
    cost = cost_of(guarantee)
    countable = 0 <= cost.mu < math.inf and (cost.mu > 0 or bool(cost.sampled))
    implied = composed_epsilon(cost, guarantee.delta) if countable else math.inf
    if implied > guarantee.epsilon * (1 + 1e-6) or implied == math.inf:
        steps = "".join(f" and {each.steps} sampled steps" for each in cost.sampled)
        msg = f"guarantee: mu {cost.mu:g}{steps} means epsilon {implied:.6f}, got the claim of {guarantee.epsilon:.6f}"
        raise InvalidInput(msg)
