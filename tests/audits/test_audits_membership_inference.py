"""What inferring membership found, as data: an interval that a rule judges, and no silence that passes."""

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from audits.configuration import AuditConfig
from audits.digest import inputs_digest
from audits.errors import CorruptReport, InvalidConfig
from audits.metrics.membership_inference import stated
from audits.privacy import MembershipInference
from audits.report import Report, Undefined
from audits.run import run
from audits.tables import AuditInput
from audits.verdict import Limits, Outcome, judge

Build = Callable[..., AuditInput]

FOUND = MembershipInference(
    area=0.55,
    low=0.52,
    high=0.58,
    confidence=0.95,
    attackers=("served lists", "ranks of all titles"),
    members=200,
    others=300,
    model_digest="m",
)
UNKNOWN = replace(FOUND, area=None, low=None, high=None)


def test_the_figure_is_the_one_of_the_docstring() -> None:
    figure = stated(FOUND, level=0.95)

    assert (figure.value, figure.low, figure.high, figure.n, figure.undefined) == (0.55, 0.52, 0.58, 500, None)
    # Half the width by the normal quantile of 97.5 %, from a table.
    assert figure.standard_error == pytest.approx(0.03 / 1.959964, rel=1e-6)


@pytest.mark.parametrize(
    ("found", "level", "why"),
    [(FOUND, 0.99, Undefined.UNSURE), (UNKNOWN, 0.95, Undefined.TOO_FEW)],
    ids=["less certain than the audit", "too few attacked"],
)
def test_what_is_no_evidence_has_no_figure(found: MembershipInference, level: float, why: Undefined) -> None:
    figure = stated(found, level=level)

    assert (figure.value, figure.low, figure.high, figure.standard_error) == (None, None, None, None)
    assert figure.undefined == why


def test_certainty_that_is_shared_out_and_added_up_again_is_still_the_audits() -> None:
    shared = 1 - sum(1 - each for each in [1 - 0.05 / 3] * 3)

    assert shared != 0.95
    assert stated(replace(FOUND, confidence=shared), level=0.95).value == 0.55


@pytest.mark.parametrize(
    ("limit", "outcome"), [(0.6, Outcome.PASS), (0.55, Outcome.INCONCLUSIVE), (0.51, Outcome.FAIL)]
)
def test_a_report_carries_the_figure_and_a_limit_decides_it_in_three_values(
    build: Build, limit: float, outcome: Outcome
) -> None:
    given, config = build({"s": ["a"]}, items=["a"]), AuditConfig(seed=1, model_digest="m", replicates=100)
    report = run(replace(given, inference=FOUND), config=config)
    (figure,) = report.select("membership_inference")

    assert judge(figure, Limits(ceiling=limit), critical_value=report.critical_value).outcome == outcome
    assert Report.from_json(report.to_json()) == report
    assert (
        "Membership was inferred among 200 subjects who were trained on and 300 who were not, by: served lists, "
        "ranks of all titles. The interval for the strongest of them is at 95%."
    ) in report.caveats


def test_without_it_a_report_has_no_figure_and_with_it_the_inputs_are_others(build: Build) -> None:
    given, config = build({"s": ["a"]}, items=["a"]), AuditConfig(seed=1, model_digest="m", replicates=100)

    assert run(given, config=config).select("membership_inference") == ()
    assert inputs_digest(given) != inputs_digest(replace(given, inference=FOUND))


def test_it_may_be_all_that_is_asked_for(build: Build) -> None:
    config = AuditConfig(seed=1, model_digest="m", replicates=100, metrics=("membership_inference",))
    report = run(replace(build({"s": ["a"]}, items=["a"]), inference=FOUND), config=config)

    assert [figure.value for figure in report.select("membership_inference")] == [0.55]


def test_of_another_model_it_is_no_evidence_on_this_one(build: Build) -> None:
    config = AuditConfig(seed=1, model_digest="other", replicates=100)

    with pytest.raises(InvalidConfig, match="expected an attack on the model under audit"):
        run(replace(build({"s": ["a"]}, items=["a"]), inference=FOUND), config=config)


def test_it_has_one_encoding() -> None:
    encoded = FOUND.to_json()

    assert MembershipInference.from_json(encoded) == FOUND
    for damage in (encoded + b" ", encoded.replace(b'"members":200', b'"members":"200"'), encoded[:-3]):
        with pytest.raises(CorruptReport):
            MembershipInference.from_json(damage)


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"area": None}, "area, low, high"),
        ({"area": math.nan}, "area, low, high"),
        ({"high": 1.01}, "area, low, high"),
        ({"low": 0.59}, "area, low, high"),
        ({"confidence": 1.0}, "confidence"),
        ({"attackers": ()}, "attackers"),
        ({"attackers": (" ",)}, "attackers"),
        ({"others": 0}, "members, others"),
    ],
)
def test_refuses_numbers_that_are_none(change: dict[str, Any], name: str) -> None:
    with pytest.raises(InvalidConfig, match=f"membership inference, {name}: expected"):
        replace(FOUND, **change)
