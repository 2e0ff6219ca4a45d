"""A limit that can never be missed, and an exception that never ends, are none; both are refused."""

from datetime import date, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audits.metrics import METRICS
from governance.errors import PolicyError
from governance.policy.comparisons import is_above, is_below
from governance.policy.granted import load_waivers
from tests.governance.gate_examples import DAY, STEADY, policy, rule, waiver
from tests.governance.gate_files import POLICY, Gate


@pytest.mark.parametrize(
    ("metric", "comparison", "numbers"),
    [
        ("exposure_share", "at_least", {"limit": 1e-300}),
        ("exposure_share", "at_least", {"limit": 1e-9}),
        ("exposure_share", "at_most", {"limit": 1 - 1e-10}),
        ("exposure_share", "between", {"floor": 1e-300, "ceiling": 1.0}),
        ("exposure_ratio", "at_least", {"limit": 1e-300}),
        ("exposure_ratio", "at_most", {"limit": 1e300}),
        ("log_dp", "at_least", {"limit": -1e300}),
        ("log_dp", "between", {"floor": -1e12, "ceiling": 1e12}),
        ("exposure_share", "equivalence", {"tolerance": 1 - 1e-10, "against": "target"}),
        ("exposure_ratio", "equivalence", {"tolerance": 1e12, "against": "target"}),
        ("exposure_share", "ratio", {"limit": 1e-300, "against": "best"}),
    ],
)
def test_a_limit_that_no_interval_can_miss_is_refused(metric: str, comparison: str, numbers: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"can never (miss|have)$|a ratio is above 0"):
        rule(comparison, metric=metric, **numbers)


@pytest.mark.parametrize(
    ("metric", "comparison", "numbers"),
    [
        ("exposure_share", "at_least", {"limit": 1e-6}),
        ("exposure_share", "at_most", {"limit": 1 - 1e-6}),
        ("exposure_share", "between", {"floor": 0.0, "ceiling": 0.5}),
        ("exposure_ratio", "at_most", {"limit": 1e9}),
        ("log_dp", "at_least", {"limit": -3.0}),
        ("exposure_share", "equivalence", {"tolerance": 1e-300, "against": "target"}),
    ],
)
def test_a_small_promise_is_one_and_so_is_a_tiny_tolerance(
    metric: str, comparison: str, numbers: dict[str, object]
) -> None:
    assert rule(comparison, metric=metric, **numbers).metric == metric


@pytest.mark.parametrize("metric", METRICS, ids=[each.slug for each in METRICS])
def test_no_end_of_a_metrics_range_can_be_missed_and_something_between_can(metric) -> None:  # noqa: ANN001 - of the registry
    assert not is_above(metric.low, metric.low, metric.high)
    assert not is_below(metric.high, metric.low, metric.high)
    between = max(metric.low, -1.0) / 2 + min(metric.high, 2.0) / 2
    assert is_above(between, metric.low, metric.high)
    assert is_below(between, metric.low, metric.high)


@STEADY
@given(st.floats(0, 1), st.floats(0, 1))
def test_a_stricter_floor_than_one_that_can_be_missed_can_be_missed(one: float, other: float) -> None:
    looser, stricter = sorted((one, other))

    assert not is_above(looser, 0.0, 1.0) or is_above(stricter, 0.0, 1.0)
    assert not is_below(stricter, 0.0, 1.0) or is_below(looser, 0.0, 1.0)
    assert is_above(looser, 0.0, 1.0) == is_below(1.0 - looser, 0.0, 1.0) or 0.9e-9 < looser < 1.1e-9


def test_an_exception_down_to_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="worst_value 1e-300, which exposure_share can never miss"):
        policy(rule("at_least", limit=0.3), waivers=(waiver(1e-300),))
    with pytest.raises(ValueError, match="worst_value 1e-300, where a ratio is above 0"):
        policy(rule("ratio", limit=0.8, against="best", category=None), waivers=(waiver(1e-300),))


BESIDE = """\
waivers:
  - {id: w, rule: works, worst_value: 0.2, owner: O, author: A, approver: B, reason: r, expires_on: 2026-12-31}
  - {id: x, rule: works, worst_value: 0.2, owner: O, author: A, approver: B, reason: r, expires_on: UNTIL}
"""


def test_a_waiver_of_a_file_ends_within_a_year_of_the_decision_like_one_that_two_people_grant(tmp_path: Path) -> None:
    path, last = tmp_path / "waivers.yaml", DAY + timedelta(days=366)
    path.write_text(BESIDE.replace("UNTIL", last.isoformat()))

    assert len(load_waivers(path, policy(rule("at_least", limit=0.3)), DAY).value.waivers) == 2
    with pytest.raises(PolicyError, match=rf":3: .* got waiver 'x' until {last}, more than 366 days after 2026-11-25"):
        load_waivers(path, policy(rule("at_least", limit=0.3)), DAY - timedelta(days=1))


IN_POLICY = (
    "waivers:\n"
    "  - {id: w, rule: documentaries, worst_value: 0.1, owner: O, author: A, approver: B, "
    "reason: r, expires_on: UNTIL}\n"
)


@pytest.mark.parametrize(
    ("until", "code"), [("9999-12-31", 2), ("2027-11-28", 2), ("2027-11-27", 0), ("2020-01-01", 0)]
)
def test_the_gate_takes_no_exception_without_an_end(gate: Gate, tmp_path: Path, until: str, code: int) -> None:
    (tmp_path / "policy.yaml").write_text(POLICY + IN_POLICY.replace("UNTIL", until))
    result = gate("check", "--today", "2026-11-26")

    assert result.exit_code == code
    assert ("policy.yaml:27: waivers: expected an end at most a year ahead" in result.stderr) == (code == 2)


def test_nor_does_a_ratchet_and_the_last_day_of_all_is_a_day(gate: Gate, tmp_path: Path) -> None:
    assert gate("check", "--out", tmp_path / "out").exit_code == 0
    (tmp_path / "policy.yaml").write_text(POLICY + IN_POLICY.replace("UNTIL", "9999-12-31"))
    given = ("--report", tmp_path / "out" / "report.json", "--today")

    assert gate("ratchet", *given, "2026-11-26").exit_code == 2
    assert gate("ratchet", *given, date.max.isoformat()).exit_code == 0
