import threading
from dataclasses import replace

import pytest
from sqlalchemy.orm import Session

from governance.budget.reservations import begin_reading, cancel, reserve, spend, state
from governance.budget.tables import Reservation
from governance.database import transaction
from governance.errors import BudgetExceeded, Conflict, InvalidInput, NotFound
from governance.ledger.search import follow
from governance.policy.privacy_rules import PrivacyPolicy
from recommender.accounting import Guarantee, SampledGaussian, mu_for
from recommender.composition import Cost, composed_epsilon
from tests.governance.builders import Build

STEPS = SampledGaussian(noise_multiplier=2.0, sampling_rate=0.5, steps=4)


def _reserve(
    session: Session, build: Build, name: str, epsilon: float, policy: PrivacyPolicy | None = None
) -> Reservation:
    return reserve(
        session,
        reservation_id=build.id(name),
        purpose="model_training",
        guarantee=build.guarantee(epsilon),
        policy=policy or build.privacy,
        actor=build.actor,
        clock=build.clock,
    )


def test_an_untouched_budget_is_all_there(session: Session, build: Build) -> None:
    found = state(session, policy=build.privacy)

    assert (found.epsilon_spent, found.mu, found.reservations) == (0.0, 0.0, ())
    assert found.epsilon_left == pytest.approx(10.0)


def test_two_gaussian_releases_cost_less_than_the_sum_of_their_epsilons(session: Session, build: Build) -> None:
    _reserve(session, build, "one", 5.0)
    _reserve(session, build, "two", 5.0)
    found = state(session, policy=build.privacy)

    # dp-accounting, PLD of the two Gaussian mechanisms composed, gives 7.44 at delta 1e-6.
    assert found.epsilon_spent == pytest.approx(7.44, abs=0.02)
    assert found.epsilon_left > 10.0 - found.epsilon_spent


def test_the_composition_agrees_with_the_peer(session: Session, build: Build) -> None:
    from dp_accounting import GaussianDpEvent
    from dp_accounting.pld import PLDAccountant

    peer = PLDAccountant(value_discretization_interval=1e-3)
    for name, epsilon in (("a", 1.0), ("b", 2.5), ("c", 4.0)):
        reservation = _reserve(session, build, name, epsilon)
        peer.compose(GaussianDpEvent(1.0 / reservation.mu))

    assert state(session, policy=build.privacy).epsilon_spent == pytest.approx(peer.get_epsilon(1e-6), abs=5e-3)


def _sampled(build: Build, epsilon: float | None = None) -> Guarantee:
    """A release of epsilon 2 with four sampled steps, at what they cost together or at what is claimed."""
    together = composed_epsilon(Cost(mu=mu_for(2.0, 1e-6), sampled=(STEPS,)), 1e-6)
    return replace(build.guarantee(2.0), epsilon=together if epsilon is None else epsilon, sampled=(STEPS,))


def _reserve_sampled(session: Session, build: Build, guarantee: Guarantee) -> Reservation:
    return reserve(
        session,
        reservation_id=build.id("sampled"),
        purpose="model_training",
        guarantee=guarantee,
        policy=build.privacy,
        actor=build.actor,
        clock=build.clock,
    )


def test_sampled_steps_and_gaussian_releases_compose_as_the_peer_says(session: Session, build: Build) -> None:
    from dp_accounting import GaussianDpEvent, PoissonSampledDpEvent, SelfComposedDpEvent
    from dp_accounting.pld import PLDAccountant

    peer = PLDAccountant(value_discretization_interval=2e-3)
    peer.compose(GaussianDpEvent(1.0 / mu_for(2.0, 1e-6)))
    peer.compose(SelfComposedDpEvent(PoissonSampledDpEvent(0.5, GaussianDpEvent(2.0)), 4))
    _reserve_sampled(session, build, _sampled(build))

    # The whole description is in the table and in the log: whoever has either can count again.
    assert state(session, policy=build.privacy).epsilon_spent == pytest.approx(peer.get_epsilon(1e-6), rel=2e-3)
    peer.compose(GaussianDpEvent(1.0 / _reserve(session, build, "more", 3.0).mu))
    assert state(session, policy=build.privacy).epsilon_spent == pytest.approx(peer.get_epsilon(1e-6), rel=2e-3)
    assert [entry.body["sampled"] for entry in follow(session)] == [
        [{"noise_multiplier": 2, "sampling_rate": 0.5, "steps": 4}],
        [],
    ]


def test_what_is_left_beside_sampled_steps_is_granted_and_a_little_more_is_not(session: Session, build: Build) -> None:
    _reserve_sampled(session, build, _sampled(build))
    left = state(session, policy=build.privacy).epsilon_left

    assert 6.0 < left < 10.0
    with pytest.raises(BudgetExceeded):
        _reserve(session, build, "more", left * 1.002)
    _reserve(session, build, "rest", left)
    assert state(session, policy=build.privacy).epsilon_left < 0.2


def test_sampled_steps_that_claim_to_cost_nothing_are_refused(session: Session, build: Build) -> None:
    with pytest.raises(InvalidInput, match="and 4 sampled steps means epsilon"):
        _reserve_sampled(session, build, _sampled(build, epsilon=2.0))


