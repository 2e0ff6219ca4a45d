"""The simulated loop: deterministic, monotone in what it must be, and able to tell a bubble from none."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy import sparse

from audits.attention import Attention
from audits.categories import Attribute
from audits.errors import CorruptReport, InvalidConfig, InvalidTable
from audits.feedback import Loop, LoopSettings, Round, simulate, taste

Lists = np.ndarray
N, M, K = 240, 24, 6
KINDS = Attribute(name="kind", categories=("x", "y", "z"), shares=np.eye(3)[np.repeat(np.arange(3), 8)])
THREE = LoopSettings(rounds=3, seeds=(1, 2), choices=2)


def histories() -> sparse.csr_array:
    rng = np.random.default_rng(0)
    found = np.zeros((N, M))
    for u in range(N):
        appeal = np.where(KINDS.shares[:, u % 3] > 0, 2.0, 1.0)
        found[u, rng.choice(M, 6, replace=False, p=appeal / appeal.sum())] = 1.0
    return sparse.csr_array(found)


def at_random(history: sparse.csr_array, rng: np.random.Generator) -> Lists:
    return np.argsort(rng.random(history.shape), axis=1)[:, :K]


def by_popularity(history: sparse.csr_array, _: np.random.Generator) -> Lists:
    order = np.argsort(-np.asarray(history.sum(axis=0)), kind="stable")
    return np.tile(order[:K], (history.shape[0], 1))


def by_kind(history: sparse.csr_array, rng: np.random.Generator) -> Lists:
    """In proportion to a power of the subject's mix: what is chosen more is shown more than in proportion."""
    mass = (history @ KINDS.shares + 0.1) ** 4
    keys = np.log(mass @ KINDS.shares.T) + rng.gumbel(size=history.shape)
    return np.argsort(-keys, axis=1)[:, :K]


def everything(lists: Lists) -> np.ndarray:
    return np.ones(lists.shape)


def run(recommend: Callable[..., Lists], **changed: Any) -> Loop:  # noqa: ANN401 - any argument of the loop
    history = histories()
    given = {"relevance": taste(history, KINDS), "attributes": (KINDS,), "settings": THREE} | changed
    relevance = given.pop("relevance")
    return simulate(history, recommend, relevance, **given)


def of_seed(loop: Loop, seed: int) -> list[Round]:
    return [each for each in loop.rounds if each.seed == seed]


def test_a_loop_that_learns_too_eagerly_closes_and_one_at_random_does_not() -> None:
    long = LoopSettings(rounds=5, seeds=(1, 2), choices=3)
    eager, random = run(by_kind, settings=long), run(at_random, settings=long)

    for seed in long.seeds:
        first, last = of_seed(eager, seed)[0].attributes[0], of_seed(eager, seed)[-1].attributes[0]
        assert last.list_entropy < first.list_entropy - 0.15
        assert last.fragmentation > first.fragmentation + 0.05
        first, last = of_seed(random, seed)[0].attributes[0], of_seed(random, seed)[-1].attributes[0]
        assert abs(last.list_entropy - first.list_entropy) < 0.1


def test_one_list_for_everybody_is_concentrated_and_not_fragmented() -> None:
    loop = run(by_popularity)

    assert max(each.item_fragmentation for each in loop.rounds) < 1e-12
    assert max(each.attributes[0].fragmentation for each in loop.rounds) < 1e-12
    assert {each.coverage for each in loop.rounds} == {0.25}
    assert all(each.exposure_gini >= 0.75 for each in loop.rounds)


def test_equal_seeds_give_equal_bytes_and_others_other_rounds() -> None:
    loop = run(at_random)

    assert run(at_random).to_json() == loop.to_json()
    assert Loop.from_json(loop.to_json()) == loop
    assert [r.exposure_gini for r in of_seed(loop, 1)] != [r.exposure_gini for r in of_seed(loop, 2)]
    # A run does not depend on the runs before it.
    alone = run(at_random, settings=LoopSettings(rounds=3, seeds=(2,), choices=2))
    assert list(alone.rounds) == of_seed(loop, 2)
    with pytest.raises(CorruptReport):
        Loop.from_json(loop.to_json()[:-1])


