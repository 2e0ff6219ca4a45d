"""The stream's privacy by its definition, and its error against what the papers promise."""

import itertools
import math
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recommender.accounting import delta_at
from recommender.bandit.prefix_sums import ENCODER_BITS, FACTORISATIONS, square_root, tree
from recommender.bandit.statistics import FEATURE_BITS, Batch, Stream, StreamMechanism, advance, begin, statistics
from recommender.errors import BadInteractions, BadMechanism
from recommender.noise import NoiseSource, OpenDPNoise

SLUGS = sorted(FACTORISATIONS)


@dataclass
class NumpyNoise:
    """Fast, and no guarantee."""

    rng: np.random.Generator
    exact: bool = False
    name: str = "for tests"

    def draw(self, count: int, scale: int, *, progress: object = None) -> np.ndarray:
        del progress
        return np.rint(self.rng.normal(0, scale, count)).astype(np.int64)


@dataclass(frozen=True)
class Nothing:
    """No noise at all."""

    exact: bool = False
    name: str = "nothing, for tests"

    def draw(self, count: int, scale: int, *, progress: object = None) -> np.ndarray:
        del scale, progress
        return np.zeros(count, dtype=np.int64)


def _batches(seed: int, horizon: int, people: int = 6, dimension: int = 3) -> list[Batch]:
    """Subjects come and go; features may be longer than allowed and rewards off the scale."""
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(horizon):
        here = np.flatnonzero(rng.random(people) < 0.7)
        features = rng.normal(0, 1, (len(here), dimension))
        found.append(Batch(tuple(f"s{n}" for n in here), features, rng.uniform(-0.5, 1.5, len(here))))
    return found


def _without(batch: Batch, subject: str) -> Batch:
    kept = [n for n, other in enumerate(batch.subjects) if other != subject]
    return Batch(tuple(batch.subjects[n] for n in kept), batch.features[kept], batch.rewards[kept])


def _run(mechanism: StreamMechanism, batches: list[Batch], noise: NoiseSource) -> Stream:
    stream = begin(mechanism)
    for batch in batches:
        stream = advance(stream, batch, noise=noise)
    return stream


@pytest.mark.parametrize("slug", SLUGS)
@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10**6), participations=st.integers(1, 4), separation=st.integers(1, 3))
def test_removing_a_subject_moves_the_whole_stream_by_no_more_than_the_bound(
    slug: str, seed: int, participations: int, separation: int
) -> None:
    mechanism = StreamMechanism(
        epsilon=1.0, delta=1e-6, horizon=9, dimension=3,
        participations=participations, separation=separation, factorisation=slug,
    )  # fmt: skip
    batches = _batches(seed, 9)
    moved = (
        _run(mechanism, batches, Nothing()).noisy
        - _run(mechanism, [_without(b, "s0") for b in batches], Nothing()).noisy
    )

    first, second = np.triu_indices(3)
    bound = mechanism.factors.squared_sensitivity(participations, separation) * 16**FEATURE_BITS
    products = sum(
        int(v) ** 2 * (1 if a == b else 2) for row in moved for v, a, b in zip(row, first, second, strict=False)
    )
    assert products <= bound  # both sides doubled
    assert sum(int(v) ** 2 for v in moved[:, -3:].ravel()) <= bound


@pytest.mark.parametrize("slug", SLUGS)
@pytest.mark.parametrize(("participations", "separation"), [(1, 1), (2, 1), (3, 2), (4, 1)])
def test_no_pattern_of_participation_exceeds_the_stated_sensitivity(
    slug: str, participations: int, separation: int
) -> None:
    factors = FACTORISATIONS[slug](8)
    patterns = [
        pattern
        for count in range(1, participations + 1)
        for pattern in itertools.combinations(range(8), count)
        if all(b - a >= separation for a, b in itertools.pairwise(pattern))
    ]
    worst = max(int((factors.encoder[:, list(p)].sum(axis=1) ** 2).sum()) for p in patterns)
    stated = factors.squared_sensitivity(participations, separation)

    assert worst <= stated
    if slug != "tree":
        assert worst == stated


@pytest.mark.parametrize("slug", SLUGS)
@pytest.mark.parametrize("horizon", [1, 5, 8, 37])
def test_decoder_times_encoder_is_the_prefix_sum_and_uses_no_later_row(slug: str, horizon: int) -> None:
    factors = FACTORISATIONS[slug](horizon)

    assert factors.decoder @ factors.encoder / 2**ENCODER_BITS == pytest.approx(np.tril(np.ones((horizon, horizon))))
    assert not factors.decoder[np.arange(horizon)[:, None] < factors.ends].any()


def test_the_tree_of_four_batches_by_hand() -> None:
    factors = tree(4)

    assert (factors.encoder >> ENCODER_BITS).tolist() == [
        [1, 0, 0, 0], [0, 1, 0, 0], [1, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1], [0, 0, 1, 1], [1, 1, 1, 1],
    ]  # fmt: skip
    assert factors.squared_sensitivity(1, 1) == 3 * 4**ENCODER_BITS
    assert factors.error() == pytest.approx(np.sqrt([3, 3, 6, 3]))