def test_a_training_over_budget_is_refused_with_the_three_figures(session: Session, build: Build) -> None:
    _reserve(session, build, "one", 9.0)

    with pytest.raises(
        BudgetExceeded, match=r"epsilon 10 at delta 1e-06: 9\.000 is spent, this run asks 9\.000, together 1"
    ):
        _reserve(session, build, "two", 9.0)
    assert len(state(session, policy=build.privacy).reservations) == 1


def test_the_whole_budget_may_be_spent_at_once_but_not_a_hair_more(session: Session, build: Build) -> None:
    with pytest.raises(BudgetExceeded):
        _reserve(session, build, "more", 10.001)
    _reserve(session, build, "all", 10.0)

    assert state(session, policy=build.privacy).epsilon_left == pytest.approx(0.0, abs=1e-3)


def test_what_is_said_to_be_left_is_granted_and_a_little_more_is_not(session: Session, build: Build) -> None:
    _reserve(session, build, "one", 6.0)
    left = state(session, policy=build.privacy).epsilon_left

    with pytest.raises(BudgetExceeded):
        _reserve(session, build, "more", left * 1.001)
    _reserve(session, build, "rest", left)


def test_a_reservation_left_by_a_crash_counts_as_spent(session: Session, build: Build) -> None:
    _reserve(session, build, "crashed", 9.0)
    begin_reading(session, build.id("crashed"), actor=build.actor, clock=build.clock)

    assert state(session, policy=build.privacy).epsilon_spent == pytest.approx(9.0)
    with pytest.raises(Conflict, match="expected reserved, it is reading"):
        cancel(session, build.id("crashed"), actor=build.actor, clock=build.clock)


def test_a_reservation_is_given_back_while_nothing_was_read(session: Session, build: Build) -> None:
    _reserve(session, build, "early", 9.0)
    cancel(session, build.id("early"), actor=build.actor, clock=build.clock)

    assert state(session, policy=build.privacy).epsilon_spent == 0.0
    with pytest.raises(Conflict, match="it is cancelled"):
        begin_reading(session, build.id("early"), actor=build.actor, clock=build.clock)


def test_a_reservation_is_spent_once_and_only_after_reading_began(session: Session, build: Build) -> None:
    _reserve(session, build, "one", 2.0)
    with pytest.raises(Conflict, match="expected reading, it is reserved"):
        spend(session, build.id("one"), release="ab", actor=build.actor, clock=build.clock)
    begin_reading(session, build.id("one"), actor=build.actor, clock=build.clock)
    assert spend(session, build.id("one"), release="ab", actor=build.actor, clock=build.clock).release == "ab"

    with pytest.raises(Conflict, match="it is spent"):
        spend(session, build.id("one"), release="cd", actor=build.actor, clock=build.clock)
    kinds = [entry.kind for entry in follow(session)]
    assert kinds == ["budget.reserved", "budget.reading_begun", "budget.spent"]


def test_another_population_has_its_own_budget(session: Session, build: Build) -> None:
    _reserve(session, build, "one", 9.0)
    other = replace(build.privacy, population="visitors")

    assert _reserve(session, build, "two", 9.0, other).population == "visitors"


@pytest.mark.parametrize("mu", [0.0, -1.0, float("nan"), float("inf"), 9.0])
def test_a_guarantee_that_contradicts_itself_is_refused(session: Session, build: Build, mu: float) -> None:
    with pytest.raises(InvalidInput, match="guarantee: mu"):
        reserve(
            session,
            reservation_id=build.id("x"),
            purpose="model_training",
            guarantee=replace(build.guarantee(1.0), mu=mu),
            policy=build.privacy,
            actor=build.actor,
            clock=build.clock,
        )


@pytest.mark.parametrize("other", [{"unit": "event"}, {"unit": "subjects"}, {"neighbouring": "replace one subject"}])
def test_a_guarantee_for_another_unit_or_relation_is_refused(
    session: Session, build: Build, other: dict[str, str]
) -> None:
    with pytest.raises(InvalidInput, match="expected the unit 'subject' and the relation 'add or remove one subject'"):
        _reserve_sampled(session, build, replace(build.guarantee(1.0), **other))


def test_an_unknown_reservation_is_not_found_and_an_id_reserves_once(session: Session, build: Build) -> None:
    with pytest.raises(NotFound):
        cancel(session, build.id("none"), actor=build.actor, clock=build.clock)
    _reserve(session, build, "one", 1.0)
    with pytest.raises(Conflict):
        _reserve(session, build, "one", 1.0)


@pytest.mark.parametrize("name", ["engine", pytest.param("postgres_engine", marks=pytest.mark.postgres)])
def test_trainings_that_reserve_at_once_cannot_overspend(
    name: str, request: pytest.FixtureRequest, build: Build
) -> None:
    engine = request.getfixturevalue(name)
    start, outcomes = threading.Barrier(6), []

    def train(number: int) -> None:
        start.wait()
        try:
            with transaction(engine) as session:
                _reserve(session, build, f"run {number}", 6.0)
            outcomes.append("reserved")
        except BudgetExceeded:
            outcomes.append("refused")

    threads = [threading.Thread(target=train, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    # Two releases of epsilon 6 compose to 8.97, three to 11.4.
    assert sorted(outcomes) == ["refused"] * 4 + ["reserved"] * 2
    with transaction(engine) as session:
        assert state(session, policy=build.privacy).epsilon_spent <= 10.0
