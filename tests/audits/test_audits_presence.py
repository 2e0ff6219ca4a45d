"""How far coverage can lie above its average: by hand, and simulated with titles that few subjects see."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from audits.bootstrap import Intervals, Resampling, intervals
from audits.comparison import difference
from audits.configuration import AuditConfig
from audits.evidence import Evidence, evidence_from
from audits.metrics import coverage
from audits.presence import perhaps_missed
from audits.run import run
from audits.tables import AuditInput

Build = Callable[..., AuditInput]
M, K, N = 60, 10, 400
RESAMPLING = Resampling(replicates=200, seed=1)


@pytest.fixture(scope="module")
def catalogue(build: Build) -> Evidence:
    """Sixty titles, to be given lists."""
    names = [f"i{item:02}" for item in range(M)]
    return evidence_from(build({"s": names[:K]}, items=names), AuditConfig(seed=1, model_digest="m"))


def drawn(popularity: NDArray[np.float64], rng: np.random.Generator, n: int = N) -> NDArray[np.int64]:
    """Lists of ten titles, without repetition (Efraimidis & Spirakis: the largest u^(1/w))."""
    with np.errstate(divide="ignore"):
        keys = np.log(rng.random((n, M))) / popularity
    return np.argsort(-keys, axis=1)[:, :K]


def audited(catalogue: Evidence, lists: NDArray[np.int64]) -> Intervals:
    return intervals([coverage.measure(replace(catalogue, lists=lists))], RESAMPLING)


def test_the_chance_to_miss_titles_as_computed_by_hand() -> None:
    # One of two subjects: P(Bin(2, p) >= 1) = 1 - (1 - p)^2 = 0.04 / 2 at p = 1 - sqrt(0.98), so missed by both 0.98.
    # Both: p^2 = 0.02, and (1 - sqrt(0.02))^2 = 0.7372.
    assert perhaps_missed(np.array([1, 0]), 2, error=0.04) == pytest.approx(0.98 / 2)
    assert perhaps_missed(np.array([1, 2]), 2, error=0.04) == pytest.approx((0.98 + 0.737157) / 2)
    assert perhaps_missed(np.array([0, 0]), 2, error=0.04) == 0.0


def test_a_small_catalogue_that_is_all_shown_is_certainly_in_use(build: Build) -> None:
    rng, names = np.random.default_rng(3), [f"i{item:02}" for item in range(M)]
    lists = drawn(np.ones(M), rng)
    given = build({f"s{at:03}": [names[item] for item in row] for at, row in enumerate(lists)}, items=names)
    (found,) = run(
        given, config=AuditConfig(seed=1, model_digest="m", replicates=200, metrics=("coverage",))
    ).measurements

    assert found.value == found.high == 1.0
    assert found.low is not None
    assert found.low > 0.999


def test_more_subjects_make_it_more_certain_where_they_made_no_difference(catalogue: Evidence) -> None:
    rng = np.random.default_rng(4)
    below = [audited(catalogue, drawn(np.ones(M), rng, n)).reach[0, 0] for n in (100, 200, 400)]

    assert below[0] > 10 * below[1] > 100 * below[2]


def test_a_title_of_one_subject_leaves_the_others_certain(catalogue: Evidence) -> None:
    lists = drawn(np.r_[np.ones(M - 1), 1e-12], np.random.default_rng(5))
    lists[7, 0] = M - 1
    found = audited(catalogue, lists)

    assert found.values[0] == 1.0
    assert 1 / M < found.reach[0, 0] < 3 / M


def test_titles_that_nobody_saw_may_be_seen_and_those_that_all_saw_stay(catalogue: Evidence) -> None:
    found = audited(catalogue, np.tile(np.arange(K), (N, 1)))

    assert found.reach[0, 0] < 1e-6
    assert found.reach[0, 1] == pytest.approx(K * N / M * (1 - 0.05 ** (1 / N)))


def test_two_recommenders_that_show_everything_are_known_to_differ_in_nothing(catalogue: Evidence) -> None:
    rng = np.random.default_rng(6)
    ours, theirs = (coverage.measure(replace(catalogue, lists=drawn(np.ones(M), rng))) for _ in range(2))
    found = intervals([difference(ours, theirs)], RESAMPLING)

    assert found.values[0] == 0.0
    assert found.half_widths[0] < 0.001


NICHE = 10


@pytest.mark.parametrize("titles", ["some rare", "a niche that one subject in 150 is shown whole"])
def test_the_average_of_such_audiences_is_outside_in_fewer_than_one_in_twenty(catalogue: Evidence, titles: str) -> None:
    rng = np.random.default_rng(11)
    popularity = np.r_[np.ones(M - NICHE), np.full(NICHE, 1e-9)]
    if titles == "some rare":
        popularity[-NICHE:] = np.geomspace(1e-3, 3e-2, NICHE)

    def audience(n: int) -> NDArray[np.int64]:
        lists = drawn(popularity, rng, n)
        if titles != "some rare":
            lists[rng.random(n) < 1 / 150] = np.arange(M - K, M)
        return lists

    shares = np.bincount(audience(100_000).ravel(), minlength=M) / 100_000
    truth = (1 - (1 - shares) ** N).mean()
    found = [audited(catalogue, audience(N)) for _ in range(200)]
    figures = np.array([each.values[0] for each in found])
    below, above = (np.array([each.reach[0, side] for each in found]) for side in (0, 1))
    outside = (truth < figures - below) | (truth > np.minimum(figures + above, 1.0))

    # At 5 %, 17 of 200 or more would be seen in one test of a hundred. An eighth of the lower side is too little.
    assert outside.sum() < 17
    if titles == "some rare":
        assert (truth < figures - below / 8).sum() > 17
