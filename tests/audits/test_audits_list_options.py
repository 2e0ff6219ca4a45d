"""Per-list options as they are asked for: the strength that keeps enough, whom they leave alone, what is reported."""

from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from audits.bootstrap import Resampling
from audits.errors import InvalidConfig
from audits.mitigation.compared_lists import Shown
from audits.mitigation.held_out import HeldOut
from audits.mitigation.list_options import ListOption, Strength, calibrated_option, diverse_option, strongest
from audits.mitigation.page import render_mitigation
from audits.mitigation.prices import serve
from audits.mitigation.queues import queues_of
from audits.mitigation.report import MitigationReport, Reranked
from audits.mitigation.reranking_report import report_reranked
from audits.mitigation.words import sentences, title_of

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
W = np.ones(2)
GROUPS = np.repeat(np.eye(2), [6, 6], axis=0)
N = 60


def scores(n: int = N) -> Floats:
    """The first category is liked better by everybody."""
    return np.random.default_rng(3).uniform(size=(n, 12)) + GROUPS[:, 0] + 0.5


def shown() -> Shown:
    half = np.array([0.5, 0.5])
    return Shown(
        attention=W,
        names=(("genre", "a"), ("genre", "b")),
        groups=GROUPS,
        catalogue_shares=half,
        lower=np.zeros(2),
        upper=np.ones(2),
        prices=np.zeros(2),
    )


def step_option(tried: list[float]) -> ListOption:
    """An option under which one subject's list is worth 1 at strength 0 and less by the square of it."""

    def lists(strength: float) -> Ints:
        tried.append(strength)
        return np.array([[int(strength * 10**12)]])

    return ListOption(
        name="diverse",
        figure="intra-list diversity",
        span=1.0,
        lists=lists,
        measured=lambda lists: np.zeros(len(lists)),
        counted=np.ones(1, dtype=bool),
    )


def worth(lists: Ints, *, scale: float = 1.0) -> Floats:
    return np.asarray(1.0 - (lists[:, 0] / 10**12 / scale) ** 2)


@pytest.mark.parametrize(("keep", "scale", "expected"), [(0.91, 1.0, 0.3), (0.75, 0.01, 0.005), (0.99, 1.0, 0.1)])
def test_the_largest_strength_that_keeps_enough_is_found_whatever_the_scale(
    keep: float, scale: float, expected: float
) -> None:
    tried: list[float] = []
    found = strongest(step_option(tried), partial(worth, scale=scale), keep)

    assert found.value == pytest.approx(expected, rel=0.005)
    assert found.value <= expected * 1.001
    assert found.kept is not None
    assert found.kept >= keep
    assert len(tried) < 30


def test_where_full_strength_keeps_enough_it_is_taken() -> None:
    found = strongest(step_option([]), partial(worth, scale=10.0), 0.9)

    assert (found.value, found.keep, found.kept) == (1.0, 0.9, pytest.approx(0.99))


@pytest.mark.parametrize("keep", [0.0, 1.01, -1.0, float("nan")])
def test_a_part_that_is_none_is_refused(keep: float) -> None:
    with pytest.raises(InvalidConfig, match="expected a part above 0 and at most 1"):
        strongest(step_option([]), worth, keep)


def test_where_there_is_nothing_to_keep_a_part_of_no_strength_is_found() -> None:
    with pytest.raises(InvalidConfig, match="positive utility"):
        strongest(step_option([]), lambda lists: np.zeros(len(lists)), 0.9)
    with pytest.raises(InvalidConfig, match="got none"):
        strongest(step_option([]), lambda lists: (lists[:, 0] == 0) + 1e-9, 0.9)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.floats(0.5, 1.0))
def test_what_should_be_kept_is_kept_by_those_on_whom_the_strength_was_chosen(seed: int, keep: float) -> None:
    rng = np.random.default_rng(seed)
    given_scores, wanted = rng.uniform(size=(20, 12)) + 0.1, rng.dirichlet(np.ones(2), 20)
    option = calibrated_option(given_scores, GROUPS, wanted, W)

    def utility(lists: Ints) -> Floats:
        return np.asarray(np.take_along_axis(given_scores, lists, axis=1).mean(axis=1))

    found = strongest(option, utility, keep)

    assert utility(option.lists(found.value)).mean() >= keep * utility(option.lists(0.0)).mean() * (1 - 1e-12)


def test_subjects_without_a_history_keep_the_order_of_the_scores_and_are_counted() -> None:
    wanted = np.tile([0.0, 1.0], (N, 1))
    wanted[::3] = 0.0
    option = calibrated_option(scores(), GROUPS, wanted, W)
    lists = option.lists(1.0)
    by_score = serve(scores(), np.zeros(12), 2)

    assert np.array_equal(lists[::3], by_score[::3])
    assert (lists[1::3] >= 6).all()  # the others get what they chose before
    assert option.counted.tolist() == [place % 3 != 0 for place in range(N)]
    assert option.measured(lists)[::3].tolist() == [0.0] * 20


def test_where_nobody_has_a_history_all_lists_are_those_of_the_scores() -> None:
    option = calibrated_option(scores(), GROUPS, np.zeros((N, 2)), W)

    assert np.array_equal(option.lists(0.7), serve(scores(), np.zeros(12), 2))


