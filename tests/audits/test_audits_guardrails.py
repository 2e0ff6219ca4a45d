"""Guardrails of an experiment against scipy, and at the error rates they claim."""

import math
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from scipy import stats

from audits.errors import InvalidConfig, InvalidTable
from audits.experiments.guardrails import Guardrail, check_guardrails, without_the_past
from audits.experiments.mismatch import mismatch_evidence, sample_ratio_mismatch
from audits.experiments.outcomes import Outcomes, outcomes_from
from audits.verdict import Outcome

Floats = np.ndarray


def experiment(control: Floats, treatment: Floats, **more: Floats) -> Outcomes:
    return Outcomes(
        treated=np.repeat([False, True], [control.size, treatment.size]),
        values={"plays": np.r_[control, treatment], **more},
        groups=None,
    )


def drawn(seed: int, *, drop: float = 0.0, n: int = 400) -> tuple[Floats, Floats]:
    rng = np.random.default_rng(seed)
    return rng.normal(1.0, 0.5, n), rng.normal(1.0 - drop, 0.7, n + 100)


def test_the_interval_is_that_of_welchs_t_shifted_by_the_margin() -> None:
    control, treatment = drawn(1)
    (found,) = check_guardrails(experiment(control, treatment), [Guardrail(outcome="plays", margin=0.1)])
    welch = stats.ttest_ind(treatment + 0.1, control, equal_var=False, alternative="greater")
    two_sided = stats.ttest_ind(treatment + 0.1, control, equal_var=False)

    assert found.room == pytest.approx(treatment.mean() - control.mean() + 0.1)
    assert found.low == pytest.approx(welch.confidence_interval(0.95).low)
    assert found.high == pytest.approx(two_sided.confidence_interval(0.90).high)
    assert (found.verdict is Outcome.PASS) == (welch.pvalue < 0.05)


def test_a_relative_margin_is_a_share_of_the_controls_mean() -> None:
    control, treatment = drawn(2)
    (more,) = check_guardrails(experiment(control, treatment), [Guardrail(outcome="plays", margin=0.2, relative=True)])
    (less,) = check_guardrails(
        experiment(control, treatment), [Guardrail(outcome="plays", margin=0.2, relative=True, better="lower")]
    )
    same = stats.ttest_ind(treatment, 0.8 * control, equal_var=False, alternative="greater")

    assert more.room == pytest.approx(treatment.mean() - 0.8 * control.mean())
    assert more.low == pytest.approx(same.confidence_interval(0.95).low)
    assert less.room == pytest.approx(1.2 * control.mean() - treatment.mean())


def test_not_significantly_worse_is_not_enough_to_pass() -> None:
    control, treatment = drawn(3, n=20)
    (found,) = check_guardrails(experiment(control, treatment), [Guardrail(outcome="plays", margin=0.05)])

    assert stats.ttest_ind(treatment, control, equal_var=False).pvalue > 0.05
    assert found.verdict is Outcome.INCONCLUSIVE
    assert found.n_to_decide > 20


def test_the_subjects_that_would_decide_it_are_those_of_the_textbook() -> None:
    control, treatment = drawn(4)
    (found,) = check_guardrails(
        experiment(control, treatment), [Guardrail(outcome="plays", margin=0.1)], alpha=0.05, power=0.8
    )
    variance = control.var(ddof=1) + treatment.var(ddof=1) * control.size / treatment.size
    # One guardrail and one success: beta is halved, so z_0.9 = 1.2816 beside z_0.95 = 1.6449.
    assert found.n_to_decide == math.ceil(variance * ((1.644854 + 1.281552) / 0.1) ** 2)


def test_errors_are_held_where_testing_each_guardrail_for_harm_alone_is_not() -> None:
    """Ten guardrails: a change at the margin of one of them rarely ships; a harmless one is rarely said to harm."""
    rng = np.random.default_rng(5)
    trials, shipped, harmed, naive = 300, 0, 0, 0
    rails = [Guardrail(outcome=f"o{i}", margin=0.1) for i in range(10)]
    treated = np.repeat([False, True], 200)
    for _ in range(trials):
        noise = rng.normal(0.0, 0.5, size=(10, 400))
        harmless = {f"o{i}": noise[i] - 0.1 * treated for i in range(10)}
        at_margin = {f"o{i}": noise[i] + (1.0 if i else -0.1) * treated for i in range(10)}
        found = check_guardrails(Outcomes(treated=treated, values=at_margin, groups=None), rails)
        shipped += all(each.verdict is Outcome.PASS for each in found)
        found = check_guardrails(Outcomes(treated=treated, values=harmless, groups=None), rails)
        harmed += any(each.verdict is Outcome.FAIL for each in found)
        naive += any(each.room / (each.room - each.low) < -1.0 for each in found)

    # Nominal 5 %, Monte-Carlo standard error 1.3 points.
    assert shipped / trials <= 0.089
    assert harmed / trials <= 0.089
    # Harm at 5 % for each of ten by itself.
    assert naive / trials > 0.3


