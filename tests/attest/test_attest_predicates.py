"""Statements and predicates: frozen vectors, contract tests over the registry, and what each refuses."""

import json
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from governance.attest.checks import as_summary, as_test_result
from governance.attest.dsse import decode_envelope
from governance.attest.predicates.verification_summary import VerificationSummary
from governance.attest.reading import read_moment
from governance.attest.registry import PREDICATES, predicate_type_of, read_predicate
from governance.attest.resource import Resource
from governance.attest.statement import (
    PAYLOAD_TYPE,
    Statement,
    Subject,
    decode_statement,
    encode_statement,
)
from governance.errors import BrokenProof, InvalidInput
from tests.attest.attest_examples import (
    ERASURE,
    EXAMPLES,
    FAIRNESS,
    MODEL,
    NAME,
    NOON,
    OTHER,
    PRIVACY_AUDIT,
    PROVENANCE,
    SUMMARY,
    TEST_RESULT,
    VECTORS,
    envelope_of,
    statement_of,
)

_NAMES = [name for name, _ in EXAMPLES]
_PREDICATES = [example for _, example in EXAMPLES]


def payload(**fields: Any) -> bytes:  # noqa: ANN401 - JSON
    return json.dumps({**json.loads(encode_statement(statement_of(SUMMARY))), **fields}).encode()


# Statements


def test_a_statement_reads_back_and_ignores_what_a_later_version_added() -> None:
    more = payload(**{"https://example.org/more": 1})

    assert decode_statement(PAYLOAD_TYPE, more) == statement_of(SUMMARY)


def test_a_digest_of_another_algorithm_matches_nothing() -> None:
    statement = decode_statement(PAYLOAD_TYPE, payload(subject=[{"name": "x", "digest": {"sha512": MODEL}}]))

    assert statement.subjects == ()


@pytest.mark.parametrize(
    "fields",
    [
        {"subject": [{"name": "model"}]},
        {"subject": [{"name": "model", "digest": {}}]},
        {"subject": [{"name": "model", "digest": {"sha256": MODEL}}, {"name": "x"}]},
        {"subject": []},
        {"subject": {"name": "model"}},
        {"subject": [{"name": "model", "digest": {"sha256": MODEL.upper()}}]},
        {"subject": [{"name": "model", "digest": {"sha256": MODEL[:-1]}}]},
        {"subject": [{"name": "model", "digest": {"sha256": 5}}]},
        {"predicateType": None},
        {"predicate": []},
    ],
    ids=lambda fields: json.dumps(fields)[:60],
)
def test_a_statement_without_digests_or_of_another_form_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(BrokenProof, match="expected an in-toto Statement v1"):
        decode_statement(PAYLOAD_TYPE, payload(**fields))


def test_another_statement_type_or_payload_type_is_refused() -> None:
    with pytest.raises(BrokenProof, match=r"_type: expected https://in-toto\.io/Statement/v1"):
        decode_statement(PAYLOAD_TYPE, payload(_type="https://in-toto.io/Statement/v0.1"))
    with pytest.raises(BrokenProof, match=r"payloadType: expected application/vnd\.in-toto"):
        decode_statement("application/json", payload())


def test_a_statement_that_means_two_things_is_refused() -> None:
    twice = payload().replace(b'{"_type"', b'{"predicate":{},"_type"')

    with pytest.raises(BrokenProof):
        decode_statement(PAYLOAD_TYPE, twice)


@given(st.binary(max_size=100))
def test_other_bytes_are_no_statement_and_never_crash(unverified: bytes) -> None:
    with pytest.raises(BrokenProof):
        decode_statement(PAYLOAD_TYPE, unverified)


# The registry


def test_every_predicate_has_a_name_of_its_own_and_an_example() -> None:
    assert (
        len({kind.predicate_type for kind in PREDICATES}) == len({kind.slug for kind in PREDICATES}) == len(PREDICATES)
    )
    assert {type(example) for example in _PREDICATES} == set(PREDICATES)


