"""Gini, entropy and effective sizes of the catalogue: by hand, by brute force, and the conventions that differ."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import entropy as scipy_entropy

from audits.attention import Attention
from audits.concentration import entropy, entropy_without_each, gini, gini_without_each
from audits.configuration import AuditConfig
from audits.evidence import ABSENT, Evidence, evidence_from
from audits.metrics import (
    coverage,
    effective_catalogue,
    effective_catalogue_size,
    exposure_entropy,
    exposure_gini,
    recommendation_gini,
)
from audits.metrics.metric import Metric
from audits.tables import AuditInput

Build = Callable[..., AuditInput]

UNIFORM = AuditConfig(seed=7, model_digest="m", replicates=100, min_subjects=1, attention=Attention("uniform"))
ALL = (coverage, effective_catalogue, effective_catalogue_size, exposure_entropy, exposure_gini, recommendation_gini)


def value(metric: Metric, evidence: Evidence) -> float:
    (found,) = metric.measure(evidence).values()
    return float(found)


def test_gini_of_recommendations_as_computed_by_hand(build: Build) -> None:
    lists = {"s": ["a", "b"], "t": ["a", "c"], "u": ["a", "d"]}
    evidence = evidence_from(build(lists, items=["a", "b", "c", "d", "e"]), UNIFORM)

    assert value(recommendation_gini.METRIC, evidence) == pytest.approx(0.4)


def test_gini_counts_a_list_once_wherever_the_title_stands(build: Build) -> None:
    logarithmic = AuditConfig(seed=7, model_digest="m")
    lists, swapped = {"s": ["a", "b"], "t": ["a", "c"]}, {"s": ["b", "a"], "t": ["c", "a"]}
    ours, theirs = (evidence_from(build(each, items=["a", "b", "c"]), logarithmic) for each in (lists, swapped))

    assert value(recommendation_gini.METRIC, ours) == value(recommendation_gini.METRIC, theirs)
    assert value(exposure_gini.METRIC, ours) > value(exposure_gini.METRIC, theirs)


def test_hiding_titles_raises_gini_where_leaving_them_out_would_lower_it() -> None:
    # Counting recommended titles only is what Evidently does: 0.333 instead of 0.597 on its vector.
    shown = np.array([5.0, 3.0, 2.0, 2.0, 1.0, 1.0])
    hidden = np.r_[shown, np.zeros(4)]

    assert gini(hidden) > gini(shown)
    # Dividing by m - 1 instead of m, as WarpRec does, and 1 - G, as Elliot does, are other figures.
    assert gini(hidden) * 10 / 9 != pytest.approx(gini(hidden), abs=0.01)
    assert 1 - gini(hidden) != pytest.approx(gini(hidden), abs=0.01)


def test_entropy_and_effective_sizes_as_computed_by_hand(build: Build) -> None:
    lists = {"s": ["a"], "t": ["a"], "u": ["b"], "v": ["c"]}
    evidence = evidence_from(build(lists, items=["a", "b", "c", "d"]), UNIFORM)

    assert value(exposure_entropy.METRIC, evidence) == pytest.approx(1.5)
    assert value(effective_catalogue.METRIC, evidence) == pytest.approx(2.8284271247)
    assert value(effective_catalogue_size.METRIC, evidence) == pytest.approx(2.5)


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=40).filter(lambda each: sum(each) > 1e-6))
def test_effective_size_is_netflix_s_sum_and_entropy_is_scipy_s(exposure: list[float]) -> None:
    shares = np.sort(np.array(exposure))[::-1] / sum(exposure)
    by_definition = 2 * (np.arange(1, shares.size + 1) @ shares) - 1

    assert len(exposure) * (1 - gini(np.array(exposure))) == pytest.approx(by_definition, abs=1e-6)
    assert entropy(np.array(exposure)) == pytest.approx(scipy_entropy(shares, base=2), abs=1e-9)


def test_one_title_for_all_and_all_titles_alike_are_the_ends(build: Build) -> None:
    items = ["a", "b", "c", "d"]
    one = evidence_from(build({"s": ["a"], "t": ["a"]}, items=items), UNIFORM)
    alike = evidence_from(build({"s": items, "t": items}, items=items), UNIFORM)

    assert [value(each.METRIC, one) for each in ALL] == pytest.approx([0.25, 1.0, 1.0, 0.0, 0.75, 0.75])
    assert [value(each.METRIC, alike) for each in ALL] == pytest.approx([1.0, 4.0, 4.0, 2.0, 0.0, 0.0])


def lists_of(rng: np.random.Generator, n: int, items: int, k: int) -> np.ndarray:
    lists = np.stack([rng.permutation(items)[:k] for _ in range(n)])
    lists[np.arange(k) >= rng.integers(1, k + 1, size=n)[:, None]] = ABSENT
    return lists


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 8), st.integers(1, 9), st.booleans())
def test_leaving_each_subject_out_is_measuring_the_others(seed: int, n: int, items: int, alike: bool) -> None:  # noqa: FBT001 - drawn
    rng = np.random.default_rng(seed)
    k = int(rng.integers(1, items + 1))
    lists = lists_of(rng, n, items, k)
    looks = np.broadcast_to(rng.uniform(0.1, 1, k), (n, k)) if alike else rng.uniform(0.1, 1, (n, k))
    each = np.zeros((n, items))
    for row, rank in zip(*np.nonzero(lists != ABSENT), strict=True):
        each[row, lists[row, rank]] += looks[row, rank]
    exposure = each.sum(axis=0)
    others = [exposure if n == 1 else np.delete(each, left, axis=0).sum(axis=0) for left in range(n)]

    assert gini_without_each(lists, looks, exposure) == pytest.approx([gini(left) for left in others], abs=1e-12)
    assert entropy_without_each(lists, looks, exposure) == pytest.approx([entropy(left) for left in others], abs=1e-9)


def test_the_standard_error_of_gini_holds_over_other_audiences() -> None:
    rng = np.random.default_rng(4)
    appeal = 1.0 / np.arange(1, 31)
    keys = np.log(appeal) + rng.gumbel(size=(200, 300, 30))
    audiences = np.argsort(-keys, axis=2)[:, :, :5]
    looks = np.ones((300, 5))
    figures, errors = [], []
    for lists in audiences:
        counts = np.bincount(lists.ravel(), minlength=30).astype(float)
        figures.append(gini(counts))
        errors.append(np.sqrt(((figures[-1] - gini_without_each(lists, looks, counts)) ** 2).sum()))

    # 200 audiences place a standard deviation to 5 %; half or twice the error would be found out.
    assert 0.85 < np.mean(errors) / np.std(figures) < 1.25
