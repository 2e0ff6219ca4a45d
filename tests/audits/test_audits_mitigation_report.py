"""The report of a mitigation: on others than the prices were fitted on, with who pays told apart from chance."""

import json
from dataclasses import replace
from functools import lru_cache
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from numpy.typing import NDArray

from audits.bootstrap import Resampling
from audits.errors import CorruptReport, InvalidConfig, InvalidTable, UnknownItem
from audits.mitigation.held_out import HeldOut, activity_tiers
from audits.mitigation.page import render_mitigation
from audits.mitigation.price_report import report_on
from audits.mitigation.prices import PriceFit, fit_prices
from audits.mitigation.report import MitigationReport
from audits.mitigation.words import price_in_words, sentences
from audits.scores import score_matrix

Floats = NDArray[np.float64]
NAMES = (("genre", "drama"), ("genre", "documentary"))
W = 1.0 / np.log2(np.arange(2, 7))
RESAMPLING = Resampling(replicates=300, seed=4, min_subjects=10)
GROUPS = np.repeat(np.eye(2), [40, 10], axis=0)


def drawn(rng: np.random.Generator, n: int, *, keen: float = 0.0) -> Floats:
    """Scores of n subjects, of whom every other one minds documentaries by ``keen`` more."""
    scores = rng.uniform(size=(n, 50)) - 0.3 * GROUPS[:, 1]
    scores[1::2] -= keen * GROUPS[:, 1]
    return scores + 0.5 + keen


@lru_cache
def fitted(keen: float = 0.0) -> PriceFit:
    lower = np.array([0.0, 0.18])
    return fit_prices(drawn(np.random.default_rng(1), 3000, keen=keen), GROUPS, NAMES, W, lower, np.ones(2))


