import math
from dataclasses import FrozenInstanceError

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recommender.accounting import delta_at, epsilon_at
from recommender.errors import BadMechanism
from recommender.mechanism import Mechanism, Performance, plan, verify_fine_enough


@given(st.floats(0.05, 50), st.floats(1e-10, 1e-2), st.floats(0.01, 0.99), st.integers(12, 20))
def test_the_integer_noise_never_costs_more_than_planned(epsilon: float, delta: float, share: float, bits: int) -> None:
    mechanism = plan(epsilon, delta, counts_share=share, gram_bits=bits)

    assert delta_at(mechanism.mu, epsilon) <= delta
    assert epsilon_at(mechanism.mu, delta) == pytest.approx(epsilon, rel=1e-3)


def test_counts_get_their_share_of_the_squared_mu() -> None:
    mechanism = plan(1.0, 1e-6, counts_share=0.15)

    counts = 2**32 / mechanism.count_scale
    assert counts**2 / mechanism.mu**2 == pytest.approx(0.15, rel=1e-6)


def test_noise_at_epsilon_one_is_what_the_formula_gives() -> None:
    # δ = 1e-5 needs μ = 0.2681 (Balle and Wang's analytic Gaussian: σ = 3.730), so τ = 1/(√2 · 0.2681 · √0.85).
    mechanism = plan(1.0, 1e-5)

    assert mechanism.mu == pytest.approx(1 / 3.730631, rel=1e-4)
    assert mechanism.gram_scale / 4**16 == pytest.approx(3.730631 / math.sqrt(2 * 0.85), rel=1e-4)


@pytest.mark.parametrize(
    "setting",
    [
        {"counts_share": 0.0},
        {"counts_share": 1.0},
        {"max_items_per_subject": 0},
        {"kept_sigmas": -1.0},
        {"kept_at_least": 5, "kept_at_most": 4},
        {"gram_bits": 11},
        {"gram_bits": 21},
        {"count_exponent": 1.5},
        {"sigma": 3.0},
    ],
)
def test_refuses_a_setting_that_is_unknown_or_out_of_range(setting: dict[str, float]) -> None:
    with pytest.raises(BadMechanism):
        plan(1.0, 1e-6, **setting)


@pytest.mark.parametrize("epsilon", [0.0, -1.0, math.inf, math.nan, 51.0])
def test_refuses_an_epsilon_that_cannot_be_kept(epsilon: float) -> None:
    with pytest.raises(BadMechanism):
        plan(epsilon, 1e-6)


def test_the_default_grid_is_fine_enough_for_a_million_numbers() -> None:
    for epsilon in (0.1, 1.0, 50.0):
        verify_fine_enough(plan(epsilon, 1e-6), coordinates=1_000_000)


def test_refuses_a_grid_so_coarse_that_discreteness_would_show() -> None:
    with pytest.raises(BadMechanism, match="too coarse for 1000000000 numbers at epsilon 50"):
        verify_fine_enough(plan(50.0, 1e-6, gram_bits=12), coordinates=10**9)


def test_the_guarantee_names_unit_relation_accountant_and_mechanism() -> None:
    guarantee = plan(2.0, 1e-6, max_items_per_subject=300).guarantee

    assert (guarantee.epsilon, guarantee.delta) == (2.0, 1e-6)
    assert guarantee.unit == "subject: everything one person did, at most 300 items"
    assert guarantee.neighbouring == "add or remove one subject"
    assert "Gaussian differential privacy" in guarantee.accountant
    assert "discrete Gaussian" in guarantee.mechanism


def test_a_mechanism_is_rebuilt_from_its_parameters() -> None:
    mechanism = plan(2.0, 1e-6, kept_at_most=77)

    assert Mechanism(**mechanism.as_dict()) == mechanism  # type: ignore[arg-type]


def test_a_planned_mechanism_cannot_be_changed() -> None:
    with pytest.raises(FrozenInstanceError):
        plan(1.0, 1e-6).epsilon = 9.0  # type: ignore[misc]


def test_performance_has_no_field_that_a_mechanism_has() -> None:
    assert not set(Performance.__dataclass_fields__) & set(Mechanism.__dataclass_fields__)


@pytest.mark.parametrize("wrong", [{"threads": 0}, {"chunk_rows": 0}])
def test_refuses_to_work_with_nothing(wrong: dict[str, int]) -> None:
    with pytest.raises(BadMechanism):
        Performance(**wrong)
