"""An attack's result as data: bounds with their closed form, and no claim passed by being silent."""

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from audits.configuration import AuditConfig
from audits.digest import inputs_digest
from audits.errors import CorruptReport, InvalidConfig
from audits.metrics.privacy_leak import stated
from audits.privacy import Guesses, PrivacyAttack, epsilon_lower_bound
from audits.report import Report, Undefined
from audits.run import run
from audits.tables import AuditInput
from audits.verdict import Limits, Outcome, judge

Build = Callable[..., AuditInput]

ATTACK = PrivacyAttack(
    epsilon=1.0,
    delta=1e-5,
    lower_bound=0.4,
    confidence=0.95,
    attack="loss threshold",
    canaries=200,
    model_digest="m",
    chance=0.9,
)


def test_a_perfect_attack_has_the_bound_of_the_docstring() -> None:
    perfect = Guesses(members=100, called_members=100, others=100, called_others=0)
    hit = 0.025 ** (1 / 100)

    assert epsilon_lower_bound(perfect, delta=0.0, confidence=0.95) == pytest.approx(math.log(hit / (1 - hit)))
    assert epsilon_lower_bound(perfect, delta=0.1, confidence=0.95) == pytest.approx(math.log((hit - 0.1) / (1 - hit)))
    # Calling nobody a member is as sure a sign as calling everybody one.
    reversed_roles = Guesses(members=100, called_members=60, others=100, called_others=0)
    assert epsilon_lower_bound(reversed_roles, delta=0.0, confidence=0.95) > math.log(0.49 / 0.0363)


def test_guessing_shows_nothing() -> None:
    coin = Guesses(members=100, called_members=50, others=100, called_others=50)
    worse = Guesses(members=100, called_members=10, others=100, called_others=90)

    assert epsilon_lower_bound(coin, delta=0.0, confidence=0.95) == 0.0
    assert epsilon_lower_bound(worse, delta=0.0, confidence=0.95) == 0.0


def test_the_bound_holds_against_the_worst_mechanism_that_keeps_the_guarantee_and_not_against_one_that_breaks_it() -> (
    None
):
    """Randomised response at epsilon: in is called in with probability e^eps / (1 + e^eps), which is the very limit."""
    rng = np.random.default_rng(1)

    def exceeded(true_epsilon: float, claimed: float) -> float:
        right = math.exp(true_epsilon) / (1 + math.exp(true_epsilon))
        found = (
            Guesses(
                members=200,
                called_members=int(rng.binomial(200, right)),
                others=200,
                called_others=int(rng.binomial(200, 1 - right)),
            )
            for _ in range(300)
        )
        return float(np.mean([epsilon_lower_bound(each, delta=0.0, confidence=0.95) > claimed for each in found]))

    # Nominal 5 %, Monte-Carlo standard error 1.3 points.
    assert exceeded(1.0, claimed=1.0) <= 0.089
    assert exceeded(2.0, claimed=1.0) > 0.9


@given(st.integers(1, 60), st.integers(1, 60), st.data())
def test_more_hits_never_lower_the_bound(members: int, others: int, data: st.DataObject) -> None:
    hits, false = data.draw(st.integers(0, members - 1)), data.draw(st.integers(0, others))
    bounds = [
        epsilon_lower_bound(
            Guesses(members=members, called_members=called, others=others, called_others=false),
            delta=1e-5,
            confidence=0.9,
        )
        for called in (hits, hits + 1)
    ]

    assert 0.0 <= bounds[0] <= bounds[1] < math.inf


def test_a_bound_above_the_claim_refutes_it_and_one_below_does_not_prove_it() -> None:
    assert not ATTACK.refuted
    assert "nor prove it" in ATTACK.sentence
    assert replace(ATTACK, lower_bound=1.2).refuted
    assert replace(ATTACK, lower_bound=1.2).sentence == (
        "The attack (loss threshold, 200 canaries) shows with 95% confidence a subject's epsilon of at least 1.2, "
        "which refutes the claimed 1."
    )
    assert ATTACK.sentence.endswith("Half of the noise missing would have been found with a chance of 90%.")


@pytest.mark.parametrize(("chance", "undecided"), [(None, True), (0.79, True), (0.8, False)])
def test_an_attack_that_may_well_have_missed_half_of_the_noise_decides_nothing_by_finding_nothing(
    chance: float | None, *, undecided: bool
) -> None:
    assert replace(ATTACK, chance=chance).undecided is undecided
    assert not replace(ATTACK, chance=chance, lower_bound=1.2).undecided


