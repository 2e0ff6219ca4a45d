from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.orm import Session

from audits.verdict import Outcome
from governance.errors import PolicyError
from governance.evidence.recomputing import decision_from
from governance.gate.decision import Decision, decide
from governance.gate.records import decision_of, get_decision, log_ended_waivers, record_decision
from governance.gate.waivers import WaiverState
from governance.ledger.search import Filter, follow
from governance.policy.granted import load_waivers
from governance.policy.loader import load
from governance.policy.rules import FairnessPolicy
from governance.policy.waivers import Waiver
from governance.registry.models import register_report
from governance.registry.tables import AuditRecord, Model
from tests.governance.builders import Build, measured, report
from tests.governance.gate_examples import DAY, STEADY, european, policy, rule, waiver

WORKS = rule("at_least", limit=0.3)


def _decide(*granted: Waiver, value: float = 0.25, half: float = 0.02, today: date | None = DAY) -> Decision:
    return decide(policy(WORKS, waivers=granted), report(european(value, half)), today=today)


def test_a_waiver_carries_what_it_tolerates_and_is_told_as_a_waiver() -> None:
    decision = _decide(waiver(0.2))
    (finding,) = decision.findings

    assert decision.outcome == Outcome.PASS
    assert (finding.verdict, finding.blocks, finding.waived_by) == (Outcome.FAIL, False, "until-spring")
    assert finding.sentence.endswith(
        "Waived until 2026-12-31 by waiver until-spring: at worst 20 % is tolerated; Olga answers for it, "
        "Bob approved it. The licences of two studios ended."
    )
    assert [(each.state, each.about) for each in decision.waivers] == [(WaiverState.USED, "origin = european")]


@pytest.mark.parametrize(
    ("granted", "state"),
    [
        (waiver(0.24), WaiverState.EXCEEDED),
        (waiver(0.2, expires_on=DAY - timedelta(days=1)), WaiverState.EXPIRED),
        (waiver(0.2, category="asian"), WaiverState.UNUSED),
        (waiver(0.2, group="age = old"), WaiverState.UNUSED),
    ],
    ids=["its worst value is not certain to be kept", "expired", "another category", "a group"],
)
def test_a_waiver_that_does_not_hold_changes_nothing_and_is_still_counted(granted: Waiver, state: WaiverState) -> None:
    decision, without = _decide(granted), _decide()

    assert (decision.outcome, without.outcome) == (Outcome.FAIL, Outcome.FAIL)
    assert [each.state for each in decision.waivers] == [state]
    assert decision.findings[0].waived_by is None


def test_a_waiver_holds_through_its_last_day_and_on_no_day_at_all_without_one() -> None:
    last = waiver(0.2, expires_on=DAY)

    assert _decide(last).outcome == Outcome.PASS
    assert _decide(last, today=DAY + timedelta(days=1)).outcome == Outcome.FAIL
    assert _decide(last, today=None).outcome == Outcome.FAIL


def test_a_waiver_for_each_category_that_one_of_them_exceeds_is_exceeded() -> None:
    rows = (european(0.25, 0.02), measured("exposure_share", 0.1, 0.09, 0.11, "origin", "asian"))
    asked = rule("at_least", limit=0.3, category=None)
    decision = decide(policy(asked, waivers=(waiver(0.2),)), report(*rows), today=DAY)

    assert decision.outcome == Outcome.FAIL
    assert {each.about: each.waived_by for each in decision.findings} == {
        "origin = asian": None,
        "origin = european": "until-spring",
    }
    assert decision.waivers[0].state == WaiverState.EXCEEDED


def test_missing_evidence_is_not_waived() -> None:
    tiny = replace(european(0.25, 0.02), n=10)
    unknown = decide(policy(WORKS, waivers=(waiver(0.01),)), report(tiny), today=DAY)
    absent = decide(policy(WORKS, waivers=(waiver(0.01),)), report(), today=DAY)

    assert (unknown.outcome, absent.outcome) == (Outcome.INCONCLUSIVE, Outcome.INCONCLUSIVE)


@STEADY
@given(st.floats(0, 1), st.floats(0, 0.5), st.floats(0.001, 0.299), st.integers(1, 1000))
def test_an_expired_waiver_never_turns_anything_into_a_pass(value: float, half: float, worst: float, ago: int) -> None:
    expired = waiver(worst, expires_on=DAY - timedelta(days=ago))

    assert _decide(expired, value=value, half=half).outcome == _decide(value=value, half=half).outcome


