"""Rules on tiers and intersections, from tables that name neither."""

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from audits.configuration import AuditConfig
from audits.run import run
from audits.tables import AuditInput, Membership, Recommendations
from audits.verdict import Outcome
from governance.gate.check import Checked, check
from governance.gate.divisions import with_divisions
from governance.gate.drafting import draft
from governance.policy.rules import FairnessRule
from tests.governance.gate_examples import DAY, policy, quality, rule

CONFIG = AuditConfig(seed=1, model_digest="m")


def tables(*, subjects: int = 400) -> AuditInput:
    """Popular titles for everybody; old subjects in the north are served with nothing that they look for."""
    rng = np.random.default_rng(1)
    names = [f"s{u:03d}" for u in range(subjects)]
    old, north = np.arange(subjects) % 2 == 0, np.arange(subjects) // 2 % 2 == 0
    lists = [(name, item, rank) for name in names for rank, item in enumerate(("a", "b", "c"), start=1)]
    targets = [(name, "d" if old[u] and north[u] else "abc"[rng.integers(3)]) for u, name in enumerate(names)]
    history = [(name, item) for u, name in enumerate(names) for item in ("a", "b", "e", "f", "g", "h")[: 1 + u % 6]]
    groups = [(n, "age", "old" if old[u] else "young") for u, n in enumerate(names)]
    groups += [(n, "region", "north" if north[u] else "south") for u, n in enumerate(names)]
    columns = ("subject", "item", "rank")
    return AuditInput(
        recommendations=Recommendations(pa.table({n: [row[i] for row in lists] for i, n in enumerate(columns)})),
        membership=Membership(pa.table({"item": ["a"], "attribute": ["genre"], "category": ["drama"]})),
        items=list("abcdefgh"),
        relevance=pa.table({"subject": [r[0] for r in targets], "item": [r[1] for r in targets]}),
        history=pa.table({"subject": [r[0] for r in history], "item": [r[1] for r in history]}),
        popularity=pa.table({"item": ["a", "b", "c", "e"], "count": [900, 90, 80, 2]}),
        subject_groups=pa.table(
            {n: [row[i] for row in groups] for i, n in enumerate(("subject", "attribute", "group"))}
        ),
    )


def checked(*rules: FairnessRule) -> Checked:
    return check(tables(), replace(policy(*rules), replicates=200), today=None)


def test_a_rule_on_an_intersection_finds_whom_neither_attribute_shows() -> None:
    by_age = quality("at_least", limit=0.1, group="age")
    crossed = quality("at_least", id="crossed", limit=0.1, group="age × region")
    found = checked(by_age, crossed)

    assert {each.verdict for each in found.decision.findings if each.rule == "quality"} == {Outcome.PASS}
    (failed,) = [each for each in found.decision.findings if each.verdict is Outcome.FAIL]
    assert failed.rule == "crossed"
    assert "old × north" in failed.about


def regrouped(old: int, *, others: int = 0) -> AuditInput:
    """The same tables with so many old subjects, and so many more old ones who have no list."""
    groups = [(f"s{u:03d}", "age", "old" if u < old else "young") for u in range(400)]
    groups += [(f"x{u:03d}", "age", "old") for u in range(others)]
    columns = dict(zip(("subject", "attribute", "group"), zip(*groups, strict=True), strict=True))
    return replace(tables(), subject_groups=pa.table({name: list(values) for name, values in columns.items()}))


@pytest.mark.parametrize(("old", "others"), [(4, 0), (0, 100), (12, 0)])
@pytest.mark.parametrize(
    "asked",
    [
        quality("at_least", limit=0.05, group="age"),
        quality("at_least", limit=0.05, group="age = old", when_absent="not_applicable"),
        quality("at_least", metric="worst_ndcg", limit=0.01, group="age"),
    ],
    ids=["each", "named", "worst"],
)
def test_a_group_with_too_few_lists_never_passes(asked: FairnessRule, old: int, others: int) -> None:
    rules = policy(asked, quality("at_least", id="met", limit=0.05))
    found = check(regrouped(old, others=others), replace(rules, replicates=200), today=None)

    assert found.decision.outcome == Outcome.INCONCLUSIVE
    assert "age = old" in {finding.about for finding in found.decision.reasons}


