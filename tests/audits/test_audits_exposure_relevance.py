"""Exposure against what subjects want: EUR, RUR, expected exposure, IAA, REO."""

import math
from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audits.attention import Attention
from audits.configuration import AuditConfig
from audits.evidence import Evidence, evidence_from
from audits.expected_exposure import expected_exposure, target_exposure
from audits.metrics import ee_d, ee_l, ee_r, eur, iaa, log_eur, log_rur, reo, rur
from audits.metrics.metric import Metric
from audits.report import Undefined
from audits.run import run
from audits.tables import AuditInput, Membership, Recommendations

Build = Callable[..., AuditInput]

CONFIG = AuditConfig(seed=7, model_digest="m", replicates=100, min_subjects=1)
GENRES = {"a": ["doc"], "b": ["comedy"], "c": ["comedy"]}
FALL = 0.6309297535714575


def values(metric: Metric, evidence: Evidence) -> dict[str | None, float]:
    measured = metric.measure(evidence)
    names = [cell.category or cell.attribute for cell in measured.cells]
    return dict(zip(names, measured.values().tolist(), strict=True))


def seen(
    build: Build, lists: dict[str, list[str]], targets: dict[str, list[str]], attention: Attention | None = None
) -> Evidence:
    config = AuditConfig(seed=1, model_digest="m", min_subjects=1, attention=attention or Attention())
    return evidence_from(build(lists, items=list(GENRES), genres=GENRES, targets=targets), config)


def graded(lists: dict[str, list[str]], grades: dict[tuple[str, str], float], attention: Attention) -> Evidence:
    rows = [(s, item, rank) for s, shown in lists.items() for rank, item in enumerate(shown, start=1)]
    given = AuditInput(
        recommendations=Recommendations(
            pa.table(dict(zip(("subject", "item", "rank"), map(list, zip(*rows, strict=True)), strict=True)))
        ),
        membership=Membership(pa.table({"item": ["a", "b", "c"], "attribute": ["g"] * 3, "category": ["x", "y", "y"]})),
        items=["a", "b", "c", "d", "e"],
        relevance=pa.table(
            {
                "subject": [s for s, _ in grades],
                "item": [item for _, item in grades],
                "grade": [float(grade) for grade in grades.values()],
            }
        ),
    )
    return evidence_from(given, AuditConfig(seed=1, model_digest="m", min_subjects=1, attention=attention))


def test_exposure_and_met_relevance_by_what_is_earned(build: Build) -> None:
    evidence = seen(build, {"s": ["a", "b"]}, {"s": ["a", "b", "c"]})

    # Attention 1 and 0.6309, relevance 1 and 2; all that is shown is relevant, so RUR is the same.
    expected = 1 / (FALL / 2)
    assert values(eur.METRIC, evidence) == pytest.approx({"doc": expected, "comedy": 1 / expected})
    assert values(rur.METRIC, evidence) == pytest.approx({"doc": expected, "comedy": 1 / expected})
    assert values(log_eur.METRIC, evidence)["doc"] == pytest.approx(math.log(expected), abs=2e-6)
    assert values(log_rur.METRIC, evidence)["comedy"] == pytest.approx(-math.log(expected), abs=2e-6)


def test_attention_that_meets_nothing_counts_for_treatment_and_not_for_impact(build: Build) -> None:
    evidence = seen(build, {"s": ["a", "b"]}, {"s": ["a", "c"]})

    assert values(eur.METRIC, evidence)["doc"] == pytest.approx(1 / FALL)
    assert values(log_rur.METRIC, evidence)["doc"] == pytest.approx(math.log((1 + 1e-6) / 1e-6))


def test_subjects_without_targets_count_in_no_ratio(build: Build) -> None:
    alone = seen(build, {"s": ["a", "b"]}, {"s": ["a", "c"]})
    beside = seen(build, {"s": ["a", "b"], "t": ["c", "b"]}, {"s": ["a", "c"]})

    for metric in (eur.METRIC, rur.METRIC, log_eur.METRIC, ee_l.METRIC, ee_r.METRIC, iaa.METRIC):
        assert values(metric, beside) == pytest.approx(values(metric, alone), rel=1e-5)
        assert {cell.n for cell in metric.measure(beside).cells} == {1}