def test_power_grows_with_room_and_a_real_harm_fails() -> None:
    passed = [
        sum(
            check_guardrails(experiment(*drawn(seed, drop=drop)), [Guardrail(outcome="plays", margin=0.1)])[0].verdict
            is Outcome.PASS
            for seed in range(100)
        )
        for drop in (0.1, 0.05, 0.0, -0.1)
    ]
    (harm,) = check_guardrails(experiment(*drawn(1, drop=0.4)), [Guardrail(outcome="plays", margin=0.1)])

    assert passed == sorted(passed)
    assert passed[0] <= 12
    assert passed[-1] >= 95
    assert harm.verdict is Outcome.FAIL


def test_every_group_is_a_guardrail_and_a_harmed_group_is_found_behind_a_good_average() -> None:
    rng = np.random.default_rng(6)
    treated = np.arange(2000) % 2 == 1
    groups = tuple("old" if u < 400 else "young" for u in range(2000))
    harm = np.array([group == "old" for group in groups]) & treated
    plays = rng.normal(1.0, 0.4, 2000) + 0.2 * treated - 0.6 * harm
    found = check_guardrails(
        Outcomes(treated=treated, values={"plays": plays}, groups=groups), [Guardrail(outcome="plays", margin=0.05)]
    )

    assert {each.group: each.verdict for each in found} == {
        None: Outcome.PASS,
        "old": Outcome.FAIL,
        "young": Outcome.PASS,
    }


def test_what_subjects_brought_along_is_taken_out_and_nothing_else() -> None:
    rng = np.random.default_rng(7)
    before = rng.normal(0.0, 1.0, 1000)
    treated = rng.permutation(np.arange(1000) % 2 == 1)
    plays = 0.8 * before + rng.normal(0.0, 0.6, 1000)
    given = Outcomes(treated=treated, values={"plays": plays, "before": before}, groups=None)
    (plain,) = check_guardrails(given, [Guardrail(outcome="plays", margin=0.1)])
    (adjusted,) = check_guardrails(given, [Guardrail(outcome="plays", margin=0.1, before="before")])
    values, explained = without_the_past(plays, before, treated)

    within = np.concatenate(
        [np.stack([plays[arm] - plays[arm].mean(), before[arm] - before[arm].mean()]).T for arm in (treated, ~treated)]
    )
    assert explained == pytest.approx(np.corrcoef(within.T)[0, 1] ** 2)
    assert values.mean() == pytest.approx(plays.mean())
    # The variance falls by the squared correlation, 0.64: intervals to 0.6 of their length.
    assert (adjusted.room - adjusted.low) / (plain.room - plain.low) == pytest.approx(0.6, abs=0.05)


@pytest.mark.parametrize(
    "given",
    [
        experiment(np.array([1.0]), np.array([1.0, 2.0])),
        experiment(np.ones(50), np.ones(50)),
        experiment(np.full(50, -1.0) + np.arange(50) / 100, np.arange(50.0)),
    ],
)
def test_nothing_passes_on_one_subject_or_without_any_variation_or_a_mean_to_share(given: Outcomes) -> None:
    (found,) = check_guardrails(given, [Guardrail(outcome="plays", margin=0.1, relative=True)])

    assert (found.verdict, found.room) == (Outcome.INCONCLUSIVE, None)


@pytest.mark.parametrize(("margin", "relative"), [(-0.1, False), (float("nan"), False), (math.inf, False), (1.0, True)])
def test_refuses_a_margin_that_allows_everything_or_nothing(margin: float, *, relative: bool) -> None:
    with pytest.raises(InvalidConfig, match="guardrail plays, margin: expected"):
        Guardrail(outcome="plays", margin=margin, relative=relative)


def test_refuses_outcomes_that_the_experiment_does_not_have() -> None:
    given = experiment(*drawn(1))
    for rails in ([], [Guardrail(outcome="clicks", margin=0.1)], [Guardrail(outcome="plays", margin=0, before="x")]):
        with pytest.raises(InvalidConfig, match="guardrails: expected outcomes among"):
            check_guardrails(given, rails)


LOG = {
    "subject": ["s", "s", "t", "u"],
    "arm": ["control", "control", "treatment", "treatment"],
    "group": ["old", "old", None, "young"],
    "plays": [1.0, 3.0, 4.0, 0.0],
    "finished": [True, False, True, True],
}


