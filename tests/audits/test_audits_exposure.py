"""Exposure of categories, all lists together and list by list: each metric's own example, and how they agree."""

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import jensenshannon
from scipy.special import xlogy
from scipy.stats import binom

from audits.attention import Attention
from audits.configuration import AuditConfig
from audits.evidence import Evidence, evidence_from
from audits.exposure import labelled
from audits.fair_prefixes import adjusted_alpha, chance_to_fail, chances_of_so_few, least_protected
from audits.metrics import (
    METRICS,
    awrf,
    awrf_amortised,
    awrf_binary,
    bias_disparity,
    exposure_distance,
    fair_lists,
    fair_score,
    impact_ratio,
    infeasible_index,
    log_dp,
    log_dp_per_item,
    max_skew,
    min_skew,
    ndkl,
    rkl,
    rnd,
    rrd,
    rsp,
    skew,
    under_exposure,
    under_exposure_l2,
)
from audits.metrics.metric import Metric
from audits.prefixes import over_prefixes
from audits.report import Undefined
from audits.run import run
from audits.tables import AuditInput

Build = Callable[..., AuditInput]

CONFIG = AuditConfig(seed=7, model_digest="m", replicates=100, min_subjects=1)
HALVES = {"a": ["doc"], "b": ["comedy"], "c": ["doc"], "d": ["comedy"]}
ITEMS = list(HALVES)


def values(metric: Metric, evidence: Evidence) -> dict[str | None, float]:
    measured = metric.measure(evidence)
    names = [cell.group or cell.category or cell.attribute for cell in measured.cells]
    assert len(set(names)) == len(names)
    return dict(zip(names, measured.values().tolist(), strict=True))


def seen(build: Build, lists: dict[str, list[str]], **given: object) -> Evidence:
    attention = given.pop("attention", Attention())
    items = given.pop("items", ITEMS)
    config = AuditConfig(seed=1, model_digest="m", min_subjects=1, attention=attention)
    return evidence_from(build(lists, items=items, **{"genres": HALVES, **given}), config)


def test_pooled_distances_as_computed_by_hand(build: Build) -> None:
    evidence = seen(build, {"s": ["a", "b"]})

    # Weights 1 and 0.6309: documentaries have 0.6131 of the attention, comedies 0.3869, half of the catalogue each.
    assert values(exposure_distance.METRIC, evidence) == pytest.approx({"genre": 0.1131471928})
    assert values(under_exposure.METRIC, evidence) == pytest.approx({"doc": 0.0, "comedy": 0.1131471928})
    assert values(impact_ratio.METRIC, evidence) == pytest.approx({"genre": 0.6309297536})
    assert values(log_dp.METRIC, evidence) == pytest.approx({"doc": 0.4605608, "comedy": -0.4605608}, abs=1e-6)
    assert values(awrf_binary.METRIC, evidence) == pytest.approx({"doc": 0.1131471928, "comedy": 0.1131471928})


def test_several_missing_categories_weigh_by_their_squares(build: Build) -> None:
    genres = {name: [category] for name, category in zip("abcdefghij", "xxxyyyyzzz", strict=True)}
    evidence = seen(build, {"s": ["h"]}, items=list(genres), genres=genres)

    # x misses 0.3 and y 0.4.
    assert values(under_exposure_l2.METRIC, evidence) == pytest.approx({"genre": 0.5})
    assert values(exposure_distance.METRIC, evidence) == pytest.approx({"genre": 0.7})


def test_log_dp_per_item_divides_by_the_titles_of_each_side(build: Build) -> None:
    genres = {"a": ["doc"], "b": ["comedy"], "c": ["comedy"]}
    evidence = seen(build, {"s": ["a", "b"]}, items=["a", "b", "c"], genres=genres)

    found = values(log_dp_per_item.METRIC, evidence)
    assert found["doc"] == pytest.approx(math.log(1 / (0.6309297536 / 2)), abs=1e-5)
    assert found["comedy"] == pytest.approx(-found["doc"])


def test_a_category_never_shown_keeps_finite_logarithms(build: Build) -> None:
    evidence = seen(build, {"s": ["a", "c"]})

    assert values(log_dp.METRIC, evidence)["comedy"] == pytest.approx(math.log(1e-6 / (1.6309297536 + 1e-6)))
    assert values(skew.METRIC, evidence)["comedy"] == pytest.approx(math.log(0.01))