def test_a_category_that_nobody_wants_is_undefined_with_n_0_in_every_ratio(build: Build) -> None:
    given = build({"s": ["a", "b"]}, items=list(GENRES), genres=GENRES, targets={"s": ["c"]})
    report = run(given, config=CONFIG)

    for metric in ("eur", "rur", "log_eur", "log_rur"):
        rows = report.select(metric)
        assert {(m.value, m.low, m.n, m.undefined) for m in rows} == {(None, None, 0, Undefined.NO_SUBJECT)}
    (unequal,) = report.select("reo")
    assert (unequal.value, unequal.n, unequal.undefined) == (None, 0, Undefined.NO_SUBJECT)
    # Nobody's history is known: everything was open to everybody, so RSP does exist.
    assert report.select("rsp")[0].undefined is None


def test_reo_as_computed_by_hand(build: Build) -> None:
    evidence = seen(build, {"s": ["a", "b"]}, {"s": ["a", "b", "c"]})

    # 1 of 1 documentaries and 1 of 2 comedies: std 0.25, mean 0.75.
    assert values(reo.METRIC, evidence)["genre"] == pytest.approx(1 / 3)


def test_expected_exposure_as_computed_by_hand() -> None:
    evidence = graded({"s": ["b", "a"]}, {("s", "a"): 1.0}, Attention())
    loss, disparity, relevance = (values(each, evidence)[None] for each in (ee_l.METRIC, ee_d.METRIC, ee_r.METRIC))

    # e = (0.6309, 1, 0, 0, 0), e* = 1 for a and a quarter of 0.6309 for each other.
    rest = FALL / 4
    assert disparity == pytest.approx(1 + FALL**2)
    assert relevance == pytest.approx(FALL + rest)
    assert loss == pytest.approx((1 - FALL) ** 2 + (1 - rest) ** 2 + 3 * rest**2)


def test_groups_are_balanced_over_subjects_before_they_are_compared(build: Build) -> None:
    # Each of two subjects wants a and b alike; one list begins with a, the other with b.
    evidence = seen(build, {"s": ["a", "b"], "t": ["b", "a"]}, {"s": ["a", "b"], "t": ["a", "b"]})

    assert values(ee_l.METRIC, evidence)["genre"] == pytest.approx(0.0, abs=1e-12)
    assert values(ee_l.METRIC, evidence)[None] == pytest.approx(2 * ((1 - FALL) / 2) ** 2)


@pytest.mark.parametrize("m", [1, 2, 4])
def test_targets_of_rbp_and_cascade_have_their_closed_forms(m: int) -> None:
    wanted = {("s", item): 1.0 for item in "abcd"[:m]}
    lists = {"s": ["a", "b", "c", "d"]}
    rbp = target_exposure(graded(lists, wanted, Attention("rbp", 0.85)))
    cascade = target_exposure(graded(lists, wanted, Attention("cascade", 0.85, 0.7)))

    going_on = 0.85 * 0.3
    assert rbp.above.data + rbp.rest == pytest.approx((1 - 0.85**m) / (m * 0.15))
    assert cascade.above.data + cascade.rest == pytest.approx((1 - going_on**m) / (m * (1 - going_on)))
    # What is left goes to the other items alike.
    assert rbp.rest[0] * (5 - m) == pytest.approx((0.85**m - 0.85**4) / 0.15, abs=1e-12)


def test_higher_grades_fill_the_ranks_above_lower_ones() -> None:
    evidence = graded({"s": ["a", "b", "c"]}, {("s", "a"): 1, ("s", "b"): 3, ("s", "d"): 1}, Attention())
    target = target_exposure(evidence)
    due = target.above.toarray()[0] + target.rest[0]

    assert due == pytest.approx([(FALL + 0.5) / 2, 1.0, 0.0, (FALL + 0.5) / 2, 0.0])


def test_more_relevant_items_than_ranks_share_what_there_is() -> None:
    evidence = graded({"s": ["a", "b"]}, {("s", item): 1.0 for item in "abcde"}, Attention("uniform"))
    target = target_exposure(evidence)

    assert target.above.toarray()[0] == pytest.approx([0.4] * 5)
    assert target.rest.tolist() == [0.0]


