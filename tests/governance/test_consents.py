from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine, func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from governance.consent.merging import Decision, merge
from governance.consent.notices import get_notice, publish_notice
from governance.consent.recording import Recorded, opt_out_by_gpc, record
from governance.consent.state import StoredConsents, allowed, current, forget, list_decisions, snapshot
from governance.consent.tables import Choice, ConsentDecision
from governance.database import transaction
from governance.errors import Conflict, InvalidInput, NotFound
from governance.ledger.search import Filter, follow
from governance.policy.purposes import PurposesPolicy
from tests.governance.builders import NOON, Build

TRAINING = "model_training"


@pytest.fixture
def policy(build: Build) -> PurposesPolicy:
    return build.policies.purposes.value


def _decision(subject: str, choice: Choice, at: datetime = NOON, purpose: str = TRAINING) -> Decision:
    return Decision(subject=subject, purpose=purpose, choice=choice, decided_at=at, notice="v1", method="settings")


def _record(session: Session, build: Build, decisions: Sequence[Decision], batch: str = "batch") -> Recorded:
    policy = build.policies.purposes.value
    publish_notice(session, policy.notice, actor=build.actor, clock=build.clock)
    return record(session, decisions, batch_id=build.id(batch), policy=policy, actor=build.actor, clock=build.clock)


def test_only_a_grant_in_force_allows_a_purpose_that_rests_on_consent(
    session: Session, build: Build, policy: PurposesPolicy
) -> None:
    _record(session, build, [_decision("a", "grant"), _decision("b", "refuse"), _decision("c", "withdraw")])

    assert allowed(session, TRAINING, ["a", "b", "c", "nobody", "a"], policy=policy) == [
        True,
        False,
        False,
        False,
        True,
    ]


def test_a_withdrawal_takes_effect_at_the_next_question(session: Session, build: Build, policy: PurposesPolicy) -> None:
    _record(session, build, [_decision("a", "grant", NOON - timedelta(days=1))])
    assert allowed(session, TRAINING, ["a"], policy=policy) == [True]

    _record(session, build, [_decision("a", "withdraw")], "later")
    assert allowed(session, TRAINING, ["a"], policy=policy) == [False]
    assert [(row.choice, row.in_force) for row in list_decisions(session, "a")] == [
        ("withdraw", True),
        ("grant", False),
    ]


def test_an_older_decision_that_arrives_late_never_overrides_a_newer_one(session: Session, build: Build) -> None:
    _record(session, build, [_decision("a", "withdraw", NOON)])
    found = _record(session, build, [_decision("a", "grant", NOON - timedelta(hours=1))], "late")

    assert found == Recorded(in_force=0, late=1, repeated=0)
    assert [row.choice for row in current(session, "a")] == ["withdraw"]
    assert len(list_decisions(session, "a")) == 2


def test_recording_a_batch_again_adds_nothing(session: Session, build: Build) -> None:
    batch = [_decision("a", "grant"), _decision("b", "refuse")]
    _record(session, build, batch)

    assert _record(session, build, batch) == Recorded(in_force=0, late=0, repeated=2)
    assert session.scalar(select(func.count()).select_from(ConsentDecision)) == 2


def test_a_grant_and_its_withdrawal_are_repeated_however_they_are_cut_into_batches(
    session: Session, build: Build
) -> None:
    early = [_decision(subject, "grant", NOON - timedelta(days=1)) for subject in ("a", "b")]
    late = [_decision(subject, "withdraw") for subject in ("a", "b")]
    _record(session, build, early + late)

    assert _record(session, build, early + late) == Recorded(in_force=0, late=0, repeated=4)
    assert _record(session, build, late + early, "other") == Recorded(in_force=0, late=0, repeated=4)
    assert _record(session, build, early, "half") == Recorded(in_force=0, late=0, repeated=2)
    assert session.scalar(select(func.count()).select_from(ConsentDecision)) == 4
    assert len(follow(session, Filter(kinds=("consent.recorded",)))) == 1


def test_a_batch_that_is_on_record_does_not_bring_back_what_was_erased(session: Session, build: Build) -> None:
    batch = [_decision("a", "grant"), _decision("b", "refuse")]
    _record(session, build, batch)
    forget(session, "a")

    assert _record(session, build, batch) == Recorded(in_force=0, late=0, repeated=2)
    assert list_decisions(session, "a") == []


def test_rows_follow_the_pseudonyms_and_not_the_order_of_arrival(session: Session, build: Build) -> None:
    early = [_decision(subject, "grant", NOON - timedelta(days=1)) for subject in "dbca"]
    _record(session, build, [*early, *(_decision(subject, "withdraw") for subject in "cadb")])

    rows = session.execute(select(ConsentDecision.subject, ConsentDecision.choice).order_by(ConsentDecision.id))
    assert [tuple(row) for row in rows] == [(s, choice) for s in "abcd" for choice in ("grant", "withdraw")]


