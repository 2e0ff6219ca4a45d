from dataclasses import replace
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.orm import Session

from audits.report import Measurement, Report, Undefined, UnknownLabels
from audits.verdict import Outcome
from governance.errors import Conflict, NotFound
from governance.gate.decision import Decision, decide
from governance.gate.records import decision_of, find_latest, get_decision, record_decision
from governance.ledger.search import Filter, follow
from governance.policy.rules import FairnessPolicy, FairnessRule
from governance.registry.models import register_report
from tests.governance.builders import Build, measured, report

WORKS = FairnessRule(
    id="european-works",
    metric="exposure_share",
    attribute="origin",
    category="european",
    comparison="at_least",
    limit=0.30,
    level="error",
    rationale="r",
    approved_by="b",
)
GENRES = FairnessRule(
    id="every-genre",
    metric="exposure_ratio",
    attribute="genre",
    comparison="at_least",
    limit=0.4,
    min_catalogue_share=0.02,
    level="error",
    rationale="r",
    approved_by="b",
)
LIFT = FairnessRule(
    id="popularity",
    metric="popularity_lift",
    comparison="at_most",
    limit=1.5,
    level="warn",
    rationale="r",
    approved_by="b",
)


def _policy(*rules: FairnessRule) -> FairnessPolicy:
    return FairnessPolicy(
        list_length=20,
        attention="logarithmic",
        replicates=1000,
        confidence=0.95,
        seed=20260101,
        max_unknown_share=0.05,
        rules=rules,
    )


def _european(value: float, low: float, high: float) -> Measurement:
    return measured("exposure_share", value, low, high, "origin", "european")


def _decide(rule: FairnessRule, *measurements: Measurement, **changes: object) -> Decision:
    return decide(_policy(rule), replace(report(*measurements), **changes))  # type: ignore[arg-type]


def test_a_reviewer_reads_one_sentence() -> None:
    decision = _decide(WORKS, _european(0.172, 0.168, 0.176))

    assert decision.outcome == Outcome.FAIL
    assert [finding.sentence for finding in decision.reasons] == [
        (
            "European titles (origin = european) receive 17.2 % of the attention (95 % interval 16.8 to 17.6 %, "
            "1,000 subjects); the policy asks for at least 30 %."
        )
    ]


@pytest.mark.parametrize(
    ("low", "high", "outcome"),
    [
        (0.31, 0.35, Outcome.PASS),
        (0.30, 0.35, Outcome.PASS),
        (0.29, 0.35, Outcome.INCONCLUSIVE),
        (0.25, 0.30, Outcome.INCONCLUSIVE),
        (0.25, 0.29, Outcome.FAIL),
    ],
)
def test_the_whole_interval_decides(low: float, high: float, outcome: Outcome) -> None:
    decision = _decide(WORKS, _european((low + high) / 2, low, high))

    assert decision.outcome == outcome
    assert bool(decision.reasons) == (outcome != Outcome.PASS)


def test_an_undecided_rule_says_that_it_is() -> None:
    (finding,) = _decide(WORKS, _european(0.30, 0.28, 0.32)).findings

    assert finding.n_to_decide is None
    assert finding.sentence.endswith(
        "the policy asks for at least 30 %, which this audit cannot decide, for the figure lies on the limit."
    )


def test_an_undecided_rule_says_how_many_subjects_would_decide_it() -> None:
    (finding,) = _decide(WORKS, _european(0.31, 0.28, 0.34)).findings

    # Standard error 0.01, critical value 3, z of 80 % power 0.8416: 0.0384 is detectable, 0.01 was seen.
    assert finding.detectable == pytest.approx(0.03841621)
    assert finding.n_to_decide == 14759
    assert finding.sentence.endswith(", which this audit cannot decide; about 15,000 subjects like these would.")


def test_a_rule_may_tolerate_what_cannot_be_decided_but_nothing_else() -> None:
    lenient = replace(WORKS, when_inconclusive="warn")
    met = replace(GENRES, attribute="origin", category="european", metric="exposure_share", id="met", limit=0.1)
    undecided = decide(_policy(lenient, met), report(_european(0.30, 0.28, 0.32)))
    missed = decide(_policy(lenient, met), report(_european(0.20, 0.18, 0.22)))

    assert (undecided.outcome, missed.outcome) == (Outcome.PASS, Outcome.FAIL)
    # Tolerated alone it is still no evidence.
    assert decide(_policy(lenient), report(_european(0.30, 0.28, 0.32))).outcome == Outcome.INCONCLUSIVE


