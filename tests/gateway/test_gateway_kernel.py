"""The kernel: pseudonyms, consent, minimisation, duplicates."""

import hmac
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pseudonymisation.framing import framed
from pseudonymisation.kernel import EVENT_ID_LABEL, GatewayContext, event_id_of, process
from pseudonymisation.keyring import EventIdKey
from pseudonymisation.pseudonym import Pseudonym
from pseudonymisation.rejection import Fault
from pseudonymisation.schema import EVENT_KINDS, KIND_BY_NAME, bucket_of

Consents = Any  # the class is in conftest.py, which tests cannot import

Line = Callable[..., bytes]
PURPOSES = {"personalised_recommendations", "model_training", "partner_sharing"}


def test_an_event_becomes_a_row_without_anything_that_names_its_subject(
    event: Line, memory_context: GatewayContext
) -> None:
    outcome = process([event(stars=4.3)], memory_context)
    (row,) = outcome.tables["rating"].to_pylist()

    assert row["item"] == "m1"
    assert row["stars"] == 4.5
    assert row["at"].isoformat() == "2026-02-01T10:11:00+00:00"
    assert row["subject"] == "0000" + "0" * 28
    assert row["purposes"] == ["model_training", "personalised_recommendations"]
    assert outcome.tables["rating"].schema == KIND_BY_NAME["rating"].schema


def test_the_events_and_the_consent_store_know_a_subject_under_two_pseudonyms(
    event: Line, memory_context: GatewayContext
) -> None:
    asked: list[Pseudonym] = []

    class Asked:
        def allowed(self, purpose: str, subjects: list[Pseudonym]) -> list[bool]:
            asked.extend(subjects)
            return [purpose != "partner_sharing"] * len(subjects)

    outcome = process([event()], replace(memory_context, consents=Asked()))

    assert set(asked) == {"0001" + "0" * 28}
    assert outcome.tables["rating"]["subject"].to_pylist() == ["0000" + "0" * 28]


def test_the_event_id_is_a_keyed_hash_of_the_senders_framed_id() -> None:
    key = EventIdKey(1, b"k" * 32)
    expected = hmac.digest(b"k" * 32, framed(EVENT_ID_LABEL, "é-1".encode()), "sha256").hex()[:32]

    assert event_id_of("é-1", key) == expected
    assert event_id_of("é-1", EventIdKey(1, b"l" * 32)) != expected


def test_without_consent_for_any_purpose_there_is_no_row(
    event: Line, memory_context: GatewayContext, consents: Consents
) -> None:
    consents.nobody = {"personalised_recommendations", "model_training", "partner_sharing"}
    outcome = process([event()], memory_context)

    assert outcome.tables == {}
    assert outcome.no_consent == 1
    assert outcome.rejects == ()


def test_a_field_is_kept_only_for_subjects_who_allow_a_purpose_that_needs_it(
    event: Line, memory_context: GatewayContext, consents: Consents
) -> None:
    consents.refused = {
        (Pseudonym("0001" + "0" * 28), "personalised_recommendations"),
        (Pseudonym("0001" + "0" * 28), "model_training"),
    }
    view = {"kind": "view", "item": "m1", "seconds": 90.2, "duration": 100}
    lines = [event(**view), event(**view, event_id="e-2", subject={"account_id": "ben"})]
    outcome = process(lines, memory_context)
    rows = outcome.tables["view"].select(["seconds", "duration", "purposes"]).to_pylist()

    assert rows[0] == {"seconds": 90.0, "duration": None, "purposes": ["partner_sharing"]}
    assert rows[1]["duration"] == 100.0
    assert outcome.fields_dropped == {"view.duration": 1}


def test_unknown_fields_and_the_ip_address_are_counted_and_forgotten(
    event: Line, memory_context: GatewayContext
) -> None:
    line = event(subject={"account_id": "anna", "ip": "192.0.2.7"}, mother="Carla Canary", **{"anna@example.org": 1})
    outcome = process([line], memory_context)

    assert outcome.fields_dropped == {"a field that we do not know": 2, "subject.ip": 1}
    assert outcome.rows == 1


def test_a_search_keeps_only_words_of_the_catalogue(event: Line, memory_context: GatewayContext) -> None:
    queries = ["Quiet HARBOUR, ines vidal!", "anna.vidal@example.org", "call 2001 555 0134", "2001 odyssey", ""]
    lines = [event(kind="search", query=query, event_id=str(n)) for n, query in enumerate(queries)]
    outcome = process(lines, memory_context)

    assert outcome.tables["search"]["query"].to_pylist() == [
        "quiet harbour ines vidal",
        None,
        None,
        "2001 odyssey",
        None,
    ]
    assert outcome.tables["search"]["at"][0].as_py().isoformat() == "2026-02-01T10:00:00+00:00"
    assert outcome.fields_dropped["search.query"] == 3