def test_a_legitimate_interest_ends_where_the_subject_objects(
    session: Session, build: Build, policy: PurposesPolicy
) -> None:
    _record(session, build, [_decision("a", "refuse", purpose="exposure_audit")])

    assert allowed(session, "exposure_audit", ["a", "b"], policy=policy) == [False, True]


def test_a_contract_needs_no_consent_and_knows_no_objection(
    session: Session, build: Build, policy: PurposesPolicy
) -> None:
    contract = replace(policy.purposes["exposure_audit"], legal_basis="A6-1-b")
    with_contract = replace(policy, purposes={**policy.purposes, "exposure_audit": contract})
    _record(session, build, [_decision("a", "refuse", purpose="exposure_audit")])

    assert allowed(session, "exposure_audit", ["a"], policy=with_contract) == [True]


def test_an_unknown_purpose_is_not_silently_allowed(session: Session, policy: PurposesPolicy) -> None:
    with pytest.raises(NotFound, match="purpose: expected one of"):
        allowed(session, "selling", ["a"], policy=policy)


def test_one_signal_leaves_one_row_however_often_it_is_sent(
    session: Session, build: Build, policy: PurposesPolicy
) -> None:
    _record(session, build, [_decision("a", "grant", NOON - timedelta(days=1), "partner_sharing")])
    arguments = {"policy": policy, "actor": build.actor, "clock": build.clock}
    first = opt_out_by_gpc(session, ["a", "b", "a"], batch_id=build.id("one"), **arguments)
    again = opt_out_by_gpc(session, ["a", "b"], batch_id=build.id("two"), **arguments)

    assert (first.in_force, again.in_force) == (2, 0)
    assert [(row.choice, row.method) for row in current(session, "a")] == [("refuse", "gpc")]
    assert [(row.purpose, row.method) for row in current(session, "b")] == [("partner_sharing", "gpc")]
    assert [entry.kind for entry in follow(session)].count("consent.recorded") == 2


def test_a_signal_after_a_second_grant_opts_out_again_even_where_the_grant_is_dated_ahead(
    session: Session, build: Build, policy: PurposesPolicy
) -> None:
    arguments = {"policy": policy, "actor": build.actor, "clock": build.clock}
    opt_out_by_gpc(session, ["a"], batch_id=build.id("one"), **arguments)
    _record(session, build, [_decision("a", "grant", NOON + timedelta(minutes=4), "partner_sharing")])

    found = [opt_out_by_gpc(session, ["a"], batch_id=build.id(name), **arguments) for name in ("two", "three")]

    assert [(each.in_force, each.late) for each in found] == [(1, 0), (0, 0)]
    assert [(row.choice, row.method) for row in current(session, "a")] == [("refuse", "gpc")]


def test_a_signal_touches_no_purpose_but_sale_and_sharing(
    session: Session, build: Build, policy: PurposesPolicy
) -> None:
    _record(session, build, [_decision("a", "grant", NOON - timedelta(days=1))])
    opt_out_by_gpc(session, ["a"], batch_id=build.id("one"), policy=policy, actor=build.actor, clock=build.clock)

    assert allowed(session, TRAINING, ["a"], policy=policy) == [True]


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        ({"purpose": "jane@example.org"}, "decision 1: purpose: expected one of .*, got another word"),
        ({"choice": "maybe"}, "decision 1: choice: expected one of grant, refuse, withdraw"),
        ({"method": "telepathy"}, "decision 1: method: expected one of banner, gpc, import, settings"),
        ({"notice": "v9"}, "decision 1: notice: expected one of v1"),
        ({"decided_at": NOON + timedelta(minutes=6)}, "decision 1: decided_at: expected an aware moment in the past"),
        ({"decided_at": NOON.replace(tzinfo=None)}, "decision 1: decided_at"),
    ],
)
def test_one_impossible_decision_refuses_the_batch_and_is_not_quoted(
    session: Session, build: Build, broken: dict[str, object], message: str
) -> None:
    with pytest.raises(InvalidInput, match=message) as refusal:
        _record(session, build, [_decision("a", "grant"), replace(_decision("b", "grant"), **broken)])

    assert "jane@" not in str(refusal.value)
    assert list_decisions(session, "a") == []


def test_a_notice_is_published_once_and_never_changed(session: Session, build: Build, policy: PurposesPolicy) -> None:
    for _ in range(2):
        publish_notice(session, policy.notice, actor=build.actor, clock=build.clock)
    with pytest.raises(Conflict, match="give the new text a new version"):
        publish_notice(session, replace(policy.notice, text="other"), actor=build.actor, clock=build.clock)

    assert get_notice(session, "v1", "en").wording == policy.notice.text
    with pytest.raises(NotFound):
        get_notice(session, "v1", "de")
    assert len(follow(session, Filter(kinds=("consent.notice_published",)))) == 1


