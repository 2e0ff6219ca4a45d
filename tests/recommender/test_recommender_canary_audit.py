"""The audit by canaries: it lets the real mechanism pass and finds sabotaged ones."""

from collections.abc import Callable
from dataclasses import replace
from itertools import combinations
from typing import Any

import numpy as np
import pytest
from scipy.sparse import csr_matrix

import recommender.exact_sums
import recommender.measurement
from recommender.attacks.canaries import design, likelihood_ratios, plant
from recommender.attacks.canary_audit import AttackReport, audit_mechanism, right_guesses
from recommender.attacks.power import best_guesses
from recommender.errors import BadAttack
from recommender.interactions import Interactions
from recommender.measurement import measure
from recommender.mechanism import Mechanism, plan
from recommender.noise import NoiseSource
from recommender.release import Release
from tests.recommender.seeded import SeededNoise

CANARIES, LENGTH = 3721, 8  # 61² canaries on 8 · 61 items
EPSILON, DELTA = 3.0, 1e-6


def _audit(population: Interactions, seed: int, **given: Any) -> AttackReport:  # noqa: ANN401 - the audit's arguments
    mechanism = given.pop("mechanism", plan(EPSILON, DELTA))
    settings: dict[str, Any] = {
        "canaries": CANARIES,
        "guesses": best_guesses(mechanism.mu, canaries=CANARIES).guesses,
        "rng": np.random.default_rng(seed),
        "noise": SeededNoise(np.random.default_rng(seed + 1000)),
        "canary_items": LENGTH,
    }
    return audit_mechanism(population, mechanism, **settings | given)


@pytest.mark.parametrize("seed", range(3))
def test_the_real_mechanism_is_bounded_below_its_epsilon(population: Interactions, seed: int) -> None:
    report = _audit(population, seed)

    assert report.verdict == "not refuted"
    assert report.lower_bound < EPSILON
    # It does find something: an attack that never guesses right would pass every mechanism.
    assert report.gaussian_epsilon_lower > 1.0
    assert report.epsilon_lower > 0.5


@pytest.mark.parametrize("seed", range(3))
def test_half_the_noise_is_caught(population: Interactions, seed: int) -> None:
    report = _audit(population, seed, noise=SeededNoise(np.random.default_rng(seed), divided=2))

    assert report.verdict == "refuted"
    assert report.lower_bound > EPSILON


@pytest.mark.parametrize("seed", range(3))
def test_a_subject_that_is_counted_twice_is_caught(population: Interactions, seed: int) -> None:
    def twice(interactions: Interactions, mechanism: Mechanism, **given: Any) -> Release:  # noqa: ANN401 - as measure
        again = tuple(f"{subject}, again" for subject in interactions.subjects)
        rows = np.tile(np.arange(len(interactions.subjects)), 2)
        doubled = Interactions(interactions.subjects + again, interactions.items, csr_matrix(interactions.matrix[rows]))
        return measure(doubled, mechanism, **given)

    assert _audit(population, seed, measure=twice).refuted


def test_histories_that_are_not_scaled_to_norm_one_are_caught(
    population: Interactions, monkeypatch: pytest.MonkeyPatch
) -> None:
    def as_they_are(matrix: csr_matrix, weights: np.ndarray, *, bits: int, importance: object) -> csr_matrix:
        del importance
        values = np.floor(weights[matrix.indices] * 2**bits).astype(np.int64)
        return csr_matrix((values, matrix.indices, matrix.indptr), shape=matrix.shape)

    monkeypatch.setattr(recommender.exact_sums, "unit_rows", as_they_are)

    report = _audit(population, 0, guesses=200, canary_items=16)

    assert report.refuted
    assert report.epsilon_lower > EPSILON  # so plainly that no assumption about the mechanism is needed


def test_counts_that_are_not_divided_by_the_length_of_the_history_are_caught(
    population: Interactions, monkeypatch: pytest.MonkeyPatch
) -> None:
    def each_title_once(matrix: csr_matrix, *, engine: object = None) -> np.ndarray:
        del engine
        return np.bincount(matrix.indices, minlength=matrix.shape[1]) << 32

    # The canaries share items, and their coins hide each other in the counts: few and long ones are seen best.
    few = {"canaries": 400, "guesses": 100, "canary_items": 24}
    mechanism = plan(EPSILON, DELTA, counts_share=0.9)

    assert not _audit(population, 0, mechanism=mechanism, **few).refuted

    monkeypatch.setattr(recommender.measurement, "exact_counts", each_title_once)

    assert _audit(population, 0, mechanism=mechanism, **few).refuted


def test_without_any_noise_the_attacker_is_always_right(population: Interactions, silence: NoiseSource) -> None:
    report = _audit(population, 0, noise=silence)

    assert report.correct == report.guesses
    assert report.refuted


def test_the_report_says_what_was_run(population: Interactions) -> None:
    report = _audit(population, 0, guesses=100)
    told = report.as_dict()

    assert (report.canaries, report.guesses, report.subjects, report.items) == (3721, 100, 600, 528)
    assert report.canary_items == 8
    assert abs(report.included - 3721 / 2) < 200
    whole = replace(plan(EPSILON, DELTA), kept_at_least=528, kept_at_most=528, through_lens=False)
    assert report.mechanism == whole
    assert report.mechanism.guarantee == plan(EPSILON, DELTA).guarantee  # keeping every item changes no noise
    assert told["mechanism"]["epsilon"] == told["epsilon"] == 3.0
    assert told["verdict"] == "not refuted"
    assert told["confidence"] == 0.95
    assert "3,721 canary subjects" in report.sentence
    assert "3 is claimed and not refuted. " in report.sentence
    assert report.sentence.endswith("Not attacked, so that nothing was tried on them: the lens.")
    assert told["not_attacked"] == ["the lens"]