def reported(option: ListOption, strength: Strength) -> MitigationReport:
    held_out = HeldOut(
        subjects=tuple(f"s{number}" for number in range(N)), scores=scores(), fitted_on=("t1", "t2", "t3")
    )
    resampling = Resampling(replicates=200, seed=4, min_subjects=10)
    return report_reranked(option, strength, shown(), held_out, attribute="genre", resampling=resampling)


def reranked(report: MitigationReport) -> Reranked:
    assert report.reranked is not None
    return report.reranked


def test_a_report_on_varied_lists_says_what_they_change_and_cost_as_computed_by_hand() -> None:
    # By score both items are of a; at full strength one of each: diversity from 0 to 1, b from 0 to half of everything.
    report = reported(diverse_option(scores(), GROUPS, W), Strength(value=1.0))
    best = np.sort(scores()[:, :6], axis=1)[:, -2:]

    assert (reranked(report).before, reranked(report).after, reranked(report).change) == (0.0, 1.0, 1.0)
    assert [(row.category, row.before, row.after) for row in report.exposure] == [("a", 1.0, 0.5), ("b", 0.0, 0.5)]
    assert report.utility[0].before == pytest.approx(best.mean())
    assert report.utility[0].after == pytest.approx(
        (scores()[:, :6].max(axis=1) + scores()[:, 6:].max(axis=1)).mean() / 2
    )
    assert (report.certificate, report.fitted_on) == (None, "nobody")


def test_a_report_on_calibrated_lists_counts_only_those_with_a_history() -> None:
    wanted = np.tile([0.5, 0.5], (N, 1))
    wanted[:20] = 0.0
    report = reported(calibrated_option(scores(), GROUPS, wanted, W), Strength(value=1.0, keep=0.5, kept=0.61))
    option = reranked(report)
    said = sentences(report)

    # All of a where half and half is wanted: 1.9585; half of each: 0.
    assert option.before == pytest.approx(1.9585, abs=1e-4)
    assert option.after == pytest.approx(0.0, abs=1e-9)
    assert (option.n, option.left_alone) == (40, 20)
    assert "20 of them have no history: their lists are as they were." in said
    assert any("at which 3 other subjects keep 50.0% of their utility; they keep 61.00%" in each for each in said)


def test_where_somebody_has_fewer_items_left_than_a_list_has_ranks_no_lists_are_made() -> None:
    excluded = np.zeros((N, 12), dtype=bool)
    excluded[7, 1:] = True
    with pytest.raises(InvalidConfig, match=r"at least 2 items left for every subject \(1 of them have fewer\)"):
        calibrated_option(scores(), GROUPS, np.zeros((N, 2)), W, excluded=excluded)
    with pytest.raises(InvalidConfig, match=r"at least 2 items left for every subject \(1 of them have fewer\)"):
        diverse_option(scores(), GROUPS, W, excluded=excluded)


def test_figures_that_rest_on_too_few_subjects_are_not_given() -> None:
    wanted = np.zeros((N, 2))
    wanted[:9] = [0.5, 0.5]
    option = reranked(reported(calibrated_option(scores(), GROUPS, wanted, W), Strength(value=0.5)))

    assert (option.n, option.before, option.after, option.change, option.low) == (9, None, None, None, None)


def test_a_report_on_lists_has_one_encoding_and_a_page_without_prices_or_proof() -> None:
    report = reported(diverse_option(scores(), GROUPS, W), Strength(value=0.3))
    page = render_mitigation(report, title=title_of(report))

    assert MitigationReport.from_json(report.to_json()) == report
    assert "Lists of varied items" in page
    assert "price" not in page
    assert "The proof" not in page
    assert "intra-list diversity" in page


def test_queues_hold_the_best_of_each_kind_and_move_on_where_an_item_was_taken() -> None:
    # Kinds 0, 1, 0, 1; the last item must not be shown.
    given_scores = np.array([[0.1, 0.9, 0.4, 0.5]])
    queues = queues_of(given_scores, np.array([0, 1, 0, 1]), 2, np.array([[False, False, False, True]]))
    fronts = queues.fronts(slice(0, 1))

    taken = []
    for _ in range(3):
        item, queue = fronts.take(fronts.merit())
        taken.append((int(item[0]), int(queue[0])))

    assert taken == [(1, 1), (2, 0), (0, 0)]


def test_of_equal_values_the_item_that_comes_first_is_taken() -> None:
    queues = queues_of(np.array([[0.5, 0.5, 0.5]]), np.array([1, 0, 0]), 3)
    fronts = queues.fronts(slice(0, 1))

    assert [int(fronts.take(fronts.merit())[0][0]) for _ in range(3)] == [0, 1, 2]


def test_queues_that_are_made_in_batches_are_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    excluded = np.random.default_rng(8).random((N, 12)) < 0.3
    kinds = np.array([2, 0, 1, 2, 0, 1, 1, 1, 2, 0, 0, 0])
    whole = queues_of(scores(), kinds, 3, excluded)
    monkeypatch.setattr("audits.mitigation.queues._NUMBERS", 40)
    batched = queues_of(scores(), kinds, 3, excluded)

    assert np.array_equal(batched.items, whole.items)
    assert np.array_equal(batched.scores, whole.scores)


@pytest.mark.parametrize("kinds", [[0, 2, 2], [1, 2, 1]])
def test_a_kind_that_no_item_is_of_is_refused_and_not_taken_for_the_next(kinds: list[int]) -> None:
    with pytest.raises(InvalidConfig, match="items of all kinds from 0 to 2, got 2 kinds"):
        queues_of(np.ones((1, 3)), np.array(kinds), 2)
