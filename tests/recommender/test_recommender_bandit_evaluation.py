"""Off-policy estimates by hand, on a simulated log, and end to end."""

import numpy as np
import pytest

from recommender.bandit.evaluation import Log, doubly_robust, ips, snips
from recommender.bandit.policy import belief_from, expected_rewards
from recommender.bandit.statistics import Batch, StreamMechanism, advance, begin, statistics
from recommender.errors import BadInteractions, EmptyInteractions, UnsupportedPolicy
from recommender.exploration import greedy, softmax
from recommender.noise import OpenDPNoise

RNG = np.random.default_rng


def _log(**changes: object) -> Log:
    fields: dict[str, object] = {
        "subjects": np.array(["a", "a", "b"]),
        "rewards": np.array([1.0, 0.0, 1.0]),
        "propensities": np.array([0.5, 0.25, 0.5]),
        "target": np.array([1.0, 0.5, 0.25]),
        "unsupported": np.zeros(3),
    }
    return Log(**(fields | changes))  # type: ignore[arg-type]


def test_estimates_by_hand() -> None:
    # ρ = 2, 2, ½. IPS: (2 + 0 + ½)/3. SNIPS: 2.5/4.5. DR with q = ½ everywhere: ½ + (1 - 1 + ¼)/3.
    log = _log()
    half = np.full(3, 0.5)

    assert ips(log, rng=RNG(0)).value == pytest.approx(2.5 / 3)
    assert snips(log, rng=RNG(0)).value == pytest.approx(2.5 / 4.5)
    assert doubly_robust(log, half, half, rng=RNG(0)).value == pytest.approx(0.5 + 0.25 / 3)
    assert log.effective == pytest.approx(4.5**2 / 8.25)
    assert ips(log, rng=RNG(0)).weak


def test_the_standard_error_counts_subjects_and_not_slots() -> None:
    # Deviations from 5/6 by subject: a: 2 - 5/3 = 1/3, b: 1/2 - 5/6 = -1/3; √(2/9 · 2/1)/3 = 2/9.
    assert ips(_log(), rng=RNG(0)).error == pytest.approx(2 / 9)


def test_a_subject_who_repeats_itself_makes_nothing_surer() -> None:
    log = _log()
    four = np.repeat(np.arange(3), 4)
    repeated = Log(**{name: getattr(log, name)[four] for name in Log.__dataclass_fields__})

    assert ips(repeated, rng=RNG(0)).error == pytest.approx(ips(log, rng=RNG(0)).error)


def _simulated(rng: np.random.Generator, subjects: int = 60) -> tuple[Log, float]:
    """Two titles, drawn with 0.8 and 0.2; a subject's slots share a mood. The target turns the odds round."""
    mood = np.repeat(rng.choice([-0.2, 0.2], subjects), 10)
    second = rng.random(10 * subjects) < 0.2
    rewards = (rng.random(10 * subjects) < 0.4 + mood + 0.2 * second).astype(np.float64)
    log = Log(
        subjects=np.repeat(np.arange(subjects), 10),
        rewards=rewards,
        propensities=np.where(second, 0.2, 0.8),
        target=np.where(second, 0.8, 0.2),
        unsupported=np.zeros(10 * subjects),
    )
    return log, 0.8 * 0.6 + 0.2 * 0.4


def test_all_three_are_unbiased_cover_the_truth_and_a_wrong_propensity_is_not() -> None:
    rng = RNG(11)
    found: dict[str, list[float]] = {"ips": [], "snips": [], "dr": [], "wrong": []}
    covered, errors = 0, []
    for _ in range(120):
        log, truth = _simulated(rng)
        wrong = Log(
            subjects=log.subjects, rewards=log.rewards, propensities=np.full(600, 0.5), target=log.target,
            unsupported=log.unsupported,
        )  # fmt: skip
        q = np.where(log.propensities < 0.5, 0.7, 0.3)
        estimate = ips(log, rng=rng, replicates=200)
        covered += estimate.low <= truth <= estimate.high
        errors.append(estimate.error)
        found["ips"].append(estimate.value)
        found["snips"].append(snips(log, rng=rng, replicates=1).value)
        found["dr"].append(doubly_robust(log, q, np.full(600, 0.62), rng=rng, replicates=1).value)
        found["wrong"].append(ips(wrong, rng=rng, replicates=1).value)
    distance = {name: abs(np.mean(v) - truth) / (np.std(v) / np.sqrt(120)) for name, v in found.items()}

    assert max(distance["ips"], distance["snips"], distance["dr"]) < 3
    assert distance["wrong"] > 15
    assert 0.9 <= covered / 120 <= 0.99
    assert np.mean(errors) == pytest.approx(np.std(found["ips"]), rel=0.15)
    assert np.std(found["dr"]) < np.std(found["ips"])


def test_refuses_where_the_log_says_nothing() -> None:
    with pytest.raises(UnsupportedPolicy, match=r"never drawn in 10.0% of its choices"):
        _log(unsupported=np.array([0.3, 0.0, 0.0]))
    with pytest.raises(UnsupportedPolicy, match="1 titles were shown with a propensity of 0"):
        _log(propensities=np.array([0.5, 0.0, 0.5]))
    with pytest.raises(UnsupportedPolicy, match="none of the titles"):
        snips(_log(target=np.zeros(3)), rng=RNG(0))
    with pytest.raises(EmptyInteractions, match="log is empty"):
        _log(subjects=np.array([]))
    with pytest.raises(BadInteractions, match="one length"):
        _log(rewards=np.zeros(2))
    with pytest.raises(BadInteractions, match="probabilities"):
        _log(target=np.array([1.5, 0.0, 0.0]))
    with pytest.raises(BadInteractions, match="two predictions"):
        doubly_robust(_log(), np.zeros(2), np.zeros(3), rng=RNG(0))


def test_a_private_bandit_beats_chance_and_its_log_tells_what_another_policy_earns() -> None:
    rng = RNG(7)
    titles = np.eye(4)
    worth = np.array([0.2, 0.3, 0.4, 0.8])
    people, days = 400, 12
    stream = begin(StreamMechanism(epsilon=2.0, delta=1e-6, horizon=days, dimension=4, participations=2))
    logged = []
    for day in range(days):
        probabilities = np.full(4, 0.25)
        if day:
            sums = statistics(stream)
            belief = belief_from(sums.gram, sums.rewards, noise=sums.gram_noise)
            probabilities = softmax(expected_rewards(belief, titles), temperature=0.1, floor=0.05)
        shown = rng.choice(4, size=people, p=probabilities)
        rewards = (rng.random(people) < worth[shown]).astype(np.float64)
        subjects = tuple(f"s{(day * 200 + n) % 2400}" for n in range(people))
        stream = advance(stream, Batch(subjects, titles[shown], rewards), noise=OpenDPNoise(threads=1))
        logged.append((subjects, rewards, probabilities[shown], shown))
    target = greedy(worth, floor=0.1)
    actions = np.concatenate([shown for *_, shown in logged])
    log = Log(
        subjects=np.concatenate([np.array(s) for s, *_ in logged]),
        rewards=np.concatenate([r for _, r, *_ in logged]),
        propensities=np.concatenate([p for *_, p, _ in logged]),
        target=target[actions],
        unsupported=np.zeros(people * days),
    )
    estimate = snips(log, rng=rng)

    assert stream.guarantee.epsilon == 2.0
    assert log.rewards[-people:].mean() > worth.mean() + 0.1
    assert estimate.low <= float(target @ worth) <= estimate.high
    assert not estimate.weak