def test_the_report_says_which_signals_were_run_and_not_attacked(population: Interactions) -> None:
    mechanism = plan(EPSILON, DELTA, shares=(("trending", 0.05), ("transitions", 0.1)))

    report = _audit(population, 0, canaries=200, guesses=50, mechanism=mechanism)

    plain = replace(report, lens_set_aside=False)

    assert report.as_dict()["not_attacked"] == ["the lens", "the signal trending", "the signal transitions"]
    assert plain.sentence.endswith("nothing was tried on them: the signal trending, the signal transitions.")
    assert replace(plain, mechanism=plan(EPSILON, DELTA)).sentence.endswith("3 is claimed and not refuted.")


@pytest.mark.parametrize(("count", "length"), [(1, 2), (9, 3), (50, 4), (961, 16), (40, 31)])
def test_no_two_canaries_share_a_pair_of_items(count: int, length: int) -> None:
    canaries = design(count, length)
    pairs = [pair for held in canaries.histories.tolist() for pair in combinations(sorted(held), 2)]

    assert canaries.histories.shape == (count, length)
    assert all(len(set(held)) == length for held in canaries.histories.tolist())
    assert len(set(pairs)) == len(pairs)
    assert canaries.histories.max() < len(canaries.items)


def test_the_planted_hold_their_items_and_the_others_none_of_them(population: Interactions) -> None:
    canaries = design(9, 3)
    included = np.arange(9) % 2 == 0

    planted = plant(population, canaries, included)

    assert planted.subjects[600:] == tuple(f"canary-{number:06d}" for number in (0, 2, 4, 6, 8))
    assert (planted.matrix[:600, :40] != population.matrix).nnz == 0
    assert planted.matrix[:600, 40:].nnz == 0
    assert planted.matrix[600:, 40:].toarray().nonzero()[1].reshape(5, 3).tolist() == sorted_rows(
        canaries.histories[included]
    )


def sorted_rows(histories: np.ndarray) -> list[list[int]]:
    rows: list[list[int]] = np.sort(histories, axis=1).tolist()
    return rows


def test_scores_are_likelihood_ratios_as_the_claimed_noise_has_them(population: Interactions) -> None:
    """Were they not, e^score would not average 1 over the canaries that were out."""
    canaries, rng = design(961, 8), np.random.default_rng(3)
    mechanism = plan(1.0, DELTA, kept_at_least=2000, kept_at_most=2000, through_lens=False)
    out: list[np.ndarray] = []
    inside: list[np.ndarray] = []
    for _ in range(3):
        included = rng.random(961) < 0.5
        release = measure(plant(population, canaries, included), mechanism, noise=SeededNoise(rng), inputs_digest="0")
        scores = likelihood_ratios(release, canaries)
        out.append(scores[~included])
        inside.append(scores[included])

    assert np.exp(np.concatenate(out)).mean() == pytest.approx(1.0, abs=0.03)
    assert np.exp(-np.concatenate(inside)).mean() == pytest.approx(1.0, abs=0.03)
    # As informative as the claim allows, but for the diagonal and the others' coins.
    mu = (np.concatenate(inside).mean() - np.concatenate(out).mean()) ** 0.5
    assert 0.85 * mechanism.mu < mu < mechanism.mu


def test_half_of_the_guesses_go_to_each_end() -> None:
    scores = np.array([5.0, 1.0, 4.0, 2.0, 3.0])
    member = np.array([True, False, False, True, True])

    assert right_guesses(scores, member, 2) == 2
    assert right_guesses(scores, member, 3) == 2
    assert right_guesses(scores, ~member, 2) == 0
    assert right_guesses(scores, member, 1) == 1


def test_a_mechanism_with_further_signals_is_run_with_all_of_them(population: Interactions) -> None:
    """They are run, though not read: the counts and the Gram matrix keep the noise that they have beside them."""
    shares = (("trending", 0.1), ("time_slots", 0.1), ("transitions", 0.1), ("categories", 0.1))
    given: dict[str, Any] = {"mechanism": plan(EPSILON, DELTA, shares=shares), "canaries": 100, "guesses": 50}
    drawn: list[Release] = []

    def keeping(*interactions: Any, **settings: Any) -> Release:  # noqa: ANN401 - as measure
        drawn.append(measure(*interactions, **settings))
        return drawn[-1]

    report = _audit(population, 0, measure=keeping, **given)

    assert set(drawn[0].signals) == {"trending", "time_slots", "transitions", "categories"}
    assert report.mechanism.shares == shares
    assert not report.refuted


def test_names_that_clash_with_the_canaries_are_refused(population: Interactions) -> None:
    canaries = design(4, 2)
    clashing = replace(population, items=("canary-item-000000", *population.items[1:]))

    with pytest.raises(BadAttack, match="1 subjects or items are called like canaries"):
        plant(clashing, canaries, np.ones(4, dtype=bool))


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"guesses": 0}, "1 <= guesses"),
        ({"guesses": 4000}, "guesses <= canaries"),
        ({"canary_items": 1}, "two items each"),
    ],
)
def test_an_audit_that_could_show_nothing_is_refused(
    population: Interactions, given: dict[str, int], said: str
) -> None:
    with pytest.raises(BadAttack, match=said):
        _audit(population, 0, **given)


def test_a_measurement_that_drops_canary_items_cannot_be_audited(population: Interactions) -> None:
    def only_popular(interactions: Interactions, mechanism: Mechanism, **given: Callable[..., object]) -> Release:
        few = replace(mechanism, kept_at_least=10, kept_at_most=20)
        return measure(interactions, few, **given)  # type: ignore[arg-type]

    with pytest.raises(BadAttack, match="kept all but"):
        _audit(population, 0, measure=only_popular)