def test_a_logarithm_of_what_nobody_saw_is_undefined_in_a_report(build: Build) -> None:
    given = build({"s": ["a", "c"], "t": ["a"]}, items=ITEMS, genres=HALVES, targets={"s": ["a", "b"], "t": ["b"]})
    report = run(given, config=CONFIG)

    for metric in ("log_dp", "log_dp_per_item", "log_eur", "log_rur"):
        (unseen,) = report.select(metric, category="comedy")
        assert (unseen.value, unseen.n, unseen.undefined) == (None, 0, Undefined.NO_SUBJECT), metric
    # What can be said of it is said without a logarithm.
    assert report.select("under_exposure", category="comedy")[0].value == 0.5
    assert report.select("eur", category="comedy")[0].value == 0.0


def test_awrf_of_single_lists_and_of_all_together(build: Build) -> None:
    evidence = seen(build, {"s": ["a"], "t": ["b"]})

    # Each list alone: m = (3/4, 1/4), JSD = (ln(4/3) + ln(2/3) / 2 + ln(2) / 2) / 2 = 0.2157616.
    assert values(awrf.METRIC, evidence) == pytest.approx({"genre": 0.7842384})
    assert values(awrf_amortised.METRIC, evidence) == pytest.approx({"genre": 1.0})


def test_awrf_is_one_less_the_squared_distance_of_scipy_and_reaches_its_lower_end(build: Build) -> None:
    genres = {"a": ["x"], "b": ["y"], "c": ["y", "z"], "d": ["z"]}
    lists = {"s": ["a", "c"], "t": ["b", "c", "d"], "u": ["d"]}
    evidence = seen(build, lists, genres=genres)
    (each,) = labelled(evidence)
    shares, _ = each.list_shares()
    distances = [jensenshannon(share, [0.25, 0.375, 0.375]) for share in shares]

    assert values(awrf.METRIC, evidence)["genre"] == pytest.approx(1 - np.mean(np.square(distances)), abs=1e-12)
    nearly_alone = {f"i{j}": ["x" if j == 0 else "y"] for j in range(10_000)}
    extreme = seen(build, {"s": ["i0"]}, items=list(nearly_alone), genres=nearly_alone)
    assert 1 - math.log(2) < values(awrf.METRIC, extreme)["genre"] < 1 - math.log(2) + 1e-3


def test_unknown_titles_are_dropped_on_both_sides_and_lists_of_them_not_counted(build: Build) -> None:
    genres = {"a": ["doc"], "b": ["comedy"]}
    evidence = seen(build, {"s": ["c", "a"], "t": ["c", "d"]}, genres=genres)
    measured = awrf.METRIC.measure(evidence)

    assert measured.values() == pytest.approx([0.7842384])
    assert measured.cells[0].n == 1


def test_ndkl_as_computed_by_hand_and_for_lists_of_different_length(build: Build) -> None:
    # First prefix ln 2, second 0, weights 1 and 1 / log2(3).
    assert values(ndkl.METRIC, seen(build, {"s": ["a", "b"]}))["genre"] == pytest.approx(math.log(2) / 1.6309297536)
    short = seen(build, {"s": ["a", "b"], "t": ["a"]})
    assert values(ndkl.METRIC, short)["genre"] == pytest.approx(math.log(2) * (1 / 1.6309297536 + 1) / 2)


def test_skew_as_computed_by_hand_counts_places_alike(build: Build) -> None:
    evidence = seen(build, {"s": ["a", "b"], "t": ["a", "c"]})

    over, under = math.log(0.99 * 1.5 + 0.01), math.log(0.99 * 0.5 + 0.01)
    assert values(skew.METRIC, evidence) == pytest.approx({"doc": over, "comedy": under})
    assert values(min_skew.METRIC, evidence) == pytest.approx({"genre": under})
    assert values(max_skew.METRIC, evidence) == pytest.approx({"genre": over})


