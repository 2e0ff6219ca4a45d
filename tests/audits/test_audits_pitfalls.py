"""Mistakes found in published implementations, each one a test: reference numbers 1 to 5 and 9."""

import math
from collections.abc import Callable

import numpy as np
import pytest

from audits.attention import ATTENTION_MODELS, Attention
from audits.configuration import AuditConfig
from audits.evidence import Evidence, evidence_from
from audits.metrics import METRICS, iaa, log_dp, ndkl, rkl, rnd, rrd
from audits.metrics.metric import Metric
from audits.run import run
from audits.tables import AuditInput

Build = Callable[..., AuditInput]

GENRES = {f"i{j}": ["doc" if j < 4 else "comedy" if j < 8 else "drama"] for j in range(12)}
CONFIG = AuditConfig(seed=1, model_digest="m", min_subjects=1)


def first_value(metric: Metric, evidence: Evidence, category: str | None = None) -> float:
    measured = metric.measure(evidence)
    (at,) = [i for i, cell in enumerate(measured.cells) if cell.category == category][:1]
    return float(measured.values()[at])


@pytest.mark.parametrize("model", [m.slug for m in ATTENTION_MODELS if m.slug != "empirical"])
def test_a_swap_towards_the_top_raises_the_groups_exposure(build: Build, model: str) -> None:
    """1: weights that are turned upside down grow with rank."""
    config = AuditConfig(seed=1, model_digest="m", min_subjects=1, attention=Attention(model))
    below, above = (
        evidence_from(build({"s": shown}, items=list(GENRES), genres=GENRES, targets={"s": ["i9"]}), config)
        for shown in (["i4", "i5", "i0"], ["i0", "i5", "i4"])
    )

    gain = first_value(log_dp.METRIC, above, "doc") - first_value(log_dp.METRIC, below, "doc")
    assert gain == 0.0 if model in {"uniform", "err"} else gain > 0.0


def test_log_dp_falls_on_the_right_side_of_the_inverted_weights(build: Build) -> None:
    """1: on one list of ten, four documentaries at ranks 1, 4, 7 and 10, by clipped weights."""
    items = [f"i{j}" for j in range(10)]
    genres = {name: ["doc" if j % 3 == 0 else "comedy"] for j, name in enumerate(items)}
    config = AuditConfig(seed=1, model_digest="m", min_subjects=1, attention=Attention("clipped"))
    evidence = evidence_from(build({"s": items}, items=items, genres=genres), config)

    # 1 + 1/2 + 1/2.8074 + 1/3.3219 = 2.1572 against 1 + 0.6309 + 0.4307 + 0.3869 + 1/3 + 0.3155 = 3.0973.
    assert first_value(log_dp.METRIC, evidence, "doc") == pytest.approx(-0.36169, abs=1e-4)


def test_attention_to_the_first_rank_does_not_depend_on_its_relevance(build: Build) -> None:
    """2: a cascade that includes its own item."""
    config = AuditConfig(seed=1, model_digest="m", min_subjects=1, attention=Attention("cascade", 0.9, 0.8))
    lists = {"s": ["i0", "i1"], "t": ["i0", "i1"]}
    evidence = evidence_from(build(lists, items=list(GENRES), targets={"s": ["i0"], "t": ["i9"]}), config)

    assert evidence.looks[:, 0].tolist() == [1.0, 1.0]
    assert evidence.looks[:, 1] == pytest.approx([0.18, 0.9])


def test_a_category_absent_from_every_list_makes_the_score_worse(build: Build) -> None:
    """3: NDKL against the list's own distribution, over the categories that occur."""
    mixed, without = (
        evidence_from(build({"s": shown, "t": shown}, items=list(GENRES), genres=GENRES), CONFIG)
        for shown in (["i0", "i4", "i8"], ["i0", "i4", "i1"])
    )
    own = evidence_from(
        build({"s": ["i0", "i4"]}, items=["i0", "i4", "i8"], genres={n: GENRES[n] for n in ("i0", "i4", "i8")}), CONFIG
    )

    assert first_value(ndkl.METRIC, without) > first_value(ndkl.METRIC, mixed)
    # Two of three categories, one each: against the list's own mix the last prefix would count nothing.
    half_known = np.log(3) + np.log(3 / 2) / np.log2(3)
    assert first_value(ndkl.METRIC, own) == pytest.approx(half_known / (1 + 1 / np.log2(3)))


def test_three_hundred_lists_are_not_one_list(build: Build) -> None:
    """4: inequity that returns after the first ranking."""
    rng = np.random.default_rng(2)
    lists = {f"s{u:03d}": rng.permutation(list(GENRES))[:5].tolist() for u in range(300)}
    wanted = {subject: [shown[0]] for subject, shown in lists.items()}
    all_lists = evidence_from(build(lists, items=list(GENRES), targets=wanted), CONFIG)
    one = evidence_from(build({"s000": lists["s000"]}, items=list(GENRES), targets={"s000": wanted["s000"]}), CONFIG)

    assert first_value(iaa.METRIC, all_lists) < 0.2
    assert first_value(iaa.METRIC, one) > 0.9


@pytest.mark.parametrize("metric", [rnd.METRIC, rkl.METRIC, rrd.METRIC], ids=lambda each: each.slug)
def test_what_a_figure_is_divided_by_is_the_worst_that_can_be_and_not_0(build: Build, metric: Metric) -> None:
    """5: bounds that are always 0."""
    genres = {f"i{j:02d}": ["x" if j < 10 else "y"] for j in range(40)}
    worst = [f"i{j:02d}" for j in range(9)] + ["i39"]
    config = AuditConfig(seed=1, model_digest="m", min_subjects=1)
    at_worst = evidence_from(build({"s": worst}, items=list(genres), genres=genres), config)
    half = worst[:5] + [f"i{j}" for j in range(20, 25)]
    better = evidence_from(build({"s": half}, items=list(genres), genres=genres), config)

    assert 0.0 < first_value(metric, better, "x") < first_value(metric, at_worst, "x") <= 1.0


def test_no_figure_of_a_small_audit_is_nan_or_infinite(build: Build) -> None:
    """9: no guard for a denominator of 0; each cell of a metric counts the subjects that it divides by."""
    given = build(
        {"s": ["i0", "i4"], "t": ["i0"], "u": ["i5", "i1"]},
        items=list(GENRES),
        genres=GENRES,
        targets={"s": ["i4"], "t": ["i4", "i0"]},
        history={"s": ["i1"]},
        popularity={"i0": 3},
        groups={"s": "p", "t": "q", "u": "q"},
    )
    report = run(given, config=AuditConfig(seed=1, model_digest="m", min_subjects=1, replicates=100))

    from_tables = {metric.slug for metric in METRICS if not metric.asked_only and not metric.stated}
    assert {m.metric for m in report.measurements} == from_tables
    for m in report.measurements:
        numbers = (m.value, m.low, m.high, m.standard_error)
        assert numbers == (None,) * 4 if m.undefined else all(map(math.isfinite, numbers)), m
