"""What a controller does to subjects who come one by one: against lists made by hand and served by hand."""

from dataclasses import replace
from functools import lru_cache
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from audits.bootstrap import Resampling
from audits.errors import InvalidConfig
from audits.mitigation.compared_lists import Shown
from audits.mitigation.held_out import HeldOut
from audits.mitigation.online import Serving, largest_violation, mean_prices, owed, serve_all
from audits.mitigation.online_report import Turns, report_online, usual_gain, violations
from audits.mitigation.page import render_mitigation
from audits.mitigation.prices import PriceFit, fit_prices
from audits.mitigation.report import MitigationReport, ServedOnline
from audits.mitigation.words import sentences, title_of

Floats = NDArray[np.float64]
NAMES = (("genre", "drama"), ("genre", "documentary"))
W = 1.0 / np.log2(np.arange(2, 7))
GROUPS = np.repeat(np.eye(2), [40, 10], axis=0)
CATALOGUE = np.array([0.8, 0.2])
N = 300


def drawn(seed: int, n: int, keen: Floats) -> Floats:
    """Scores of n subjects, who like documentaries less by ``keen``, (n,)."""
    return np.random.default_rng(seed).uniform(size=(n, 50)) + 1.0 - (0.3 + keen[:, None]) * GROUPS[:, 1]


@lru_cache
def fitted() -> PriceFit:
    scores = drawn(1, 1500, np.tile([0.0, 0.3], 750))
    return fit_prices(scores, GROUPS, NAMES, W, np.array([0.0, 0.18]), np.ones(2))


KEEN = np.repeat([0.0, 0.3], N // 2)
"""Held-out subjects: the first half minds documentaries less than the second."""


def shown() -> Shown:
    return Shown.of(fitted(), GROUPS, CATALOGUE, W)


@lru_cache
def reported(*, drifting: bool = False, gain: float = 0.1, controller: str = "owed") -> MitigationReport:
    order = np.arange(N)[::-1] if drifting else np.random.default_rng(5).permutation(N)
    held_out = HeldOut(
        subjects=tuple(f"s{number}" for number in range(N)),
        scores=drawn(2, N, KEEN),
        groups={"mood": ["calm" if keen else "cross" for keen in KEEN]},
        fitted_on=("t1",),
    )
    turns = Turns(controller=controller, gain=gain, order=order, arrival="as they stand")
    return report_online(
        fitted(), shown(), held_out, turns, resampling=Resampling(replicates=200, seed=4, min_subjects=10)
    )


def served(report: MitigationReport) -> ServedOnline:
    assert report.served is not None
    return report.served


def test_how_far_shares_are_outside_their_limits_is_that_computed_by_hand() -> None:
    # Attention 2 and 1, a ceiling of 0.5 for a. Lists: a a, b b, a b: shares of a 1, 1/2, (3 + 0 + 2) / 9.
    by_hand = replace(
        shown(),
        attention=np.array([2.0, 1.0]),
        groups=np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0], [0.0, 1.0]]),
        lower=np.array([0.0, 0.0]),
        upper=np.array([0.5, 1.0]),
    )
    lists = np.array([[0, 1], [2, 3], [0, 2]])

    assert violations(lists, by_hand) == pytest.approx([0.5, 0.0, 5 / 9 - 0.5])


def test_the_report_is_about_the_lists_that_serving_makes_one_by_one() -> None:
    scores, order = drawn(2, N, KEEN), np.random.default_rng(5).permutation(N)
    serving = Serving(
        names=NAMES,
        groups=GROUPS,
        weights=W,
        lower=np.array([0.0, 0.18]),
        upper=np.ones(2),
        prices=np.array(fitted().prices),
    )
    lists, state = serve_all(serving, serving.start(), scores[order], owed(0.1))
    report = reported()
    worth = float((np.take_along_axis(scores[order], lists, axis=1) @ W).mean() / W.sum())

    assert served(report).courses[3].violation[-1] == pytest.approx(largest_violation(serving, state), abs=1e-12)
    assert report.utility[0].after == pytest.approx(worth)
    assert report.exposure[1].after == pytest.approx(np.array(state.attention)[1] / (N * W.sum()))
    # Everyone's figure is that of the last course, from the same resamples.
    assert served(report).courses[3].kept == report.utility[0].kept
    assert served(report).courses[3].low == report.utility[0].low