@pytest.mark.parametrize(
    ("change", "level", "value", "undefined"),
    [
        ({}, 0.95, 0.4, None),
        ({}, 0.99, None, Undefined.UNSURE),
        ({"confidence": 0.01, "lower_bound": 1.2}, 0.95, None, Undefined.UNSURE),
        ({"chance": 0.5}, 0.95, None, Undefined.BLIND),
        ({"chance": None}, 0.95, None, Undefined.BLIND),
        ({"chance": 0.5, "lower_bound": 1.2}, 0.95, 1.2, None),
    ],
)
def test_a_bound_is_a_figure_if_it_is_as_sure_as_the_audit_and_had_a_chance(
    change: dict[str, float | None], level: float, value: float | None, undefined: Undefined | None
) -> None:
    figure = stated(replace(ATTACK, **change), level=level)  # type: ignore[arg-type]

    assert (figure.value, figure.undefined) == (value, undefined)


def test_an_attack_from_before_anybody_said_its_chance_keeps_its_bytes() -> None:
    old = replace(ATTACK, chance=None).to_json()

    assert b"chance" not in old
    assert PrivacyAttack.from_json(old).chance is None
    with pytest.raises(CorruptReport, match="canonical"):
        PrivacyAttack.from_json(old.replace(b'"confidence"', b'"chance":null,"confidence"'))


def test_has_one_encoding() -> None:
    encoded = ATTACK.to_json()

    assert PrivacyAttack.from_json(encoded) == ATTACK
    for damage in (encoded + b" ", encoded.replace(b'"canaries":200', b'"canaries":"200"'), encoded[:-3]):
        with pytest.raises(CorruptReport):
            PrivacyAttack.from_json(damage)
    with pytest.raises(InvalidConfig, match="lower_bound: expected 0 or more"):
        PrivacyAttack.from_json(encoded.replace(b'"lower_bound":0.4', b'"lower_bound":-0.4'))


def test_a_report_carries_the_attack_and_its_figure_can_be_judged(build: Build) -> None:
    given, config = build({"s": ["a"]}, items=["a"]), AuditConfig(seed=1, model_digest="m", replicates=100)
    verdicts = []
    for bound in (0.4, 1.5):
        attack = replace(ATTACK, lower_bound=bound)
        report = run(replace(given, attack=attack), config=config)
        (figure,) = report.select("privacy_leak")
        verdicts.append(judge(figure, Limits(ceiling=1.0), critical_value=report.critical_value).outcome)
        assert (figure.value, figure.n) == (bound, 200)
        assert Report.from_json(report.to_json()).attack == attack

    assert verdicts == [Outcome.PASS, Outcome.FAIL]
    assert inputs_digest(given) != inputs_digest(replace(given, attack=ATTACK))
    assert run(given, config=config).attack is None
    assert run(given, config=config).select("privacy_leak") == ()


def test_an_attacks_figure_may_be_all_that_is_asked_for(build: Build) -> None:
    config = AuditConfig(seed=1, model_digest="m", replicates=100, metrics=("privacy_leak",))
    report = run(replace(build({"s": ["a"]}, items=["a"]), attack=ATTACK), config=config)

    assert [figure.value for figure in report.select("privacy_leak")] == [0.4]


def test_an_attack_on_another_model_is_no_evidence_on_this_one(build: Build) -> None:
    config = AuditConfig(seed=1, model_digest="other", replicates=100)
    with pytest.raises(InvalidConfig, match="expected an attack on the model under audit"):
        run(replace(build({"s": ["a"]}, items=["a"]), attack=ATTACK), config=config)


@pytest.mark.parametrize(
    "change",
    [
        {"epsilon": 0.0},
        {"epsilon": math.inf},
        {"epsilon": math.nan},
        {"delta": 1.0},
        {"delta": -0.1},
        {"lower_bound": math.nan},
        {"lower_bound": math.inf},
        {"confidence": 1.0},
        {"attack": "  "},
        {"canaries": 0},
    ],
)
def test_refuses_numbers_that_are_none(change: dict[str, float]) -> None:
    with pytest.raises(InvalidConfig, match=f"privacy attack, {next(iter(change))}: expected"):
        replace(ATTACK, **change)


@pytest.mark.parametrize("counts", [(10, 11, 10, 0), (10, 5, 10, -1), (0, 0, 10, 0), (10, 5, 0, 0)])
def test_refuses_more_calls_than_canaries(counts: tuple[int, int, int, int]) -> None:
    members, called_members, others, called_others = counts
    with pytest.raises(InvalidConfig, match="attack: expected canaries on both sides"):
        Guesses(members=members, called_members=called_members, others=others, called_others=called_others)


@pytest.mark.parametrize(("delta", "confidence"), [(1.0, 0.95), (-0.1, 0.95), (0.0, 1.0), (0.0, 0.0)])
def test_refuses_a_level_that_is_none(delta: float, confidence: float) -> None:
    with pytest.raises(InvalidConfig, match="expected delta in"):
        epsilon_lower_bound(
            Guesses(members=1, called_members=1, others=1, called_others=0), delta=delta, confidence=confidence
        )
