"""What each comparison reads and how it decides; expected values worked out by hand."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audits.group_sizes import GroupSize
from audits.report import Measurement, Report, Undefined
from audits.verdict import Outcome
from governance.gate.decision import Decision, Finding, decide
from governance.policy.rules import FairnessRule
from tests.governance.builders import measured, report
from tests.governance.gate_examples import STEADY, european, of_group, policy, quality, rule

PASS, FAIL, INCONCLUSIVE = Outcome.PASS, Outcome.FAIL, Outcome.INCONCLUSIVE


def _decide(asked: FairnessRule, *rows: Measurement, differences: tuple[Measurement, ...] = ()) -> Decision:
    return decide(policy(asked), replace(report(*rows), differences=differences))


def _only(decision: Decision) -> Finding:
    (finding,) = decision.findings
    return finding


@pytest.mark.parametrize(
    ("value", "half", "outcome"),
    [
        (0.35, 0.04, PASS),
        (0.31, 0.02, INCONCLUSIVE),
        (0.45, 0.04, FAIL),
        (0.25, 0.04, FAIL),
        (0.35, 0.06, INCONCLUSIVE),
    ],
)
def test_a_band_holds_the_whole_interval(value: float, half: float, outcome: Outcome) -> None:
    decision = _decide(rule("between", floor=0.3, ceiling=0.4), european(value, half))

    assert decision.outcome == outcome
    assert "the policy asks for 30 to 40 %" in _only(decision).sentence


@pytest.mark.parametrize(
    ("value", "half", "outcome"),
    # Of a target of 0.4: 0.35 is 0.875 and 0.55 is 1.375; the limits are 0.32 and 0.5.
    [
        (0.35, 0.02, PASS),
        (0.33, 0.02, INCONCLUSIVE),
        (0.25, 0.02, FAIL),
        (0.55, 0.02, FAIL),
        (0.49, 0.02, INCONCLUSIVE),
    ],
)
def test_four_fifths_of_the_target_bounds_both_sides(value: float, half: float, outcome: Outcome) -> None:
    decision = _decide(rule("ratio", limit=0.8, against="target"), replace(european(value, half), target=0.4))

    assert decision.outcome == outcome
    assert _only(decision).value == pytest.approx(value / 0.4)
    assert "the policy asks for 80 to 125 % of its target" in _only(decision).sentence


def test_four_fifths_of_the_best_group_uses_what_is_certain_of_both() -> None:
    rows = (of_group("age = old", 0.30, 0.01, n=200), of_group("age = young", 0.40, 0.02))
    decision = _decide(quality("ratio", limit=0.8, against="best", group="age"), *rows)
    found = {finding.about: finding for finding in decision.findings}

    # Between 0.29 / 0.42 and 0.31 / 0.38: below 0.8 on one side of it, above on the other.
    assert (found["age = old"].value, found["age = old"].low, found["age = old"].high) == pytest.approx(
        (0.75, 0.29 / 0.42, 0.31 / 0.38)
    )
    assert (found["age = old"].verdict, found["age = old"].n) == (INCONCLUSIVE, 200)
    assert (found["age = young"].value, found["age = young"].verdict) == (1.0, PASS)
    assert decision.outcome == INCONCLUSIVE


@pytest.mark.parametrize(("old", "outcome"), [(0.39, PASS), (0.20, FAIL)])
def test_a_group_is_held_to_the_best_of_its_own_division_only(old: float, outcome: Outcome) -> None:
    rows = (
        of_group("age = old", old, 0.01),
        of_group("age = young", 0.40, 0.01),
        of_group("device = phone", 0.90, 0.01),
        of_group("device = television", 0.90, 0.01),
    )

    assert _decide(quality("ratio", limit=0.8, against="best", group="age"), *rows).outcome == outcome
    alone = _decide(quality("ratio", limit=0.8, against="best", group="age = old"), *rows)
    assert (alone.outcome, len(alone.findings)) == (outcome, 1)


def test_where_lower_is_better_the_best_is_the_lowest() -> None:
    rows = [
        replace(measured("exposure_gini", value, value - 0.01, value + 0.01), group=group)
        for group, value in (("age = old", 0.6), ("age = young", 0.3))
    ]
    asked = rule("ratio", metric="exposure_gini", limit=0.8, against="best", group="age", attribute=None, category=None)
    found = {finding.about: finding for finding in _decide(asked, *rows).findings}

    assert found["age = old"].value == pytest.approx(0.5)
    assert (found["age = old"].verdict, found["age = young"].verdict) == (FAIL, PASS)


def test_a_best_that_does_not_exist_decides_nothing() -> None:
    alone = _decide(quality("ratio", limit=0.8, against="best", group="age"), of_group("age = old", 0.3, 0.01))
    nothing = [of_group("age = old", 0.0, 0.0), of_group("age = young", 0.0, 0.0)]
    zero = _decide(quality("ratio", limit=0.8, against="best", group="age"), *nothing)

    assert (alone.outcome, zero.outcome) == (INCONCLUSIVE, INCONCLUSIVE)
    assert "has nothing beside it to be compared with" in alone.findings[0].sentence
    assert "has no figure above 0 to be divided by" in zero.findings[0].sentence


def test_each_group_is_asked_and_none_is_left_out() -> None:
    rows = [of_group(f"age = {name}", 0.3, 0.01) for name in ("old", "young")]
    rows += [of_group("sex = f", 0.05, 0.01), measured("ndcg", 0.3, 0.29, 0.31)]
    decision = _decide(quality("at_least", limit=0.1, group="each"), *rows)

    assert [finding.about for finding in decision.findings] == ["sex = f", "age = old", "age = young"]
    assert decision.outcome == FAIL


def test_a_group_without_enough_subjects_blocks_whatever_the_rule_tolerates() -> None:
    rows = [of_group("age = old", 0.3, 0.01), of_group("age = young", 0.3, 0.01, n=12)]
    empty = replace(rows[1], value=None, low=None, high=None, n=0, undefined=Undefined.NO_SUBJECT)
    asked = quality("at_least", limit=0.1, group="age", when_inconclusive="warn")

    for young in (rows[1], empty):
        decision = _decide(asked, rows[0], young)
        assert decision.outcome == INCONCLUSIVE
        assert [finding.about for finding in decision.reasons] == ["age = young"]


def test_a_division_that_the_subjects_do_not_have_fails_or_does_not_apply_as_the_rule_says() -> None:
    rows = (of_group("age = old", 0.3, 0.01), measured("ndcg", 0.3, 0.29, 0.31))
    asked, met = quality("at_least", limit=0.1, group="region"), quality("at_least", limit=0.1, id="met")
    lenient = replace(asked, when_absent="not_applicable")

    assert decide(policy(asked, met), report(*rows)).outcome == FAIL
    decision = decide(policy(lenient, met), report(*rows))
    assert (decision.outcome, decision.not_applicable) == (
        PASS,
        ("quality: there are no subjects by region.",),
    )
    # Where nobody's choices were given, groups are not what is missing.
    assert decide(policy(lenient, met), replace(report(*rows), subjects_with_targets=0)).outcome == INCONCLUSIVE
    assert decide(policy(lenient), report(*rows)).outcome == INCONCLUSIVE


def test_a_division_that_leaves_out_too_many_subjects_is_no_evidence() -> None:
    asked, rows = quality("at_least", limit=0.1, group="each"), (of_group("age = old", 0.3, 0.01),)

    def with_group(*rows: Measurement, **shares: float) -> Report:
        known = {f"{name} = x": round(500 * share) for name, share in shares.items()}
        sizes = tuple(GroupSize(group=group, subjects=subjects, merged=False) for group, subjects in known.items())
        return replace(report(*rows), subjects=500, group_sizes=sizes)

    few, many = (decide(policy(asked), with_group(*rows, age=share, sex=0.5)) for share in (0.96, 0.94))

    crossed = replace(rows[0], group="age × sex = old × f")
    both = decide(policy(asked), with_group(crossed, age=0.97, sex=0.97))

    assert (few.outcome, many.outcome, both.outcome) == (PASS, INCONCLUSIVE, INCONCLUSIVE)
    assert "leaves out 6.0% of the subjects, whose group is unknown" in many.findings[0].sentence


@pytest.mark.parametrize(
    ("asked", "about"),
    [
        ({"group": "age"}, {"age = old", "age = mid"}),
        ({"group": "each"}, {"age = old", "age = mid"}),
        ({"group": "age = old"}, {"age = old"}),
        ({"group": "age = old", "when_absent": "not_applicable"}, {"age = old"}),
        ({"group": "age = other"}, {"age = old", "age = mid"}),
        ({"group": "age", "min_subjects": 1}, {"age = old", "age = mid"}),
        ({"group": "age = new", "when_inconclusive": "warn"}, {"age = new"}),
    ],
)
def test_a_rule_about_a_group_that_was_merged_or_is_empty_is_not_met(asked: dict[str, object], about: set[str]) -> None:
    sizes = [("mid", 50, True), ("old", 4, True), ("young", 346, False)]
    sizes += [("new", 0, False)] if asked["group"] == "age = new" else []
    rows = [of_group("age = other", 0.3, 0.01, n=54), of_group("age = young", 0.3, 0.01, n=346)]
    known = tuple(GroupSize(group=f"age = {name}", subjects=n, merged=merged) for name, n, merged in sizes)
    rule_, met = quality("at_least", limit=0.1, **asked), quality("at_least", id="met", limit=0.1)
    decision = decide(
        policy(rule_, met), replace(report(*rows, measured("ndcg", 0.3, 0.29, 0.31)), subjects=400, group_sizes=known)
    )

    assert decision.outcome == INCONCLUSIVE
    assert {finding.about for finding in decision.reasons} == about


@pytest.mark.parametrize("metric", ["popularity_lift", "exposure_gini"])  # not measured; has no form by group
def test_the_groups_of_the_input_say_whether_a_rule_applies(metric: str) -> None:
    rows = (measured("ndcg", 0.3, 0.29, 0.31), measured("exposure_gini", 0.3, 0.29, 0.31))
    known = tuple(GroupSize(group=f"age = {name}", subjects=200, merged=False) for name in ("old", "young"))
    known += tuple(GroupSize(group=f"sex = {name}", subjects=200, merged=False) for name in "fm")
    for group in ("age", "age × sex", "sex × age", "each"):
        asked = quality("at_most", limit=0.9, group=group, metric=metric, when_absent="not_applicable")
        decision = decide(
            policy(asked, quality("at_least", id="met", limit=0.1)), replace(report(*rows), group_sizes=known)
        )
        assert (decision.outcome, decision.not_applicable) == (INCONCLUSIVE, ())
        assert f"The report has no {metric} of each" in decision.reasons[0].sentence


@pytest.mark.parametrize(
    ("comparison", "fields", "found"),
    [
        ("no_regression", {"metric": "coverage", "tolerance": 5.0}, "tolerance 5.0, a difference that coverage"),
        ("no_regression", {"metric": "coverage", "tolerance": 1.0}, "tolerance 1.0, a difference that coverage"),
        ("equivalence", {"tolerance": 5.0, "against": "baseline"}, "tolerance 5.0, a difference that ndcg"),
    ],
)
def test_a_tolerance_that_no_figure_can_miss_is_refused(comparison: str, fields: dict[str, object], found: str) -> None:
    with pytest.raises(ValueError, match=f"^{found} can never have"):
        quality(comparison, **fields)


def test_a_metric_without_an_end_may_change_by_any_tolerance() -> None:
    asked = quality("no_regression", metric="popularity_lift", tolerance=5.0, better="lower")

    assert asked.bounds == (None, 5.0)


@pytest.mark.parametrize(
    ("change", "half", "outcome"),
    [(-0.002, 0.005, PASS), (0.05, 0.01, PASS), (-0.02, 0.005, FAIL), (-0.008, 0.005, INCONCLUSIVE)],
)
def test_no_regression_is_decided_by_the_paired_difference(change: float, half: float, outcome: Outcome) -> None:
    difference = measured("ndcg", change, change - half, change + half)
    decision = _decide(
        quality("no_regression", tolerance=0.01), measured("ndcg", 0.3, 0.1, 0.5), differences=(difference,)
    )

    assert decision.outcome == outcome
    assert "the policy asks for no fall by more than 0.010" in _only(decision).sentence


def test_a_regression_of_what_should_be_low_goes_upwards() -> None:
    asked = rule("no_regression", metric="exposure_gini", tolerance=0.01, attribute=None, category=None)
    higher, lower = (measured("exposure_gini", by, by - 0.005, by + 0.005) for by in (0.05, -0.05))

    assert _decide(asked, differences=(higher,)).outcome == FAIL
    assert _decide(asked, differences=(lower,)).outcome == PASS
    assert "is 0.050 above the baseline's" in _only(_decide(asked, differences=(higher,))).sentence


def test_without_a_baseline_nothing_is_known_of_regressions() -> None:
    decision = _decide(quality("no_regression", tolerance=0.01), measured("ndcg", 0.3, 0.29, 0.31))

    assert decision.outcome == INCONCLUSIVE
    assert _only(decision).sentence.startswith("The report has no ndcg of all titles against a baseline.")


@pytest.mark.parametrize(
    ("value", "half", "outcome"),
    [(0.41, 0.02, PASS), (0.45, 0.02, INCONCLUSIVE), (0.50, 0.02, FAIL), (0.40, 0.06, INCONCLUSIVE)],
)
def test_equivalence_is_certified_by_the_whole_interval(value: float, half: float, outcome: Outcome) -> None:
    to_target = rule("equivalence", tolerance=0.05, against="target")
    to_baseline = rule("equivalence", tolerance=0.05, against="baseline")
    difference = european(value - 0.4, half)

    assert _decide(to_target, replace(european(value, half), target=0.4)).outcome == outcome
    assert _decide(to_baseline, european(value, half), differences=(difference,)).outcome == outcome


def test_a_difference_in_per_cent_is_told_in_percentage_points() -> None:
    asked = rule("equivalence", tolerance=0.05, against="baseline")

    assert (
        _only(_decide(asked, differences=(european(0.01, 0.02),))).sentence
        == "Exposure share for origin = european is 1 percentage points above the baseline's (95 % interval −1 to 3 "
        "percentage points, 1,000 subjects); the policy asks for no difference from the baseline of more than 5 "
        "percentage points."
    )


def test_a_figure_close_to_its_limit_is_written_with_the_digits_that_tell_them_apart() -> None:
    sentence = _only(_decide(rule("at_least", limit=0.3), european(0.29996, 0.00002))).sentence

    assert "receive 29.996 % of the attention (95 % interval 29.994 to 29.998 %" in sentence


@pytest.mark.parametrize(("tolerant", "outcome"), [("fail", FAIL), ("inconclusive", INCONCLUSIVE), ("warn", PASS)])
def test_a_rule_says_what_an_undecided_figure_means(tolerant: str, outcome: Outcome) -> None:
    undecided = quality("at_least", limit=0.3, when_inconclusive=tolerant)
    met = quality("at_least", limit=0.1, id="met")

    assert decide(policy(undecided, met), report(measured("ndcg", 0.3, 0.28, 0.32))).outcome == outcome


_SHARE = st.floats(0.0, 1.0, allow_nan=False)
_RULES = st.sampled_from(
    [
        rule("at_least", limit=0.3),
        rule("at_most", limit=0.3),
        rule("between", floor=0.2, ceiling=0.5),
        rule("ratio", limit=0.8, against="target"),
        rule("equivalence", tolerance=0.1, against="target"),
        rule("equivalence", tolerance=0.1, against="baseline"),
        rule("no_regression", tolerance=0.1, better="higher"),
        rule("ratio", limit=0.8, against="best", category=None),
    ]
)


def _rows(value: float, half: float) -> tuple[Measurement, ...]:
    other = replace(measured("exposure_share", 0.4, 0.39, 0.41, "origin", "asian"), target=0.4)
    return replace(european(value, half), target=0.4), other


@STEADY
@given(_RULES, _SHARE, _SHARE, _SHARE)
def test_a_wider_interval_never_turns_into_a_pass(asked: FairnessRule, value: float, half: float, extra: float) -> None:
    narrow, wide = (
        _decide(asked, *_rows(value, each), differences=_rows(value, each)).outcome for each in (half, half + extra)
    )

    assert wide != PASS or narrow == PASS


@STEADY
@given(_RULES, _SHARE, _SHARE, st.sampled_from(["value", "low", "high"]), st.sampled_from(["nan", "inf", "-inf"]))
def test_what_is_no_number_never_passes(asked: FairnessRule, value: float, half: float, end: str, broken: str) -> None:
    first, other = _rows(value, half)
    first = replace(first, **{end: float(broken)})  # type: ignore[arg-type] # one of the three ends

    assert _decide(asked, first, other, differences=(first, other)).outcome != PASS


@STEADY
@given(st.sampled_from(["floor", "ceiling"]), _SHARE, _SHARE, st.floats(0.0, 0.15))
def test_a_tighter_band_never_turns_into_a_pass(end: str, value: float, half: float, by: float) -> None:
    wide = rule("between", floor=0.2, ceiling=0.6)
    tight = replace(wide, **{end: 0.2 + by if end == "floor" else 0.6 - by})

    assert _decide(tight, european(value, half)).outcome != PASS or _decide(wide, european(value, half)).outcome == PASS