@pytest.mark.parametrize(
    "broken",
    [
        {"value": None, "low": None, "high": None, "undefined": Undefined.NO_SUBJECT, "n": 0},
        {"value": float("nan")},
        {"low": float("nan")},
        {"n": 29},
    ],
    ids=["undefined", "value is NaN", "interval is NaN", "too few subjects"],
)
def test_a_figure_that_is_no_evidence_blocks(broken: dict[str, object]) -> None:
    figure = replace(_european(0.5, 0.45, 0.55), **broken)
    decision = _decide(replace(WORKS, when_inconclusive="warn"), figure)

    assert decision.outcome == Outcome.INCONCLUSIVE
    assert _decide(replace(WORKS, when_inconclusive="fail"), figure).outcome == Outcome.FAIL
    assert "The policy asks for at least 30 %." in decision.reasons[0].sentence


def test_a_figure_that_the_report_lacks_blocks_and_says_what_there_is() -> None:
    decision = _decide(WORKS, measured("exposure_share", 0.5, 0.4, 0.6, "origin", "asian"))

    assert decision.outcome == Outcome.INCONCLUSIVE
    assert decision.reasons[0].sentence.startswith(
        "The report has no exposure_share of origin = european; it has that of origin = asian. The policy asks for"
    )


def test_too_much_attention_on_unknown_titles_blocks() -> None:
    labels = (UnknownLabels(attribute="origin", catalogue=0.02, exposure=0.051),)
    decision = _decide(WORKS, _european(0.5, 0.45, 0.55), unknown_labels=labels)

    assert decision.outcome == Outcome.INCONCLUSIVE
    assert "5.1% of the attention falls on titles whose origin is unknown" in decision.reasons[0].sentence


def test_a_catalogue_without_the_attribute_is_said_not_hidden() -> None:
    rule = replace(WORKS, when_absent="not_applicable")
    quality = replace(LIFT, id="quality", metric="ndcg", comparison="at_least", limit=0.05, level="error")
    without = replace(report(measured("ndcg", 0.2, 0.19, 0.21)), unknown_labels=())

    decision = decide(_policy(rule, quality), without)
    assert decision.outcome == Outcome.PASS
    assert decision.not_applicable == ("european-works: the catalogue has no origin to measure by.",)
    assert decide(_policy(WORKS, quality), without).outcome == Outcome.FAIL
    # With nothing left to ask there is nothing to ship on.
    assert decide(_policy(rule), without).outcome == Outcome.INCONCLUSIVE


def test_unlabelled_titles_that_nobody_is_shown_block_as_well() -> None:
    # They make the labelled categories' parts of the catalogue smaller, and a hidden category seem at parity.
    labels = (UnknownLabels(attribute="origin", catalogue=0.5, exposure=0.0),)
    decision = _decide(WORKS, _european(0.5, 0.45, 0.55), unknown_labels=labels)

    assert decision.outcome == Outcome.INCONCLUSIVE
    assert "50.0% of the catalogue is titles whose origin is unknown" in decision.reasons[0].sentence


def test_every_category_of_some_size_is_asked_and_the_unknown_one_is_not() -> None:
    shares = [
        replace(measured("exposure_share", 0.1, 0.1, 0.1, "genre", name), target=size)
        for name, size in (("drama", 0.5), ("noir", 0.03), ("dance", 0.019), ("unknown", 0.04))
    ]
    ratios = [
        measured("exposure_ratio", value, value - 0.05, value + 0.05, "genre", name)
        for name, value in (("drama", 1.2), ("noir", 0.2), ("dance", 0.1), ("unknown", 0.0))
    ]
    decision = _decide(GENRES, *shares, *ratios)

    assert [(finding.about, finding.verdict) for finding in decision.findings] == [
        ("genre = noir", Outcome.FAIL),
        ("genre = drama", Outcome.PASS),
    ]


def test_a_group_of_subjects_is_not_mistaken_for_all() -> None:
    ndcg = replace(LIFT, id="q", metric="ndcg", comparison="at_least", limit=0.05, level="error")
    group = replace(measured("ndcg", 0.2, 0.19, 0.21), group="young")

    assert _decide(ndcg, group).outcome == Outcome.INCONCLUSIVE
    assert _decide(ndcg, group, measured("ndcg", 0.3, 0.29, 0.31)).outcome == Outcome.PASS


