"""Per-list options against brute force and against the same algorithm written for one subject."""

from itertools import permutations
from math import e, log
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from audits.errors import InvalidConfig
from audits.mitigation.prices import serve
from audits.mitigation.reranking import (
    SMOOTHING,
    Alike,
    CategoryMix,
    calibrated,
    intra_list_diversity,
    marginally_relevant,
    miscalibration,
)

Floats = NDArray[np.float64]
EQUAL, FALLING = np.ones(3), 1.0 / np.log2(np.arange(2, 5))


def example(seed: int, subjects: int = 6, items: int = 7) -> tuple[Floats, CategoryMix]:
    rng = np.random.default_rng(seed)
    groups = np.eye(3)[rng.integers(0, 3, items)]
    groups[0] = [0.5, 0.5, 0.0]
    return rng.uniform(size=(subjects, items)), CategoryMix(groups=groups, wanted=rng.dirichlet(np.ones(3), subjects))


def objective(chosen: Any, scores: Floats, mix: CategoryMix, row: int, w: Floats, strength: float) -> float:  # noqa: ANN401, PLR0917 - items in order
    """What is maximised, for one subject's list or the beginning of one, from the paper's formula."""
    q = sum((w[r] / w.sum() * mix.groups[i] for r, i in enumerate(chosen)), np.zeros(3))
    s = sum(w[r] / w.sum() * scores[row, i] for r, i in enumerate(chosen))
    p = mix.wanted[row]
    kl = sum(p[g] * log(p[g] / ((1 - SMOOTHING) * q[g] + SMOOTHING * p[g])) for g in range(3) if p[g] > 0)
    return float((1 - strength) * s - strength * kl)


@pytest.mark.parametrize("strength", [0.0, 0.3, 0.7, 1.0])
@pytest.mark.parametrize("w", [EQUAL, FALLING], ids=["equal", "falling"])
def test_each_rank_takes_the_item_that_gains_most(w: Floats, strength: float) -> None:
    scores, mix = example(1)
    lists = calibrated(scores, mix, w, strength=strength)
    for row, found in enumerate(lists.tolist()):
        chosen: list[int] = []
        for _ in range(3):
            left = [i for i in range(7) if i not in chosen]
            gains = [objective([*chosen, i], scores, mix, row, w, strength) for i in left]
            chosen.append(left[int(np.argmax(np.round(gains, 12)))])
            assert gains[left.index(found[len(chosen) - 1])] == pytest.approx(max(gains), abs=1e-12)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.floats(0, 1))
def test_greedy_gains_at_least_what_its_guarantee_says_of_the_best_list(seed: int, strength: float) -> None:
    scores, mix = example(seed, subjects=2)
    lists = calibrated(scores, mix, EQUAL, strength=strength)
    for row, found in enumerate(lists.tolist()):
        empty = objective([], scores, mix, row, EQUAL, strength)
        best = max(objective(c, scores, mix, row, EQUAL, strength) for c in permutations(range(7), 3))
        assert objective(found, scores, mix, row, EQUAL, strength) - empty >= (1 - 1 / e) * (best - empty) - 1e-9


def test_strength_moves_lists_from_the_best_scores_to_the_wanted_mix() -> None:
    rng = np.random.default_rng(3)
    groups = np.eye(4)[np.repeat(np.arange(4), 25)]
    mix = CategoryMix(groups=groups, wanted=rng.dirichlet(np.full(4, 0.7), 50))
    scores = rng.uniform(size=(50, 100)) + groups[:, 0]
    w = 1.0 / np.log2(np.arange(2, 12))
    lists = [calibrated(scores, mix, w, strength=strength) for strength in (0.0, 0.5, 1.0)]
    missed = [miscalibration(each, mix, w).mean() for each in lists]
    kept = [np.take_along_axis(scores, each, axis=1).mean() for each in lists]

    assert np.array_equal(lists[0], serve(scores, np.zeros(100), 10))
    assert missed[0] > 1.5
    assert missed[0] > missed[1] > missed[2]
    assert missed[2] < 0.05
    assert kept[0] > kept[1] > kept[2]