def test_histories_only_grow_and_by_titles_that_were_shown() -> None:
    seen: list[np.ndarray] = []
    shown: list[Lists] = []

    def watched(history: sparse.csr_array, rng: np.random.Generator) -> Lists:
        seen.append(history.toarray())
        shown.append(at_random(history, rng))
        return shown[-1]

    loop = run(watched, relevance=everything, settings=LoopSettings(rounds=4, seeds=(5,), choices=2))
    for before, after, lists in zip(seen, seen[1:], shown, strict=False):
        added = after - before
        assert added.min() >= 0
        assert added.sum(axis=1).tolist() == [2.0] * N
        assert np.all(np.isin(np.nonzero(added)[1], lists))
        assert all(set(np.flatnonzero(row)) <= set(shown_to) for row, shown_to in zip(added, lists, strict=True))
    assert [each.choices for each in loop.rounds] == [2 * N, 2 * N, 2 * N, 0]


def test_choices_follow_attention_times_relevance() -> None:
    n, picked = 4000, []

    def fixed(history: sparse.csr_array, _: np.random.Generator) -> Lists:
        picked.append(history.toarray().sum(axis=0))
        return np.tile([0, 1, 2], (n, 1))

    likes = np.array([1.0, 2.0, 0.0])
    settings = LoopSettings(rounds=2, seeds=(3,), attention=Attention("rbp", 0.5))
    simulate(sparse.csr_array((n, 3)), fixed, lambda lists: np.broadcast_to(likes, lists.shape), settings=settings)
    # Weights 1, 1/2, 1/4 times 1, 2, 0: even odds for the first two, none for the third. SE 0.8 points.
    share = picked[1] / n
    assert share[0] == pytest.approx(0.5, abs=0.025)
    assert share[2] == 0.0
    # Without relevance it would be 4/7, without attention 1/3.
    assert abs(share[0] - 4 / 7) > 0.04


def test_who_likes_nothing_chooses_nothing() -> None:
    loop = run(at_random, relevance=lambda lists: np.zeros(lists.shape))

    assert {each.choices for each in loop.rounds} == {0}


def test_progress_counts_rounds_of_all_runs() -> None:
    told: list[tuple[int, int]] = []
    run(at_random, progress=lambda done, of: told.append((done, of)))

    assert told == [(done, 6) for done in range(1, 7)]


@pytest.mark.parametrize(
    ("lists", "reason"),
    [
        (np.zeros((N - 1, K), dtype=int), "whole numbers of shape"),
        (np.zeros((N, 0), dtype=int), "whole numbers of shape"),
        (np.zeros((N, K)), "whole numbers of shape"),
        (np.zeros(N, dtype=int), "whole numbers of shape"),
        (np.full((N, K), M), "items 0 to 23"),
        (np.full((N, K), -2), "items 0 to 23"),
        (np.tile([0, -1, 1], (N, 1)), "after a short list"),
        (np.tile([0, 1, 0], (N, 1)), "each item once"),
        (np.full((N, K), -1), "some list with an item"),
    ],
)
def test_lists_that_are_none_are_refused(lists: np.ndarray, reason: str) -> None:
    with pytest.raises(InvalidTable, match=reason):
        run(lambda *_: lists)


@pytest.mark.parametrize("wrong", [-1.0, np.nan, np.inf])
def test_relevance_that_is_none_is_refused(wrong: float) -> None:
    with pytest.raises(InvalidTable, match="relevance"):
        run(at_random, relevance=lambda lists: np.full(lists.shape, wrong))
    with pytest.raises(InvalidTable, match="relevance"):
        run(at_random, relevance=lambda _: np.ones(3))


@pytest.mark.parametrize("wrong", [{"rounds": 0}, {"choices": 0}, {"seeds": ()}, {"seeds": (1, 1)}, {"seeds": (-1,)}])
def test_settings_out_of_range_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(InvalidConfig, match="feedback loop"):
        LoopSettings(**({"rounds": 1, "seeds": (1,)} | wrong))


def test_a_subject_alone_makes_no_loop() -> None:
    with pytest.raises(InvalidConfig, match="two subjects or more, got 1"):
        simulate(sparse.csr_array((1, M)), at_random, everything, settings=THREE)


def test_short_lists_are_measured_as_they_are() -> None:
    short = np.tile([3, 1, -1], (N, 1))
    (last,) = run(lambda *_: short, settings=LoopSettings(rounds=1, seeds=(0,))).rounds

    assert last.coverage == pytest.approx(2 / M)
    assert last.choices == 0
