import json
import math
import subprocess
import sys

import pytest
from dp_accounting import GaussianDpEvent, PoissonSampledDpEvent, SelfComposedDpEvent
from dp_accounting.pld import PLDAccountant
from hypothesis import given, settings
from hypothesis import strategies as st
from opacus.accountants.analysis.rdp import compute_rdp, get_privacy_spent
from opacus.accountants.prv import PRVAccountant

from recommender.accounting import Guarantee, SampledGaussian, delta_at, epsilon_at, mu_for
from recommender.composition import (
    Cost,
    compose,
    composed_delta,
    composed_epsilon,
    cost_of,
    largest_mu_beside,
    smallest_noise,
)
from recommender.errors import BadMechanism


def sampled(noise: float, rate: float, steps: int) -> SampledGaussian:
    return SampledGaussian(noise_multiplier=noise, sampling_rate=rate, steps=steps)


@given(st.floats(0.05, 4), st.floats(0.05, 4), st.floats(0, 20))
def test_gaussian_steps_alone_are_composed_in_closed_form(one: float, other: float, epsilon: float) -> None:
    both = compose((Cost(mu=one), Cost(mu=other)))

    assert both.mu == pytest.approx(math.hypot(one, other))
    assert composed_delta(both, epsilon) == delta_at(both.mu, epsilon)
    assert composed_epsilon(both, 1e-5) == epsilon_at(both.mu, 1e-5)


def test_steps_that_everybody_is_in_are_gaussian_steps() -> None:
    # Sixteen steps of noise 8: μ = √16/8.
    assert compose((Cost(sampled=(sampled(8.0, 1.0, 16),)),)) == Cost(mu=0.5)


def test_equal_steps_are_counted_together() -> None:
    once = Cost(sampled=(sampled(2.0, 0.1, 30),))

    assert compose((once, once)) == Cost(sampled=(sampled(2.0, 0.1, 60),))


@pytest.mark.parametrize(
    ("noise", "rate", "steps", "mu"), [(2.0, 0.1, 100, 0.8), (8.0, 0.5, 20, 0.3), (5.0, 0.02, 1000, 0.0)]
)
def test_agrees_with_dp_accounting_on_a_finer_grid(noise: float, rate: float, steps: int, mu: float) -> None:
    peer = PLDAccountant(value_discretization_interval=5e-4)
    peer.compose(SelfComposedDpEvent(PoissonSampledDpEvent(rate, GaussianDpEvent(noise)), steps))
    if mu:
        peer.compose(GaussianDpEvent(1 / mu))
    cost = Cost(mu=mu, sampled=(sampled(noise, rate, steps),))

    ours = composed_epsilon(cost, 1e-5)
    assert ours == pytest.approx(peer.get_epsilon(1e-5), rel=2e-3)
    assert composed_delta(cost, ours) == pytest.approx(1e-5, rel=1e-3)


@pytest.mark.filterwarnings("ignore:divide by zero")  # PRV takes the logarithm of a rate of 1
def test_agrees_with_the_prv_accountant_of_opacus_and_is_below_renyi() -> None:
    cost = Cost(mu=0.8, sampled=(sampled(2.0, 0.1, 100),))
    prv = PRVAccountant()
    prv.history = [(2.0, 0.1, 100), (1 / 0.8, 1.0, 1)]
    orders = [1 + x / 10 for x in range(1, 200)]
    renyi = compute_rdp(q=0.1, noise_multiplier=2.0, steps=100, orders=orders)
    renyi += compute_rdp(q=1.0, noise_multiplier=1 / 0.8, steps=1, orders=orders)

    ours = composed_epsilon(cost, 1e-5)
    # Opacus adds its own bound on the error, 0.01.
    assert ours <= prv.get_epsilon(1e-5, eps_error=0.01) <= ours + 0.015
    assert ours < get_privacy_spent(orders=orders, rdp=renyi, delta=1e-5)[0]


def test_never_understates_delta_when_all_its_steps_are_plain_gaussians() -> None:
    # A rate just below one goes through the grid, where the closed form is known to within a hair.
    cost = Cost(mu=0.5, sampled=(sampled(8.0, 1 - 1e-9, 16),))

    for epsilon in (0.5, 1.0, 3.0):
        exact = delta_at(math.hypot(0.5, 0.5), epsilon)
        assert exact * (1 - 1e-6) <= composed_delta(cost, epsilon) <= exact * 1.005 + 1e-12