def test_courses_are_compared_with_no_mitigation_and_with_prices_alone() -> None:
    none, prices, alone, both = served(reported()).courses

    assert [(each.corrected, each.priced) for each in (none, prices, alone, both)] == [
        (False, False),
        (False, True),
        (True, False),
        (True, True),
    ]
    assert (none.kept, none.low, none.against_prices, prices.against_prices) == (1.0, None, None, None)
    assert prices.kept is not None
    assert both.kept is not None
    assert both.against_prices == pytest.approx(both.kept - prices.kept)
    assert both.against_prices_low is not None
    assert both.against_prices_low < both.against_prices
    assert none.violation[-1] > 0.1
    assert both.violation[-1] < 0.01


def test_a_controller_holds_limits_that_prices_alone_break_where_traffic_drifts() -> None:
    _, prices, _, both = served(reported(drifting=True)).courses
    _, mixed, _, _ = served(reported()).courses

    assert prices.worst > 0.05
    assert both.worst < 0.5 * prices.worst
    assert prices.worst > 2 * mixed.worst


def test_points_run_from_the_tenth_list_to_the_last_and_the_worst_counts_from_a_tenth_of_them_on() -> None:
    online = served(reported())

    assert (online.after[0], online.after[-1], online.settled) == (10, N, 30)
    assert all(len(course.violation) == len(online.after) for course in online.courses)
    assert all(course.worst >= course.violation[-1] for course in online.courses)


def test_a_gain_that_nobody_gave_follows_from_how_far_the_scores_of_a_list_lie_apart() -> None:
    # Best two of each: 0.1 and 0.2 apart, 0.15 in the mean; of the first 0.8 where the best is not to be had.
    scores = np.array([[0.9, 0.8, 0.1], [0.5, 0.3, 0.2]])
    excluded = np.array([[True, False, False], [False, False, False]])

    assert usual_gain("owed", scores, 2) == pytest.approx(0.2 * 0.15)
    assert usual_gain("penalty", scores, 2) == pytest.approx(50 * 0.15)
    assert usual_gain("owed", scores, 2, excluded) == pytest.approx(0.2 * (0.7 + 0.2) / 2)
    with pytest.raises(InvalidConfig, match="scores that differ"):
        usual_gain("owed", np.ones((3, 4)), 2)


def test_a_report_on_serving_has_one_encoding_a_page_with_its_course_and_a_caveat() -> None:
    report = reported()
    page = render_mitigation(report, title=title_of(report))

    assert MitigationReport.from_json(report.to_json()) == report
    assert page.count("<polyline") == 4
    assert "http" not in page
    assert "<script" not in page
    assert "Exposure limits while serving" in page
    assert any("not about another order" in caveat for caveat in report.caveats)


def test_the_report_says_how_subjects_came_and_what_the_controller_changed() -> None:
    said = sentences(reported())

    assert "Subjects came as they stand, and each list was corrected by what had been shown (owed, gain 0.1)." in said
    assert any(sentence.startswith("After the last list the share furthest outside its limits") for sentence in said)
    assert any(
        sentence.startswith("Against prices alone, the controller changes the utility kept") for sentence in said
    )


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"controller": "magic"}, "expected one of owed, penalty, got magic"),
        ({"gain": 0.0}, "gain: expected a positive number"),
        ({"order": np.zeros(N, dtype=np.int64)}, "each of 300 subjects once"),
        ({"order": np.arange(N - 1)}, "each of 300 subjects once"),
    ],
)
def test_turns_that_nobody_can_take_are_refused(changes: dict[str, Any], says: str) -> None:
    held_out = HeldOut(subjects=tuple(f"s{number}" for number in range(N)), scores=drawn(2, N, KEEN))
    turns = Turns(**({"controller": "owed", "gain": 0.1, "order": np.arange(N), "arrival": "so"} | changes))
    with pytest.raises(InvalidConfig, match=says):
        report_online(fitted(), shown(), held_out, turns, resampling=Resampling(replicates=10, seed=4))


