"""Entries and commitments: one encoding, bounded, without room for names."""

import math
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta, timezone
from enum import Enum
from typing import ClassVar
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from governance.errors import InvalidInput, UnreadableEntry
from governance.ledger.canonical import Json, decode_base64, decode_json, encode_json
from governance.ledger.entry import decode_entry, encode_entry, outline
from governance.ledger.merkle import leaf_hash

NOON = datetime(2026, 3, 14, 12, 0, 0, 999, tzinfo=UTC)
ID = UUID("00000000-0000-4000-8000-000000000001")


class Colour(Enum):
    GREEN = "green"


@dataclass(frozen=True)
class Guarantee:
    epsilon: float
    delta: float


@dataclass(frozen=True, kw_only=True)
class ReleaseMade:
    kind: ClassVar[str] = "release.made"
    version: ClassVar[int] = 2

    guarantee: Guarantee = Guarantee(1.0, 1e-5)
    colour: Colour = Colour.GREEN
    day: date = date(2026, 1, 31)
    moment: datetime = datetime(2026, 1, 31, 1, tzinfo=timezone(timedelta(hours=2)))
    id: UUID = ID
    parts: tuple[int, ...] = (1, 2)
    counts: dict[str, int] = field(default_factory=lambda: {"b": 1, "a": 2})
    note: str | None = None


@dataclass(frozen=True, kw_only=True)
class RequestClosed:
    kind: ClassVar[str] = "request.closed"
    version: ClassVar[int] = 1
    by_day: ClassVar[bool] = True

    commitment: str = "00"


@dataclass(frozen=True, kw_only=True)
class Holding:
    kind: ClassVar[str] = "test.holding"
    version: ClassVar[int] = 1

    value: object


FROZEN = (
    b'{"actor":"role:engineer","at":"2026-03-14T12:00:00Z","body":{"colour":"green","counts":{"a":2,"b":1},'
    b'"day":"2026-01-31","guarantee":{"delta":0.00001,"epsilon":1},"id":"00000000-0000-4000-8000-000000000001",'
    b'"moment":"2026-01-30T23:00:00Z","note":null,"parts":[1,2]},"id":"00000000-0000-4000-8000-000000000001",'
    b'"kind":"release.made","v":2}'
)


def test_an_event_is_written_in_its_one_published_spelling() -> None:
    assert encode_entry(ReleaseMade(), actor="role:engineer", entry_id=ID, at=NOON) == FROZEN


def test_an_entry_says_what_was_written() -> None:
    entry = decode_entry(7, FROZEN)

    assert (entry.seq, entry.version, entry.kind, entry.actor, entry.id) == (7, 2, "release.made", "role:engineer", ID)
    assert entry.at == datetime(2026, 3, 14, 12, tzinfo=UTC)
    assert entry.body["guarantee"] == {"delta": 0.00001, "epsilon": 1}
    assert entry.leaf == leaf_hash(FROZEN)
    assert "body" in repr(entry)
    assert "encoded" not in repr(entry)


def test_an_event_about_one_person_keeps_only_the_day() -> None:
    assert b'"at":"2026-03-14T00:00:00Z"' in encode_entry(RequestClosed(), actor="role:dpo", entry_id=ID, at=NOON)


@pytest.mark.parametrize("actor", ["", "Ada Lovelace", "ada@example.com", "Role:dpo", "a b", ":x", "a" * 129, "rôle"])
def test_an_actor_that_could_be_a_name_is_refused_and_not_repeated(actor: str) -> None:
    with pytest.raises(InvalidInput, match="expected an actor that is a role or key id") as refusal:
        encode_entry(ReleaseMade(), actor=actor, entry_id=ID, at=NOON)

    assert len(actor) < 3 or actor not in str(refusal.value)


@pytest.mark.parametrize(
    ("value", "place"),
    [
        (b"bytes", r"test\.holding\.value: expected a dataclass, got bytes"),
        ({1: 2}, r"test\.holding\.value: expected text keys, got int"),
        (({"a": {1, 2}},), r"test\.holding\.value\[0\]\.a: expected a dataclass, got set"),
        (datetime(2026, 1, 1), r"test\.holding\.value: expected an aware datetime"),  # noqa: DTZ001 - the naive one
        (math.nan, "FloatDomainError"),
        (2**53, "IntegerDomainError"),
        ("\ud800", "CanonicalizationError"),
    ],
)
def test_a_value_that_is_no_json_is_refused_with_its_place(value: object, place: str) -> None:
    with pytest.raises(InvalidInput, match=place):
        encode_entry(Holding(value=value), actor="role:dpo", entry_id=ID, at=NOON)


