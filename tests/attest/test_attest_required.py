"""What must be there about each artefact: a deleted line does not show, so it is missed by name."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from governance.attest.bundle import verify_bundle
from governance.attest.dsse import sign_envelope
from governance.attest.required import require_of_each
from governance.attest.statement import PAYLOAD_TYPE, Subject, encode_statement
from governance.attest.verification import Expected, Finding, Status, worst
from tests.attest.attest_examples import (
    ATTESTER,
    ERASURE,
    MODEL,
    NOON,
    OTHER,
    PRIVACY_AUDIT,
    PROVENANCE,
    RELEASE,
    SIGNER,
    SUMMARY,
    TEST_RESULT,
    statement_of,
)

EXPECTED = Expected(attesters=(ATTESTER.verifier_key,), now=NOON + timedelta(hours=1))
BOTH = replace(EXPECTED, subjects=(MODEL, OTHER))
GATE, PRIVACY = "PROBITY_GATE", "PROBITY_PRIVACY"
TYPES = [TEST_RESULT.predicate_type, SUMMARY.predicate_type]
PROMISED = replace(SUMMARY, levels=(PRIVACY,))


def about(name: str, sha256: str, *predicates: Any) -> list[bytes]:  # noqa: ANN401 - any predicate
    """The envelopes of what is said about one artefact."""
    subject = (Subject(name, sha256),)
    said = [replace(statement_of(each), subjects=subject) for each in predicates]
    return [sign_envelope(PAYLOAD_TYPE, encode_statement(each), [SIGNER]) for each in said]


ONE = about("models/1", MODEL, PROVENANCE, TEST_RESULT, SUMMARY)
TWO = about("models/2", OTHER, PROVENANCE, TEST_RESULT, SUMMARY)
MADE_FROM = about("releases/3", RELEASE, PROVENANCE, PRIVACY_AUDIT, TEST_RESULT, PROMISED)


def asked(bundle: list[bytes], expected: Expected, types: list[str], levels: list[str]) -> list[Finding]:
    return require_of_each(verify_bundle(bundle, expected), expected, types=types, levels=levels)


@pytest.mark.parametrize("expected", [BOTH, EXPECTED], ids=["both asked", "none asked"])
@pytest.mark.parametrize("removed", [1, 2, 4, 5])
def test_a_line_that_was_deleted_for_one_of_two_models_is_missed(expected: Expected, removed: int) -> None:
    whole = [*ONE, *TWO]
    left = [each for place, each in enumerate(whole) if place != removed]

    assert worst(asked(whole, expected, TYPES, [GATE])) == Status.HOLDS
    missed = [each for each in asked(left, expected, TYPES, []) if each.status != Status.HOLDS]
    assert [(each.check, each.status) for each in missed] == [("required", Status.MISSING)]
    assert missed[0].sentence.startswith(MODEL if removed < len(ONE) else OTHER)
    assert worst(asked(left, expected, TYPES, [GATE])) == Status.MISSING


def test_a_subject_that_was_asked_about_and_of_which_nothing_is_said_is_missed_without_a_word_more() -> None:
    assert worst(asked(ONE, BOTH, [], [])) == Status.MISSING
    assert asked([*ONE, *TWO], BOTH, [], []) == []


def test_a_level_that_another_subject_reached_does_not_count() -> None:
    failed = about("models/2", OTHER, replace(SUMMARY, result="FAILED", levels=()))

    assert worst(asked([*ONE, *failed], BOTH, [], [GATE])) == Status.REFUSED
    assert worst(asked([*ONE, *MADE_FROM], replace(EXPECTED, subjects=(RELEASE,)), [], [GATE])) == Status.REFUSED


def test_what_nobody_asked_about_need_only_hold_for_the_models_in_a_bundle() -> None:
    """As a home exports one: a model with the release it was made from, which no gate decides on."""
    bundle = [*MADE_FROM, *ONE]

    assert worst(asked(bundle, EXPECTED, TYPES, [GATE])) == Status.HOLDS
    assert worst(asked(bundle, EXPECTED, [], [GATE, PRIVACY])) == Status.REFUSED
    assert worst(asked(bundle[:-1], EXPECTED, [], [GATE])) == Status.MISSING
    assert worst(asked(MADE_FROM, EXPECTED, TYPES, [PRIVACY])) == Status.HOLDS
    assert worst(asked([], EXPECTED, TYPES, [])) == Status.MISSING


@pytest.mark.parametrize(
    "change",
    [{"max_age": timedelta(days=1)}, {"policies": {"privacy.yaml": OTHER}}, {"policy_digest": OTHER}],
    ids=lambda each: next(iter(each)),
)
def test_who_asks_for_age_or_policy_is_not_answered_by_history_alone(change: dict[str, Any]) -> None:
    for history in (about("models/1", MODEL, PROVENANCE), about("requests/1", MODEL, ERASURE)):
        assert worst(asked(history, replace(EXPECTED, **change), [], [])) == Status.MISSING
    assert asked(ONE, replace(EXPECTED, **change), [], []) == []