@STEADY
@given(st.floats(0, 1), st.floats(0, 0.5), st.floats(0.001, 0.299), st.floats(0.001, 0.299))
def test_a_waiver_that_tolerates_less_never_helps(value: float, half: float, one: float, other: float) -> None:
    stricter, looser = (_decide(waiver(each), value=value, half=half).outcome for each in sorted((one, other))[::-1])

    assert stricter != Outcome.PASS or looser == Outcome.PASS


GRANTED = """\
waivers:
  - id: until-spring
    rule: works
    worst_value: 0.2
    owner: Olga
    author: Ann
    approver: Bob
    reason: The licences of two studios ended.
    expires_on: 2026-12-31
"""


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("approver: Bob", "approver: ann", ":7: waivers.0.: .* approver 'ann', who is its author too"),
        ("approver: Bob", "approver: Olga", ":7: waivers.0.: .* approver 'Olga', who is its owner too"),
        ("reason: The licences of two studios ended.", 'reason: " "', ":8: waivers.0.: .* got reason ''"),
        ("expires_on: 2026-12-31", "expires_on: 2026-02-30", ":9: waivers.0..expires_on: expected date"),
        ("expires_on: 2026-12-31", "expires_on: never", ":9: waivers.0..expires_on: expected date, got 'never'"),
        ("    expires_on: 2026-12-31\n", "", ":2: waivers.0.: expected the key 'expires_on'"),
        (
            "id: until-spring",
            "id: for Jane Roe",
            ":[0-9]: waivers.0.: .* got id 'for Jane Roe', where the log would name it",
        ),
        ("worst_value: 0.2", "worst_value: .inf", ":4: waivers.0.: .* got worst_value inf"),
        ("worst_value: 0.2", "worst_value: 0.3", ":2: .* worst_value 0.3, which the rule allows anyway .at least 0.3."),
        ("worst_value: 0.2", "worst_value: -0.1", ":2: .* worst_value -0.1, outside what exposure_share can be"),
        ("worst_value: 0.2", "worst_value: 0.0", ":2: .* worst_value 0.0, which exposure_share can never miss"),
        ("rule: works", "rule: work", ":2: .* from a rule 'work' that there is not"),
        (GRANTED.partition("\n")[2], GRANTED.partition("\n")[2] * 2, ":10: .* waiver id 'until-spring' a second time"),
        ("owner: Olga", "owner: Olga\n    line: 3", ":6: waivers.0..line: expected one of .*, got an unknown key"),
    ],
)
def test_a_waiver_that_cannot_be_one_is_refused_with_its_line(tmp_path: Path, old: str, new: str, message: str) -> None:
    path = tmp_path / "waivers.yaml"
    assert old in GRANTED
    path.write_text(GRANTED.replace(old, new, 1))

    with pytest.raises(PolicyError, match=f"^{path}{message}"):
        load_waivers(path, policy(WORKS), DAY)


def test_a_waiver_that_tolerates_any_change_is_refused_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "waivers.yaml"
    steady = replace(WORKS, comparison="no_regression", limit=None, tolerance=0.01, better="higher")
    path.write_text(GRANTED.replace("worst_value: 0.2", "worst_value: 1.0"))

    with pytest.raises(PolicyError, match=r":2: .* worst_value 1.0, a difference that exposure_share can never have"):
        load_waivers(path, policy(steady), DAY)


def test_waivers_beside_a_policy_hold_like_its_own(tmp_path: Path) -> None:
    path = tmp_path / "waivers.yaml"
    path.write_text(GRANTED)
    (granted,) = load_waivers(path, policy(WORKS), DAY).value.waivers

    assert (granted, granted.line) == (waiver(0.2), 2)
    assert decide(policy(WORKS), report(european(0.25, 0.02)), today=DAY, waivers=(granted,)).outcome == Outcome.PASS


Judged = Callable[[str, Model, AuditRecord, date], Decision]


@pytest.fixture
def judged(session: Session, build: Build) -> Judged:
    def judge(name: str, model: Model, audit: AuditRecord, today: date) -> Decision:
        decision = _decide(waiver(0.2), today=today)
        record_decision(
            session,
            decision,
            decision_id=build.id(name),
            model=model,
            report=audit,
            policy_digest="cd" * 32,
            valid_days=90,
            actor=build.actor,
            clock=build.clock,
        )
        return decision

    return judge


