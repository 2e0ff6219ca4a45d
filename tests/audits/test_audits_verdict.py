"""Three answers, and what would decide the third."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audits.errors import InvalidConfig
from audits.report import Measurement, Undefined
from audits.verdict import Limits, Outcome, judge


def measured(value: float, low: float, high: float, *, error: float = 0.05, n: int = 400) -> Measurement:
    return Measurement(
        metric="exposure_ratio",
        attribute="genre",
        category="doc",
        group=None,
        value=value,
        low=low,
        high=high,
        pointwise_low=low,
        pointwise_high=high,
        standard_error=error,
        n=n,
        target=1.0,
        undefined=None,
    )


@pytest.mark.parametrize(
    ("low", "high", "limits", "outcome"),
    [
        (0.81, 0.95, Limits(floor=0.8), Outcome.PASS),
        (0.80, 0.95, Limits(floor=0.8), Outcome.PASS),
        (0.50, 0.79, Limits(floor=0.8), Outcome.FAIL),
        (0.50, 0.80, Limits(floor=0.8), Outcome.INCONCLUSIVE),
        (0.75, 0.95, Limits(floor=0.8), Outcome.INCONCLUSIVE),
        (1.10, 1.19, Limits(ceiling=1.2), Outcome.PASS),
        (1.21, 1.30, Limits(ceiling=1.2), Outcome.FAIL),
        (1.10, 1.30, Limits(ceiling=1.2), Outcome.INCONCLUSIVE),
        (0.85, 1.15, Limits(floor=0.8, ceiling=1.2), Outcome.PASS),
        (0.70, 1.30, Limits(floor=0.8, ceiling=1.2), Outcome.INCONCLUSIVE),
        (0.10, 0.20, Limits(floor=0.8, ceiling=1.2), Outcome.FAIL),
        (1.30, 1.40, Limits(floor=0.8, ceiling=1.2), Outcome.FAIL),
    ],
)
def test_the_whole_interval_decides(low: float, high: float, limits: Limits, outcome: Outcome) -> None:
    assert judge(measured((low + high) / 2, low, high), limits, critical_value=3.0).outcome is outcome


def test_an_open_verdict_names_the_subjects_that_would_decide_it() -> None:
    verdict = judge(measured(0.9, 0.75, 1.05), Limits(floor=0.8), critical_value=3.0)

    # (3 + 0.8416) * 0.05 = 0.1921; 400 * (0.1921 / 0.1)^2 = 1475.8
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert verdict.detectable == pytest.approx(0.19208, abs=1e-5)
    assert verdict.distance == pytest.approx(0.1)
    assert verdict.n_to_decide == 1476


def test_a_decided_verdict_asks_for_no_more_subjects() -> None:
    assert judge(measured(0.9, 0.85, 0.95), Limits(floor=0.8), critical_value=3.0).n_to_decide is None


def test_a_figure_beyond_a_limit_has_a_negative_distance_to_the_nearest_one() -> None:
    verdict = judge(measured(1.3, 1.1, 1.5), Limits(floor=0.8, ceiling=1.2), critical_value=3.0)

    assert (verdict.nearest_limit, verdict.distance) == (1.2, pytest.approx(-0.1))


def test_an_undefined_figure_never_passes() -> None:
    nothing = Measurement(
        metric="ndcg",
        attribute=None,
        category=None,
        group="new",
        value=None,
        low=None,
        high=None,
        pointwise_low=None,
        pointwise_high=None,
        standard_error=None,
        n=0,
        target=None,
        undefined=Undefined.NO_SUBJECT,
    )
    verdict = judge(nothing, Limits(floor=0.0), critical_value=2.0)

    assert (verdict.outcome, verdict.undefined) == (Outcome.INCONCLUSIVE, Undefined.NO_SUBJECT)


@pytest.mark.parametrize(
    "limits", [{}, {"floor": 1.0, "ceiling": 0.5}, {"floor": float("nan")}, {"ceiling": float("inf")}]
)
def test_refuses_limits_that_say_nothing(limits: dict[str, float]) -> None:
    with pytest.raises(InvalidConfig, match="limits: expected"):
        Limits(**limits)


numbers = st.floats(-10, 10)


@given(numbers, numbers, numbers, numbers)
def test_a_wider_interval_never_turns_an_open_verdict_into_a_decided_one(
    a: float, b: float, limit: float, more: float
) -> None:
    low, high = sorted((a, b))
    narrow = judge(measured(low, low, high), Limits(floor=limit), critical_value=2.0).outcome
    wide = judge(measured(low, low - abs(more), high + abs(more)), Limits(floor=limit), critical_value=2.0).outcome

    assert wide in (narrow, Outcome.INCONCLUSIVE)
