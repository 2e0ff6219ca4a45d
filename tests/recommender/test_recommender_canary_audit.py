"""The audit by canaries: it lets the real mechanism pass and finds sabotaged ones, in whichever sum it is."""

from collections.abc import Callable
from dataclasses import replace
from itertools import combinations
from typing import Any

import numpy as np
import pytest
from scipy.sparse import csr_matrix

import recommender.exact_sums
import recommender.measurement
from recommender.attacks.attack_report import AttackReport
from recommender.attacks.canaries import AS_OF, design, plant
from recommender.attacks.canary_audit import audit_mechanism, right_guesses
from recommender.attacks.likelihood import contributions, guessed_coins, reading
from recommender.attacks.power import best_guesses
from recommender.errors import BadAttack
from recommender.exact_sums import basis_of, rule_for
from recommender.interactions import Interactions
from recommender.measurement import measure
from recommender.mechanism import Mechanism, plan
from recommender.noise import NoiseSource
from recommender.release import Release, Signal
from recommender.signals import transitions
from tests.recommender.seeded import SeededNoise

CANARIES = 800
EPSILON, DELTA = 3.0, 1e-6
SIGNALS = (("trending", 0.1), ("time_slots", 0.1), ("transitions", 0.1), ("categories", 0.1))
THROUGH_A_LENS, PLAIN = plan(EPSILON, DELTA), plan(EPSILON, DELTA, through_lens=False)
WITH_SIGNALS = plan(EPSILON, DELTA, shares=SIGNALS, through_lens=False)


def _audit(population: Interactions, mechanism: Mechanism, seed: int, **given: Any) -> AttackReport:  # noqa: ANN401 - the audit's arguments
    settings: dict[str, Any] = {
        "canaries": CANARIES,
        "guesses": best_guesses(mechanism.mu, canaries=given.get("canaries", CANARIES)).guesses,
        "rng": np.random.default_rng(seed),
        "noise": SeededNoise(np.random.default_rng(seed + 1000)),
    }
    return audit_mechanism(population, mechanism, **settings | given)


@pytest.mark.parametrize("mechanism", [THROUGH_A_LENS, PLAIN, WITH_SIGNALS])
def test_the_real_mechanism_is_bounded_below_its_epsilon(population: Interactions, mechanism: Mechanism) -> None:
    report = _audit(population, mechanism, 0)

    assert report.verdict == "not refuted"
    assert report.lower_bound < EPSILON
    # It does find something: an attack that never guesses right would pass every mechanism.
    assert report.epsilon_lower_by_sums > 1.2
    assert report.gaussian_epsilon_lower > 0.8
    assert report.epsilon_lower > 0.4
    assert report.chance > 0.99


@pytest.mark.parametrize("mechanism", [THROUGH_A_LENS, PLAIN])
def test_half_the_noise_is_caught(population: Interactions, mechanism: Mechanism) -> None:
    report = _audit(population, mechanism, 0, noise=SeededNoise(np.random.default_rng(0), divided=2))

    assert report.verdict == "refuted"
    assert report.lower_bound > EPSILON


@pytest.mark.parametrize("mechanism", [THROUGH_A_LENS, PLAIN])
def test_a_subject_that_is_counted_twice_is_caught(population: Interactions, mechanism: Mechanism) -> None:
    def twice(interactions: Interactions, mechanism: Mechanism, **given: Any) -> Release:  # noqa: ANN401 - as measure
        count = len(interactions.subjects)
        doubled = interactions.rows(np.arange(count))
        again = tuple(f"{subject}, again" for subject in interactions.subjects)
        assert interactions.times is not None
        doubled = Interactions(
            interactions.subjects + again,
            interactions.items,
            csr_matrix(interactions.matrix[np.tile(np.arange(count), 2)]),
            np.tile(interactions.times, 2),
        )
        return measure(doubled, mechanism, **given)

    assert _audit(population, mechanism, 0, measure=twice).refuted


def test_histories_that_are_not_scaled_to_norm_one_are_caught(
    population: Interactions, monkeypatch: pytest.MonkeyPatch
) -> None:
    def as_they_are(matrix: csr_matrix, weights: np.ndarray, *, bits: int, importance: object) -> csr_matrix:
        del importance
        values = np.floor(weights[matrix.indices] * 2**bits).astype(np.int64)
        return csr_matrix((values, matrix.indices, matrix.indptr), shape=matrix.shape)

    monkeypatch.setattr(recommender.exact_sums, "unit_rows", as_they_are)

    report = _audit(population, PLAIN, 0, guesses=150)

    assert report.refuted
    assert report.epsilon_lower > EPSILON  # so plainly that no assumption about the mechanism is needed