def test_a_subject_with_many_visits_counts_once() -> None:
    found = outcomes_from(pa.table(LOG))

    assert found.treated.tolist() == [False, True, True]
    assert found.values["plays"].tolist() == [2.0, 4.0, 0.0]
    assert found.values["finished"].tolist() == [0.5, 1.0, 1.0]
    assert found.groups == ("old", "", "young")
    assert found.group_names() == ("old", "young")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"arm": ["control", "treatment", "treatment", "treatment"]}, "each subject in one arm, got 1 subjects"),
        ({"arm": ["control"] * 4}, r"expected control and treatment, got \['control'\]"),
        ({"arm": ["control", "control", "treatment", "b"]}, "expected control and treatment"),
        ({"group": ["old", "young", None, None]}, "one group for each subject, got 1"),
        ({"plays": [1.0, float("nan"), 0.0, 0.0]}, "column plays: expected finite numbers"),
        ({"plays": [1.0, None, 0.0, 0.0]}, "column plays: expected a value in every row, got 1 nulls"),
        ({"plays": ["a", "b", "c", "d"]}, "column plays: expected numbers, got string"),
        ({"plays": None, "finished": None}, "expected columns subject, arm and outcomes"),
        ({"subject": None}, "expected columns subject, arm and outcomes"),
    ],
)
def test_refuses_a_log_that_is_no_experiment(change: dict[str, list | None], says: str) -> None:
    columns = {name: values for name, values in {**LOG, **change}.items() if values is not None}
    with pytest.raises(InvalidTable, match=says):
        outcomes_from(pa.table(columns))


def test_a_column_taken_for_the_arm_is_counted_and_not_repeated() -> None:
    swapped = {**LOG, "arm": LOG["subject"], "subject": LOG["arm"]}
    with pytest.raises(InvalidTable, match=r"expected control and treatment, got \[\] and 3 other values$"):
        outcomes_from(pa.table(swapped))


@pytest.mark.parametrize("alpha", [0.0, 1.0, -0.1, math.nan])
def test_refuses_an_alarm_at_no_level(alpha: float) -> None:
    with pytest.raises(InvalidConfig, match="sample ratio, alpha: expected a number between 0 and 1"):
        sample_ratio_mismatch([60, 40], [0.5, 0.5], alpha=alpha)


def test_sample_ratios_are_tested_as_scipy_does() -> None:
    large = sample_ratio_mismatch([50_500, 49_500], [0.5, 0.5])
    small = sample_ratio_mismatch([60, 40], [0.5, 0.5])
    three = sample_ratio_mismatch([300, 400, 300], [0.3, 0.4, 0.3])

    assert (large.test, large.mismatch) == ("chi-square", False)
    assert large.p_value == pytest.approx(stats.chisquare([50_500, 49_500]).pvalue)
    assert (small.test, small.p_value) == ("exact binomial", pytest.approx(0.0568879, abs=1e-6))
    assert three.p_value == pytest.approx(1.0)
    assert sample_ratio_mismatch([51_500, 48_500], [0.5, 0.5]).mismatch


def test_evidence_of_a_mismatch_has_its_closed_form_and_is_a_fair_bet() -> None:
    # Dirichlet(1, 1): n of n in one arm gives 2^n / (n + 1).
    assert mismatch_evidence([10, 0], [0.5, 0.5], concentration=2.0) == pytest.approx(2**10 / 11)
    chances = stats.binom.pmf(np.arange(13), 12, 0.3)
    wealth = [mismatch_evidence([k, 12 - k], [0.3, 0.7], concentration=5.0) for k in range(13)]

    # Its expectation under the shares is 1, exactly.
    assert chances @ wealth == pytest.approx(1.0, abs=1e-12)
    wrong = stats.binom.pmf(np.arange(13), 12, 0.6)
    assert wrong @ wealth > 1.5
    assert mismatch_evidence([5_000, 5_500], [0.5, 0.5]) > 1000


@pytest.mark.parametrize(
    ("counts", "shares"),
    [
        ([1, 2], [0.5, 0.6]),
        ([1, 2], [1.0, 0.0]),
        ([1], [1.0]),
        ([1, 2], [0.5]),
        ([-1, 2], [0.5, 0.5]),
        ([0, 0], [0.5] * 2),
    ],
)
def test_refuses_arms_that_cannot_be_compared(counts: list[int], shares: list[float]) -> None:
    for test in (sample_ratio_mismatch, mismatch_evidence):
        with pytest.raises(InvalidConfig, match="sample ratio"):
            test(counts, shares)
    assert replace(Guardrail(outcome="plays", margin=0.0)).margin == 0.0
