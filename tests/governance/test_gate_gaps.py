"""What a check has too little of, and how limits are written."""

from dataclasses import replace

import pyarrow as pa
import pytest
import yaml

from audits.tables import AuditInput, Membership, Recommendations
from audits.verdict import Outcome
from governance.gate.check import check
from governance.gate.gaps import gaps, ungrouped
from governance.gate.margins import written
from tests.governance.gate_examples import policy, quality


def test_short_lists_and_subjects_of_no_group_are_counted() -> None:
    rows = [(f"s{s}", f"i{item}", item + 1) for s in range(4) for item in range(5 if s else 3)]
    lists = pa.table(dict(zip(("subject", "item", "rank"), zip(*rows, strict=True), strict=True)))
    given = AuditInput(
        recommendations=Recommendations(lists),
        membership=Membership(pa.table({"item": ["i0"], "attribute": ["genre"], "category": ["drama"]})),
        items=[f"i{item}" for item in range(5)],
        subject_groups=pa.table({"subject": ["s0", "s9"], "attribute": ["age", "age"], "group": ["old", "old"]}),
    )
    rules = replace(policy(quality("at_least", limit=0.1)), list_length=5)

    assert ungrouped(given) == {"age": 0.75}
    assert gaps(given, rules, ungrouped(given)) == (
        "1 of 4 lists have fewer than the 5 titles that the policy looks at.",
        "75.0% of the subjects have no age and count in no figure by it.",
    )
    assert gaps(given, rules, {}) == ("1 of 4 lists have fewer than the 5 titles that the policy looks at.",)


@pytest.mark.parametrize(("titles", "outcome"), [(5, Outcome.PASS), (3, Outcome.INCONCLUSIVE)])
def test_a_baseline_whose_lists_were_cut_off_shows_no_regression_and_is_no_evidence(
    titles: int, outcome: Outcome
) -> None:
    def lists(length: int) -> Recommendations:
        rows = [(f"s{s:02d}", f"i{(s + at) % 5}", at + 1) for s in range(60) for at in range(length)]
        return Recommendations(pa.table(dict(zip(("subject", "item", "rank"), zip(*rows, strict=True), strict=True))))

    given = AuditInput(
        recommendations=lists(5),
        membership=Membership(pa.table({"item": ["i0"], "attribute": ["genre"], "category": ["drama"]})),
        items=[f"i{item}" for item in range(5)],
        relevance=pa.table({"subject": [f"s{s:02d}" for s in range(60)], "item": ["i0"] * 60}),
        baseline=lists(titles),
    )
    rules = replace(policy(quality("no_regression", tolerance=0.5)), list_length=5, replicates=200)
    decision = check(given, rules, today=None).decision
    cut = "60 of the baseline's 60 lists have fewer than the 5 titles that the policy looks at; "

    assert decision.outcome == outcome
    assert any(caveat.startswith(cut) for caveat in decision.caveats) == (titles < 5)
    assert decision.findings[0].sentence.startswith("The report has no ndcg") == (titles < 5)


def test_limits_are_written_with_all_their_digits() -> None:
    assert [written(each) for each in (1e-05, 0.25, 2.0, -1.5e-07, 1e17)] == [
        *("0.00001", "0.25", "2.0", "-0.00000015"),
        "100000000000000000.0",
    ]
    assert all(isinstance(yaml.safe_load(written(each)), float) for each in (1e-05, 1e17, 0.1))