@st.composite
def graded_lists(draw: st.DrawFn) -> Evidence:
    items = ["a", "b", "c", "d", "e"]
    subjects = [f"s{i}" for i in range(draw(st.integers(1, 5)))]
    lists = {s: draw(st.lists(st.sampled_from(items), min_size=1, max_size=5, unique=True)) for s in subjects}
    pairs = st.tuples(st.sampled_from(subjects), st.sampled_from(items))
    grades = draw(st.dictionaries(pairs, st.integers(1, 3), min_size=1))
    model = draw(st.sampled_from([Attention(), Attention("rbp"), Attention("cascade"), Attention("err", 0.9)]))
    return graded(lists, grades, model)


@settings(max_examples=20, deadline=None)
@given(graded_lists())
def test_expected_exposure_keeps_its_identity_and_agrees_with_dense_arithmetic(evidence: Evidence) -> None:
    found, target = expected_exposure(evidence), target_exposure(evidence)
    counted = np.diff(evidence.targets.indptr) > 0
    exposure = evidence.exposure.toarray()[counted]
    due = (target.above.toarray() + target.rest[:, None])[counted]

    assert found.loss.figures[0] == pytest.approx(((exposure - due) ** 2).sum(axis=1).mean(), abs=1e-12)
    identity = found.disparity.figures[0] - 2 * found.relevance.figures[0] + (due**2).sum(axis=1).mean()
    assert found.loss.figures[0] == pytest.approx(identity, abs=1e-9)
    shares = evidence.attributes[0].shares[:, :2]
    own, wanted = (exposure @ shares).mean(axis=0), (due @ shares).mean(axis=0)
    assert found.loss.figures[1] == pytest.approx(((own - wanted) ** 2).sum(), abs=1e-12)
    identity = found.disparity.figures[1] - 2 * found.relevance.figures[1] + (wanted**2).sum()
    assert found.loss.figures[1] == pytest.approx(identity, abs=1e-9)


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 10_000))
def test_a_target_is_the_mean_over_all_ideal_lists(seed: int) -> None:
    rng = np.random.default_rng(seed)
    grades = {("s", item): int(rng.integers(1, 3)) for item in "abcde" if rng.random() < 0.6} or {("s", "a"): 1}
    attention = Attention("cascade", 0.9, 0.6)
    target = target_exposure(graded({"s": ["a", "b", "c"]}, grades, attention))
    level = np.array([grades.get(("s", item), 0) for item in "abcde"])
    exposures = np.zeros(5)
    draws = 400
    for _ in range(draws):
        order = np.lexsort((rng.random(5), -level))[:3]
        exposures[order] += attention.following((level[order] > 0)[None, :].astype(float), 1.0)[0]

    # Each mean has a standard error below 0.5 / sqrt(400).
    assert target.above.toarray()[0] + target.rest[0] == pytest.approx(exposures / draws, abs=0.12)


def test_inequity_is_over_all_lists_and_not_the_first(build: Build) -> None:
    one = seen(build, {"s": ["a", "b"]}, {"s": ["a"]})
    two = seen(build, {"s": ["a", "b"], "t": ["a", "b"]}, {"s": ["a"], "t": ["b"]})

    # Attention 0.6131 and 0.3869 of the total; relevance all on a, then a half each.
    assert values(iaa.METRIC, one)[None] == pytest.approx(2 * (1 - 1 / (1 + FALL)))
    assert values(iaa.METRIC, two)[None] == pytest.approx(2 * (1 / (1 + FALL) - 0.5))


@pytest.mark.parametrize("seed", range(2))
def test_leaving_a_subject_out_of_inequity_agrees_with_measuring_again(build: Build, seed: int) -> None:
    rng = np.random.default_rng(seed)
    names = [f"i{j}" for j in range(12)]
    lists = {f"s{u:02d}": rng.permutation(names)[: rng.integers(1, 6)].tolist() for u in range(20)}
    targets = {s: rng.permutation(names)[: rng.integers(1, 4)].tolist() for s in list(lists)[:17]}
    config = AuditConfig(seed=1, model_digest="m", k=6)
    measured = iaa.measure(evidence_from(build(lists, items=names, targets=targets), config))
    again = [
        iaa.measure(
            evidence_from(
                build(
                    {s: shown for s, shown in lists.items() if s != left},
                    items=names,
                    targets={s: wanted for s, wanted in targets.items() if s != left},
                ),
                config,
            )
        ).figures[0]
        for left in lists
    ]

    assert measured.figures[0] - measured.leave_one_out[:, 0] == pytest.approx(again, abs=1e-12)
    assert measured.leave_one_out[17:] == pytest.approx(0.0)
