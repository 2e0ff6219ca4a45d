"""Metrics against hand computation, peers and the mistakes found in other tools."""

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from fairlearn.metrics import MetricFrame
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import ndcg_score

from audits.attention import Attention
from audits.configuration import AuditConfig
from audits.errors import InvalidConfig
from audits.evidence import evidence_from
from audits.metrics import METRICS, coverage, exposure_gini, ndcg, recall
from audits.quality import group_spread
from audits.report import Measurement, Report, Undefined
from audits.run import run
from audits.tables import AuditInput

Build = Callable[..., AuditInput]

CONFIG = AuditConfig(seed=7, model_digest="m", replicates=100, min_subjects=1)
ITEMS = ["a", "b", "c", "d"]


def figure(report: Report, metric: str, *, category: str | None = None, group: str | None = None) -> Measurement:
    (found,) = [m for m in report.select(metric) if m.category == category and m.group == group]
    return found


def test_exposure_share_and_ratio_as_computed_by_hand(build: Build) -> None:
    report = run(build({"s": ["a", "b"]}, items=["a", "b"], genres={"a": ["doc"], "b": ["comedy"]}), config=CONFIG)

    assert figure(report, "exposure_share", category="doc").value == pytest.approx(0.6131471928, abs=1e-9)
    assert figure(report, "exposure_ratio", category="doc").value == pytest.approx(1.2262943856, abs=1e-9)
    assert figure(report, "exposure_share", category="doc").target == 0.5
    assert figure(report, "exposure_ratio", category="doc").target == 1.0


def test_an_item_with_two_categories_splits_its_mass_and_one_without_is_unknown(build: Build) -> None:
    given = build({"s": ["a", "b"]}, items=["a", "b", "c"], genres={"a": ["doc", "comedy"]})
    report = run(
        given,
        config=AuditConfig(seed=1, model_digest="m", replicates=100, min_subjects=1, attention=Attention("uniform")),
    )

    shares = {m.category: m.value for m in report.select("exposure_share")}
    assert shares == {"comedy": 0.25, "doc": 0.25, "unknown": 0.5}
    assert report.unknown_labels[0].catalogue == pytest.approx(2 / 3, abs=1e-9)
    assert report.unknown_labels[0].exposure == 0.5


def test_a_swap_towards_the_top_raises_the_category(build: Build) -> None:
    genres = {"a": ["doc"], "b": ["comedy"], "c": ["comedy"]}
    below = run(build({"s": ["b", "c", "a"]}, items=["a", "b", "c"], genres=genres), config=CONFIG)
    above = run(build({"s": ["b", "a", "c"]}, items=["a", "b", "c"], genres=genres), config=CONFIG)

    assert figure(above, "exposure_share", category="doc").value > figure(below, "exposure_share", category="doc").value


def test_a_category_nobody_sees_has_a_figure_and_an_interval_that_is_not_a_point(build: Build) -> None:
    lists = {f"s{i}": ["a", "b"] for i in range(100)}
    report = run(build(lists, items=ITEMS, genres={"a": ["x"], "b": ["x"], "c": ["doc"], "d": ["doc"]}), config=CONFIG)
    doc = figure(report, "exposure_share", category="doc")

    assert (doc.value, doc.low) == (0.0, 0.0)
    # Nobody of 100: alone, at most 1 - 0.05^(1/100) = 2.95 % of subjects can be shown any.
    assert doc.pointwise_high == pytest.approx(0.0295130, abs=1e-6)
    assert doc.high > doc.pointwise_high


def test_gini_as_computed_by_hand_counts_titles_never_shown() -> None:
    assert exposure_gini.gini(np.array([0.0, 0.0, 1.0, 3.0])) == pytest.approx(0.625)
    assert exposure_gini.gini(np.array([1.0, 3.0])) == pytest.approx(0.25)


@given(st.lists(st.floats(0.001, 1000), min_size=1, max_size=30))
def test_adding_a_title_that_is_never_shown_raises_gini(exposure: list[float]) -> None:
    assert exposure_gini.gini(np.array([*exposure, 0.0])) > exposure_gini.gini(np.array(exposure))


def random_lists(
    rng: np.random.Generator, subjects: int = 40, items: int = 25, k: int = 6
) -> tuple[dict[str, list[str]], list[str]]:
    names = [f"i{j:02d}" for j in range(items)]
    appeal = 1.0 / np.arange(1, items + 1)
    return {
        f"s{u:03d}": [
            names[j]
            for j in rng.choice(items, size=int(rng.integers(1, k + 1)), replace=False, p=appeal / appeal.sum())
        ]
        for u in range(subjects)
    }, names