def test_a_second_event_with_the_same_id_is_rejected_with_the_first_ones_line(
    event: Line, memory_context: GatewayContext
) -> None:
    outcome = process([event(), b"", event(stars=1)], memory_context, first_line=100)

    assert outcome.tables["rating"]["stars"].to_pylist() == [4.5]
    assert [reject.line for reject in outcome.rejects] == [102]
    assert outcome.rejects[0].fault == Fault("event_id", "each id once", "the id of line 100 again", "duplicate")
    assert outcome.received == 2


@pytest.mark.parametrize(
    "subject",
    [{}, {"ip": "192.0.2.7"}, {"email": "no address"}, {"account_id": 7}, {"account_id": ["x"]}, {"passport": "C01X"}],
)
def test_a_subject_without_a_usable_identifier_is_rejected(
    event: Line, memory_context: GatewayContext, subject: dict[str, object]
) -> None:
    outcome = process([event(subject=subject), event(event_id="e-2", subject=subject)], memory_context)

    assert outcome.rejected_by_reason == {"identity": 2}
    assert outcome.rejects[0].fault.field.startswith("subject")


def test_a_gpc_signal_refuses_sharing_for_all_of_the_subjects_events_in_the_batch(
    event: Line, memory_context: GatewayContext
) -> None:
    view = {"kind": "view", "item": "m1", "seconds": 90, "duration": 100}
    lines = [
        event(**view),
        event(**view, event_id="e-2", gpc=True),
        event(**view, event_id="e-3", subject={"account_id": "ben"}, gpc=False),
    ]
    outcome = process(lines, memory_context)
    shared = ["partner_sharing" in purposes for purposes in outcome.tables["view"]["purposes"].to_pylist()]

    assert shared == [False, False, True]
    assert outcome.gpc == ("0001" + "0" * 28,)


def test_the_bucket_column_is_the_bucket_of_each_pseudonym(event: Line, memory_context: GatewayContext) -> None:
    class Spread:
        def enrol(self, identities: list[object], *, domains: list[str]) -> list[dict[str, Pseudonym]]:
            return [dict.fromkeys(domains, Pseudonym(f"{n * 37 % 256:02x}" + "0" * 30)) for n in range(len(identities))]

    lines = [event(event_id=str(n), subject={"account_id": str(n)}) for n in range(64)]
    table = process(lines, replace(memory_context, vault=Spread())).tables["rating"]

    assert table["bucket"].to_pylist() == [int(subject[:2], 16) % 16 for subject in table["subject"].to_pylist()]
    assert table["bucket"].to_pylist() == [bucket_of(subject) for subject in table["subject"].to_pylist()]
    assert set(table["bucket"].to_pylist()) == set(range(16))


_RECORD = st.fixed_dictionaries(
    {
        "event_id": st.sampled_from(["a", "b", "c", ""]),
        "kind": st.sampled_from([kind.name for kind in EVENT_KINDS] + ["other"]),
        "at": st.sampled_from(["2026-02-01T10:11:12Z", "2027-01-01T00:00:00Z", "nonsense"]),
        "subject": st.sampled_from([{"account_id": "anna"}, {"email": "ben@example.org"}, {}]),
        "item": st.sampled_from(["m1", "m3"]),
        "query": st.text(max_size=10),
        "seconds": st.floats(0, 100),
        "duration": st.floats(1, 100),
        "row": st.integers(-1, 5),
        "position": st.integers(0, 5),
        "stars": st.sampled_from([0.5, 3, 6]),
    }
)


@given(records=st.lists(_RECORD, max_size=8), refused=st.sets(st.sampled_from(sorted(PURPOSES))))
def test_every_line_is_written_refused_or_without_consent_and_never_two_of_them(
    records: list[dict[str, object]],
    refused: set[str],
    context_refusing: Callable[[set[str]], GatewayContext],
) -> None:
    outcome = process([json.dumps(record).encode() for record in records], context_refusing(refused))
    used = {purpose for table in outcome.tables.values() for row in table["purposes"].to_pylist() for purpose in row}

    assert outcome.rows + outcome.no_consent + len(outcome.rejects) == outcome.received == len(records)
    assert len({reject.line for reject in outcome.rejects}) == len(outcome.rejects)
    assert not used & refused
