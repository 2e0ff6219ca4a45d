"""Three answers, and what would decide the third."""

from dataclasses import replace

import numpy as np
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


def test_where_nobody_varies_the_interval_shrinks_with_the_number_of_subjects_and_not_with_its_root() -> None:
    same = replace(measured(0.0, -0.02, 0.02), standard_error=0.0)

    assert judge(same, Limits(floor=-0.005), critical_value=3.0).n_to_decide == 400 * 4


def test_the_n_that_would_decide_does_so_with_the_asked_power() -> None:
    rng = np.random.default_rng(8)
    verdict = judge(measured(0.9, 0.75, 1.05), Limits(floor=0.8), critical_value=3.0)
    error = 0.05 * np.sqrt(400 / (verdict.n_to_decide or 1))
    drawn = rng.normal(0.9, error, size=20_000)

    # Monte-Carlo standard error 0.003; with the 400 subjects at hand 16 % would be decided.
    assert (drawn - 3.0 * error >= 0.8).mean() == pytest.approx(0.8, abs=0.01)
    assert (rng.normal(0.9, 0.05, size=20_000) - 3.0 * 0.05 >= 0.8).mean() == pytest.approx(0.159, abs=0.01)


def test_a_truth_at_the_detectable_distance_is_decided_with_the_asked_power() -> None:
    verdict = judge(measured(0.9, 0.75, 1.05), Limits(floor=0.8), critical_value=3.0, power=0.9)
    drawn = np.random.default_rng(9).normal(0.8 + (verdict.detectable or 0.0), 0.05, size=20_000)

    assert (drawn - 3.0 * 0.05 >= 0.8).mean() == pytest.approx(0.9, abs=0.01)


def test_within_a_band_both_limits_must_be_cleared_at_once() -> None:
    centred = judge(measured(0.0, -0.15, 0.15), Limits.around(0.0, 0.1), critical_value=3.0)
    # By hand: each side must be cleared with 90 %, z = 1.2816: 400 * ((3 + 1.2816) * 0.05 / 0.1)^2 = 1833.2
    assert centred.n_to_decide == 1834

    error = 0.05 * np.sqrt(400 / 1834)
    drawn = np.random.default_rng(10).normal(0.0, error, size=20_000)
    assert (np.abs(drawn) + 3.0 * error <= 0.1).mean() == pytest.approx(0.8, abs=0.01)


def test_an_interval_cut_by_the_metrics_range_counts_with_its_whole_width() -> None:
    cut = judge(measured(0.02, 0.0, 0.17), Limits(ceiling=0.1), critical_value=3.0)

    assert cut.detectable == pytest.approx(0.15 + 0.8416 * 0.05, abs=1e-4)


@pytest.mark.parametrize("margin", [0.0, -0.1, float("nan")])
def test_equivalence_needs_a_margin(margin: float) -> None:
    with pytest.raises(InvalidConfig, match="positive margin"):
        Limits.around(0.0, margin)


def test_absence_of_a_difference_is_certified_only_by_a_narrow_interval() -> None:
    band = Limits.around(0.0, 0.05)

    assert judge(measured(0.0, -0.04, 0.04), band, critical_value=3.0).outcome is Outcome.PASS
    # Not significant is not equivalent.
    assert judge(measured(0.0, -0.2, 0.2), band, critical_value=3.0).outcome is Outcome.INCONCLUSIVE
    # Significant and yet equivalent: a difference that is certain and too small to matter.
    assert judge(measured(0.03, 0.02, 0.04), band, critical_value=3.0).outcome is Outcome.PASS
    assert judge(measured(0.08, 0.06, 0.10), band, critical_value=3.0).outcome is Outcome.FAIL


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
