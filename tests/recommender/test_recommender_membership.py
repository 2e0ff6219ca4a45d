"""Membership inference: near guessing against the private models, plainly above it against one that memorises."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import mannwhitneyu

from recommender.accounting import no_guarantee
from recommender.attacks.membership import (
    Candidates,
    candidates,
    hidden_ranks,
    infer_membership,
    list_scores,
    rank_scores,
)
from recommender.attacks.separation import MembershipReport, area_under_curve, compare, largest_area
from recommender.errors import BadAttack
from recommender.interactions import Interactions, ones
from recommender.linear_model import LinearModel
from recommender.measurement import measure
from recommender.mechanism import plan
from recommender.models import MODELS
from recommender.models.kind import ModelKind
from recommender.release import Release
from recommender.serving import Recommender
from tests.recommender.seeded import SeededNoise

ITEMS, SUBJECTS = 300, 400
PLAIN = tuple(kind for kind in MODELS if not kind.needs)
"""Models that follow from counts and Gram matrix alone."""


@pytest.fixture(scope="module")
def crowd() -> Interactions:
    """Subjects drawn alike; half of each history is random, so that there is something to memorise."""
    rng = np.random.default_rng(11)
    popular = 1 / np.arange(1, ITEMS + 1)
    rows, columns = [], []
    for subject in range(SUBJECTS):
        length = int(rng.integers(6, 24))
        held = {*rng.choice(ITEMS, length, p=popular / popular.sum()), *rng.choice(ITEMS, length)}
        rows += [subject] * len(held)
        columns += sorted(held)
    matrix = ones(np.array(rows), np.array(columns), (SUBJECTS, ITEMS))
    return Interactions(tuple(f"s{n}" for n in range(SUBJECTS)), tuple(f"i{n}" for n in range(ITEMS)), matrix)


@pytest.fixture(scope="module")
def sides(crowd: Interactions) -> tuple[Interactions, Candidates, Candidates]:
    """The members' histories, and both sides as an attacker sees them."""
    members, others = crowd.rows(np.arange(SUBJECTS // 2)), crowd.rows(np.arange(SUBJECTS // 2, SUBJECTS))
    rng = np.random.default_rng(2)
    return members, candidates(members, rng=rng), candidates(others, rng=rng)


def _memorising(members: Interactions) -> Recommender:
    """Predicts with the nearest of its few members: scores of x are x XᵀX with every history at norm 1, squared."""
    histories = members.matrix.toarray().astype(np.float64)
    histories /= np.linalg.norm(histories, axis=1, keepdims=True)
    projection = np.linalg.pinv(histories) @ histories  # EASE's limit as its ridge goes to nothing
    model = LinearModel(
        kind="memorising",
        items=members.items,
        weights=projection.astype(np.float32),
        popularity=histories.sum(axis=0),
        history_weights=np.ones(ITEMS),
        release_digest="0" * 64,
        guarantee=no_guarantee("none"),
    )
    return Recommender(model)


def _attacked(
    recommender: Recommender, sides: tuple[Interactions, Candidates, Candidates], reference: Recommender | None = None
) -> dict[str, MembershipReport]:
    _, members, others = sides
    found = infer_membership(recommender, members, others, rng=np.random.default_rng(0), reference=reference)
    return {report.attack: report for report in found}


def test_a_model_that_memorises_gives_its_members_away(sides: tuple[Interactions, Candidates, Candidates]) -> None:
    model = _memorising(sides[0])
    popularity = Recommender(replace(model.model, weights=None))

    found = _attacked(model, sides, popularity)

    assert set(found) == {"served lists", "ranks of all titles", "ranks against a reference"}
    for report in found.values():
        assert report.found
        assert report.area.value is not None
        assert report.area.value > 0.8
        assert report.area.low is not None
        assert report.area.low > 0.7
        assert report.rates[0].value is not None
        assert report.rates[0].value > 0.1


def _private(members: Interactions, epsilon: float) -> Release:
    mechanism = plan(epsilon, 1e-5, kept_at_least=100, kept_at_most=100)
    return measure(members, mechanism, noise=SeededNoise(np.random.default_rng(1)))


@pytest.fixture(scope="module")
def private(sides: tuple[Interactions, Candidates, Candidates]) -> dict[float, Release]:
    return {epsilon: _private(sides[0], epsilon) for epsilon in (1.0, 5.0)}


@pytest.mark.parametrize("kind", PLAIN, ids=lambda kind: kind.slug)
def test_the_private_models_do_not_at_a_small_epsilon(
    kind: ModelKind, private: dict[float, Release], sides: tuple[Interactions, Candidates, Candidates]
) -> None:
    for report in _attacked(Recommender(kind.fit(private[1.0])), sides).values():
        assert report.area.value == pytest.approx(0.5, abs=0.1)  # chance alone moves it by 0.06 among so few
        assert not report.found


@pytest.mark.parametrize("kind", PLAIN, ids=lambda kind: kind.slug)
def test_at_a_large_epsilon_they_give_away_no_more_than_their_guarantee_allows(
    kind: ModelKind, private: dict[float, Release], sides: tuple[Interactions, Candidates, Candidates]
) -> None:
    ceiling = largest_area(private[5.0].mechanism.mu)

    for report in _attacked(Recommender(kind.fit(private[5.0])), sides).values():
        assert report.area.value is not None
        assert report.area.value < ceiling


def test_the_ceiling_is_what_telling_two_normal_laws_apart_allows() -> None:
    assert largest_area(0.0) == 0.5
    assert largest_area(1.0) == pytest.approx(0.8413, abs=1e-4)
    assert largest_area(0.27) == pytest.approx(0.6064, abs=1e-4)


def test_ranks_are_those_of_the_served_list(sides: tuple[Interactions, Candidates, Candidates]) -> None:
    recommender, side = _memorising(sides[0]), sides[2]
    served = recommender.recommend(side.shown, 20).to_pandas()

    rows, ranks = hidden_ranks(recommender, side)
    hidden = side.hidden.matrix.tocoo()
    place = {
        (side.shown.subjects[row], side.hidden.items[column]): rank
        for row, column, rank in zip(hidden.row, hidden.col, ranks, strict=True)
    }

    assert (rows == hidden.row).all()
    listed = served[[(s, i) in place for s, i in zip(served.subject, served["item"], strict=True)]]
    assert len(listed) > 50
    assert all(place[s, i] == r for s, i, r in zip(listed.subject, listed["item"], listed["rank"], strict=True))


def test_scores_of_a_hand_made_model() -> None:
    """Titles a, b, c, d in that order for everybody; a is shown, b and d are hidden: ranks 1 and 3 of three."""
    axes = ("s",), ("a", "b", "c", "d", "e")
    shown = Interactions(*axes, ones(np.array([0]), np.array([0]), (1, 5)))
    hidden = Interactions(*axes, ones(np.array([0, 0, 0]), np.array([1, 3, 4]), (1, 5)))
    model = LinearModel(
        kind="popularity", items=("a", "b", "c", "d"), weights=None, popularity=np.array([4.0, 3, 2, 1]),
        history_weights=np.ones(4), release_digest="0" * 64, guarantee=no_guarantee("none"),
    )  # fmt: skip
    side = Candidates(shown, hidden)

    assert hidden_ranks(Recommender(model), side)[1].tolist() == [1, 3]
    assert rank_scores(Recommender(model), side) == pytest.approx([-np.log(3) / 2])
    assert list_scores(Recommender(model), side, 2) == pytest.approx([1 / (1 + 1 / np.log2(3))])
    assert list_scores(Recommender(model), side, 3) == pytest.approx([1.5 / (1 + 1 / np.log2(3))])


def test_the_area_is_mann_and_whitneys() -> None:
    rng = np.random.default_rng(1)
    inside, outside = rng.integers(0, 9, 50) + 1.0, rng.integers(0, 9, 70).astype(float)

    assert area_under_curve(np.array([3.0, 1.0]), np.array([2.0, 1.0])) == pytest.approx(0.625)
    assert area_under_curve(inside, outside) == pytest.approx(mannwhitneyu(inside, outside).statistic / 3500)


def _compared(inside: np.ndarray, outside: np.ndarray, confidence: float = 0.95) -> MembershipReport:
    lengths = (np.arange(len(inside)), np.arange(len(outside)))
    return compare("by hand", inside, outside, lengths, rng=np.random.default_rng(0), confidence=confidence)


def test_the_interval_holds_the_true_area_and_excludes_a_wrong_one() -> None:
    rng = np.random.default_rng(4)
    report = _compared(rng.normal(1, 1, 300), rng.normal(0, 1, 300), confidence=0.99)  # Φ(1/√2) = 0.760

    assert report.area.low is not None
    assert report.area.high is not None
    assert 0.68 < report.area.low < 0.760 < report.area.high < 0.86
    assert report.found


def test_hits_are_counted_at_no_more_false_alarms_than_said() -> None:
    outside = np.arange(1000.0)
    inside = np.array([*range(30), 988.5, 989.5, 990.5, 2000.0, *range(66)], dtype=float)

    percent, thousandth = _compared(inside, outside).rates

    assert (percent.false_alarms, percent.value) == (0.01, 0.03)  # ten of the others lie above 989
    assert (thousandth.false_alarms, thousandth.value) == (0.001, 0.01)  # one lies above 998
    assert percent.low == pytest.approx(0.00623, abs=1e-5)  # Clopper-Pearson for 3 of 100
    assert percent.high == pytest.approx(0.08518, abs=1e-5)


def test_what_cannot_be_told_of_so_few_is_left_open() -> None:
    report = _compared(np.arange(30.0), np.arange(30.0))

    assert [rate.value for rate in report.rates] == [None, None]
    assert report.area.value == 0.5
    assert [tier.of for tier in report.tiers] == ["light", "medium", "heavy"]
    assert [(tier.members, tier.others, tier.value) for tier in report.tiers] == [(10, 10, None)] * 3
    assert report.as_dict()["found"] is False


def test_tiers_are_compared_among_themselves() -> None:
    """Long histories alone are given away."""
    lengths = np.repeat([5, 10, 20], 40)
    rng = np.random.default_rng(9)
    inside, outside = rng.normal(size=120) + 3 * (lengths == 20), rng.normal(size=120)

    tiers = {t.of: t.value for t in compare("x", inside, outside, (lengths, lengths), rng=rng).tiers}

    assert tiers["heavy"] is not None
    assert tiers["heavy"] > 0.9
    assert tiers["light"] == pytest.approx(0.5, abs=0.15)
    assert tiers["medium"] == pytest.approx(0.5, abs=0.15)


def test_an_attack_on_nobody_is_refused() -> None:
    with pytest.raises(BadAttack, match="0 and 30 have a score"):
        _compared(np.full(30, np.nan), np.arange(30.0))