@pytest.mark.parametrize(("name", "example"), EXAMPLES, ids=_NAMES)
def test_what_is_written_today_is_the_frozen_vector(name: str, example: Any) -> None:  # noqa: ANN401 - any predicate
    assert envelope_of(example) == (VECTORS / f"{name}.dsse.json").read_bytes()


@pytest.mark.parametrize("path", sorted(VECTORS.iterdir()), ids=lambda path: path.name)
def test_every_vector_ever_published_still_reads(path: Any) -> None:  # noqa: ANN401 - a path
    envelope = decode_envelope(path.read_bytes())

    assert read_predicate(decode_statement(envelope.payload_type, envelope.payload)) is not None


@pytest.mark.parametrize("example", _PREDICATES, ids=_NAMES)
def test_a_predicate_reads_back_and_ignores_fields_that_it_does_not_know(example: Any) -> None:  # noqa: ANN401
    fields = {**example.as_json(), "https://example.org/more": {"x": [1]}}

    assert type(example).read(fields) == example


@pytest.mark.parametrize("example", _PREDICATES, ids=_NAMES)
def test_a_predicate_names_the_policies_it_was_made_under(example: Any) -> None:  # noqa: ANN401
    assert all(name.endswith(".yaml") and len(digest) == 64 for name, digest in example.policies.items())
    assert example.policies


OPTIONAL = {
    "provenance": {"internalParameters", "resolvedDependencies", "version", "annotations"},
    "privacy-audit": {"inputs", "measuredLowerBound"},
    "test-result": {"configuration", "url", "passedTests", "warnedTests", "failedTests"},
    "vsa": {"inputAttestations", "verifiedLevels"},
    "erasure-certificate": {"stores", "policies", "retrainBy"},
}


@pytest.mark.parametrize("example", _PREDICATES, ids=_NAMES)
def test_a_missing_field_is_refused_by_name(example: Any) -> None:  # noqa: ANN401
    fields = example.as_json()
    for name in set(fields) - OPTIONAL[example.slug]:
        with pytest.raises(BrokenProof, match=f"predicate: {name}"):
            type(example).read({key: value for key, value in fields.items() if key != name})


_JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-3, 3)
    | st.just(10**400)
    | st.floats(allow_nan=False)
    | st.text(max_size=5),
    lambda each: st.lists(each, max_size=2) | st.dictionaries(st.text(max_size=3), each, max_size=2),
    max_leaves=4,
)


@given(st.sampled_from(_PREDICATES), st.data())
def test_a_field_of_any_other_form_is_refused_or_read_and_never_crashes(example: Any, data: st.DataObject) -> None:  # noqa: ANN401
    fields = dict(example.as_json())
    place = data.draw(st.sampled_from(sorted(fields)))
    inner = fields[place]
    if isinstance(inner, dict) and data.draw(st.booleans()):
        fields[place] = {**inner, data.draw(st.sampled_from(sorted(inner))): data.draw(_JSON)}
    else:
        fields[place] = data.draw(_JSON)
    try:
        found = type(example).read(fields)
    except BrokenProof:
        return
    assert isinstance(found.refusals, tuple)


def test_a_type_that_we_do_not_know_is_refused_rather_than_waved_through() -> None:
    unknown = Statement(subjects=(Subject("x", MODEL),), predicate_type="https://example.org/x", predicate={})

    with pytest.raises(BrokenProof, match="predicateType: expected one of"):
        read_predicate(unknown)
    with pytest.raises(InvalidInput, match="predicate: expected one of provenance"):
        predicate_type_of("model-card")
    assert predicate_type_of("vsa") == predicate_type_of(SUMMARY.predicate_type)


# What each says


def test_only_a_passed_verification_says_nothing_against_it() -> None:
    assert SUMMARY.refusals == ()
    failed = replace(SUMMARY, result="FAILED", levels=())
    assert failed.refusals == ("verificationResult is FAILED",)
    assert failed.as_json()["verifiedLevels"] == ["FAILED"]