def test_infeasible_index_counts_owed_places_prefix_by_prefix(build: Build) -> None:
    assert values(infeasible_index.METRIC, seen(build, {"s": ["a", "c"]})) == {"genre": 1.0}
    # At lengths 2 and 3 one comedy is owed, at length 4 two; the second list owes nothing anywhere.
    both = seen(build, {"s": ["a", "c", "d"], "t": ["a", "b"]})
    assert values(infeasible_index.METRIC, both) == {"genre": 0.5}


def test_a_title_of_several_categories_fills_a_place_of_each(build: Build) -> None:
    genres = {name: ["x", "y"] for name in "abcd"}

    assert values(infeasible_index.METRIC, seen(build, {"s": ["a", "b", "c"]}, genres=genres)) == {"genre": 0.0}


@pytest.mark.parametrize(("seed", "shortest"), [(0, 1), (1, 1), (2, 1), (3, 7)])
def test_sums_over_prefixes_are_those_of_counting_every_prefix(build: Build, seed: int, shortest: int) -> None:
    rng = np.random.default_rng(seed)
    names = [f"i{j}" for j in range(15)]
    genres = {item: rng.permutation(list("xyz"))[: rng.integers(0, 4)].tolist() for item in names}
    lists = {f"s{u}": rng.permutation(names)[: rng.integers(shortest, 8)].tolist() for u in range(20)}
    evidence = seen(build, lists, items=names, genres=genres)
    (each,) = labelled(evidence)
    has, table = each.shares > 0, rng.normal(size=(7, 8, 3))
    expected = np.zeros((20, 3))
    for u, places in enumerate(evidence.lists):
        shown = places[places >= 0]
        for i in range(1, shown.size + 1):
            expected[u] += table[i - 1, has[shown[:i]].sum(axis=0), np.arange(3)]

    (found,) = over_prefixes(evidence, each.labels, (table[: evidence.lists.shape[1]],))
    assert found == pytest.approx(expected, abs=1e-12)


def test_fair_score_as_computed_by_hand(build: Build) -> None:
    assert values(fair_score.METRIC, seen(build, {"s": ["b", "a"]})) == pytest.approx({"doc": 0.625, "comedy": 0.875})


def test_the_table_of_least_protected_is_the_published_one() -> None:
    alpha = adjusted_alpha(20, 0.25, 0.1)

    assert least_protected(20, 0.25, alpha).tolist() == [0] * 8 + [1] * 7 + [2] * 5
    # LensKit's implementation gives 0.07508.
    assert alpha == pytest.approx(0.07508, abs=1e-5)
    # Without the adjustment a fair list is refused more often than one time in ten.
    assert chance_to_fail(least_protected(20, 0.25, 0.1), 0.25) > 0.14
    assert chance_to_fail(least_protected(20, 0.25, alpha), 0.25) == pytest.approx(0.1, abs=0.006)


def test_a_list_that_begins_with_three_comedies_fails_for_documentaries(build: Build) -> None:
    genres = {name: ["doc" if name < "e" else "comedy"] for name in "abcdefgh"}
    evidence = seen(build, {"s": list("efga"), "t": list("efag")}, items=list(genres), genres=genres)

    assert values(fair_lists.METRIC, evidence) == {"doc": 0.5, "comedy": 1.0}


def test_chances_of_so_few_are_those_of_scipys_binomial() -> None:
    expected = binom.cdf(np.arange(31), np.arange(1, 31)[:, None], 0.17)

    assert chances_of_so_few(30, 0.17) == pytest.approx(expected, abs=1e-12)


def test_the_chance_to_fail_is_that_of_tossed_coins() -> None:
    least = least_protected(10, 0.4, 0.1)
    tossed = np.random.default_rng(11).random((200_000, 10)) < 0.4
    failed = (tossed.cumsum(axis=1) < least).any(axis=1).mean()

    # Three standard errors of 200,000 tosses are 0.003.
    assert chance_to_fail(least, 0.4) == pytest.approx(failed, abs=0.003)