def test_coordinates_that_a_lens_does_not_scale_to_norm_one_are_caught(
    population: Interactions, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = recommender.exact_sums.seen_rows

    def twice_as_long(rows: csr_matrix, lens: np.ndarray, *, bits: int) -> csr_matrix:
        return csr_matrix(2 * real(rows, lens, bits=bits))

    monkeypatch.setattr(recommender.exact_sums, "seen_rows", twice_as_long)

    report = _audit(population, THROUGH_A_LENS, 0, guesses=150)

    assert report.refuted
    assert report.epsilon_lower > EPSILON


def test_a_chain_of_transitions_that_is_not_divided_by_its_length_is_caught_in_them_alone(
    population: Interactions, monkeypatch: pytest.MonkeyPatch
) -> None:
    def each_step_once(matrix: csr_matrix) -> csr_matrix:
        return csr_matrix((np.full_like(matrix.data, 2**32), matrix.indices, matrix.indptr), shape=matrix.shape)

    monkeypatch.setattr(transitions, "count_rows", each_step_once)
    monkeypatch.setattr(recommender.exact_sums, "verify_bounded", lambda *_: None)

    report = _audit(population, WITH_SIGNALS, 0)

    assert report.refuted
    assert report.lower_bound == report.epsilon_lower_by_sums > EPSILON
    assert [part.name for part in report.sums if part.refuted] == ["transitions"]
    assert "the signal transitions show a mu of at least" in report.sentence


def test_one_signal_with_half_of_its_noise_is_caught_in_it_alone(
    population: Interactions, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = recommender.measurement._noisy_signal

    def quieter(slug: str, exact: np.ndarray, mechanism: Mechanism, noise: SeededNoise) -> Signal:
        return real(slug, exact, mechanism, replace(noise, divided=2))

    monkeypatch.setattr(recommender.measurement, "_noisy_signal", quieter)

    mechanism = plan(EPSILON, DELTA, shares=(("categories", 0.4),), through_lens=False)

    report = _audit(population, mechanism, 0)

    assert report.refuted
    assert [part.name for part in report.sums if part.refuted] == ["categories"]


def test_counts_that_are_not_divided_by_the_length_of_the_history_are_caught(
    population: Interactions, monkeypatch: pytest.MonkeyPatch
) -> None:
    def each_title_once(matrix: csr_matrix, *, engine: object = None) -> np.ndarray:
        del engine
        return np.bincount(matrix.indices, minlength=matrix.shape[1]) << 32

    mechanism = plan(EPSILON, DELTA, counts_share=0.9)
    few = {"canaries": 100, "guesses": 50}

    assert not _audit(population, mechanism, 0, **few).refuted

    monkeypatch.setattr(recommender.measurement, "exact_counts", each_title_once)

    assert _audit(population, mechanism, 0, **few).refuted


def test_without_any_noise_the_attacker_is_always_right(population: Interactions, silence: NoiseSource) -> None:
    report = _audit(population, THROUGH_A_LENS, 0, canaries=200, guesses=100, noise=silence)

    assert report.correct == report.guesses
    assert report.refuted


def test_the_mechanism_is_run_as_it_is_planned_and_the_report_says_what_was_read(population: Interactions) -> None:
    mechanism = plan(EPSILON, DELTA, shares=(("trending", 0.05), ("transitions", 0.1)))
    ran: list[Release] = []

    def keeping(*interactions: Any, **settings: Any) -> Release:  # noqa: ANN401 - as measure
        ran.append(measure(*interactions, **settings))
        return ran[-1]

    report = _audit(population, mechanism, 0, canaries=500, guesses=100, measure=keeping)
    told = report.as_dict()

    assert (report.canaries, report.guesses, report.subjects) == (500, 100, 600)
    assert (report.canary_items, report.items) == (16, 40 + 16 * 17)
    assert abs(report.included - 250) < 60
    assert ran[0].lens is not None
    assert ran[0].mechanism == report.mechanism == mechanism
    assert told["mechanism"]["epsilon"] == told["epsilon"] == 3.0
    assert (told["verdict"], told["confidence"]) == ("not refuted", 0.95)
    directions = ran[0].lens.shape[1]
    assert told["attacked"] == [
        "counts",
        f"pairs of titles through a lens of {directions} directions",
        "the signal trending",
        "the signal transitions",
    ]
    assert "500 canary subjects" in report.sentence
    assert (
        "3 is claimed and not refuted. Attacked, together and each alone: counts, pairs of titles through a lens of"
        in report.sentence
    )


@pytest.mark.parametrize(("count", "length", "most"), [(1, 2, 1), (9, 3, 1), (27, 3, 2), (289, 16, 1), (900, 16, 2)])
def test_canaries_share_few_items(count: int, length: int, most: int) -> None:
    canaries = design(count, length)
    held = [set(each) for each in canaries.histories.tolist()]

    assert canaries.histories.shape == (count, length)
    assert all(len(each) == length for each in held)
    assert max((len(one & other) for one, other in combinations(held, 2)), default=0) <= most
    assert canaries.histories.max() < len(canaries.items)


def test_the_planted_hold_their_items_and_the_others_none_of_them(population: Interactions) -> None:
    canaries = design(9, 3, supporters=2)
    included = np.arange(9) % 2 == 0

    planted = plant(population, canaries, included)

    assert planted.subjects[606:] == tuple(f"canary-{number:06d}" for number in (0, 2, 4, 6, 8))
    assert (planted.matrix[:600, :40] != population.matrix).nnz == 0
    assert planted.matrix[:600, 40:].nnz == 0
    assert planted.matrix[600:606, 40:].toarray().tolist() == 2 * np.kron(np.eye(3), np.ones(3)).astype(int).tolist()
    assert planted.matrix[606:, 40:].toarray().nonzero()[1].reshape(5, 3).tolist() == sorted_rows(
        canaries.histories[included]
    )
    assert planted.times is not None
    assert planted.times[-3:].tolist() == [AS_OF, AS_OF - 1, AS_OF - 2]


def sorted_rows(histories: np.ndarray) -> list[list[int]]:
    rows: list[list[int]] = np.sort(histories, axis=1).tolist()
    return rows


def test_a_guess_is_by_how_much_it_is_likelier_that_a_canary_was_in(population: Interactions) -> None:
    """Of those with a guess of x a share of ½ + x was in, if the noise is as claimed; with less of it, more."""
    assert _slope(population, THROUGH_A_LENS, divided=1) == pytest.approx(1.0, abs=0.2)
    assert _slope(population, WITH_SIGNALS, divided=1) == pytest.approx(1.0, abs=0.2)
    assert _slope(population, THROUGH_A_LENS, divided=2) > 2.0


def _slope(population: Interactions, mechanism: Mechanism, divided: int) -> float:
    """Of coins over guesses."""
    rng = np.random.default_rng(3)
    canaries, included = design(1000, 12, supporters=50, rng=rng), rng.random(1000) < 0.5
    everybody = plant(population, canaries, np.ones(1000, dtype=bool))
    chosen, first = np.concatenate([np.ones(600 + 600, bool), included]), 600 + 600
    features = canaries.features(everybody.items)
    release = measure(
        everybody.rows(chosen),
        mechanism,
        noise=SeededNoise(rng, divided),
        as_of=AS_OF,
        features=features,
        inputs_digest="0",
    )
    rule = rule_for(everybody, mechanism, as_of=AS_OF, features=features)
    rows = np.arange(len(everybody.subjects))
    seen = reading(release, everybody.rows(rows[first:]), everybody.rows(rows[:first]), rule)
    guesses = guessed_coins(seen, tuple(seen.sums))
    return float(np.cov(included, guesses)[0, 1] / guesses.var())


def test_what_canaries_add_is_what_a_measurement_adds_up(population: Interactions, silence: NoiseSource) -> None:
    mechanism = plan(EPSILON, DELTA, shares=SIGNALS)
    canaries = design(50, 5, supporters=30, rng=np.random.default_rng(0))
    everybody = plant(population, canaries, np.ones(50, dtype=bool))
    given: dict[str, Any] = {"as_of": AS_OF, "features": canaries.features(everybody.items)}

    release = measure(everybody, mechanism, noise=silence, **given)
    rows = contributions(everybody, basis_of(release), rule_for(everybody, mechanism, **given))

    assert release.lens is not None
    assert np.allclose(np.asarray(rows["counts"].sum(axis=0)).ravel(), release.counts)
    assert np.allclose(rows["gram"].T @ rows["gram"], release.gram)
    for slug in ("trending", "time_slots", "transitions"):
        assert np.allclose(np.asarray(rows[slug].sum(axis=0)).ravel(), release.signals[slug].values.ravel())
    assert np.allclose((rows["categories"].T @ rows["categories"]).todense(), release.signals["categories"].values)


def test_half_of_the_guesses_go_to_each_end() -> None:
    scores = np.array([5.0, 1.0, 4.0, 2.0, 3.0])
    member = np.array([True, False, False, True, True])

    assert right_guesses(scores, member, 2) == 2
    assert right_guesses(scores, member, 3) == 2
    assert right_guesses(scores, ~member, 2) == 0
    assert right_guesses(scores, member, 1) == 1


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
        _audit(population, PLAIN, 0, **given)


def test_a_measurement_that_drops_all_canary_items_cannot_be_audited(population: Interactions) -> None:
    def only_the_others(interactions: Interactions, mechanism: Mechanism, **given: Callable[..., object]) -> Release:
        return measure(interactions.on_items(population.items), mechanism, **given)  # type: ignore[arg-type]

    with pytest.raises(BadAttack, match="kept none of the canary items"):
        _audit(population, PLAIN, 0, canaries=50, guesses=10, measure=only_the_others)


def test_a_mechanism_that_keeps_few_titles_is_attacked_with_short_histories(population: Interactions) -> None:
    report = _audit(population, plan(EPSILON, DELTA, kept_at_most=30), 0, canaries=200, guesses=50)

    assert report.canary_items == 3  # 3 groups of 3 titles: of 4 there would be 20, more than half of what is kept
    assert not report.refuted