@pytest.mark.parametrize("seed", range(5))
def test_leaving_a_subject_out_agrees_with_measuring_again(build: Build, seed: int) -> None:
    lists, names = random_lists(np.random.default_rng(seed))
    config = AuditConfig(seed=1, model_digest="m", k=6)
    evidence = evidence_from(build(lists, items=names), config)
    without = [{s: shown for s, shown in lists.items() if s != left} for left in sorted(lists)]
    again = [evidence_from(build(each, items=names), config) for each in without]

    ginis = [exposure_gini.gini(np.asarray(each.exposure.sum(axis=0))) for each in again]
    assert exposure_gini.without_each(evidence, np.asarray(evidence.exposure.sum(axis=0))) == pytest.approx(
        ginis, abs=1e-12
    )
    covered = [coverage.measure(each).figures[0] for each in again]
    assert coverage.measure(evidence).figures[0] - coverage.measure(evidence).leave_one_out[:, 0] == pytest.approx(
        covered, abs=1e-12
    )


def test_coverage_as_computed_by_hand(build: Build) -> None:
    report = run(build({"s": ["a", "b"], "t": ["a", "c"]}, items=ITEMS), config=CONFIG)

    assert figure(report, "coverage").value == 0.75


def test_ndcg_and_recall_as_computed_by_hand(build: Build) -> None:
    given = build({"s": ["c", "a"], "t": ["c", "d"]}, items=ITEMS, targets={"s": ["a", "b"], "t": ["a", "b", "c"]})
    evidence = evidence_from(given, CONFIG)

    assert ndcg.per_subject(evidence).values == pytest.approx([0.3868528072, 0.6131471928], abs=1e-9)
    assert recall.per_subject(evidence).values == pytest.approx([1 / 2, 1 / 3])


def test_ndcg_agrees_with_scikit_learn_and_does_not_tie_ranks_one_and_two(build: Build) -> None:
    rng = np.random.default_rng(3)
    names = [f"i{j:02d}" for j in range(30)]
    shown = {f"s{u:02d}": [names[j] for j in rng.permutation(30)[:10]] for u in range(20)}
    wanted = {
        subject: [names[j] for j in rng.choice(30, size=int(rng.integers(1, 15)), replace=False)] for subject in shown
    }
    evidence = evidence_from(build(shown, items=names, targets=wanted), AuditConfig(seed=1, model_digest="m"))
    truth = np.array([[name in wanted[subject] for name in names] for subject in sorted(shown)], dtype=float)
    score = np.array(
        [
            [10.0 - shown[subject].index(name) if name in shown[subject] else -1.0 for name in names]
            for subject in sorted(shown)
        ]
    )

    assert ndcg.per_subject(evidence).values.mean() == pytest.approx(ndcg_score(truth, score, k=10), abs=1e-12)


def test_subjects_without_targets_are_not_counted_and_n_says_so(build: Build) -> None:
    given = build({"s": ["a"], "t": ["b"], "u": ["c"]}, items=ITEMS, targets={"s": ["a"], "gone": ["b"]})
    report = run(given, config=CONFIG)

    assert (figure(report, "ndcg").value, figure(report, "ndcg").n) == (1.0, 1)
    assert report.subjects_with_targets == 1
    assert "1 subjects have held-out choices but no list and are not counted." in report.caveats


def test_popularity_lift_as_computed_by_hand(build: Build) -> None:
    given = build(
        {"s": ["a", "b"], "t": ["a", "b"]}, items=ITEMS, targets={"s": ["c"]}, popularity={"a": 30, "b": 10, "c": 10}
    )

    assert figure(run(given, config=CONFIG), "popularity_lift").value == pytest.approx(1.0)


def test_a_figure_that_rests_on_nobody_is_undefined_and_never_a_number(build: Build) -> None:
    given = build(
        {"s": ["a"], "t": ["b"]},
        items=ITEMS,
        targets={"gone": ["c"]},
        popularity={"a": 1, "c": 1},
        groups={"s": "x", "t": "y"},
    )
    report = run(given, config=CONFIG)
    unmeasured = [m for m in report.measurements if m.metric in {"ndcg", "recall", "popularity_lift", "ndcg_gap"}]

    assert {m.undefined for m in unmeasured} == {Undefined.NO_SUBJECT}
    assert all(m.value is m.low is m.high is None for m in unmeasured)


def test_targets_that_nobody_ever_chose_leave_popularity_lift_without_denominator(build: Build) -> None:
    given = build({"s": ["a"]}, items=ITEMS, targets={"s": ["c"]}, popularity={"a": 5})

    assert figure(run(given, config=CONFIG), "popularity_lift").undefined is Undefined.NO_DENOMINATOR


def test_too_few_subjects_give_no_figure(build: Build) -> None:
    report = run(
        build({"s": ["a", "b"]}, items=ITEMS, genres={"a": ["x"]}),
        config=AuditConfig(seed=1, model_digest="m", replicates=100),
    )

    assert {m.undefined for m in report.measurements} == {Undefined.TOO_FEW}