@pytest.mark.parametrize(
    ("metric", "expected"),
    [
        (rnd.METRIC, 0.25),
        (rkl.METRIC, (0.4 * math.log(2) + 0.6 * math.log(0.75)) / math.log(5)),
        (rrd.METRIC, (4 / 6 - 1 / 4) / (9 - 1 / 4)),
    ],
    ids=lambda each: getattr(each, "slug", ""),
)
def test_prefix_fairness_as_computed_by_hand(build: Build, metric: Metric, expected: float) -> None:
    genres = {f"i{j:02d}": ["x" if j % 5 == 0 else "y"] for j in range(100)}
    four_of_ten = [f"i{j:02d}" for j in (0, 5, 10, 15, 1, 2, 3, 4, 6, 7)]
    evidence = seen(build, {"s": four_of_ten, "t": ["i00"]}, items=list(genres), genres=genres)
    measured = metric.measure(evidence)

    # The second list is too short for a prefix of ten.
    assert [cell.n for cell in measured.cells] == [1, 1]
    assert values(metric, evidence)["x"] == pytest.approx(expected)


def test_the_worst_order_has_prefix_distance_one_and_the_catalogues_mix_none(build: Build) -> None:
    genres = {f"i{j:02d}": ["x" if j % 5 == 0 else "y"] for j in range(100)}
    wanted = [name for name, category in genres.items() if category == ["x"]]
    mixed = list(genres)[:20]
    for metric in (rnd.METRIC, rkl.METRIC):
        worst = values(metric, seen(build, {"s": wanted}, items=list(genres), genres=genres))
        none = values(metric, seen(build, {"s": mixed}, items=list(genres), genres=genres))
        assert worst["x"] == pytest.approx(1.0)
        assert none["x"] == pytest.approx(0.0, abs=1e-12)


def test_a_smaller_share_of_chances_is_a_larger_spread(build: Build) -> None:
    # P = 2/2 for documentaries and 0/2 for comedies: std 0.5, mean 0.5.
    assert values(rsp.METRIC, seen(build, {"s": ["a", "c"]})) == pytest.approx({"genre": 1.0})
    # What a subject had before is open to it no more: documentaries 1 of 1.
    had = seen(build, {"s": ["a", "b"]}, history={"s": ["c"]})
    assert values(rsp.METRIC, had)["genre"] == pytest.approx(0.25 / 0.75)
    assert values(rsp.METRIC, seen(build, {"s": ["a", "b"]}))["genre"] == pytest.approx(0.0)


def test_bias_disparity_as_computed_by_hand(build: Build) -> None:
    evidence = seen(
        build,
        {"s": ["a", "b"], "t": ["c", "d"]},
        history={"s": ["a", "b", "d"], "t": ["d"]},
        groups={"s": "x", "t": "y"},
    )
    measured = bias_disparity.METRIC.measure(evidence)
    found = {(c.group, c.category): v for c, v in zip(measured.cells, measured.values(), strict=True)}

    # All: documentaries are half of the places and a quarter of the history; group x: half and a third.
    assert found[None, "doc"] == pytest.approx(1.0)
    assert found[None, "comedy"] == pytest.approx(-1 / 3)
    assert found["x", "doc"] == pytest.approx(0.5)
    assert found["y", "comedy"] == pytest.approx(-0.5)


def test_a_group_that_never_chose_a_category_has_no_disparity_there(build: Build) -> None:
    given = build(
        {"s": ["a", "b"], "t": ["c", "d"]},
        items=ITEMS,
        genres=HALVES,
        history={"s": ["a", "b"], "t": ["d"]},
        groups={"s": "x", "t": "y"},
    )
    report = run(given, config=CONFIG)
    (unknown,) = [m for m in report.select("bias_disparity", category="doc") if m.group == "y"]

    assert (unknown.value, unknown.undefined) == (None, Undefined.NO_SUBJECT)


def test_an_attribute_with_one_category_has_nothing_to_compare(build: Build) -> None:
    given = build({"s": ["a"]}, items=ITEMS, genres={name: ["only"] for name in ITEMS}, history={"s": ["b"]})
    report = run(given, config=CONFIG)

    comparing = (
        "impact_ratio",
        "awrf",
        "awrf_amortised",
        "log_dp",
        "skew",
        "ndkl",
        "fair_score",
        "rsp",
        "bias_disparity",
    )
    assert not any(report.select(metric) for metric in comparing)


@st.composite
def shown_lists(draw: st.DrawFn) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    items = ["a", "b", "c", "d", "e", "f"]
    lists = {
        f"s{i}": draw(st.lists(st.sampled_from(items), min_size=1, max_size=6, unique=True))
        for i in range(draw(st.integers(1, 6)))
    }
    genres = {item: draw(st.lists(st.sampled_from("xyz"), min_size=1, max_size=3, unique=True)) for item in items}
    return lists, genres


