"""Two generations of lists for the same subjects."""

from collections.abc import Callable

import numpy as np
import pytest

from audits.attention import Attention
from audits.configuration import AuditConfig
from audits.drift import Change, Drift, drift
from audits.errors import CorruptReport, InvalidConfig
from audits.report import Undefined
from audits.tables import AuditInput

Build = Callable[..., AuditInput]

CONFIG = AuditConfig(seed=7, model_digest="m", replicates=200, min_subjects=1, attention=Attention("uniform"))
GENRES = {"a": ["drama"], "b": ["comedy"], "c": ["western"], "d": ["drama"]}
ITEMS = ["a", "b", "c", "d"]


def change(found: Drift, metric: str, group: str | None = None) -> Change:
    (one,) = [each for each in found.changes if each.metric == metric and each.group == group]
    return one


def test_what_changed_as_computed_by_hand(build: Build) -> None:
    before, after = {"s": ["a", "b"], "t": ["a", "b"]}, {"s": ["a", "d"], "t": ["b", "c"]}
    given = build(after, items=ITEMS, genres=GENRES, baseline=before, groups={"s": "x", "t": "y"})
    found = drift(given, config=CONFIG)

    variety = change(found, "list_entropy")
    assert (variety.before, variety.after, variety.change) == pytest.approx((1.0, 0.5, -0.5))
    assert change(found, "list_entropy", "x").change == pytest.approx(-1.0)
    apart = change(found, "fragmentation")
    assert (apart.before, apart.after) == pytest.approx((0.0, 1.0))
    assert change(found, "item_fragmentation").change == pytest.approx(1.0)
    assert change(found, "churn").change == pytest.approx(0.5)
    assert change(found, "churn").before is change(found, "churn").after is None


def test_lists_against_themselves_change_nothing(build: Build) -> None:
    rng = np.random.default_rng(2)
    lists = {f"s{u:02d}": [ITEMS[i] for i in rng.permutation(4)[:2]] for u in range(40)}
    found = drift(build(lists, items=ITEMS, genres=GENRES, baseline=lists), config=CONFIG)

    assert {each.change for each in found.changes} == {0.0}
    assert all(each.low is not None and each.low <= 0.0 <= each.high for each in found.changes)


def test_a_bubble_that_closes_is_found_and_chance_is_not(build: Build) -> None:
    rng = np.random.default_rng(3)
    names = [f"{kind}{number}" for kind in "xyz" for number in range(8)]
    kinds = np.repeat(np.arange(3), 8)

    def lists(loyalty: float) -> dict[str, list[str]]:
        chosen = {}
        for u in range(120):
            appeal = np.where(kinds == u % 3, loyalty, 1.0)
            chosen[f"s{u:03d}"] = [names[i] for i in rng.choice(24, 6, replace=False, p=appeal / appeal.sum())]
        return chosen

    genres = {name: [name[0]] for name in names}
    before = lists(1.0)
    closing = drift(build(lists(6.0), items=names, genres=genres, baseline=before), config=CONFIG)
    chance = drift(build(lists(1.0), items=names, genres=genres, baseline=before), config=CONFIG)

    assert change(closing, "list_entropy").high < 0
    assert change(closing, "fragmentation").low > 0
    for metric in ("list_entropy", "fragmentation", "item_fragmentation"):
        same = change(chance, metric)
        assert same.low <= 0.0 <= same.high
    assert 0.6 < change(chance, "churn").change < 0.85


def test_equal_input_gives_equal_bytes_and_bytes_give_it_back(build: Build) -> None:
    parts = {"items": ITEMS, "genres": GENRES, "baseline": {"s": ["a"], "t": ["b"]}}
    lists = {"s": ["b"], "t": ["c"]}
    found = drift(build(lists, **parts), config=CONFIG)

    assert drift(build(lists, **parts, backwards=True), config=CONFIG).to_json() == found.to_json()
    assert Drift.from_json(found.to_json()) == found
    with pytest.raises(CorruptReport):
        Drift.from_json(found.to_json() + b" ")


def test_drift_without_earlier_lists_is_refused(build: Build) -> None:
    with pytest.raises(InvalidConfig, match="expected a baseline"):
        drift(build({"s": ["a"]}, items=ITEMS), config=CONFIG)


def test_without_attributes_titles_alone_are_compared(build: Build) -> None:
    found = drift(build({"s": ["a"], "t": ["b"]}, items=ITEMS, baseline={"s": ["a"], "t": ["a"]}), config=CONFIG)

    measured = [each.metric for each in found.changes]
    assert measured == ["item_fragmentation", "exposure_entropy", "exposure_gini", "churn"]


def test_too_few_subjects_give_no_figure(build: Build) -> None:
    config = AuditConfig(seed=7, model_digest="m", replicates=200)
    found = drift(build({"s": ["a"], "t": ["b"]}, items=ITEMS, baseline={"s": ["a"], "t": ["a"]}), config=config)

    assert {each.undefined for each in found.changes} == {Undefined.TOO_FEW}
    assert all(each.change is each.low is each.before is None for each in found.changes)


def test_a_longer_list_that_keeps_everything_is_partly_new(build: Build) -> None:
    found = drift(build({"s": ["a", "b", "c", "d"]}, items=ITEMS, baseline={"s": ["b", "a"]}), config=CONFIG)

    assert change(found, "churn").change == pytest.approx(0.5)


def test_progress_ends_at_the_number_of_replicates(build: Build) -> None:
    told: list[tuple[int, int]] = []
    given = build({"s": ["a"], "t": ["b"]}, items=ITEMS, baseline={"s": ["a"], "t": ["a"]})
    drift(given, config=CONFIG, progress=lambda done, of: told.append((done, of)))

    assert told[-1] == (200, 200)
