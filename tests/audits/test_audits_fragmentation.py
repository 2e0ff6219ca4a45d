"""How much two subjects have in common: by hand, over all pairs, and over a part of them."""

from collections.abc import Callable
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from audits import fragmentation as module
from audits.attention import Attention
from audits.configuration import AuditConfig
from audits.divergence import jensen_shannon
from audits.evidence import evidence_from
from audits.fragmentation import mean_distance_to_others, mean_divergence_to_others, without_each_of_pairs
from audits.metrics import fragmentation, item_fragmentation
from audits.report import Undefined
from audits.run import run
from audits.tables import AuditInput

Build = Callable[..., AuditInput]

UNIFORM = AuditConfig(seed=7, model_digest="m", replicates=100, min_subjects=1, attention=Attention("uniform"))
GENRES = {"a": ["drama"], "b": ["comedy"], "c": ["drama"]}
ITEMS = ["a", "b", "c"]


def test_fragmentation_as_computed_by_hand(build: Build) -> None:
    evidence = evidence_from(build({"s": ["a"], "t": ["a", "b"]}, items=ITEMS, genres=GENRES), UNIFORM)

    assert fragmentation.measure(evidence).values() == pytest.approx([0.3112781245])
    lists = evidence_from(build({"s": ["a", "b"], "t": ["a", "c"]}, items=ITEMS), UNIFORM)
    assert item_fragmentation.measure(lists).values() == pytest.approx([0.5])


def test_equal_lists_have_none_and_lists_without_anything_in_common_all_of_it(build: Build) -> None:
    same = {f"s{u}": ["a", "b"] for u in range(5)}
    apart = {"s": ["a"], "t": ["b"]}
    for lists, wanted in ((same, 0.0), (apart, 1.0)):
        evidence = evidence_from(build(lists, items=ITEMS, genres=GENRES), UNIFORM)
        assert fragmentation.measure(evidence).values() == pytest.approx([wanted], abs=1e-12)
        assert item_fragmentation.measure(evidence).values() == pytest.approx([wanted], abs=1e-12)


def test_other_titles_of_the_same_kind_are_apart_by_title_and_not_by_category(build: Build) -> None:
    evidence = evidence_from(build({"s": ["a"], "t": ["c"]}, items=ITEMS, genres=GENRES), UNIFORM)

    assert fragmentation.measure(evidence).values() == pytest.approx([0.0])
    assert item_fragmentation.measure(evidence).values() == pytest.approx([1.0])


def test_a_subject_alone_has_nobody_to_differ_from(build: Build) -> None:
    report = run(build({"s": ["a"]}, items=ITEMS, genres=GENRES), config=UNIFORM)

    for metric in ("fragmentation", "item_fragmentation"):
        (found,) = report.select(metric)
        assert (found.value, found.undefined) == (None, Undefined.NO_DENOMINATOR)


def mixes(n: int, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    found = rng.dirichlet(np.full(5, 0.3), n)
    found[found < 0.05] = 0.0
    return found / found.sum(axis=1, keepdims=True)


def all_pairs(mix: np.ndarray) -> float:
    a, b = np.array(list(combinations(range(len(mix)), 2))).T
    return float(jensen_shannon(mix[a], mix[b]).mean())


@settings(max_examples=25, deadline=None)
@given(st.integers(3, 12), st.integers(0, 2**32 - 1))
def test_the_mean_is_over_all_pairs_and_leaving_one_out_over_those_of_the_others(n: int, seed: int) -> None:
    mix = mixes(n, seed)
    to_others = mean_divergence_to_others(mix)[:, None]
    others = [all_pairs(np.delete(mix, left, axis=0)) for left in range(n)]

    assert to_others.mean() == pytest.approx(all_pairs(mix), abs=1e-12)
    assert to_others.mean() - without_each_of_pairs(to_others)[:, 0] == pytest.approx(others, abs=1e-12)


@settings(max_examples=25, deadline=None)
@given(st.integers(2, 12), st.integers(0, 2**32 - 1))
def test_the_distance_by_titles_is_over_all_pairs(n: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    exposure = rng.random((n, 7)) * (rng.random((n, 7)) < 0.4)
    exposure[np.arange(n), rng.integers(0, 7, n)] += 0.1
    unit = exposure / np.linalg.norm(exposure, axis=1, keepdims=True)
    distance = [1 - unit[u] @ unit[v] for u, v in combinations(range(n), 2)]

    found = mean_distance_to_others(sparse.csr_array(exposure))
    assert found.mean() == pytest.approx(np.mean(distance), abs=1e-9)


def test_a_part_of_the_pairs_misses_the_mean_of_all_by_no_more_than_it_says(monkeypatch: pytest.MonkeyPatch) -> None:
    mix = mixes(1500, 3)
    exact = mean_divergence_to_others(mix).mean()
    pairs, missed = 40_000, []
    monkeypatch.setattr(module, "_ALL_PAIRS_UP_TO", pairs)
    for seed in range(40):
        monkeypatch.setattr(module, "_SEED", seed)
        missed.append(mean_divergence_to_others(mix).mean() - exact)

    assert np.std(missed) > 0
    assert np.sqrt(np.mean(np.square(missed))) < 0.5 / np.sqrt(pairs)
    assert abs(np.mean(missed)) < 3 * np.std(missed) / np.sqrt(40)


def test_the_standard_error_of_a_part_covers_the_choice_of_subjects_and_of_pairs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "_ALL_PAIRS_UP_TO", 100)
    figures, errors = [], []
    for seed in range(150):
        monkeypatch.setattr(module, "_SEED", 2 * seed)
        to_others = mean_divergence_to_others(mixes(300, 1000 + seed))[:, None]
        figures.append(to_others.mean())
        errors.append(np.sqrt((without_each_of_pairs(to_others) ** 2).sum()))

    # Never too small (Efron-Stein is an upper bound), and not so large as to be useless.
    assert 0.9 < np.mean(errors) / np.std(figures) < 2.0