def test_intervals_of_utility_hold_where_some_subjects_meet_the_limits_for_the_others() -> None:
    # A tenth love documentaries and meet the floor for the others: the more of them come, the less dear it is for all.
    # The mean over many draws stands for the truth; lists taken as they fell cover it in 21 of 30 draws.
    def scores_of(seed: int, n: int) -> Floats:
        rng = np.random.default_rng(seed)
        return rng.uniform(size=(n, 50)) + 1.0 + np.where(rng.random(n) < 0.1, 1.0, -0.6)[:, None] * GROUPS[:, 1]

    fit = fit_prices(scores_of(1, 1500), GROUPS, NAMES, W, np.array([0.0, 0.18]), np.ones(2))
    against, kept = [], []
    for seed in range(30):
        held_out = HeldOut(subjects=tuple(map(str, range(N))), scores=scores_of(100 + seed, N), fitted_on=("t1",))
        turns = Turns(controller="owed", gain=0.1, order=np.arange(N), arrival="as they stand")
        resampling = Resampling(replicates=100, seed=seed, min_subjects=10)
        report = report_online(fit, Shown.of(fit, GROUPS, CATALOGUE, W), held_out, turns, resampling=resampling)
        both = served(report).courses[3]
        against.append((both.against_prices, both.against_prices_low, both.against_prices_high))
        kept.append((report.utility[0].kept, report.utility[0].low, report.utility[0].high))

    for figures in (np.array(against), np.array(kept)):
        truth = figures[:, 0].mean()
        assert ((figures[:, 1] <= truth) & (truth <= figures[:, 2])).sum() >= 28
        assert np.median(np.ptp(figures[:, 1:], axis=1)) < 15 * figures[:, 0].std()


def test_prices_in_the_mean_over_lists_are_those_computed_by_hand() -> None:
    # A floor of half the attention for b and a gain of 0.4 for each list owed. Before the first list nothing is owed,
    # then half a list, and after a list of both categories (2 of 3 for b) 1 - 2 / 3 of one.
    serving = Serving(
        names=NAMES,
        groups=np.eye(2),
        weights=np.array([2.0, 1.0]),
        lower=np.array([0.0, 0.5]),
        upper=np.ones(2),
        prices=np.array([0.0, 1.0]),
    )
    lists = np.array([[0, 0], [1, 0], [1, 0]])

    assert mean_prices(serving, lists, owed(0.4)) == pytest.approx([0.0, 1.0 + 0.4 * (0 + 1 / 2 + 1 / 3) / 3])


def test_where_scores_are_negative_no_part_of_a_utility_is_told() -> None:
    # Of -3 as without mitigation, -3.1 would be 103 %: lists that are worse would seem to keep more than everything.
    scores = drawn(2, N, KEEN) - 5.0
    held_out = HeldOut(subjects=tuple(map(str, range(N))), scores=scores, fitted_on=("t1",))
    turns = Turns(controller="owed", gain=0.1, order=np.arange(N), arrival="as they stand")
    report = report_online(
        fitted(), shown(), held_out, turns, resampling=Resampling(replicates=50, seed=4, min_subjects=10)
    )
    said = sentences(report)

    assert [(each.kept, each.low, each.against_prices) for each in served(report).courses] == [(None, None, None)] * 4
    assert "cannot be told" in said[0]
    assert not any("Against prices alone" in each for each in said)
    assert "%" not in render_mitigation(report, title=title_of(report)).split("Who pays")[1].split("</table>")[0]


def test_where_a_controller_has_nothing_to_do_it_changes_nothing_within_a_narrow_interval() -> None:
    # Shares never fell below the floor, and the lists are those of prices alone. Were they taken as they fell, nothing
    # would vary, and so little known of others that 3.7 points either way could not be told from none.
    scores = drawn(2, N, KEEN) + 0.2 * GROUPS[:, 1]
    held_out = HeldOut(subjects=tuple(map(str, range(N))), scores=scores, fitted_on=("t1",))
    turns = Turns(controller="owed", gain=0.1, order=np.arange(N), arrival="as they stand")
    resampling = Resampling(replicates=100, seed=4, min_subjects=10)
    report = report_online(fitted(), shown(), held_out, turns, resampling=resampling)
    _, prices, _, both = served(report).courses

    assert both.violation == prices.violation
    assert both.against_prices_low is not None
    assert -0.02 < both.against_prices_low < -0.001
    assert any("utility kept by +0.00 points" in each for each in sentences(report))