def _audited(session: Session, build: Build, name: str) -> tuple[Model, AuditRecord]:
    ada = build.principal(session, f"Ada {name}", "engineer")
    model = build.model(session, name, build.release(session, name, ("s1",), 1.0), ada)
    digest = sha256(name.encode()).hexdigest()
    return model, register_report(
        session, model, digest, path_json="j", path_html="h", actor=build.actor, clock=build.clock
    )


def test_the_log_says_when_a_decision_rests_on_a_waiver_and_when_that_has_ended(
    session: Session, build: Build, judged: Judged
) -> None:
    one, other = _audited(session, build, "one"), _audited(session, build, "other")
    granted = judged("first", *one, DAY)
    for name, about in (("second", other), ("third", other)):  # another model's decisions find it expired, once
        judged(name, *about, date(2027, 1, 1))

    assert decision_of(get_decision(session, build.id("first"))) == granted
    # Decided on 23 November for 90 days; the waiver ends before that, and with it the pass.
    assert get_decision(session, build.id("first")).expires_at == datetime(2027, 1, 1, tzinfo=UTC)
    assert get_decision(session, build.id("second")).expires_at == build.now + timedelta(days=90)
    (entry,) = follow(session, Filter(kinds=("gate.waiver_granted",)))
    assert dict(entry.body) == {
        "waiver": "until-spring",
        "model": str(one[0].id),
        "decision": str(build.id("first")),
        "rules": ["works (origin = european)"],
        "approvals": 1,
        "expires_on": "2026-12-31",
    }
    (ended,) = follow(session, Filter(kinds=("gate.waiver_expired",)))
    assert (ended.body["model"], ended.body["model_state"]) == (str(one[0].id), "registered")


def test_a_waiver_that_was_extended_has_not_ended_on_its_earlier_day(
    session: Session, build: Build, judged: Judged
) -> None:
    model, audit = _audited(session, build, "one")
    for name in ("first", "second"):
        judged(name, model, audit, DAY)
    extended = get_decision(session, build.id("second"))
    extended.waivers = [{**each, "expires_on": "2027-06-30"} for each in extended.waivers]
    session.flush()

    told = []
    for day in (datetime(2027, 1, 1, 9, tzinfo=UTC), datetime(2027, 7, 1, 9, tzinfo=UTC)):
        log_ended_waivers(session, actor=build.actor, clock=lambda day=day: day)  # type: ignore[misc] # a day each
        told.append([each.body["expires_on"] for each in follow(session, Filter(kinds=("gate.waiver_expired",)))])
    assert told == [[], ["2027-06-30"]]


def test_a_pass_is_counted_from_its_audit_and_an_audit_that_finds_the_same_renews_it(
    session: Session, build: Build, judged: Judged
) -> None:
    model, audit = _audited(session, build, "one")
    audit.recorded_at = build.now - timedelta(days=60)
    judged("first", model, audit, date(2027, 1, 1))
    assert get_decision(session, build.id("first")).expires_at == build.now + timedelta(days=30)

    again = register_report(
        session, model, audit.digest, path_json="j", path_html="h", actor=build.actor, clock=build.clock
    )
    judged("second", model, again, date(2027, 1, 1))
    assert get_decision(session, build.id("second")).expires_at == build.now + timedelta(days=90)


def test_a_decision_under_a_waiver_is_worked_out_again_from_the_policy_and_its_day(tmp_path: Path) -> None:
    text = f"""\
list_length: 20
attention: logarithmic
replicates: 1000
confidence: 0.95
seed: 20260101
max_unknown_share: 0.05
rules:
  - id: works
    metric: exposure_share
    attribute: origin
    category: european
    comparison: at_least
    limit: 0.3
    level: error
    rationale: r
    approved_by: the board
{GRANTED}"""
    path = tmp_path / "fairness.yaml"
    path.write_text(text)
    audited = report(european(0.25, 0.02))
    again = decision_from(audited.to_json(), text.encode(), "d", today=DAY)

    assert again["outcome"] == decide(load(path, FairnessPolicy).value, audited, today=DAY).outcome == "pass"
    assert (again["findings"][0]["line"], again["waivers"][0]["line"]) == (8, 18)
    assert decision_from(audited.to_json(), text.encode(), "d", today=date(2027, 1, 1))["outcome"] == "fail"
