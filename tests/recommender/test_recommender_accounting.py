import json
import math

import pytest
from dp_accounting.pld.privacy_loss_distribution import from_gaussian_mechanism
from hypothesis import given
from hypothesis import strategies as st
from opacus.accountants.analysis import gdp as opacus_gdp

from recommender.accounting import Guarantee, compose_mu, delta_at, epsilon_at, mu_for, no_guarantee
from recommender.errors import BadMechanism

EPSILONS = (0.1, 0.5, 1.0, 3.0, 8.0, 20.0)
MUS = (0.05, 0.26, 1.0, 3.5)


def test_agrees_with_the_value_worked_by_hand_at_mu_one_and_epsilon_zero() -> None:
    # Φ(1/2) - Φ(-1/2), from a table of the normal distribution.
    assert delta_at(1.0, 0.0) == pytest.approx(0.382924922548026, abs=1e-14)


@pytest.mark.parametrize("mu", MUS)
def test_lies_under_the_privacy_loss_distribution_of_dp_accounting_and_close_to_it(mu: float) -> None:
    loss = from_gaussian_mechanism(1 / mu, value_discretization_interval=1e-4)

    for epsilon in EPSILONS:
        peer = loss.get_delta_for_epsilon(epsilon)  # pessimistic by construction
        ours = delta_at(mu, epsilon)
        assert ours <= peer + 1e-15
        assert peer - ours <= 1e-3 * ours + 1e-10


@pytest.mark.parametrize("mu", MUS)
@pytest.mark.parametrize("epsilon", EPSILONS)
def test_agrees_with_the_gdp_formula_of_opacus(mu: float, epsilon: float) -> None:
    peer = opacus_gdp.delta_eps_mu(eps=epsilon, mu=mu)

    assert delta_at(mu, epsilon) == pytest.approx(peer, rel=1e-6, abs=1e-14)


def test_composes_like_the_privacy_loss_distribution_of_dp_accounting() -> None:
    loss = from_gaussian_mechanism(1 / 0.3, value_discretization_interval=1e-4)
    both = loss.compose(from_gaussian_mechanism(1 / 0.4, value_discretization_interval=1e-4))

    assert compose_mu((0.3, 0.4)) == pytest.approx(0.5)
    assert delta_at(0.5, 1.0) == pytest.approx(both.get_delta_for_epsilon(1.0), rel=2e-3)


@given(st.floats(0.01, 40), st.floats(1e-12, 0.3))
def test_the_largest_mu_spends_exactly_what_it_may(epsilon: float, delta: float) -> None:
    mu = mu_for(epsilon, delta)

    assert delta_at(mu, epsilon) == pytest.approx(delta, rel=1e-6)
    assert epsilon_at(mu, delta) == pytest.approx(epsilon, rel=1e-6)


@given(st.floats(0.01, 10), st.floats(0, 30), st.floats(0, 5))
def test_delta_is_a_probability_that_falls_with_epsilon_and_rises_with_mu(
    mu: float, epsilon: float, more: float
) -> None:
    here = delta_at(mu, epsilon)

    # To a few units in the last place: `more` may be smaller than what a float of that size can tell apart.
    slack = 1e-14 * here + 1e-15
    assert 0 <= delta_at(mu, epsilon + more) <= here + slack
    assert here <= delta_at(mu + more, epsilon) + slack <= 1 + 2 * slack


def test_epsilon_is_zero_where_delta_alone_covers_the_loss() -> None:
    assert epsilon_at(0.01, 0.1) == 0.0


def test_nothing_measured_costs_nothing() -> None:
    assert compose_mu(()) == 0.0
    assert delta_at(0.0, 1.0) == 0.0


@pytest.mark.parametrize(
    ("epsilon", "delta"), [(0.0, 1e-6), (-1.0, 1e-6), (math.inf, 1e-6), (1.0, 0.0), (1.0, 1.0), (math.nan, 0.1)]
)
def test_refuses_a_budget_that_means_nothing(epsilon: float, delta: float) -> None:
    with pytest.raises(BadMechanism):
        mu_for(epsilon, delta)


def test_a_guarantee_survives_strict_json() -> None:
    guarantee = Guarantee(
        epsilon=1.0, delta=1e-6, mu=0.2, unit="subject", neighbouring="add or remove", accountant="gdp", mechanism="m"
    )
    for one in (guarantee, no_guarantee("silence")):
        text = json.dumps(one.as_dict(), allow_nan=False)
        assert Guarantee.from_dict(json.loads(text)) == one


def test_no_guarantee_promises_nothing() -> None:
    nothing = no_guarantee("silence")

    assert (nothing.epsilon, nothing.delta) == (math.inf, 1.0)