def test_errors_are_what_the_papers_say() -> None:
    horizon = 256
    worst = {slug: float(FACTORISATIONS[slug](horizon).error().max()) for slug in SLUGS}

    # Fichtenberger, Henzinger, Upadhyay 2023: at most 1 + (γ + ln T)/π, here 3.95; the tree: √(9 levels · 8 nodes).
    assert worst["square-root"] <= 1 + (0.5772 + math.log(horizon)) / math.pi
    assert worst["square-root"] == pytest.approx(2.83, abs=0.02)
    assert worst["tree"] == pytest.approx(math.sqrt(9 * 8))
    assert worst["independent"] == pytest.approx(16)
    assert worst["direct"] == pytest.approx(16)


def test_the_released_sums_have_the_error_that_is_stated() -> None:
    mechanism = StreamMechanism(epsilon=1.0, delta=1e-6, horizon=16, dimension=2)
    nobody = [Batch((), np.zeros((0, 2)), np.zeros(0))] * 11
    noise = NumpyNoise(np.random.default_rng(5))
    found = [statistics(_run(mechanism, nobody, noise)) for _ in range(120)]
    spread = np.std([s.rewards for s in found])

    assert spread == pytest.approx(found[0].reward_noise, rel=0.1)
    assert np.std([s.gram[0, 1] for s in found]) == pytest.approx(found[0].gram_noise, rel=0.15)
    assert spread != pytest.approx(found[0].reward_noise * 1.5, rel=0.1)


def test_without_noise_the_sums_are_those_of_the_counted_slots(silence: NoiseSource) -> None:
    mechanism = StreamMechanism(epsilon=1.0, delta=1e-6, horizon=3, dimension=2, participations=1)
    batches = [
        Batch(("a", "b"), np.array([[1.0, 0.0], [0.0, 0.5]]), np.array([1.0, 0.5])),
        Batch(("a",), np.array([[1.0, 0.0]]), np.array([1.0])),  # a has counted already
    ]
    found = statistics(_run(mechanism, batches, silence))

    assert found.gram == pytest.approx(np.diag([1.0, 0.25]), abs=1e-3)
    assert found.rewards == pytest.approx([1.0, 0.25], abs=1e-3)


@given(st.floats(0.1, 50), st.integers(1, 40), st.integers(1, 4), st.sampled_from(SLUGS))
@settings(max_examples=25, deadline=None)
def test_the_stream_never_costs_more_than_planned(epsilon: float, horizon: int, times: int, slug: str) -> None:
    mechanism = StreamMechanism(
        epsilon=epsilon, delta=1e-6, horizon=horizon, dimension=4, participations=times, factorisation=slug
    )

    assert delta_at(mechanism.mu, epsilon) <= 1e-6


def test_only_exact_noise_carries_the_guarantee(silence: NoiseSource) -> None:
    mechanism = StreamMechanism(epsilon=2.0, delta=1e-6, horizon=4, dimension=2, participations=2, separation=2)
    batch = Batch(("a",), np.array([[1.0, 0.0]]), np.array([1.0]))
    exact = _run(mechanism, [batch, batch], OpenDPNoise(threads=1))

    assert exact.guarantee.epsilon == 2.0
    assert exact.guarantee.unit == (
        "subject: at most 2 of 4 batches, at least 2 batches apart, one explored slot in each"
    )
    assert advance(exact, batch, noise=silence).guarantee.epsilon == math.inf
    assert repr(exact) == "Stream(2 of 4 batches)"
    assert repr(batch) == "Batch(features of shape (1, 2))"


def test_a_stream_goes_on_once(silence: NoiseSource) -> None:
    batch = Batch(("a",), np.array([[1.0, 0.0]]), np.array([1.0]))
    stream = begin(StreamMechanism(epsilon=2.0, delta=1e-6, horizon=4, dimension=2))
    with pytest.raises(BadInteractions):  # what drew no noise does not count
        advance(stream, Batch(("a",), np.zeros((1, 3)), np.zeros(1)), noise=silence)
    following = advance(stream, batch, noise=silence)

    with pytest.raises(BadMechanism, match="went on already"):
        advance(stream, batch, noise=silence)
    assert repr(advance(following, batch, noise=silence)) == "Stream(2 of 4 batches)"


def test_refuses_what_the_guarantee_does_not_cover(silence: NoiseSource) -> None:
    mechanism = StreamMechanism(epsilon=1.0, delta=1e-6, horizon=1, dimension=2)
    batch = Batch(("a",), np.array([[1.0, 0.0]]), np.array([1.0]))
    over = advance(begin(mechanism), batch, noise=silence)

    with pytest.raises(BadMechanism, match="covers 1 batches, and they are over"):
        advance(over, batch, noise=silence)
    with pytest.raises(BadMechanism, match="nothing was released"):
        statistics(begin(mechanism))
    with pytest.raises(BadInteractions, match="counts once per batch"):
        Batch(("a", "a"), np.zeros((2, 2)), np.zeros(2))
    with pytest.raises(BadInteractions, match="dimension 2"):
        advance(begin(mechanism), Batch(("a",), np.zeros((1, 3)), np.zeros(1)), noise=silence)
    with pytest.raises(BadMechanism, match="participations and separation"):
        StreamMechanism(epsilon=1.0, delta=1e-6, horizon=1, dimension=2, participations=0)
    with pytest.raises(BadMechanism, match="at least one batch"):
        square_root(0)