def test_miscalibration_is_the_divergence_computed_by_hand() -> None:
    # Half and half wanted, the list is all of a: q~ = (0.995, 0.005), so 0.5 ln(0.5/0.995) + 0.5 ln(0.5/0.005).
    mix = CategoryMix(groups=np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0]]), wanted=np.array([[0.5, 0.5]] * 2))
    found = miscalibration(np.array([[0, 2], [0, 1]]), mix, np.ones(2))

    assert found == pytest.approx([1.9585, 0.0], abs=1e-4)


@pytest.mark.parametrize("strength", [0.0, 0.4, 1.0])
def test_marginal_relevance_is_that_of_the_same_rule_for_one_subject(strength: float) -> None:
    rng = np.random.default_rng(4)
    scores, features = rng.uniform(size=(5, 9)), rng.normal(size=(9, 4))
    features /= np.linalg.norm(features, axis=1, keepdims=True)
    similarity = features @ features.T
    lists = marginally_relevant(scores, Alike.of(similarity), 4, strength=strength)
    for row, found in enumerate(lists.tolist()):
        chosen: list[int] = []
        for _ in range(4):
            left = [i for i in range(9) if i not in chosen]
            value = {
                i: (1 - strength) * scores[row, i] - strength * max((similarity[i, j] for j in chosen), default=0.0)
                for i in left
            }
            chosen.append(max(left, key=lambda i: value[i]))
        assert found == chosen


def test_marginal_relevance_without_strength_is_the_order_of_the_scores_and_with_it_less_alike() -> None:
    rng = np.random.default_rng(5)
    scores, kind = rng.uniform(size=(20, 30)), rng.integers(0, 5, 30)
    similarity = (kind[:, None] == kind).astype(np.float64)
    plain, varied = (marginally_relevant(scores, Alike.of(similarity), 5, strength=s) for s in (0.0, 0.9))

    assert np.array_equal(plain, np.argsort(-scores, axis=1)[:, :5])
    assert all(len(set(kind[row])) == 5 for row in varied)


@pytest.mark.parametrize("strength", [0.0, 0.5, 1.0])
def test_excluded_items_and_repeats_are_in_no_list(strength: float) -> None:
    rng = np.random.default_rng(6)
    scores, mix = example(6, subjects=40, items=12)
    excluded = rng.random((40, 12)) < 0.6
    excluded[:, :3] = False
    for lists in (
        calibrated(scores, mix, EQUAL, strength=strength, excluded=excluded),
        marginally_relevant(scores, Alike.of(np.eye(12)), 3, strength=strength, excluded=excluded),
    ):
        assert not np.take_along_axis(excluded, lists, axis=1).any()
        assert all(len(set(row)) == 3 for row in lists.tolist())


def test_batches_do_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    scores, mix = example(7, subjects=50)
    whole = calibrated(scores, mix, FALLING, strength=0.5)
    monkeypatch.setattr("audits.mitigation.reranking._NUMBERS", 40)

    assert np.array_equal(calibrated(scores, mix, FALLING, strength=0.5), whole)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"scores": np.full((6, 7), np.nan)}, "finite scores"),
        ({"scores": np.ones((5, 7))}, "category shares for scores"),
        ({"attention": np.array([1.0, 2.0])}, "falls with rank"),
        ({"attention": np.ones(8)}, "as many items as ranks"),
        ({"strength": 1.1}, "strength from 0 to 1"),
        ({"strength": float("nan")}, "strength from 0 to 1"),
        (
            {"excluded": np.ones((6, 7), dtype=bool)},
            r"at least 3 items left for every subject \(6 of them have fewer\)",
        ),
        ({"excluded": np.ones((6, 6), dtype=bool)}, "exclusion mask"),
    ],
)
def test_what_does_not_fit_together_is_refused(changes: dict[str, Any], says: str) -> None:
    scores, mix = example(8)
    given_parts = {"scores": scores, "mix": mix, "attention": EQUAL, "strength": 0.5} | changes
    with pytest.raises(InvalidConfig, match=says):
        calibrated(**given_parts)


