"""Quality by subject and by group: hand computation, peers, and what the smallest of several means is worth."""

import math
from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from fairlearn.metrics import MetricFrame
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import ndcg_score

from audits.configuration import AuditConfig
from audits.evidence import evidence_from
from audits.groupings import Grouping
from audits.metrics import (
    hit_rate,
    ndcg,
    ndcg_atkinson,
    ndcg_entropy,
    ndcg_worst_tenth,
    precision,
    reciprocal_rank,
    worst_group,
)
from audits.metrics.derived import derive, mean_difference, smallest, smallest_to_largest
from audits.report import Measurement, Undefined
from audits.run import run
from audits.tables import AuditInput

Build = Callable[..., AuditInput]
CONFIG = AuditConfig(seed=7, model_digest="m", replicates=100, min_subjects=1, sensitivity=False)
ITEMS = ["a", "b", "c", "d"]


def graded(given: AuditInput, grades: Mapping[tuple[str, str], float]) -> AuditInput:
    rows = list(grades.items())
    columns = {
        "subject": [row[0][0] for row in rows],
        "item": [row[0][1] for row in rows],
        "grade": [row[1] for row in rows],
    }
    return replace(given, relevance=pa.table(columns))


def test_a_graded_target_gains_its_grade(build: Build) -> None:
    given = graded(build({"s": ["c", "a"]}, items=ITEMS), {("s", "a"): 1.0, ("s", "b"): 3.0})

    # Found: 0.6309; best: 3 + 0.6309.
    assert ndcg.per_subject(evidence_from(given, CONFIG)).values == pytest.approx([0.1737654], abs=1e-6)


def test_equal_grades_are_no_grades(build: Build) -> None:
    plain = build({"s": ["c", "a", "b"]}, items=ITEMS, targets={"s": ["a", "b"]})
    equal = graded(plain, {("s", "a"): 1.0, ("s", "b"): 1.0})

    assert (
        ndcg.per_subject(evidence_from(plain, CONFIG)).values.tolist()
        == ndcg.per_subject(evidence_from(equal, CONFIG)).values.tolist()
    )


def test_graded_ndcg_agrees_with_scikit_learn_and_not_with_exponential_gains(build: Build) -> None:
    rng = np.random.default_rng(3)
    names = [f"i{j:02d}" for j in range(30)]
    shown = {f"s{u:02d}": [names[j] for j in rng.permutation(30)[:10]] for u in range(20)}
    truth = rng.integers(0, 5, size=(20, 30)).astype(float)
    grades = {(s, name): truth[u, j] for u, s in enumerate(shown) for j, name in enumerate(names) if truth[u, j] > 0}
    score = np.array([[10.0 - shown[s].index(n) if n in shown[s] else -1.0 for n in names] for s in shown])
    ours = ndcg.per_subject(evidence_from(graded(build(shown, items=names), grades), CONFIG)).values.mean()

    assert ours == pytest.approx(ndcg_score(truth, score, k=10), abs=1e-12)
    assert abs(ours - ndcg_score(2**truth - 1, score, k=10)) > 0.01


def test_hit_rate_precision_and_reciprocal_rank_as_computed_by_hand(build: Build) -> None:
    given = build({"s": ["c", "a", "b", "d"], "t": ["c"]}, items=ITEMS, targets={"s": ["a", "b"], "t": ["d"]})
    evidence = evidence_from(given, CONFIG)

    assert hit_rate.per_subject(evidence).values.tolist() == [1.0, 0.0]
    assert reciprocal_rank.per_subject(evidence).values.tolist() == [0.5, 0.0]
    assert precision.per_subject(evidence).values.tolist() == [0.5, 0.0]


def test_a_category_of_which_nothing_is_found_has_a_bound_from_those_who_looked_for_it(build: Build) -> None:
    lists = {f"s{u:03d}": ["a"] for u in range(400)}
    given = build(
        lists,
        items=ITEMS,
        genres={"a": ["warm"], "b": ["cold"], "c": ["warm"], "d": ["warm"]},
        targets={s: ["a", "b"] if u < 100 else ["a", "c"] for u, s in enumerate(lists)},
    )
    rows = {
        row.category: row
        for row in run(given, config=replace(CONFIG, metrics=("category_recall",))).select("category_recall")
    }

    assert (rows["cold"].value, rows["cold"].n) == (0.0, 100)
    assert rows["cold"].pointwise_high == pytest.approx(1 - 0.05 ** (1 / 100), abs=1e-6)
    # All of the 100 and half of the 600 targets.
    assert rows["warm"].value == pytest.approx(400 / 700)


def with_ndcg(build: Build, values: list[float]) -> AuditInput:
    """Subjects whose nDCG is each of these: one list item of that grade, one better one that is missed."""
    lists = {f"s{u:03d}": ["a"] for u in range(len(values))}
    grades = {(subject, "a"): value for subject, value in zip(lists, values, strict=True) if value > 0}
    grades |= {(subject, "b"): 1.0 for subject in lists}
    return graded(build(lists, items=ITEMS), grades)