def test_figures_by_group_are_those_of_fairlearn(build: Build) -> None:
    rng = np.random.default_rng(5)
    lists, names = random_lists(rng, subjects=90)
    targets = {s: [names[j] for j in rng.choice(25, size=3, replace=False)] for s in sorted(lists)[:80]}
    groups = {s: "xyz"[i % 3] for i, s in enumerate(sorted(lists))}
    given = build(lists, items=names, targets=targets, groups=groups)
    report = run(given, config=CONFIG)
    evidence = evidence_from(given, CONFIG)
    quality = ndcg.per_subject(evidence)
    values, labels = quality.values[quality.counted], [groups[s] for s in sorted(targets)]
    frame = MetricFrame(metrics=lambda t, _: t.mean(), y_true=values, y_pred=values, sensitive_features=labels)

    assert {m.group: m.value for m in report.select("ndcg") if m.group} == pytest.approx(
        frame.by_group.to_dict(), abs=1e-9
    )
    assert figure(report, "ndcg").value == pytest.approx(frame.overall, abs=1e-9)
    assert group_spread("ndcg", quality, evidence.groupings[0], min_subjects=1).difference == pytest.approx(
        frame.difference(), abs=1e-12
    )


def test_a_gap_compares_a_group_with_everybody_else(build: Build) -> None:
    given = build(
        {"s": ["a"], "t": ["b"], "u": ["c"]},
        items=ITEMS,
        targets={"s": ["a"], "t": ["a"], "u": ["c"]},
        groups={"s": "x", "t": "x", "u": "y"},
    )
    report = run(given, config=CONFIG)

    assert figure(report, "recall_gap", group="x").value == pytest.approx(-0.5)
    assert figure(report, "recall_gap", group="y").value == pytest.approx(0.5)


def test_small_groups_are_measured_together_and_without_larger_ones(build: Build) -> None:
    lists = {f"s{i:03d}": ["a"] for i in range(60)}
    groups = {s: "big" if i < 34 else "mid" if i < 48 else "tiny" if i < 53 else "few" for i, s in enumerate(lists)}
    report = run(
        build(lists, items=ITEMS, targets={s: ["a"] for s in lists}, groups=groups),
        config=AuditConfig(seed=1, model_digest="m", replicates=100),
    )

    assert [(m.group, m.n) for m in report.select("ndcg")] == [(None, 60), ("big", 34), ("mid", 14), ("other", 12)]


def test_metrics_and_attributes_that_cannot_be_measured_are_refused(build: Build) -> None:
    given = build({"s": ["a"]}, items=ITEMS)
    with pytest.raises(InvalidConfig, match="got also \\['ndcg'\\]"):
        run(given, config=AuditConfig(seed=1, model_digest="m", metrics=("ndcg",)))
    with pytest.raises(InvalidConfig, match="got also \\['mood'\\]"):
        run(given, config=AuditConfig(seed=1, model_digest="m", attributes=("mood",)))


def test_the_registry_has_distinct_names_and_explains_each_metric() -> None:
    assert len({metric.slug for metric in METRICS}) == len(METRICS)
    assert all(metric.formula and metric.title and metric.low < metric.high for metric in METRICS)


@st.composite
def whole_inputs(draw: st.DrawFn) -> dict[str, Any]:
    items = ["a", "b", "c", "d", "e"]
    subjects = [f"s{i}" for i in range(draw(st.integers(1, 8)))]
    chosen = st.lists(st.sampled_from(items), min_size=1, max_size=5, unique=True)
    return {
        "lists": {s: draw(chosen) for s in subjects},
        "items": items,
        "genres": {i: draw(st.lists(st.sampled_from("xyz"), max_size=3, unique=True)) for i in items},
        "targets": {s: draw(chosen) for s in subjects if draw(st.booleans())} or {subjects[0]: ["a"]},
        "history": {s: draw(chosen) for s in subjects if draw(st.booleans())} or {subjects[-1]: ["b"]},
        "popularity": {i: draw(st.integers(0, 9)) for i in items},
        "groups": {s: draw(st.sampled_from("pq")) for s in subjects},
    }


@settings(max_examples=40, deadline=None)
@given(whole_inputs())
def test_every_metric_is_bounded_inside_its_interval_and_blind_to_row_order(
    build: Build, whole: dict[str, Any]
) -> None:
    # Bands measure everything eight times over and have tests of their own.
    config = replace(CONFIG, sensitivity=False)
    report = run(build(**whole), config=config)
    bounds = {metric.slug: (metric.low, metric.high) for metric in METRICS}

    for m in report.measurements:
        if m.undefined is not None:
            continue
        low, high = bounds[m.metric]
        assert low <= m.low <= m.value <= m.high <= high
        assert m.pointwise_low <= m.value <= m.pointwise_high
        assert math.isfinite(m.standard_error)
    assert run(build(**whole, backwards=True), config=config).to_json() == report.to_json()
    for labels in report.unknown_labels:
        shares = [m.value for m in report.select("exposure_share", attribute=labels.attribute) if m.value is not None]
        assert sum(shares) == pytest.approx(1.0, abs=1e-8)