def test_one_subject_of_a_rare_group_leaves_a_rule_about_a_large_one_decided() -> None:
    groups = [(f"s{u:03d}", "gender", "male" if u < 133 else "female" if u < 399 else "nonbinary") for u in range(400)]
    columns = dict(zip(("subject", "attribute", "group"), zip(*groups, strict=True), strict=True))
    given = replace(tables(), subject_groups=pa.table({name: list(values) for name, values in columns.items()}))

    def outcome(group: str) -> Outcome:
        rules = policy(quality("at_least", limit=0.05, group=group))
        return check(given, replace(rules, replicates=200), today=None).decision.outcome

    assert outcome("gender = male") == Outcome.PASS
    assert outcome("gender = nonbinary") == Outcome.INCONCLUSIVE
    assert outcome("gender") == Outcome.INCONCLUSIVE


def test_a_first_policy_asks_nothing_of_a_group_that_is_too_small() -> None:
    config = replace(CONFIG, k=3, replicates=200, metrics=("ndcg", "worst_ndcg"))
    text = draft(run(regrouped(4), config=config), metrics=config.metrics, measured_on=DAY, slack=1.0)

    assert "id: ndcg\n" in text
    assert {line.strip() for line in text.splitlines() if "group:" in line} == {'group: "age = young"'}


def test_the_worst_group_has_one_verdict() -> None:
    found = checked(quality("at_least", metric="worst_ndcg", limit=0.1, group="age × region"))

    (finding,) = found.decision.findings
    assert (finding.verdict, finding.value) == (Outcome.FAIL, 0.0)
    assert {row.metric for row in found.report.measurements} == {"ndcg", "worst_ndcg"}


def test_rules_on_tiers_are_judged_without_a_table_of_them() -> None:
    found = checked(
        rule("at_least", metric="category_recall", attribute="popularity", category="cold", limit=0.2),
        quality("at_least", limit=0.05, group="activity"),
    )
    abouts = {each.about for each in found.decision.findings}

    assert any("popularity = cold" in about for about in abouts)
    assert any("activity = cold" in about for about in abouts)
    assert [each.verdict for each in found.decision.findings if each.rule == "works"] == [Outcome.FAIL]


@pytest.mark.parametrize(
    ("asked", "settings"),
    [
        (quality("at_least", limit=0.1), {}),
        (quality("at_least", limit=0.1, group="age"), {}),
        (quality("at_least", limit=0.1, group="age × region = old × north"), {"intersections": (("age", "region"),)}),
        (quality("at_least", limit=0.1, group="region × age"), {"intersections": (("age", "region"),)}),
        (quality("at_least", limit=0.1, group="age × mood"), {}),
        (quality("at_least", limit=0.1, group="age × age"), {}),
        (
            quality("at_least", limit=0.1, group="activity × age"),
            {"intersections": (("activity", "age"),), "activity_tiers": True},
        ),
        (rule("at_least", limit=0.1, attribute="popularity"), {"popularity_tiers": True}),
    ],
)
def test_only_what_rules_name_and_tables_allow_is_divided(asked: FairnessRule, settings: dict[str, object]) -> None:
    plain = replace(CONFIG, intersections=())

    assert with_divisions(CONFIG, policy(asked), tables()) == replace(plain, **settings)


def test_a_rule_that_is_off_divides_nobody() -> None:
    asked = policy(quality("at_least", limit=0.1), quality("at_least", id="b", limit=0.1, group="age × b", level="off"))

    assert with_divisions(CONFIG, asked, tables()) == replace(CONFIG, intersections=())


def test_nothing_is_divided_by_what_was_not_given() -> None:
    bare = replace(tables(), history=None, popularity=None, subject_groups=None)
    asked = policy(
        rule("at_least", limit=0.1, attribute="popularity", category=None),
        quality("at_least", limit=0.1, group="activity × age"),
    )

    assert with_divisions(CONFIG, asked, bare) == replace(CONFIG, intersections=())
