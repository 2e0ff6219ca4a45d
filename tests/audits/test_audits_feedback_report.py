"""A loop beside baselines: what the recommender does is told from what the simulation does by itself."""

import numpy as np
import pytest
from scipy import sparse

from audits.categories import Attribute
from audits.errors import CorruptReport, InvalidConfig, InvalidTable
from audits.feedback import LoopSettings, Recommend, tastes
from audits.feedback_baselines import at_random, most_popular
from audits.feedback_page import render_feedback, sentences
from audits.feedback_report import MEASURES, FeedbackReport, audit_feedback

N, M, K = 200, 30, 6
KINDS = Attribute(name="kind", categories=("x", "y", "z"), shares=np.eye(3)[np.repeat(np.arange(3), 10)])
EIGHT = LoopSettings(rounds=4, seeds=tuple(range(1, 9)), choices=2)


def histories() -> sparse.csr_array:
    rng = np.random.default_rng(0)
    found = np.zeros((N, M))
    for u in range(N):
        appeal = np.where(KINDS.shares[:, u % 3] > 0, 2.0, 1.0)
        found[u, rng.choice(M, 6, replace=False, p=appeal / appeal.sum())] = 1.0
    return sparse.csr_array(found)


def by_kind(history: sparse.csr_array, rng: np.random.Generator) -> np.ndarray:
    """What is chosen more is shown more than in proportion."""
    mass = (history @ KINDS.shares + 0.1) ** 4
    return np.argsort(-(np.log(mass @ KINDS.shares.T) + rng.gumbel(size=history.shape)), axis=1)[:, :K]


def evenly(history: sparse.csr_array, rng: np.random.Generator) -> np.ndarray:
    keys = np.where(history.toarray() > 0, -1.0, rng.random(history.shape))
    return np.argsort(-keys, axis=1)[:, :K]


def audited(recommend: Recommend, settings: LoopSettings = EIGHT) -> FeedbackReport:
    return audit_feedback(
        histories(),
        recommend,
        name="ours",
        subjects_from="made up",
        attributes=(KINDS,),
        settings=settings,
        k=K,
    )


def beyond_random(report: FeedbackReport) -> dict[str, tuple[float | None, float | None]]:
    return {each.measure: (each.low, each.high) for each in report.excesses if each.baseline == "random lists"}


def test_an_eager_recommender_drifts_beyond_random_lists_and_an_even_one_does_not() -> None:
    eager, even = audited(by_kind), audited(evenly)
    found = beyond_random(eager)

    assert found["list_entropy"][1] is not None
    assert found["list_entropy"][1] < -0.1
    assert found["fragmentation"][0] is not None
    assert found["fragmentation"][0] > 0.02
    assert sentences(eager)[0].startswith("A bubble closes by kind, beyond what random lists do")
    # Not the same draws, and all intervals together: none leaves 0 out.
    assert all((low or 0.0) <= 0.0 <= (high or 0.0) for low, high in beyond_random(even).values())
    assert sentences(even)[0].startswith("No bubble was found by kind")


def test_drift_is_the_last_round_less_the_first_and_the_excess_that_of_both() -> None:
    report = audited(by_kind, LoopSettings(rounds=3, seeds=(1, 2)))
    place = {(each.recommender, each.measure): each for each in report.trajectories}
    ours, theirs = (place[name, "coverage"] for name in ("ours", "random lists"))
    (excess,) = [e for e in report.excesses if (e.measure, e.baseline) == ("coverage", "random lists")]
    rounds = [each.coverage for each in report.loops[0].rounds]

    assert ours.means == pytest.approx([(rounds[at] + rounds[at + 3]) / 2 for at in range(3)])
    assert (ours.lows[0], ours.highs[0]) == (min(rounds[0], rounds[3]), max(rounds[0], rounds[3]))
    assert ours.drift == pytest.approx(ours.means[-1] - ours.means[0])
    assert excess.excess == pytest.approx(ours.drift - theirs.drift)
    # Two seeds: mean ± t(1 degree of freedom) times half their difference; 30 figures share 5 %.
    drifts = (rounds[2] - rounds[0], rounds[5] - rounds[3])
    half = np.tan(np.pi / 2 * (1 - 0.05 / 30)) * abs(drifts[0] - drifts[1]) / 2
    assert ours.drift_high == pytest.approx(ours.drift + half)


