"""Variety within a list: by hand, and pair by pair."""

from collections.abc import Callable
from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audits.attention import Attention
from audits.categories import Attribute
from audits.configuration import AuditConfig
from audits.evidence import ABSENT, Evidence, evidence_from
from audits.metrics import intra_list_diversity, intra_list_jaccard, list_entropy, subtopic_recall
from audits.metrics.metric import Metric
from audits.report import Undefined
from audits.run import run
from audits.tables import AuditInput

Build = Callable[..., AuditInput]

CONFIG = AuditConfig(seed=7, model_digest="m", replicates=100, min_subjects=1)
UNIFORM = AuditConfig(seed=7, model_digest="m", replicates=100, min_subjects=1, attention=Attention("uniform"))
GENRES = {"a": ["drama"], "b": ["comedy"], "c": ["drama", "comedy"], "d": ["western"], "e": ["drama"]}
ITEMS = ["a", "b", "c", "d", "e"]


def values(metric: Metric, evidence: Evidence) -> dict[str | None, float]:
    found = metric.measure(evidence)
    return {cell.group: float(value) for cell, value in zip(found.cells, found.values(), strict=True)}


def test_diversity_of_a_list_as_computed_by_hand(build: Build) -> None:
    evidence = evidence_from(build({"s": ["a", "b", "c"]}, items=ITEMS, genres=GENRES), CONFIG)

    assert values(intra_list_diversity.METRIC, evidence) == pytest.approx({None: (1 + 2 * (1 - np.sqrt(0.5))) / 3})
    assert values(intra_list_jaccard.METRIC, evidence) == pytest.approx({None: 2 / 3})


def test_a_list_of_one_title_has_no_pair_and_counts_nowhere(build: Build) -> None:
    given = build({"s": ["a", "d"], "t": ["a"]}, items=ITEMS, genres=GENRES, groups={"s": "x", "t": "y"})
    report = run(given, config=CONFIG)

    for metric in ("intra_list_diversity", "intra_list_jaccard"):
        assert [(m.group, m.value, m.n) for m in report.select(metric)] == [
            (None, 1.0, 1),
            ("x", 1.0, 1),
            ("y", None, 0),
        ]
        assert report.select(metric)[-1].undefined is Undefined.NO_SUBJECT


def test_the_order_of_a_list_does_not_change_its_diversity(build: Build) -> None:
    one, other = (
        evidence_from(build({"s": list(order)}, items=ITEMS, genres=GENRES), CONFIG) for order in ("abcd", "dcba")
    )
    for metric in (intra_list_diversity, intra_list_jaccard, subtopic_recall):
        assert values(metric.METRIC, one) == pytest.approx(values(metric.METRIC, other))
    # Attention, and with it entropy, does look at ranks.
    assert values(list_entropy.METRIC, one) != pytest.approx(values(list_entropy.METRIC, other))


def test_entropy_of_a_list_s_categories_as_computed_by_hand(build: Build) -> None:
    evidence = evidence_from(build({"s": ["a", "e", "b", "d"]}, items=ITEMS, genres=GENRES), UNIFORM)

    assert values(list_entropy.METRIC, evidence) == pytest.approx({None: 1.5})


def test_subtopic_recall_is_of_named_categories(build: Build) -> None:
    given = build({"s": ["a", "e", "b", "f"]}, items=[*ITEMS, "f"], genres=GENRES)

    # "f" is unknown, which is no fourth category.
    assert values(subtopic_recall.METRIC, evidence_from(given, CONFIG)) == pytest.approx({None: 2 / 3})


def cosine(a: np.ndarray, b: np.ndarray) -> float:
    return 1 - float(a @ b / np.linalg.norm(a) / np.linalg.norm(b))


def jaccard(a: np.ndarray, b: np.ndarray) -> float:
    return 1 - np.count_nonzero((a > 0) & (b > 0)) / np.count_nonzero((a > 0) | (b > 0))


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from([2, 7, 64, 65, 130]), st.booleans())
def test_diversity_is_the_mean_over_pairs(build: Build, seed: int, categories: int, undivided: bool) -> None:  # noqa: FBT001 - drawn
    rng = np.random.default_rng(seed)
    shares = rng.dirichlet(np.full(categories, 0.1), 9) * (rng.random((9, categories)) < 0.5)
    shares[np.arange(9), rng.integers(0, categories, 9)] += 0.1
    shares /= shares.sum(axis=1, keepdims=True)
    shares = np.eye(categories)[shares.argmax(axis=1)] if undivided else shares
    names = list("abcdefghi")
    lists = {f"s{u}": [names[i] for i in rng.permutation(9)[: rng.integers(2, 7)]] for u in range(5)}
    plain = evidence_from(build(lists, items=names), CONFIG)
    attribute = Attribute(name="mood", categories=tuple(f"c{i}" for i in range(categories)), shares=shares)
    evidence = replace(plain, attributes=(attribute,))

    for metric, distance in ((intra_list_diversity, cosine), (intra_list_jaccard, jaccard)):
        by_pairs = [
            np.mean([distance(shares[i], shares[j]) for i, j in combinations(row[row != ABSENT], 2)])
            for row in evidence.lists
        ]
        assert values(metric.METRIC, evidence)[None] == pytest.approx(np.mean(by_pairs), abs=1e-9)


def test_titles_of_very_many_kinds_are_compared_as_those_of_few(build: Build) -> None:
    rng = np.random.default_rng(1)
    # Sets of categories as binary numbers: 1,500 of them, all different.
    shares = ((np.arange(1, 1501)[:, None] >> np.arange(11)) & 1).astype(np.float64)
    shares /= shares.sum(axis=1, keepdims=True)
    names = [f"i{at:04d}" for at in range(1500)]
    lists = {f"s{u}": [names[i] for i in rng.choice(1500, size=6, replace=False)] for u in range(5)}
    plain = evidence_from(build(lists, items=names), CONFIG)
    attribute = Attribute(name="mood", categories=tuple(f"c{at:02d}" for at in range(11)), shares=shares)
    by_pairs = [np.mean([jaccard(shares[i], shares[j]) for i, j in combinations(row, 2)]) for row in plain.lists]

    found = values(intra_list_jaccard.METRIC, replace(plain, attributes=(attribute,)))
    assert found[None] == pytest.approx(np.mean(by_pairs), abs=1e-12)
