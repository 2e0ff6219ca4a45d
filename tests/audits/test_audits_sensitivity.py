"""What another attention model would have said."""

import math
from collections.abc import Callable
from dataclasses import replace

import pytest

from audits import sensitivity as module
from audits.attention import Attention
from audits.configuration import AuditConfig
from audits.evidence import evidence_from
from audits.measuring import rounded
from audits.metrics import category_gap
from audits.report import Report
from audits.run import run
from audits.sensitivity import Band, Sensitivity, sensitivity
from audits.tables import AuditInput

Build = Callable[..., AuditInput]
GENRES = {"a": ["doc"], "b": ["film"], "c": ["film"]}


def audited(given: AuditInput, **settings: object) -> Report:
    config = AuditConfig(seed=1, model_digest="", min_subjects=1, replicates=100, **settings)  # type: ignore[arg-type]
    return run(given, config=config)


def bands(report: Report) -> Sensitivity:
    assert report.sensitivity is not None
    return report.sensitivity


def band(report: Report, metric: str, category: str | None = None) -> Band:
    return next(each for each in bands(report).bands if (each.metric, each.category) == (metric, category))


def test_names_the_models_that_give_the_smallest_and_the_largest_figure(build: Build) -> None:
    report = audited(build({"s": ["a", "b"]}, items=["a", "b", "c"], genres=GENRES))
    found = band(report, "exposure_share", "doc")

    # First of two: uniform gives it one half, and the impatient model 0.5 / (0.5 + 0.25) = 2/3.
    assert (found.low, found.low_model) == (pytest.approx(0.5), "uniform")
    assert (found.high, found.high_model) == (pytest.approx(2 / 3), "geometric")
    # Ranks 1 and 2 tie in the clipped model too: the first of the list is named.
    assert bands(report).models[:2] == ("logarithmic", "uniform")


def test_the_reports_own_figure_lies_in_its_band(build: Build) -> None:
    given = build({"s": ["a", "b"], "t": ["c", "a", "b"]}, items=["a", "b", "c"], genres=GENRES)
    report = audited(given, attention=Attention("rbp", 0.3))

    assert bands(report).models[0] == "rbp(0.3)"
    for each in bands(report).bands:
        own = next(
            m.value
            for m in report.select(each.metric, attribute=each.attribute, category=each.category)
            if m.group == each.group
        )
        assert own is not None
        assert each.low <= own <= each.high


def test_says_nothing_of_figures_that_use_no_attention(build: Build) -> None:
    given = build({"s": ["a", "b"], "t": ["c"]}, items=["a", "b", "c"], genres=GENRES, targets={"s": ["b"]})
    measured = {each.metric for each in bands(audited(given)).bands}

    assert "exposure_share" in measured
    assert not measured & {"coverage", "ndcg", "recall"}


def test_lists_of_one_title_do_not_depend_on_attention(build: Build) -> None:
    report = audited(build({"s": ["a"], "t": ["b"]}, items=["a", "b", "c"], genres=GENRES))

    assert not [each for each in bands(report).bands if each.metric == "exposure_share"]


def test_is_left_out_where_it_is_not_asked_for(build: Build) -> None:
    report = audited(build({"s": ["a", "b"]}, items=["a", "b"]), sensitivity=False)

    assert report.sensitivity is None
    assert Report.from_json(report.to_json()) == report


def test_says_how_many_of_many_subjects_it_measured(build: Build, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_SUBJECTS", 10)
    lists = {f"s{number:03d}": ["a", "b"] if number % 2 else ["b", "c"] for number in range(30)}
    report = audited(build(lists, items=["a", "b", "c"], genres=GENRES, groups=dict.fromkeys(lists, "x")))

    assert bands(report).subjects == 10
    assert math.isclose(band(report, "exposure_share", "doc").high, 0.5 * 2 / 3, rel_tol=0.3)
    assert Report.from_json(report.to_json()) == report


def test_a_group_with_too_few_subjects_among_those_measured_has_no_band(
    build: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_SUBJECTS", 10)
    names = [f"s{number:03d}" for number in range(30)]
    given = build(
        {name: ["b", "c"] if number % 4 else ["a", "b"] for number, name in enumerate(names)},
        items=["a", "b", "c"],
        genres=GENRES,
        history={name: ["a"] for name in names},
        groups={name: "few" if number < 6 else "more" if number < 18 else "most" for number, name in enumerate(names)},
    )
    config = AuditConfig(seed=1, model_digest="", min_subjects=3)
    found = sensitivity(evidence_from(given, config), [category_gap.METRIC], config.attention, min_subjects=3)

    # Of every third subject, two are among the few: their six would be enough.
    assert {each.group for each in found.bands} == {"more", "most"}
    assert run(given, config=replace(config, replicates=100, metrics=("category_gap",))).sensitivity == replace(
        found, bands=tuple(replace(each, low=rounded(each.low), high=rounded(each.high)) for each in found.bands)
    )
