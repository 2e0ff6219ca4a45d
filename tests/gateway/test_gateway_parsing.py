"""The strict reader: what the wire format allows, and what each bad line is told."""

import json
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pseudonymisation.parsing import Limits, ParsedEvent, parse_event
from pseudonymisation.rejection import REASONS, Fault

LIMITS = Limits(line_bytes=65_536, latest=datetime(2026, 3, 1, 12, 5, tzinfo=UTC), items=frozenset({"m1"}))
CANARY = "anna.canary@example.org"
FIELDS = ["event_id", "at", "subject", "gpc", "item", "seconds", "duration", "query", "row", "stars"]
BROWSE = {"kind": "browse", "item": "m1", "row": 0, "position": 0}
VIEW = {"kind": "view", "item": "m1", "seconds": 0, "duration": 1}
Line = Callable[..., bytes]


def test_a_view_is_read_with_its_values_in_the_order_of_the_schema(event: Line) -> None:
    parsed = parse_event(event(kind="view", item="m1", seconds=12, duration=60.5), LIMITS)

    assert isinstance(parsed, ParsedEvent)
    assert parsed.values == ("m1", 12, 60.5)
    assert parsed.at == datetime(2026, 2, 1, 10, 11, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("changes", "field", "got", "reason"),
    [
        ({"kind": CANARY}, "kind", "another", "unknown kind"),
        ({"kind": None}, "kind", "nothing", "missing field"),
        ({"event_id": None}, "event_id", "nothing", "missing field"),
        ({"event_id": CANARY * 3}, "event_id", "text of 69 characters", "out of range"),
        ({"event_id": 7}, "event_id", "a number", "wrong type"),
        ({"at": "2026-03-01T12:05:01Z"}, "at", "one in the future", "future"),
        ({"at": "2026-02-30T00:00:00Z"}, "at", "a day or an hour that does not exist", "malformed"),
        ({"at": "2026-02-01 10:11:12"}, "at", "text of another form", "malformed"),
        ({"at": "2026-02-01T10:11:12+02:00"}, "at", "text of another form", "malformed"),
        ({"at": "1969-12-31T23:59:59Z"}, "at", "an earlier moment", "out of range"),
        ({"at": 1_700_000_000}, "at", "a number", "wrong type"),
        ({"subject": CANARY}, "subject", "text", "wrong type"),
        ({"subject": None}, "subject", "nothing", "missing field"),
        ({"gpc": "yes"}, "gpc", "text", "wrong type"),
        ({"item": CANARY}, "item", "an item that is not in it", "unknown item"),
        ({"item": None}, "item", "nothing", "missing field"),
        ({"stars": 5.5}, "stars", "a number outside this range", "out of range"),
        ({"stars": 10**400}, "stars", "a number outside this range", "out of range"),
        ({"stars": True}, "stars", "true or false", "wrong type"),
        ({"stars": CANARY}, "stars", "text", "wrong type"),
        (BROWSE | {"row": 1.0}, "row", "a number with a fraction or an exponent", "wrong type"),
        (BROWSE | {"row": -1}, "row", "a number outside this range", "out of range"),
        (VIEW | {"duration": 0}, "duration", "a number outside this range", "out of range"),
        (VIEW | {"seconds": 4915112345678}, "seconds", "a number outside this range", "out of range"),
        ({"kind": "search", "query": "a" * 1001}, "query", "text of 1001 characters", "out of range"),
    ],
)  # fmt: skip
def test_a_bad_field_is_named_with_what_was_expected_and_never_with_its_value(
    event: Line, changes: dict[str, object], field: str, got: str, reason: str
) -> None:
    fault = parse_event(event(**changes), LIMITS)

    assert isinstance(fault, Fault)
    assert (fault.field, fault.got, fault.reason) == (field, got, reason)
    assert CANARY not in repr(fault)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"\xff\xfe{}", "not UTF-8"),
        (b"not json", "malformed"),
        (b"[1, 2]", "malformed"),
        (b'"text"', "malformed"),
        (b'{"kind": "view"', "malformed"),
        (b'{"kind": "view"} {"kind": "view"}', "malformed"),
        (b'{"kind": "view", "kind": "search"}', "malformed"),
        (b'{"stars": NaN}', "malformed"),
        (b'{"query": "\\ud800"}', "malformed"),
        (b"[" * 60_000, "malformed"),
        (b'{"stars": ' + b"9" * 5_000 + b"}", "malformed"),
        (b"\xef\xbb\xbf{}", "malformed"),
    ],
)
def test_what_is_no_single_strict_json_object_is_refused(line: bytes, reason: str) -> None:
    fault = parse_event(line, LIMITS)

    assert isinstance(fault, Fault)
    assert fault.reason == reason


def test_a_line_of_ten_megabytes_is_refused_without_being_parsed(event: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pseudonymisation.parsing._DECODER", None)  # any use of it would raise
    fault = parse_event(event(query="a" * 10_000_000), LIMITS)

    assert fault == Fault("line", "at most 65536 bytes", "more", "too long")


@given(st.binary(max_size=300))
def test_no_bytes_make_the_reader_raise(line: bytes) -> None:
    parsed = parse_event(line, LIMITS)

    assert isinstance(parsed, Fault)
    assert parsed.reason in REASONS


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.just(CANARY),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.just(CANARY), inner, max_size=1),
    max_leaves=5,
)  # fmt: skip


@given(
    kind=st.sampled_from(["view", "search", "browse", "rating", "declaration"]),
    changes=st.dictionaries(
        st.sampled_from([*FIELDS, CANARY]),
        _JSON,
    ),
)  # fmt: skip
def test_no_value_of_a_line_is_repeated_in_its_fault(kind: str, changes: dict[str, object]) -> None:
    record = {"event_id": "e", "kind": kind, "at": "2026-02-01T10:11:12Z", "subject": {"email": CANARY}, "item": "m1"}
    line = json.dumps(record | changes).encode()
    parsed = parse_event(line, LIMITS)

    assert isinstance(parsed, ParsedEvent) or CANARY not in repr(parsed)