@settings(max_examples=15, deadline=None)
@given(shown_lists())
def test_the_figures_of_one_attribute_agree_with_each_other(
    build: Build, drawn: tuple[dict[str, list[str]], dict[str, list[str]]]
) -> None:
    lists, genres = drawn
    evidence = seen(build, lists, items=list(genres), genres=genres, attention=Attention("uniform"))
    distance = values(exposure_distance.METRIC, evidence)
    missing = values(under_exposure.METRIC, evidence)
    if not distance:
        return

    # What some categories miss is what others have too much.
    assert sum(missing.values()) == pytest.approx(distance["genre"], abs=1e-12)
    assert values(under_exposure_l2.METRIC, evidence)["genre"] <= distance["genre"] + 1e-12
    # Attention that counts places alike makes skew the logarithm of the exposure ratio.
    shares = {c: v for c, v in values(METRICS[1], evidence).items() if c in missing}
    assert values(skew.METRIC, evidence) == pytest.approx({c: math.log(0.99 * v + 0.01) for c, v in shares.items()})
    ratio = values(impact_ratio.METRIC, evidence)["genre"]
    assert ratio == pytest.approx(min(shares.values()) / max(shares.values()))
    # Divergence is convex: lists of equal length are further from the catalogue than their mixture.
    if len({len(shown) for shown in lists.values()}) == 1:
        assert values(awrf.METRIC, evidence)["genre"] <= values(awrf_amortised.METRIC, evidence)["genre"] + 1e-12


def _of_random_genres(build: Build, *, most: int, shortest: int, fewest: int = 0) -> Evidence:
    """Twelve lists of up to 24 titles, which have ``fewest`` to ``most`` genres."""
    rng = np.random.default_rng(most + shortest)
    names = [f"i{j:02d}" for j in range(40)]
    genres = {item: rng.permutation(list("xyz"))[: rng.integers(fewest, most + 1)].tolist() for item in names}
    lists = {f"s{u}": rng.permutation(names)[: rng.integers(shortest, 25)].tolist() for u in range(12)}
    return seen(build, lists, items=names, genres=genres)


@pytest.mark.parametrize(("most", "shortest"), [(1, 1), (1, 24), (3, 1)])
def test_ndkl_is_that_of_looking_at_every_prefix(build: Build, most: int, shortest: int) -> None:
    evidence = _of_random_genres(build, most=most, shortest=shortest)
    (each,) = labelled(evidence)
    expected = np.zeros(12)
    for u, places in enumerate(evidence.lists):
        held = np.cumsum(each.shares[places[places >= 0]], axis=0)
        some = np.flatnonzero(held.sum(axis=1))
        parts = held[some] / held[some].sum(axis=1, keepdims=True)
        apart = xlogy(parts, parts / each.parity).sum(axis=1)
        expected[u] = np.average(apart, weights=1.0 / np.log2(some + 2.0)) if some.size else 0.0

    found, counted = ndkl.per_list(evidence, each, each.parity)

    assert found == pytest.approx(expected, abs=1e-12)
    assert counted.tolist() == (each.slots > 0).any(axis=1).astype(float).tolist()


@pytest.mark.parametrize("most", [1, 3])
def test_prefixes_of_divided_and_of_undivided_titles_are_measured_alike(build: Build, most: int) -> None:
    evidence = _of_random_genres(build, most=most, shortest=24, fewest=1)
    (each,) = labelled(evidence)
    held = np.cumsum(each.shares[evidence.lists], axis=1)[:, [9, 19]]
    parts = held / held.sum(axis=2, keepdims=True)
    apart = (np.abs(parts - each.parity) / np.log2([10, 20])[:, None]).sum(axis=1)

    found = rnd.METRIC.measure(evidence).channels

    assert isinstance(found, np.ndarray)
    # All lists reach both prefixes, so one scale, that of the worst order, is for all of a category.
    scale = found[:, :3].sum(axis=0) / apart.sum(axis=0)
    assert found[:, :3] == pytest.approx(scale * apart, abs=1e-12)
