"""How popular lists and profiles are, by hand and against the mistakes found in other tools."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audits.configuration import AuditConfig
from audits.errors import InvalidConfig
from audits.evidence import Evidence, evidence_from
from audits.metrics import (
    average_popularity,
    long_tail_count,
    long_tail_share,
    novelty,
    popularity_deviation,
    popularity_lift,
    popularity_rank,
    profile_popularity,
)
from audits.metrics.metric import Metric
from audits.report import Undefined
from audits.run import run
from audits.tables import AuditInput
from audits.tiers import HEAD, MIDDLE, TAIL, PopularitySplit

Build = Callable[..., AuditInput]

CONFIG = AuditConfig(seed=7, model_digest="m", replicates=100, min_subjects=1)
ITEMS = ["a", "b", "c", "d"]


def values(metric: Metric, evidence: Evidence) -> dict[str | None, float]:
    found = metric.measure(evidence)
    return {cell.group: float(value) for cell, value in zip(found.cells, found.values(), strict=True)}


def test_arp_is_the_mean_over_subjects_and_not_over_rows(build: Build) -> None:
    given = build({"s": ["a", "b"], "t": ["c"]}, items=ITEMS, popularity={"a": 30, "b": 10, "c": 4})

    # Over rows it would be (30 + 10 + 4) / 3.
    assert values(average_popularity.METRIC, evidence_from(given, CONFIG)) == {None: 12.0}


def test_popularity_lift_by_group_compares_lists_with_the_history(build: Build) -> None:
    given = build(
        {"s": ["a", "b"], "t": ["c"], "u": ["a"]},
        items=ITEMS,
        popularity={"a": 30, "b": 10, "c": 4},
        history={"s": ["b"], "t": ["b", "c"]},
        targets={"s": ["a"], "t": ["a"], "u": ["a"]},
        groups={"s": "x", "t": "y", "u": "y"},
    )
    evidence = evidence_from(given, CONFIG)

    assert values(profile_popularity.METRIC, evidence) == pytest.approx({None: 8.5, "x": 10.0, "y": 7.0})
    # Subject u has no history and counts on neither side.
    lift = values(popularity_lift.METRIC, evidence)
    assert lift == pytest.approx({None: (20 + 4) / (10 + 7) - 1, "x": 1.0, "y": 4 / 7 - 1})


def test_the_report_says_what_popularity_lift_rests_on_and_how_the_catalogue_is_split(build: Build) -> None:
    parts = {"items": ITEMS, "popularity": {"a": 3, "b": 1}}
    with_history = run(build({"s": ["a"]}, history={"s": ["b"]}, targets={"s": ["a"]}, **parts), config=CONFIG)
    with_targets = run(build({"s": ["a"]}, targets={"s": ["b"]}, **parts), config=CONFIG)
    with_neither = run(build({"s": ["a"]}, **parts), config=CONFIG)

    assert any("compares lists with the histories that were given" in each for each in with_history.caveats)
    assert any("compares lists with held-out choices, since no history" in each for each in with_targets.caveats)
    assert any("popularity lift is not measured" in each for each in with_neither.caveats)
    assert not with_neither.select("popularity_lift")
    assert (
        "A title is head if all more popular titles have less than 20 % of all interactions, tail if they have 80 % or "
        "more or if nobody chose it, and middle otherwise."
    ) in with_history.caveats


def test_a_history_that_nobody_else_shares_leaves_lift_without_a_denominator(build: Build) -> None:
    given = build({"s": ["a"]}, items=ITEMS, history={"s": ["c"]}, popularity={"a": 5})
    (lift,) = run(given, config=CONFIG).select("popularity_lift")

    assert (lift.value, lift.undefined) == (None, Undefined.NO_DENOMINATOR)


def test_tiers_by_interactions_as_computed_by_hand() -> None:
    # Shares before each item: 0, 0.4, 0.7, 0.85, 0.95, 1.
    tiers = PopularitySplit().tiers(np.array([40.0, 30.0, 15.0, 10.0, 5.0, 0.0]))

    assert tiers.tolist() == [HEAD, MIDDLE, MIDDLE, TAIL, TAIL, TAIL]


def test_tiers_by_items_are_the_top_fifth_and_the_rest() -> None:
    popularity = np.array([1.0, 100.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 90.0])

    tiers = PopularitySplit(of="items", head=0.2, tail=0.8).tiers(popularity)
    assert np.flatnonzero(tiers == HEAD).tolist() == [1, 9]
    assert np.count_nonzero(tiers == TAIL) == 8


@given(st.lists(st.integers(0, 50), min_size=1, max_size=30), st.sampled_from(["interactions", "items"]))
def test_equal_popularity_is_one_tier_and_more_popular_never_a_lower_one(counts: list[int], of: str) -> None:
    popularity = np.array(counts, dtype=float)
    tiers = PopularitySplit(of=of).tiers(popularity)  # type: ignore[arg-type]

    order = np.argsort(-popularity)
    assert np.all(np.diff(tiers[order]) >= 0)
    assert all(len(set(tiers[popularity == level])) == 1 for level in set(counts))
    assert set(tiers[popularity == 0]) <= {TAIL}


@pytest.mark.parametrize(
    "wrong",
    [
        {"head": 0.0},
        {"head": 1.0},
        {"tail": -0.1},
        {"tail": float("nan")},
        {"head": 0.6, "tail": 0.5},
        {"of": "subjects"},
    ],
)
def test_a_split_that_splits_nothing_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(InvalidConfig, match="popularity split"):
        PopularitySplit(**wrong)  # type: ignore[arg-type]


def test_the_tail_in_lists_as_share_and_as_count(build: Build) -> None:
    items = ["a", "b", "c", "d", "e", "f"]
    given = build(
        {"s": ["a", "b"], "t": ["c", "d", "e", "f"]},
        items=items,
        popularity={"a": 30, "b": 1, "c": 1, "d": 20, "e": 20, "f": 20},
    )
    config = AuditConfig(seed=1, model_digest="m", popularity_split=PopularitySplit(head=0.2, tail=0.03))
    evidence = evidence_from(given, config)

    assert evidence.tiers.tolist() == [HEAD, TAIL, TAIL, MIDDLE, MIDDLE, MIDDLE]
    assert values(long_tail_share.METRIC, evidence) == {None: 0.375}
    assert values(long_tail_count.METRIC, evidence) == {None: 1.0}


def test_upd_counts_each_group_the_same(build: Build) -> None:
    given = build(
        {"s": ["a"], "t": ["a"], "u": ["a"]},
        items=ITEMS,
        popularity={"a": 50, "b": 30, "c": 20},
        history={"s": ["a", "c"], "t": ["a"], "u": ["a"]},
        groups={"s": "x", "t": "y", "u": "y"},
    )
    upd = values(popularity_deviation.METRIC, evidence_from(given, CONFIG))

    # x: profile half head, half tail; list all head. The mean over subjects would be a third of it, not half.
    assert upd == pytest.approx({None: 0.3112781245 / 2, "x": 0.3112781245, "y": 0.0})


def test_upd_leaves_out_groups_of_which_nobody_chose_anything_and_averages_over_divisions(build: Build) -> None:
    lists = {"s": ["a"], "t": ["a"], "u": ["a"], "v": ["a"]}
    given = build(lists, items=ITEMS, popularity={"a": 50, "b": 30, "c": 20}, history={"s": ["a", "c"], "t": ["a"]})
    groups = {"age": ("old", "young", "none", "none"), "region": ("north", "north", "north", "north")}
    rows = [(s, g, name) for name, labels in groups.items() for s, g in zip(lists, labels, strict=True)]
    table = {name: [row[at] for row in rows] for at, name in enumerate(("subject", "group", "attribute"))}
    evidence = evidence_from(replace(given, subject_groups=pa.table(table)), CONFIG)
    upd = values(popularity_deviation.METRIC, evidence)

    # By age (one half, without those of whom nothing is known) and by region (one half): their mean.
    assert upd[None] == pytest.approx(0.3112781245 / 2)
    assert upd["region = north"] == pytest.approx(0.3112781245 / 2)
    assert np.isnan(upd["age = none"])
    assert popularity_deviation.measure(evidence).cells[0].n == 1
    nobody = replace(given, history=pa.table({"subject": ["gone"], "item": ["a"]}), subject_groups=pa.table(table))
    found = popularity_deviation.measure(evidence_from(nobody, CONFIG))
    assert found.cells[0].n == 0
    assert np.isnan(found.values()).all()


def test_upd_without_groups_is_the_mean_over_subjects(build: Build) -> None:
    given = build(
        {"s": ["a"], "t": ["a"], "u": ["a"]},
        items=ITEMS,
        popularity={"a": 50, "b": 30, "c": 20},
        history={"s": ["a", "c"], "t": ["a"]},
    )

    upd = values(popularity_deviation.METRIC, evidence_from(given, CONFIG))
    assert upd == pytest.approx({None: 0.3112781245 / 2})


def test_novelty_is_in_bits_and_a_title_nobody_chose_counts_as_chosen_once(build: Build) -> None:
    lists = {"s": ["a", "b"], "t": ["a", "d"]}
    given = build(lists, items=ITEMS, popularity={"a": 8, "b": 4, "c": 3, "d": 0})

    # Of sixteen interactions, the one that "d" counts as included.
    assert values(novelty.METRIC, evidence_from(given, CONFIG)) == {None: (1.5 + 2.5) / 2}


def test_popularity_rank_puts_ties_at_their_mean_place(build: Build) -> None:
    given = build({"s": ["a", "d"]}, items=ITEMS, popularity={"a": 5, "b": 5, "c": 1, "d": 9})

    assert values(popularity_rank.METRIC, evidence_from(given, CONFIG)) == {None: 0.8125}


def test_titles_nobody_chose_have_no_place_among_the_others(build: Build) -> None:
    lists = {"s": ["a", "d"]}
    given = build(lists, items=[*ITEMS, "e", "f"], popularity={"a": 5, "b": 5, "c": 1, "d": 9, "e": 0})
    unseen = build({"s": ["e"]}, items=[*ITEMS, "e", "f"], popularity={"a": 5, "b": 5, "c": 1, "d": 9, "e": 0})

    assert values(popularity_rank.METRIC, evidence_from(given, CONFIG)) == {None: 0.8125}
    assert values(popularity_rank.METRIC, evidence_from(unseen, CONFIG)) == {None: 0.0}


@settings(max_examples=15, deadline=None)
@given(st.lists(st.integers(0, 40), min_size=4, max_size=4), st.integers(1, 5))
def test_popularity_figures_do_not_depend_on_how_often_everything_was_counted(
    build: Build, counts: list[int], factor: int
) -> None:
    lists, history = {"s": ["a", "b"], "t": ["c"], "u": ["d", "a"]}, {"s": ["c"], "t": ["d", "b"], "u": ["a"]}
    given, often = (
        build(
            lists,
            items=ITEMS,
            history=history,
            popularity={item: count * times for item, count in zip(ITEMS, counts, strict=True)},
        )
        for times in (1, factor)
    )
    for metric in (popularity_lift.METRIC, popularity_deviation.METRIC, popularity_rank.METRIC, long_tail_share.METRIC):
        once, again = (values(metric, evidence_from(each, CONFIG)) for each in (given, often))
        assert once == pytest.approx(again, nan_ok=True)