def test_a_warning_is_listed_and_blocks_nothing() -> None:
    decision = decide(
        _policy(WORKS, LIFT), report(_european(0.5, 0.45, 0.55), measured("popularity_lift", 2.0, 1.9, 2.1))
    )

    assert decision.outcome == Outcome.PASS
    assert [(finding.rule, finding.verdict, finding.blocks) for finding in decision.findings] == [
        ("popularity", Outcome.FAIL, False),
        ("european-works", Outcome.PASS, False),
    ]


def test_a_rule_that_is_off_is_not_asked() -> None:
    off = replace(GENRES, level="off")

    assert decide(_policy(WORKS, off), report(_european(0.5, 0.45, 0.55))).outcome == Outcome.PASS


@pytest.mark.parametrize(
    "changes",
    [
        {"k": 10},
        {"attention": "uniform"},
        {"attention_formula": "1 for every rank up to k"},
        {"level": 0.9},
        {"replicates": 200},
        {"seed": 7},
    ],
    ids=lambda c: next(iter(c)),
)
def test_an_audit_made_otherwise_than_the_policy_says_is_no_evidence(changes: dict[str, object]) -> None:
    decision = _decide(WORKS, _european(0.5, 0.45, 0.55), **changes)

    assert decision.outcome == Outcome.INCONCLUSIVE
    assert "the policy asks for 20, logarithmic, 1000 at 95%" in decision.reasons[0].sentence


_ORDER = {Outcome.FAIL: 0, Outcome.INCONCLUSIVE: 1, Outcome.PASS: 2}
_UNIT = st.floats(0, 1, allow_nan=False)
_LIMIT = st.floats(0.001, 1, allow_nan=False)


@given(_UNIT, _UNIT, _LIMIT, _LIMIT)
def test_a_stricter_limit_never_helps(value: float, half: float, limit: float, raised: float) -> None:
    figure = _european(value, max(value - half, 0.0), min(value + half, 1.0))
    lower, higher = sorted((limit, raised))
    lenient, strict = (_decide(replace(WORKS, limit=each), figure).outcome for each in (lower, higher))

    assert _ORDER[strict] <= _ORDER[lenient]


@given(_UNIT, _UNIT, _UNIT)
def test_a_wider_interval_never_turns_into_a_pass(value: float, half: float, extra: float) -> None:
    narrow, wide = (
        _decide(WORKS, _european(value, max(value - h, 0.0), min(value + h, 1.0))).outcome for h in (half, half + extra)
    )

    assert wide != Outcome.PASS or narrow == Outcome.PASS


def _stored(session: Session, build: Build) -> tuple[object, object]:
    ada, release = build.principal(session, "Ada", "engineer"), build.release(session, "one", ("s1",))
    model = build.model(session, "m1", release, ada)
    audit = register_report(
        session, model, sha256(b"r").hexdigest(), path_json="j", path_html="h", actor=build.actor, clock=build.clock
    )
    return model, audit


def test_a_stored_decision_reads_back_as_it_was_made_and_the_latest_counts(session: Session, build: Build) -> None:
    model, audit = _stored(session, build)
    failed = _decide(WORKS, _european(0.172, 0.168, 0.176))
    passed = _decide(WORKS, _european(0.5, 0.45, 0.55))
    for name, decision in (("one", failed), ("two", passed)):
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

    assert decision_of(get_decision(session, build.id("one"))) == failed
    assert find_latest(session, model).id == build.id("two")
    entry = follow(session, Filter(kinds=("gate.decided",)))[0]
    assert entry.body["failed"] == ["european-works (origin = european)"]
    assert entry.body["outcome"] == "fail"


def test_a_report_on_another_model_decides_nothing(session: Session, build: Build) -> None:
    model, audit = _stored(session, build)
    other = build.model(session, "m2", model.release, build.principal(session, "Bob", "engineer"))

    with pytest.raises(Conflict, match="is not about model"):
        record_decision(
            session,
            _decide(WORKS, _european(0.5, 0.45, 0.55)),
            decision_id=build.id("one"),
            model=other,
            report=audit,
            policy_digest="cd" * 32,
            valid_days=90,
            actor=build.actor,
            clock=build.clock,
        )
    with pytest.raises(NotFound):
        get_decision(session, build.id("one"))


def test_the_report_of_an_audit_decides_like_the_one_read_back_from_its_bytes() -> None:
    audited = report(_european(0.172, 0.168, 0.176))

    assert decide(_policy(WORKS), Report.from_json(audited.to_json())) == decide(_policy(WORKS), audited)