def test_one_seed_has_no_interval_and_says_so() -> None:
    report = audited(by_kind, LoopSettings(rounds=2, seeds=(1,)))

    assert {each.drift_low for each in report.trajectories} == {None}
    assert sentences(report)[0] == (
        "Whether a bubble closes by kind, beyond what random lists do, one seed does not tell from chance."
    )
    assert "no interval" in render_feedback(report, title="Loop")


def test_equal_arguments_give_equal_bytes_and_one_encoding() -> None:
    short = LoopSettings(rounds=2, seeds=(1, 2))
    report = audited(by_kind, short)

    assert audited(by_kind, short).to_json() == report.to_json()
    assert FeedbackReport.from_json(report.to_json()) == report
    with pytest.raises(CorruptReport):
        FeedbackReport.from_json(report.to_json().replace(b'"level":0.95', b'"level":0.950'))


def test_progress_counts_the_rounds_of_all_recommenders() -> None:
    told: list[tuple[int, int]] = []
    audit_feedback(
        histories(),
        by_kind,
        name="ours",
        subjects_from="made up",
        attributes=(KINDS,),
        settings=LoopSettings(rounds=2, seeds=(1, 2)),
        k=K,
        progress=lambda done, of: told.append((done, of)),
    )

    assert told == [(done, 12) for done in range(1, 13)]


def test_baselines_show_what_the_history_lacks() -> None:
    history = sparse.csr_array(np.array([[1.0, 1, 0, 0], [1, 0, 1, 0], [0, 0, 0, 0], [1, 1, 1, 1]]))
    rng = np.random.default_rng(1)

    # Chosen three, two, two times and once; of equals the first, and -1 where nothing is left.
    assert most_popular(3)(history, rng).tolist() == [[2, 3, -1], [1, 3, -1], [0, 1, 2], [-1, -1, -1]]
    drawn = at_random(9)(history, rng)
    assert [set(row) - {-1} for row in drawn.tolist()] == [{2, 3}, {1, 3}, {0, 1, 2, 3}, set()]


def test_random_lists_show_every_unseen_item_alike() -> None:
    history = sparse.csr_array(np.tile([1.0, 0, 0, 0, 0], (4000, 1)))
    shown = at_random(2)(history, np.random.default_rng(3))
    first = np.bincount(shown[:, 0], minlength=5) / 4000

    # A quarter each, standard error 0.7 points; most popular would show one of them first to everybody.
    assert first[0] == 0.0
    assert first[1:] == pytest.approx([0.25] * 4, abs=0.03)


def test_taste_by_several_attributes_is_the_mean_of_each() -> None:
    other = Attribute(name="origin", categories=("here", "there"), shares=np.eye(2)[np.arange(M) % 2])
    history = sparse.csr_array((np.ones(2), ([0, 0], [0, 1])), shape=(1, M))

    # The first two items are of kind x, one from here and one from there: match 1 and 1/2, or 0 and 1/2.
    assert tastes(history, [KINDS, other])(np.array([[0, 1, 10]])) == pytest.approx(np.array([[0.75, 0.75, 0.25]]))
    with pytest.raises(InvalidConfig, match="at least one attribute"):
        tastes(history, [])


def test_lists_of_several_lengths_are_refused() -> None:
    with pytest.raises(InvalidTable, match="rows of several lengths"):
        audited(lambda *_: [[1, 2], [1]])  # type: ignore[arg-type,return-value]


def test_the_page_has_a_picture_of_every_figure_and_no_script() -> None:
    report = audited(by_kind, LoopSettings(rounds=3, seeds=(1, 2)))
    page = render_feedback(report, title="<Loop>")

    assert page.count("<svg") == len(MEASURES)
    assert "&lt;Loop&gt;" in page
    assert not any(word in page for word in ("<script", "http://", "https://", "<link"))
    assert page == render_feedback(report, title="<Loop>")