def test_a_snapshot_names_the_granting_subjects_and_its_digest_follows_them(session: Session, build: Build) -> None:
    _record(session, build, [_decision(subject, "grant", NOON - timedelta(days=1)) for subject in ("b", "a", "c")])
    before = snapshot(session, TRAINING)
    _record(session, build, [_decision("b", "withdraw")], "later")
    after = snapshot(session, TRAINING)

    assert (before.subjects, before.count, after.subjects) == (("a", "b", "c"), 3, ("a", "c"))
    assert before.digest != after.digest
    assert snapshot(session, "partner_sharing").digest != snapshot(session, "personalised_recommendations").digest


def test_the_identity_plane_gets_its_answer_in_a_session_of_its_own(
    engine: Engine, build: Build, policy: PurposesPolicy
) -> None:
    with transaction(engine) as session:
        _record(session, build, [_decision("a", "grant")])

    assert StoredConsents(engine, policy).allowed(TRAINING, ["b", "a"]) == [False, True]


def test_forgetting_removes_the_history_too(session: Session, build: Build) -> None:
    _record(session, build, [_decision("a", "grant", NOON - timedelta(days=1)), _decision("a", "withdraw")])

    assert forget(session, "a") == 2
    assert list_decisions(session, "a") == []


def test_fifty_thousand_decisions_are_one_ledger_entry_of_counts(session: Session, build: Build) -> None:
    batch = [_decision(f"{number:032x}", "grant", purpose=purpose) for number in range(25_000)
             for purpose in (TRAINING, "partner_sharing")]  # fmt: skip
    found = _record(session, build, batch)

    assert found.in_force == 50_000
    (entry,) = follow(session, Filter(kinds=("consent.recorded",)))
    assert entry.body["recorded"] == {"model_training:grant": 25_000, "partner_sharing:grant": 25_000}
    assert b"00000000000000000000000000000001" not in entry.encoded


@pytest.mark.parametrize("name", ["engine", pytest.param("postgres_engine", marks=pytest.mark.postgres)])
def test_the_database_itself_holds_one_decision_in_force_per_subject_and_purpose(
    name: str, request: pytest.FixtureRequest, build: Build
) -> None:
    engine: Engine = request.getfixturevalue(name)
    with transaction(engine) as session:
        _record(session, build, [_decision("a", "grant", NOON - timedelta(days=1)), _decision("a", "withdraw")])

    row = {"subject": "a", "purpose": TRAINING, "choice": "grant", "notice": "v1", "method": "import"}
    second = ConsentDecision(**row, decided_at=NOON, recorded_at=NOON, in_force=True)
    with pytest.raises(IntegrityError), transaction(engine) as session:
        session.add(second)


_DECISIONS = st.lists(
    st.builds(
        _decision,
        st.sampled_from("ab"),
        st.sampled_from(["grant", "refuse", "withdraw"]),
        st.integers(0, 3).map(lambda hours: NOON + timedelta(hours=hours)),
    ),
    max_size=8,
)


@given(_DECISIONS, st.randoms(use_true_random=False))
def test_what_is_in_force_does_not_depend_on_the_order_of_arrival(decisions: list[Decision], random: object) -> None:
    shuffled = list(decisions)
    random.shuffle(shuffled)  # type: ignore[attr-defined]

    assert merge({}, decisions).in_force == merge({}, shuffled).in_force


@given(_DECISIONS, _DECISIONS)
def test_two_batches_leave_what_one_would_and_the_latest_wins(first: list[Decision], second: list[Decision]) -> None:
    known = merge({}, first).in_force
    both = {**known, **merge(known, second).in_force}

    assert both == merge({}, first + second).in_force
    for (subject, _), decision in both.items():
        times = [each.decided_at for each in first + second if each.subject == subject]
        assert decision.decided_at == max(times)
        ties = {each.choice for each in first + second
                if each.subject == subject and each.decided_at == decision.decided_at}  # fmt: skip
        assert decision.choice != "grant" or ties == {"grant"}


@given(_DECISIONS, _DECISIONS)
def test_what_was_merged_before_adds_nothing(first: list[Decision], second: list[Decision]) -> None:
    merged = merge({}, first + second)
    stored = {*first, *second} - set(merged.in_force.values())
    again = merge(merged.in_force, second + first, stored)

    assert (dict(again.in_force), again.history, again.late) == ({}, (), 0)
    assert again.repeated == len(first) + len(second)


@given(_DECISIONS)
def test_no_decision_is_lost(decisions: list[Decision]) -> None:
    merged = merge({}, decisions)

    assert len(merged.in_force) + len(merged.history) + merged.repeated == len(decisions)