def test_shares_that_do_not_sum_to_one_and_similarities_that_do_not_fit_are_refused() -> None:
    with pytest.raises(InvalidConfig, match="category shares of items"):
        CategoryMix(groups=np.ones((3, 2)), wanted=np.full((1, 2), 0.5))
    with pytest.raises(InvalidConfig, match="category shares of subjects"):
        CategoryMix(groups=np.eye(2), wanted=np.array([[1.5, -0.5]]))
    for similarity in (np.eye(6), np.full((7, 7), np.inf)):
        with pytest.raises(InvalidConfig, match="finite similarities of 7 items"):
            marginally_relevant(np.ones((2, 7)), Alike.of(similarity), 3, strength=0.5)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from([0.0, 0.3, 0.8, 1.0]), st.booleans())
def test_queues_choose_what_looking_at_every_item_chooses(seed: int, strength: float, whole: bool) -> None:  # noqa: FBT001 - drawn
    # Items of several categories, many of them alike, with equal scores and items left out, unlike the examples above.
    rng = np.random.default_rng(seed)
    labels = np.maximum(rng.random((20, 4)) < 0.3, np.eye(4)[rng.integers(0, 4, 20)]).astype(float)
    groups = labels / labels.sum(axis=1, keepdims=True)
    scores = rng.integers(0, 4, (3, 20)).astype(float) if whole else rng.normal(size=(3, 20))
    excluded, wanted, w = rng.random((3, 20)) < 0.3, rng.dirichlet(np.ones(4), 3), FALLING / FALLING.sum()
    unit = groups / np.linalg.norm(groups, axis=1, keepdims=True)
    by_mix = calibrated(
        scores, CategoryMix(groups=groups, wanted=wanted), FALLING, strength=strength, excluded=excluded
    )
    varied = marginally_relevant(scores, Alike.by_categories(groups), 3, strength=strength, excluded=excluded)

    def fit(shown: Floats, row: int) -> float:
        return float(wanted[row] @ np.log((1 - SMOOTHING) * shown + SMOOTHING * wanted[row]))

    for row in range(3):
        for rank in range(3):
            before = {"mix": by_mix[row, :rank], "varied": varied[row, :rank]}
            mixed = w[:rank] @ groups[before["mix"]]
            left = {name: [i for i in range(20) if not excluded[row, i] and i not in before[name]] for name in before}
            gain = {
                i: (1 - strength) * w[rank] * scores[row, i]
                + strength * (fit(mixed + w[rank] * groups[i], row) - fit(mixed, row))
                for i in left["mix"]
            }
            merit = {
                i: (1 - strength) * scores[row, i] - strength * max(unit[before["varied"]] @ unit[i], default=0.0)
                for i in left["varied"]
            }
            assert gain[by_mix[row, rank]] == pytest.approx(max(gain.values()), abs=1e-10)
            assert merit[varied[row, rank]] == pytest.approx(max(merit.values()), abs=1e-10)


def test_diversity_within_a_list_is_the_mean_over_its_pairs_computed_by_hand() -> None:
    # Of a, a, b one pair of three is alike; of a, b and half and half two are by the cosine of 45 degrees.
    alike = Alike.by_categories(np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0], [0.5, 0.5]]))
    found = intra_list_diversity(np.array([[0, 1, 2], [0, 2, 3]]), alike)

    assert found == pytest.approx([2 / 3, 1 - 2 * np.sqrt(0.5) / 3])
    assert intra_list_diversity(np.array([[0], [3]]), alike).tolist() == [0.0, 0.0]