def test_levels_that_are_slsas_are_never_written_and_never_read() -> None:
    with pytest.raises(InvalidInput, match="do not begin SLSA_"):
        replace(SUMMARY, levels=("SLSA_BUILD_LEVEL_3",))
    with pytest.raises(BrokenProof, match="do not begin SLSA_"):
        VerificationSummary.read({**SUMMARY.as_json(), "verifiedLevels": ["SLSA_BUILD_LEVEL_3"]})


def test_a_run_that_calls_itself_passed_and_lists_a_failure_did_not_pass() -> None:
    assert TEST_RESULT.refusals == ()
    assert replace(TEST_RESULT, result="PASSED", failed=("x",)).refusals == ("failed: x",)
    assert replace(TEST_RESULT, result="FAILED").refusals == ("the result is FAILED",)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"epsilon": 5.1}, "promises no more epsilon"),
        ({"epsilon": float("inf")}, "promises no more epsilon"),
        ({"delta": 1e-5}, "delta"),
        ({"paid": replace(PRIVACY_AUDIT.paid, composed_epsilon=10.1)}, "stay within its budget"),
    ],
)
def test_a_privacy_audit_is_judged_by_its_figures_and_not_by_what_it_calls_itself(
    change: dict[str, Any], said: str
) -> None:
    audit = replace(PRIVACY_AUDIT, **change)

    (refusal,) = audit.refusals
    assert said in refusal
    assert type(audit).read(audit.as_json()) == audit


def test_an_erasure_that_left_something_or_names_no_day_of_retraining_is_refused() -> None:
    assert ERASURE.refusals == ()
    assert replace(ERASURE, left={"vault": 0, "lake": 1}).refusals == (
        "does not hold: a second read of lake finds nothing",
    )
    assert len(replace(ERASURE, retrain_by=None).refusals) == 1
    assert replace(ERASURE, left={}).refusals == ("it names no store",)


def test_an_attested_erasure_has_no_count_of_what_the_subject_had_and_no_time_of_day() -> None:
    said = json.dumps(ERASURE.as_json())

    assert "found" not in said
    assert "T" not in said.replace("PROBITY", "")
    assert replace(ERASURE, erased_on=date(2026, 11, 24)).moment == NOON.replace(hour=0) + timedelta(days=1)


def test_a_training_that_ended_before_it_began_is_refused() -> None:
    assert PROVENANCE.refusals == ()
    assert replace(PROVENANCE, started_at=NOON + timedelta(seconds=1)).refusals == ("it finished before it started",)


def test_no_check_at_all_is_a_failure_in_both_generic_shapes() -> None:
    nothing = {
        "verifier": NAME, "verified_at": NOON, "resource": "r", "policy": FAIRNESS, "inputs": (), "level": "X",
    }  # fmt: skip

    assert as_test_result({}, configuration=()).result == "FAILED"
    assert as_summary({}, **nothing).result == "FAILED"
    assert as_summary({"a": True, "b": False}, **nothing).levels == ()
    assert as_summary({"a": True}, **nothing).levels == ("X",)


@pytest.mark.parametrize(
    "text", ["2026-11-23T12:00:00", "yesterday", "", "2026-13-01T00:00:00Z", "0001-01-01T00:00:00+23:59"]
)
def test_a_moment_without_its_zone_or_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(BrokenProof, match="at: expected"):
        read_moment({"at": text}, "at")


def test_only_a_file_below_policies_is_a_policy() -> None:
    assert Resource(f"{NAME}/policies/fairness.yaml", OTHER).policy_name == "fairness.yaml"
    assert Resource(f"{NAME}/policies/a/b.yaml", OTHER).policy_name is None
    assert Resource("/policies/", OTHER).policy_name is None
    assert Resource(f"{NAME}/reports/x", OTHER).policy_name is None