@settings(max_examples=4, deadline=None)
@given(st.floats(2.0, 8.0), st.floats(0.1, 0.9), st.integers(1, 20), st.floats(0.1, 1.0), st.floats(0.2, 3.0))
def test_more_steps_more_often_with_less_noise_beside_more_cost_more(
    noise: float, rate: float, steps: int, mu: float, epsilon: float
) -> None:
    here = composed_delta(Cost(mu=mu, sampled=(sampled(noise, rate, steps),)), epsilon)
    slack = 1 + 5e-3  # two grids round differently

    assert 0 <= here <= 1
    assert here <= slack * composed_delta(Cost(mu=mu, sampled=(sampled(noise, rate, steps + 5),)), epsilon) + 1e-12
    assert here <= slack * composed_delta(Cost(mu=mu + 0.3, sampled=(sampled(noise, rate, steps),)), epsilon) + 1e-12
    assert here <= slack * composed_delta(Cost(mu=mu, sampled=(sampled(noise * 0.8, rate, steps),)), epsilon) + 1e-12
    assert here <= composed_delta(Cost(mu=mu, sampled=(sampled(noise, 1.0, steps),)), epsilon) * slack + 1e-12
    assert composed_delta(Cost(mu=mu, sampled=(sampled(noise, rate, steps),)), epsilon + 1) <= here


def test_the_largest_gaussian_beside_is_the_rest_and_no_more() -> None:
    beside = Cost(mu=0.4, sampled=(sampled(4.0, 0.1, 100),))
    mu = largest_mu_beside(beside, 3.0, 1e-6)

    assert composed_epsilon(compose((beside, Cost(mu=mu))), 1e-6) == pytest.approx(3.0, rel=1e-3)
    assert composed_epsilon(compose((beside, Cost(mu=mu))), 1e-6) <= 3.0
    assert composed_epsilon(compose((beside, Cost(mu=mu * 1.01))), 1e-6) > 3.0


def test_nothing_fits_beside_what_spent_it_all() -> None:
    assert largest_mu_beside(Cost(sampled=(sampled(1.0, 0.5, 100),)), 1.0, 1e-6) == 0.0
    assert largest_mu_beside(Cost(mu=9.0), 1.0, 1e-6) == 0.0
    with pytest.raises(BadMechanism, match="spent"):
        smallest_noise(1.0, 1e-6, beside=Cost(mu=9.0), sampling_rate=0.1, steps=5)


@pytest.mark.parametrize("rate", [0.1, 1.0])
def test_the_smallest_noise_spends_what_there_is(rate: float) -> None:
    beside = Cost(mu=mu_for(2.0, 1e-5))
    noise = smallest_noise(3.0, 1e-5, beside=beside, sampling_rate=rate, steps=20)
    spent = composed_epsilon(compose((beside, Cost(sampled=(sampled(noise, rate, 20),)))), 1e-5)

    assert spent == pytest.approx(3.0, rel=1e-3)
    assert spent <= 3.0 * (1 + 1e-9)


@pytest.mark.parametrize(
    ("noise", "rate", "steps"), [(0.0, 0.1, 1), (math.inf, 0.1, 1), (1.0, 0.0, 1), (1.0, 1.1, 1), (1.0, 0.1, 0)]
)
def test_refuses_steps_that_are_none(noise: float, rate: float, steps: int) -> None:
    with pytest.raises(BadMechanism):
        sampled(noise, rate, steps)


def test_a_guarantee_keeps_its_sampled_steps_in_strict_json_and_mentions_none_where_there_is_none() -> None:
    plain = Guarantee(
        epsilon=1.0, delta=1e-6, mu=0.2, unit="subject", neighbouring="add or remove", accountant="gdp", mechanism="m"
    )
    composed = Guarantee(**{**plain.as_dict(), "sampled": (sampled(2.0, 0.1, 30),)})

    assert "sampled" not in plain.as_dict()
    assert Guarantee.from_dict(json.loads(json.dumps(composed.as_dict(), allow_nan=False))) == composed
    assert cost_of(composed) == Cost(mu=0.2, sampled=(sampled(2.0, 0.1, 30),))


def test_gaussian_steps_are_composed_without_loading_dp_accounting() -> None:
    program = (
        "import sys; from recommender.composition import Cost, composed_epsilon, largest_mu_beside;"
        "composed_epsilon(Cost(mu=1.0), 1e-6); largest_mu_beside(Cost(mu=0.1), 1.0, 1e-6);"
        "print('dp_accounting' in sys.modules)"
    )

    assert (
        subprocess.run([sys.executable, "-c", program], capture_output=True, check=True, text=True).stdout == "False\n"
    )
