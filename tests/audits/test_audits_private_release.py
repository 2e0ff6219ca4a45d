"""Noise that is large enough, and intervals that know of it."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from numpy.typing import NDArray

from audits.attention import Attention
from audits.configuration import AuditConfig
from audits.errors import InvalidConfig
from audits.evidence import evidence_from
from audits.private_release import PrivateRelease, gaussian_release, made_up, private_release, shape_of, tables_of
from audits.release_noise import GRAIN, Gaussian, Guarantee, Table, opendp_gaussian, opendp_noise
from audits.tables import AuditInput

Build = Callable[..., AuditInput]
ITEMS = [f"i{j}" for j in range(9)]
GENRES = {item: ["x", "y", "z"][: 1 + j % 3] for j, item in enumerate(ITEMS)}
GROUPS = {"": ("new", "old")}
CONFIG = AuditConfig(seed=1, model_digest="", k=4)
SUBJECTS = 60


def made(build: Build, subjects: list[int], *, seed: int = 5) -> AuditInput:
    """The same subject always has the same list, targets and group."""
    names = [f"s{number:03d}" for number in subjects]
    order = {f"s{number:03d}": np.random.default_rng((seed, number)).permutation(9) for number in subjects}
    return build(
        {name: [ITEMS[j] for j in order[name][: 1 + int(name[1:]) % 4]] for name in names},
        items=ITEMS,
        genres=GENRES,
        targets={name: [ITEMS[order[name][0]], ITEMS[order[name][8]]] for name in names if int(name[1:]) % 5},
        groups={name: "new" if int(name[1:]) % 3 else "old" for name in names if int(name[1:]) % 7},
    )


def released(given: AuditInput, epsilon: float, **settings: object) -> PrivateRelease:
    return private_release(given, config=CONFIG, groups=GROUPS, epsilon=epsilon, **settings)  # type: ignore[arg-type]


def test_one_subject_less_moves_no_table_by_more_than_its_bound(build: Build) -> None:
    everyone = list(range(SUBJECTS))
    whole, _ = tables_of(evidence_from(made(build, everyone), replace(CONFIG, min_subjects=1)), GROUPS)
    moved = np.zeros(len(whole))
    for gone in everyone:
        left = [number for number in everyone if number != gone]
        less, _ = tables_of(evidence_from(made(build, left), replace(CONFIG, min_subjects=1)), GROUPS)
        assert [table.name for table in less] == [table.name for table in whole]
        change = np.array([np.abs(a.sums - b.sums).sum() for a, b in zip(whole, less, strict=True)])
        assert all(change <= [table.bound for table in whole])
        moved = np.maximum(moved, change / [table.bound for table in whole])

    # The bounds are no looser than they must be.
    assert moved.min() > 0.5


def test_nobodys_part_of_a_table_hangs_on_who_else_is_there(build: Build) -> None:
    """Lists of several lengths that hit every target: whole sums, where the last bit decides about a grain."""
    order = {number: np.random.default_rng((7, number)).permutation(24) for number in range(30)}
    names = [f"i{j:02d}" for j in range(24)]

    def contributions(numbers: list[int]) -> dict[str, NDArray[np.int64]]:
        shown = {f"s{number:03d}": [names[j] for j in order[number][:20]] for number in numbers}
        given = build(
            shown,
            items=names,
            genres={name: ["x", "y", "z"][: 1 + j % 3] for j, name in enumerate(names)},
            targets={name: shown[name][: 1 + int(name[1:]) % 20] for name in shown},
        )
        tables, _ = tables_of(evidence_from(given, replace(CONFIG, k=20, min_subjects=1)), {})
        return {table.name: table.contributions for table in tables}

    whole = contributions(list(order))
    for gone in (0, 14, 29):
        less = contributions([number for number in order if number != gone])
        for name, parts in whole.items():
            assert np.array_equal(np.delete(parts, gone, axis=0), less[name]), name
    assert set(whole["nDCG by all"].ravel().tolist()) == {GRAIN}


def test_a_row_of_shares_never_adds_up_to_more_than_the_bound(build: Build) -> None:
    tables, _ = tables_of(evidence_from(made(build, list(range(SUBJECTS))), CONFIG), GROUPS)

    for table in tables:
        assert table.contributions.sum(axis=1).max() <= table.bound
        assert table.contributions.min() >= 0


def test_noise_is_discrete_laplace_of_the_scale_that_epsilon_asks_for() -> None:
    scale = 4.0
    drawn = opendp_noise(np.zeros(6000, dtype=np.int64), 2, 0.5)
    shares = [np.mean(np.abs(drawn) >= size) for size in (1, 4, 8)]
    # Pr[|k| >= s] = 2 p^s / (1 + p) with p = exp(-1/scale)
    p = np.exp(-1 / scale)
    expected = [2 * p**size / (1 + p) for size in (1, 4, 8)]

    assert shares == pytest.approx(expected, abs=0.03)
    # Half the noise, or twice as much, is another distribution.
    for wrong in (scale / 2, scale * 2):
        p = np.exp(-1 / wrong)
        assert max(abs(a - 2 * p**size / (1 + p)) for a, size in zip(shares, (1, 4, 8), strict=True)) > 0.06


def test_epsilon_is_split_over_tables_and_stated_whole(build: Build) -> None:
    asked: list[tuple[int, float]] = []

    def noiseless(sums: NDArray[np.int64], bound: int, epsilon: float) -> NDArray[np.int64]:
        asked.append((bound, epsilon))
        return sums

    found = released(made(build, list(range(SUBJECTS))), 2.0, noise=noiseless)

    # Subjects, exposure of one attribute, and nDCG and its subjects for all and by group.
    assert [bound for bound, _ in asked] == [1, GRAIN, GRAIN, 1, GRAIN, 1]
    assert sum(epsilon for _, epsilon in asked) == pytest.approx(2.0)
    assert (found.guarantee.epsilon, found.guarantee.delta) == (2.0, 0.0)
    assert found.guarantee.neighbours == "one subject more or less"
    # What the caller brought is not OpenDP's.
    assert found.guarantee.mechanism == "the caller's own noise on whole-number sums"


def test_without_noise_the_figures_are_the_plain_means(build: Build) -> None:
    given = build(
        {"s": ["i0", "i1"], "t": ["i0"]},
        items=ITEMS,
        genres={"i0": ["x"], "i1": ["y"]},
        targets={"s": ["i0"], "t": ["i1"]},
        groups={"s": "new", "t": "old"},
    )
    found = released(given, 1.0, noise=lambda sums, _bound, _epsilon: sums)
    figures = {(each.metric, each.category, each.group): each.value for each in found.figures}

    # s gives 1 / 1.6309 of its attention to x, t all of it.
    assert figures["list_exposure_share", "x", None] == pytest.approx((0.613147 + 1) / 2, abs=1e-5)
    assert figures["ndcg", None, None] == pytest.approx(0.5)
    assert figures["ndcg", None, "new"] == pytest.approx(1.0)
    assert figures["ndcg", None, "old"] == pytest.approx(0.0)


@pytest.mark.parametrize("epsilon", [0.5, 50.0])
def test_intervals_cover_the_truth_whether_noise_or_sampling_dominates(build: Build, epsilon: float) -> None:
    rng = np.random.default_rng(3)
    truth, n, covered, trials = 0.3, 400, 0, 150
    base = made(build, [1, 2, 3])
    for _ in range(trials):
        hits = int((rng.random(n) < truth).sum())

        def noise(sums: NDArray[np.int64], bound: int, part: float, hits: int = hits) -> NDArray[np.int64]:
            exact = np.full(sums.size, hits * GRAIN if bound > 1 else n)
            return np.asarray(exact + np.round(rng.laplace(0, bound / part, size=sums.size)), dtype=np.int64)

        figure = released(base, epsilon, noise=noise).figures[-1]
        covered += figure.low is not None and figure.high is not None and figure.low <= truth <= figure.high

    # Monte-Carlo standard error 1.8 points; the quantile errs to the wide side.
    assert 0.915 <= covered / trials <= 1.0


def test_a_group_that_noise_left_without_subjects_has_no_figure(build: Build) -> None:
    found = released(made(build, [1, 2, 3]), 1.0, noise=lambda sums, _bound, _epsilon: sums * 0)

    assert {each.value for each in found.figures} == {None}


def test_a_named_group_that_nobody_is_in_is_released_like_any_other(build: Build) -> None:
    named = {"": ("nobody", "new")}
    found = private_release(made(build, list(range(20))), config=CONFIG, groups=named, epsilon=1.0)

    assert [each.group for each in found.figures if each.metric == "ndcg"] == [None, "nobody", "new"]


def test_refuses_what_would_tell_something_unaccounted_for(build: Build) -> None:
    given = made(build, list(range(20)))
    with pytest.raises(InvalidConfig, match="fixed number of ranks"):
        private_release(given, config=replace(CONFIG, k=None), groups=GROUPS, epsilon=1.0)
    with pytest.raises(InvalidConfig, match="attention model by rank alone"):
        private_release(given, config=replace(CONFIG, attention=Attention("cascade")), groups=GROUPS, epsilon=1.0)
    with pytest.raises(InvalidConfig, match="groups: expected attributes among \\[''\\], got also \\['age'\\]"):
        private_release(given, config=CONFIG, groups={"age": ("old",)}, epsilon=1.0)
    for epsilon in (0.0, -1.0, float("nan")):
        with pytest.raises(InvalidConfig, match="positive epsilon"):
            released(given, epsilon)


def test_refuses_a_group_named_twice_since_its_subjects_would_move_two_cells(build: Build) -> None:
    given = made(build, list(range(20)))
    with pytest.raises(InvalidConfig, match="groups of '': expected each name once, got 1 repeated"):
        private_release(given, config=CONFIG, groups={"": ("new", "old", "new")}, epsilon=1.0)


def test_a_table_in_which_a_subject_counts_beyond_the_bound_cannot_be_made() -> None:
    twice = np.array([[1, 0], [1, -1]])
    with pytest.raises(ValueError, match="expected at most 1 from one subject, got 2"):
        Table(name="members", contributions=twice, bound=1)


def test_attributes_that_are_not_asked_for_are_not_released(build: Build) -> None:
    given = made(build, list(range(20)))
    table = given.subject_groups
    assert table is not None
    named = table.append_column("attribute", pa.array(["age"] * table.num_rows))
    found = private_release(replace(given, subject_groups=named), config=CONFIG, groups={}, epsilon=1.0)

    assert {each.group for each in found.figures} == {None}


PROMISE = Guarantee(epsilon=1.0, delta=1e-6, unit="u", neighbours="n", mechanism="m", accountant="a")


def stretched(build: Build, subjects: list[int]) -> tuple[NDArray[np.int64], PrivateRelease]:
    """All sums of a release as the noise meets them, in one vector."""
    met: list[NDArray[np.int64]] = []

    def watched(sums: NDArray[np.int64], _scale: int) -> NDArray[np.int64]:
        met.append(sums)
        return sums

    nobody = made_up(made(build, [1]).membership, ITEMS)
    given = made(build, subjects) if subjects else None
    found = gaussian_release(given, nobody, config=CONFIG, mechanism=Gaussian(scale=1, promise=PROMISE, noise=watched))
    (sums,) = met
    return sums, found


def test_one_subject_less_moves_all_sums_together_by_at_most_a_grain_for_each_table(build: Build) -> None:
    shape = shape_of(made_up(made(build, [1]).membership, ITEMS), CONFIG)
    everyone = list(range(SUBJECTS))
    whole, _ = stretched(build, everyone)
    moved = [
        int(((whole - stretched(build, [n for n in everyone if n != gone])[0]).astype(object) ** 2).sum())
        for gone in everyone[::3]
    ]

    # Subjects, exposure by genre, nDCG and how many have one: in integers, and no looser than it must be.
    assert (shape.tables, shape.cells, whole.size) == (4, 6, 6)
    assert max(moved) <= shape.tables * GRAIN**2
    assert max(moved) > 0.7 * shape.tables * GRAIN**2


def test_that_there_is_nobody_is_hidden_by_noise_too(build: Build) -> None:
    sums, found = stretched(build, [])

    assert sums.tolist() == [0] * 6
    assert len(found.figures) == len(stretched(build, [1, 2])[1].figures)


def test_gaussian_noise_has_the_scale_that_was_planned() -> None:
    scale = 50
    drawn = opendp_gaussian(np.zeros(4000, dtype=np.int64), scale) / scale

    # Variance of a sample variance of 4,000 normal draws: 2 / 4,000, so 0.11 is five standard errors.
    assert abs(drawn.var() - 1) < 0.11
    for wrong in (2 / 3, 3 / 2):
        assert abs((drawn * wrong).var() - 1) > 0.11
    # Discrete Laplace of that variance would put 1.5 % beyond three of them, Gaussian 0.27 %.
    assert np.mean(np.abs(drawn) > 3) < 0.008


def test_gaussian_intervals_cover_the_truth(build: Build) -> None:
    rng = np.random.default_rng(4)
    truth, n, covered, short, trials, scale = 0.3, 400, 0, 0, 100, 20 * GRAIN
    nobody = made_up(made(build, [1]).membership, ITEMS)
    base = made(build, [1, 2, 3])
    for _ in range(trials):
        hits = int((rng.random(n) < truth).sum())

        def noise(sums: NDArray[np.int64], planned: int, hits: int = hits) -> NDArray[np.int64]:
            exact = np.array([n, 0, 0, 0, hits, n], dtype=np.int64) * GRAIN
            return np.asarray(exact + np.round(rng.normal(0, planned, size=sums.size)), dtype=np.int64)

        mechanism = Gaussian(scale=scale, promise=PROMISE, noise=noise)
        figure = gaussian_release(base, nobody, config=CONFIG, mechanism=mechanism).figures[-1]
        assert figure.value is not None
        assert figure.low is not None
        assert figure.high is not None
        covered += figure.low <= truth <= figure.high
        short += abs(figure.value - truth) <= 1.96 * (truth * (1 - truth) / n) ** 0.5

    # Monte-Carlo standard error 2.2 points. Intervals that knew of no noise would cover little more than half.
    assert 0.89 <= covered / trials <= 1.0
    assert short / trials < 0.7


def test_a_promise_is_stated_only_for_our_own_noise(build: Build) -> None:
    nobody = made_up(made(build, [1]).membership, ITEMS)
    ours = gaussian_release(None, nobody, config=CONFIG, mechanism=Gaussian(scale=2**20, promise=PROMISE))

    assert ours.guarantee == PROMISE
    assert stretched(build, [1])[1].guarantee.epsilon == float("inf")


def test_other_tables_than_the_noise_was_planned_for_are_refused(build: Build) -> None:
    nobody = made_up(build({"s": ["i0"]}, items=ITEMS, genres={"i0": ["x"]}).membership, ITEMS)
    with pytest.raises(ValueError, match="expected the tables"):
        gaussian_release(made(build, [1, 2]), nobody, config=CONFIG, mechanism=Gaussian(scale=2**20, promise=PROMISE))