def reported(*, keen: float = 0.0, n: int = 400, **changes: Any) -> MitigationReport:  # noqa: ANN401 - parts of HeldOut
    scores = drawn(np.random.default_rng(2), n, keen=keen)
    parts: dict[str, Any] = {
        "subjects": tuple(f"s{number}" for number in range(n)),
        "scores": scores,
        "groups": {"mood": ["calm", "cross"] * (n // 2)},
    }
    held_out = HeldOut(**(parts | changes))
    return report_on(fitted(keen), GROUPS, np.array([0.8, 0.2]), W, held_out, resampling=RESAMPLING)


def test_what_is_kept_and_shown_is_what_lists_made_by_hand_say() -> None:
    report = reported()
    scores, prices = drawn(np.random.default_rng(2), 400), GROUPS @ np.array(fitted().prices)
    before, after = (np.argsort(-priced, axis=1)[:, :5] for priced in (scores, scores + prices))
    worth = [(np.take_along_axis(scores, lists, axis=1) @ W).mean() / W.sum() for lists in (before, after)]
    shown = [(np.isin(lists, np.arange(40, 50)) @ W).mean() / W.sum() for lists in (before, after)]
    everyone, documentary = report.utility[0], report.exposure[1]

    assert everyone.n == report.subjects == 400
    assert (everyone.before, everyone.after) == pytest.approx(worth)
    assert everyone.kept == pytest.approx(worth[1] / worth[0])
    assert (documentary.before, documentary.after) == pytest.approx(shown)
    assert documentary.before < 0.1 < documentary.after
    assert report.ratios == ()  # one limited category has none to be compared with


def test_intervals_of_held_out_subjects_reach_the_limit_that_was_aimed_at() -> None:
    documentary = reported().exposure[1]

    assert documentary.low is not None
    assert documentary.high is not None
    assert documentary.low < 0.18 < documentary.high
    assert documentary.high - documentary.low < 0.06


def test_the_group_that_pays_is_named_and_without_a_difference_none_is() -> None:
    keen, fair = reported(keen=0.25), reported()
    calm, cross = keen.utility[1:3]

    assert (calm.group, cross.group) == ("calm", "cross")
    assert calm.against_others_high is not None
    assert calm.against_others_high < 0 < (cross.against_others_low or 0.0)
    assert any(sentence.startswith("mood = calm pays more than others") for sentence in sentences(keen))
    assert "No group of subjects surely pays more than the others." in sentences(fair)


def test_where_nobody_was_compared_nobody_is_said_to_pay_no_more() -> None:
    said = sentences(reported(groups={}))

    assert "No groups of subjects were compared." in said
    assert not any("pays more" in sentence for sentence in said)


def test_a_fit_that_did_not_converge_is_said_to_be_none() -> None:
    report = reported()
    stopped = replace(report, certificate=replace(report.certificate, converged=False))

    words = "The fit did not converge: no mixture of lists within the limits was found that reaches this bound."
    assert (words in sentences(report), words in sentences(stopped)) == (False, True)


def test_titles_without_a_label_are_not_compared_with_a_category() -> None:
    lower, scores = np.array([0.1, 0.18]), drawn(np.random.default_rng(1), 300)
    ratios = []
    for last in ("documentary", "unknown"):
        fit = fit_prices(scores, GROUPS, (("genre", "drama"), ("genre", last)), W, lower, np.ones(2))
        held_out = HeldOut(subjects=tuple(map(str, range(100))), scores=drawn(np.random.default_rng(2), 100))
        report = report_on(fit, GROUPS, np.array([0.8, 0.2]), W, held_out, resampling=RESAMPLING)
        ratios.append([each.attribute for each in report.ratios])

    assert ratios == [["genre"], []]


def test_fair_prices_are_rarely_said_to_burden_a_group() -> None:
    # Groups at random over 60 populations: joint intervals may err in 1 of 20, so 3 expected and more than 9 unlikely.
    fit, wrong = fitted(), 0
    for seed in range(60):
        rng = np.random.default_rng(1000 + seed)
        held_out = HeldOut(
            subjects=tuple(map(str, range(120))),
            scores=drawn(rng, 120),
            groups={"coin": [("a", "b", "c")[int(side)] for side in rng.integers(0, 3, 120)]},
        )
        report = report_on(
            fit, GROUPS, np.array([0.8, 0.2]), W, held_out, resampling=replace(RESAMPLING, replicates=200)
        )
        wrong += any((row.against_others_high or 0.0) < 0 for row in report.utility)

    assert wrong <= 9


def test_ranking_quality_is_that_of_the_audit_where_choices_are_known() -> None:
    # Targets {a, b}, list (c, a, ...): 0.6309 / 1.6309 = 0.3869, as the metric's own example.
    scores = np.tile([0.8, 0.0, 0.9, 0.2, 0.3] + [0.1] * 45, (20, 1))
    targets = np.zeros((20, 50), dtype=bool)
    targets[:, :2] = True
    rows = [row for row in reported(n=20, scores=scores, targets=targets).utility if row.measure == "ndcg"]

    assert rows[0].before == pytest.approx(0.3869, abs=5e-5)


def test_nobody_on_whom_prices_were_fitted_is_measured() -> None:
    with pytest.raises(InvalidConfig, match=r"not fitted on \(2 of them were\)"):
        reported(fitted_on=("s3", "s77", "t1"))


def test_small_groups_get_no_figures() -> None:
    report = reported(groups={"age": ["old"] * 9 + ["young"] * 391})
    old = next(row for row in report.utility if row.group == "old")

    assert (old.n, old.kept, old.before, old.low, old.against_others) == (9, None, None, None, None)


def test_a_group_that_had_nothing_keeps_no_part_of_it() -> None:
    scores = drawn(np.random.default_rng(2), 400)
    scores[1::2] = 0.0
    everyone, calm, cross = reported(scores=scores).utility

    assert everyone.kept is not None
    assert calm.kept is not None
    assert (cross.n, cross.kept, cross.after, cross.against_others) == (200, None, None, None)


def test_a_subject_for_whom_no_whole_list_is_left_is_refused() -> None:
    excluded = np.zeros((400, 50), dtype=bool)
    excluded[7, :46] = True
    with pytest.raises(InvalidConfig, match="5 items left for every subject"):
        reported(excluded=excluded)


def test_a_report_has_one_encoding_and_one_page(tmp_path: Any) -> None:  # noqa: ANN401, ARG001 - a path
    report = reported(groups={"<b>mood</b>": ["calm", "cross"] * 200})
    page = render_mitigation(report, title="Prices <1>")

    assert (
        MitigationReport.from_json(report.to_json())
        == report
        == reported(groups={"<b>mood</b>": ["calm", "cross"] * 200})
    )
    assert page == render_mitigation(report, title="Prices <1>")
    assert "<b>" not in page
    assert "Prices &lt;1&gt;" in page
    assert "http" not in page
    assert page.count("<circle") == 4


def test_a_report_on_prices_has_the_fields_that_stored_ones_have_and_no_more() -> None:
    assert list(json.loads(reported().to_json())) == [
        "caveats",
        "certificate",
        "exposure",
        "fitted_on",
        "k",
        "level",
        "ratios",
        "replicates",
        "seed",
        "subjects",
        "utility",
    ]


@pytest.mark.parametrize(
    "change", [(b'"k":5', b'"k":5.0'), (b'"k":5', b'"kk":5'), (b"\n", b""), (b'"subjects":400', b'"subjects":null')]
)
def test_bytes_that_are_no_report_are_refused(change: tuple[bytes, bytes]) -> None:
    with pytest.raises(CorruptReport):
        MitigationReport.from_json(reported().to_json().replace(*change))


def test_prices_read_as_words() -> None:
    drama, documentary = reported().exposure

    assert price_in_words(documentary) == f"+{documentary.price:.2f} to documentary"
    assert price_in_words(replace(drama, price=-0.106)) == "\N{MINUS SIGN}0.11 on drama"


def test_subjects_are_tiered_in_thirds_by_what_they_did_and_equals_share_a_tier() -> None:
    assert activity_tiers(np.array([9, 1, 5, 2, 7, 4])) == ("heavy", "light", "medium", "light", "heavy", "medium")
    assert activity_tiers(np.array([3, 3, 3])) == ("light",) * 3


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"subjects": ("a",) * 400}, "each once"),
        ({"scores": np.full((400, 50), np.inf)}, "finite scores"),
        ({"scores": np.ones((400, 49))}, "category shares of 2 categories"),
        ({"groups": {"age": ["old"]}}, "one group per subject"),
        ({"targets": np.ones((1, 1), dtype=bool)}, "masks of the scores' shape"),
    ],
)
def test_parts_that_do_not_fit_together_are_refused(changes: dict[str, Any], says: str) -> None:
    with pytest.raises(InvalidConfig, match=says):
        reported(**changes)