def test_inequality_of_quality_as_computed_by_hand(build: Build) -> None:
    evidence = evidence_from(with_ndcg(build, [1.0, 0.25]), CONFIG)

    assert ndcg.per_subject(evidence).values.tolist() == [1.0, 0.25]
    assert ndcg_atkinson.measure(evidence).values() == pytest.approx([0.1])
    assert ndcg_entropy.measure(evidence).values() == pytest.approx([0.18])


def test_the_worst_tenth_as_computed_by_hand(build: Build) -> None:
    ten = evidence_from(with_ndcg(build, [u / 10 for u in range(1, 11)]), CONFIG)
    twenty = evidence_from(with_ndcg(build, [u / 20 for u in range(20, 0, -1)]), CONFIG)
    # A tenth of 15 subjects is the worst one and half of the next: (0.1 + 0.5 * 0.2) / 1.5.
    fifteen = evidence_from(with_ndcg(build, [0.1, 0.2] + [0.9] * 13), CONFIG)

    assert ndcg_worst_tenth.measure(ten).values() == pytest.approx([0.1])
    assert ndcg_worst_tenth.measure(twenty).values() == pytest.approx([0.075])
    assert ndcg_worst_tenth.measure(fifteen).values() == pytest.approx([0.2 / 1.5])


def test_the_error_of_the_worst_tenth_is_that_of_measuring_again_on_other_subjects(build: Build) -> None:
    rng = np.random.default_rng(5)
    samples = [
        ndcg_worst_tenth.measure(evidence_from(with_ndcg(build, rng.uniform(0.05, 1.0, 400).tolist()), CONFIG))
        for _ in range(40)
    ]
    spread = np.std([each.values()[0] for each in samples])
    claimed = np.mean([np.sqrt(each.variance()[0]) for each in samples])

    # 40 samples: the spread is known to about a ninth of itself. Of the mean of all, the error would be 0.0137.
    assert claimed == pytest.approx(spread, rel=0.3)
    assert claimed < 0.7 * 0.95 / math.sqrt(12 * 400)


def measured(group: str, low: float, value: float, high: float, *, n: int = 100) -> Measurement:
    return Measurement(
        metric="ndcg",
        attribute=None,
        category=None,
        group=group,
        value=value,
        low=low,
        high=high,
        pointwise_low=low,
        pointwise_high=high,
        standard_error=0.01,
        n=n,
        target=None,
        undefined=None,
    )


AGE = Grouping(attribute="age", groups=("mid", "old", "young"), codes=np.array([0, 1, 2]), merged=0)
(WORST, _, _) = worst_group.METRICS


def test_the_smallest_of_several_figures_lies_between_the_smallest_ends() -> None:
    assert smallest([(0.2, 0.3, 0.4), (0.1, 0.35, 0.6)]) == (0.1, 0.3, 0.4)
    assert smallest_to_largest([(0.2, 0.3, 0.4), (0.4, 0.5, 0.6)]) == pytest.approx((1 / 3, 0.6, 1.0))
    assert mean_difference([(0.2, 0.3, 0.4), (0.45, 0.5, 0.55)]) == pytest.approx((0.05, 0.2, 0.35))
    assert smallest_to_largest([(0.0, 0.0, 0.1), (0.0, 0.0, 0.2)]) is None


ends = st.tuples(st.floats(0, 1), st.floats(0, 1), st.floats(0, 1)).map(lambda three: tuple(sorted(three)))


@given(st.lists(ends, min_size=2, max_size=6), st.data())
def test_whatever_the_groups_are_within_their_intervals_the_derived_figure_is_within_its_own(
    intervals: list[tuple[float, float, float]], data: st.DataObject
) -> None:
    truth = [data.draw(st.floats(low, high)) for low, _, high in intervals]
    low, value, high = smallest(intervals)
    assert low <= min(truth) <= high
    assert low <= value <= high
    low, value, high = mean_difference(intervals)
    pairs = [abs(a - b) for i, a in enumerate(truth) for b in truth[:i]]
    assert low - 1e-12 <= sum(pairs) / len(pairs) <= high + 1e-12
    assert low <= value <= high
    ratio = smallest_to_largest(intervals)
    if ratio is not None and max(truth) > 0:
        assert ratio[0] - 1e-12 <= min(truth) / max(truth) <= ratio[2] + 1e-12
        assert ratio[0] <= ratio[1] <= ratio[2]


def test_one_worst_group_for_each_way_to_divide_and_its_reason_where_there_is_none() -> None:
    rows = [measured("age = mid", 0.2, 0.3, 0.4), measured("age = old", 0.1, 0.35, 0.6)]
    unknown = replace(rows[0], group="age = young", value=None, low=None, high=None, undefined=Undefined.TOO_FEW)
    (found,) = derive(WORST, rows, [AGE], ratio_share=0.0)
    (open_question,) = derive(WORST, [*rows, unknown], [AGE], ratio_share=0.0)

    assert (found.metric, found.group) == ("worst_ndcg", "age = worst")
    assert (found.low, found.value, found.high) == (0.1, 0.3, 0.4)
    assert (open_question.value, open_question.undefined) == (None, Undefined.TOO_FEW)
    assert derive(WORST, rows[:1], [AGE], ratio_share=0.0) == ()