def test_an_entry_longer_than_a_bundle_can_hold_is_refused() -> None:
    overhead = len(encode_entry(Holding(value=""), actor="role:dpo", entry_id=ID, at=NOON))
    longest = encode_entry(Holding(value="x" * (65_535 - overhead)), actor="role:dpo", entry_id=ID, at=NOON)

    assert len(longest) == 65_535
    with pytest.raises(InvalidInput, match="at most 65535 bytes, got 65536"):
        encode_entry(Holding(value="x" * (65_536 - overhead)), actor="role:dpo", entry_id=ID, at=NOON)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        pytest.param(b'"v":2', b'"v": 2', id="a space"),
        pytest.param(b'"v":2', b'"v":2.0', id="another number"),
        pytest.param(b'"v":2', b'"v":"2"', id="text for a number"),
        pytest.param(b'"v":2', b'"v":true', id="a boolean for a number"),
        pytest.param(b'"v":2', b'"v":0', id="version 0"),
        pytest.param(b'"v":2', b'"v":2,"w":1', id="an unknown key"),
        pytest.param(b'"v":2', b'"v":2,"v":2', id="a key twice"),
        pytest.param(b',"v":2', b"", id="a missing key"),
        pytest.param(b'"kind":"release.made"', b'"kind":"Release made"', id="another kind"),
        pytest.param(b'"kind":"release.made"', b'"kind":null', id="no kind"),
        pytest.param(b'"actor":"role:engineer"', b'"actor":"Ada Lovelace"', id="a name"),
        pytest.param(b'"actor":"role:engineer"', b'"actor":[]', id="no actor"),
        pytest.param(b"12:00:00Z", b"12:00:00+00:00", id="another zone spelling"),
        pytest.param(b"12:00:00Z", b"14:00:00+02:00", id="another zone"),
        pytest.param(b"12:00:00Z", b"12:00:00.5Z", id="a fraction"),
        pytest.param(b"12:00:00Z", b"25:00:00Z", id="no such hour"),
        pytest.param(b"12:00:00Z", b"12:00:00", id="no zone"),
        pytest.param(b'"2026-03-14T12:00:00Z"', b"12", id="a number for a moment"),
        pytest.param(b'00000001","kind"', b'0000000A","kind"', id="an id in capitals"),
        pytest.param(b'"00000000-0000-4000-8000-000000000001","kind"', b'"1","kind"', id="no id"),
        pytest.param(b'"00000000-0000-4000-8000-000000000001","kind"', b'1,"kind"', id="a number for an id"),
        pytest.param(b'"note":null', b'"note":NaN', id="not a number"),
        pytest.param(b'"note":null', b'"note":"\\u0041"', id="an escape not needed"),
        pytest.param(b'"note":null', b'"note":"\\ud800"', id="a lone surrogate"),
        pytest.param(b'"note":null', b'"note":"\xff"', id="not UTF-8"),
        pytest.param(b'"note":null', b'"note":' + b"[" * 30_000 + b"]" * 30_000, id="nesting"),
        pytest.param(b'"note":null', b'"note":' + b"9" * 6_000, id="a number without end"),
        pytest.param(b'"note":null', b'"note":"' + b"x" * 65_535 + b'"', id="too long"),
        pytest.param(b'{"actor', b'\xef\xbb\xbf{"actor', id="a byte order mark"),
        pytest.param(b'"v":2}', b'"v":2}\n', id="trailing newline"),
        pytest.param(b'"v":2}', b'"v":2', id="cut"),
    ],
)
def test_other_bytes_are_no_entry_and_the_message_shows_none_of_them(old: bytes, new: bytes) -> None:
    assert old in FROZEN

    for read in (decode_entry, outline):
        with pytest.raises(UnreadableEntry, match=r"entry 3 \(leaf [0-9a-f]{64}\) is not an entry we know") as refusal:
            read(3, FROZEN.replace(old, new))

        assert "Ada" not in str(refusal.value)


@pytest.mark.parametrize("junk", [b"", b"null", b"[]", b"{}", b"1", b'"text"'])
def test_other_json_is_no_entry(junk: bytes) -> None:
    with pytest.raises(UnreadableEntry):
        decode_entry(0, junk)


def test_a_body_that_is_no_object_is_refused() -> None:
    entry = encode_json(
        {"v": 1, "kind": "a", "at": "2026-03-14T12:00:00Z", "actor": "a", "id": str(ID), "body": [1]},
    )

    with pytest.raises(UnreadableEntry, match="body: expected an object"):
        decode_entry(0, entry)


@given(st.binary(max_size=100))
def test_arbitrary_bytes_are_refused_and_nothing_else_happens(junk: bytes) -> None:
    with pytest.raises(UnreadableEntry):
        decode_entry(0, junk)


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8")),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(st.characters(codec="utf-8")), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(json_values)
def test_canonical_json_is_read_and_written_back_byte_for_byte(value: Json) -> None:
    encoded = encode_json(value)

    assert decode_json(encoded) == value
    assert encode_json(decode_json(encoded)) == encoded


def test_canonical_json_is_that_of_the_rfc() -> None:
    # RFC 8785 section 3.2.2 (numbers, strings) and 3.2.3 (key order by UTF-16).
    value: Json = {
        "numbers": [333333333.33333329, 1e30, 4.50, 2e-3, 0.000000000000000000000000001],
        "string": '\u20ac$\u000f\nA\'B"\\\\"/',
        "literals": [None, True, False],
    }

    assert encode_json(value) == (
        b'{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],'
        b'"string":"\xe2\x82\xac$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}'
    )
    assert encode_json({"\ufb33": 1, "\U0001f600": 2, "\u20ac": 3}) == '{"\u20ac":3,"\U0001f600":2,"\ufb33":1}'.encode()


@pytest.mark.parametrize("text", ["AA!!AA==", "AB==", "AA", "AA=", "AA==\n", " AA==", "AA-_", "é"])
def test_base64_has_one_spelling(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - the two causes have different words
        decode_base64(text)