def scores_table(**columns: Any) -> pa.Table:  # noqa: ANN401 - any values
    return pa.table({"subject": ["u", "u", "t"], "item": ["a", "b", "b"], "score": [0.5, 0.25, 0.125]} | columns)


def test_scores_are_arranged_by_subject_and_item_and_what_has_none_is_never_shown() -> None:
    found = score_matrix(scores_table(), ["a", "b", "c"], history=pa.table({"subject": ["u", "x"], "item": ["b", "a"]}))

    assert found.subjects == ("t", "u")
    assert found.scores.tolist() == [[0.0, 0.125, 0.0], [0.5, 0.25, 0.0]]
    assert found.excluded.tolist() == [[True, False, True], [False, True, True]]
    assert found.relative().scores.tolist() == [[0.0, 1.0, 0.0], [1.0, 0.5, 0.0]]


@pytest.mark.parametrize(
    ("table", "error", "says"),
    [
        (scores_table(item=["a", "a", "b"]), InvalidTable, "each subject and item once"),
        (scores_table(item=["a", "z", "b"]), UnknownItem, "items of the catalogue"),
        (scores_table(score=[0.5, None, 0.1]), InvalidTable, "got null in 1 rows"),
        (scores_table(score=[0.5, float("nan"), 0.1]), InvalidTable, "first in row 1"),
        (scores_table(score=[0.5, 1e39, 0.1]), InvalidTable, "finite numbers"),
        (scores_table(score=["x", "y", "z"]), InvalidTable, "expected numbers"),
        (scores_table().drop_columns(["score"]), InvalidTable, "a column 'score' once"),
        (scores_table().slice(0, 0), InvalidTable, "subjects times items, got 0 x 2"),
    ],
    ids=lambda each: each if isinstance(each, str) else "",
)
def test_a_table_that_is_no_scores_is_refused(table: pa.Table, error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says):
        score_matrix(table, ["a", "b"])


def test_relative_scores_need_a_positive_best_one() -> None:
    with pytest.raises(InvalidTable, match="got 1 without one"):
        score_matrix(scores_table(score=[0.5, 0.25, 0.0]), ["a", "b"]).relative()


def test_a_group_is_not_compared_with_others_who_have_nothing_to_keep_a_part_of() -> None:
    scores = drawn(np.random.default_rng(2), 400)
    scores[1::2] -= 3.0
    calm, cross = (row for row in reported(scores=scores).utility if row.group)

    assert (calm.kept is not None, calm.against_others, calm.against_others_low) == (True, None, None)
    assert (cross.kept, cross.against_others) == (None, None)