def test_groups_below_the_share_are_left_out_of_the_worst_and_keep_their_own_figures() -> None:
    rows = [
        measured("age = mid", 0.2, 0.3, 0.4, n=990),
        measured("age = old", 0.3, 0.4, 0.5, n=990),
        measured("age = young", 0.0, 0.1, 0.5, n=20),
    ]
    (without,) = derive(WORST, rows, [AGE], ratio_share=0.02)
    (with_all,) = derive(WORST, rows, [AGE], ratio_share=0.0)

    assert (without.value, with_all.value) == (0.3, 0.1)


def random_audit(build: Build, seed: int, *, subjects: int = 160) -> AuditInput:
    rng = np.random.default_rng(seed)
    names = [f"i{j:02d}" for j in range(12)]
    lists = {f"s{u:03d}": [names[j] for j in rng.permutation(12)[:4]] for u in range(subjects)}
    return build(
        lists,
        items=names,
        targets={subject: [names[j] for j in rng.permutation(12)[:2]] for subject in lists},
        groups={subject: "wxyz"[u % 4] for u, subject in enumerate(lists)},
    )


def test_worst_best_and_their_ratio_are_those_of_fairlearn(build: Build) -> None:
    given = random_audit(build, 1)
    report = run(given, config=replace(CONFIG, metrics=("worst_ndcg", "ndcg_ratio", "ndcg_deviation")))
    values = ndcg.per_subject(evidence_from(given, CONFIG)).values
    frame = MetricFrame(
        metrics=lambda t, _: t.mean(),
        y_true=values,
        y_pred=values,
        sensitive_features=["wxyz"[u % 4] for u in range(values.size)],
    )
    means = frame.by_group.to_numpy(dtype=float)
    figures = {metric: report.select(metric)[0] for metric in ("worst_ndcg", "ndcg_ratio", "ndcg_deviation")}

    assert figures["worst_ndcg"].value == pytest.approx(frame.group_min(), abs=1e-9)
    assert figures["ndcg_ratio"].value == pytest.approx(frame.ratio(), abs=1e-9)
    apart = np.abs(means[:, None] - means)[np.triu_indices(4, 1)].mean()
    assert figures["ndcg_deviation"].value == pytest.approx(apart, abs=1e-9)
    lows = [row.low for row in report.select("ndcg") if row.group]
    assert figures["worst_ndcg"].low == min(lows)


def test_a_figure_made_of_others_brings_them_along_when_it_is_asked_for_alone(build: Build) -> None:
    report = run(random_audit(build, 1), config=replace(CONFIG, metrics=("worst_ndcg",)))

    assert {row.metric for row in report.measurements} == {"ndcg", "worst_ndcg"}


def test_equal_groups_have_a_worst_whose_interval_holds_the_truth_where_the_resampled_smallest_does_not() -> None:
    """Eight groups of 200 without difference, each at 0.3: their smallest mean is too low, and so is its resample."""
    rng = np.random.default_rng(11)
    trials, ours, resampled = 120, 0, 0
    for _ in range(trials):
        values = rng.normal(0.3, 0.2, size=(8, 200))
        means, errors = values.mean(axis=1), values.std(axis=1) / np.sqrt(200)
        # 2.73 is the 95 % quantile of the largest of eight |t|.
        low, _, high = smallest([(m - 2.73 * e, m, m + 2.73 * e) for m, e in zip(means, errors, strict=True)])
        ours += low <= 0.3 <= high
        again = values[:, rng.integers(0, 200, size=(200, 200))].mean(axis=2).min(axis=0)
        resampled += np.quantile(again, 0.025) <= 0.3 <= np.quantile(again, 0.975)

    assert ours / trials >= 0.95
    assert resampled / trials < 0.5


@settings(max_examples=15, deadline=None)
@given(st.lists(st.floats(0.01, 1.0), min_size=2, max_size=12))
def test_indices_of_inequality_are_nought_for_equals_and_blind_to_scale(build: Build, values: list[float]) -> None:
    evidence = evidence_from(with_ndcg(build, values), CONFIG)
    halved = evidence_from(with_ndcg(build, [value / 2 for value in values]), CONFIG)
    equal = evidence_from(with_ndcg(build, [values[0]] * len(values)), CONFIG)

    for metric in (ndcg_atkinson, ndcg_entropy):
        assert metric.measure(equal).values() == pytest.approx([0.0], abs=1e-12)
        assert metric.measure(evidence).values() == pytest.approx(metric.measure(halved).values(), abs=1e-9)
