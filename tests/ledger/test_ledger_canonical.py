"""The quick way to canonical JSON agrees with the slow one, value by value and byte by byte."""

import json
from collections import OrderedDict
from enum import IntEnum, StrEnum
from pathlib import Path
from typing import Any

import orjson
import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from governance.errors import InvalidInput, UnreadableEntry
from governance.ledger.canonical import decode_json, encode_json, is_surely_canonical

VECTORS = sorted((Path(__file__).parents[1] / "vectors" / "events").iterdir())
EDGES = [
    "",
    "\x00",
    "\x1f",
    "\x7f",
    "\x80",
    "\u2028",
    "\ud800",
    "\udfff",
    "\ufffe",
    "\uffff",
    "\U00010000",
    "\U0001f600",
]
texts = (
    st.text() | st.sampled_from(EDGES) | st.text(st.sampled_from('\\"/\b\f\n\r\t\x00 é\u20ac\ufb33\U0001f600\ud83d'))
)
numbers = (
    st.integers()
    | st.integers(-(2**53) - 2, 2**53 + 2)
    | st.floats()
    | st.sampled_from([-0.0, 5.0, 1e-4, 9.99e-5, 1e-6, 1e-7, 5e-324, 1e15, 1e16, 1e20, 1e21, 2.0**53, 0.1 + 0.2])
)
values = st.recursive(
    st.none() | st.booleans() | numbers | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=10,
)


def slowly_written(value: Any) -> bytes | None:  # noqa: ANN401 - anything
    try:
        return rfc8785.dumps(value)
    except (ValueError, RecursionError):
        return None


def slowly_canonical(data: bytes) -> bool:
    """By `rfc8785` alone, over a parser whose integers are the doubles that JSON says they are."""

    def number(digits: str) -> int | float:
        return int(digits) if abs(int(digits)) < 2**53 else float(digits)

    def refuse(name: str) -> None:
        raise ValueError(name)

    try:
        return slowly_written(json.loads(data.decode(), parse_int=number, parse_constant=refuse)) == data
    except (ValueError, RecursionError):
        return False


def accepted(data: bytes) -> bool:
    try:
        decode_json(data)
    except UnreadableEntry:
        return False
    return True


def require_agreement(data: bytes) -> None:
    canonical = slowly_canonical(data)

    assert accepted(data) == canonical
    assert canonical or not is_surely_canonical(data)


@given(values)
def test_any_value_is_written_as_the_package_that_decides_writes_it(value: Any) -> None:  # noqa: ANN401 - anything
    expected = slowly_written(value)

    if expected is None:
        with pytest.raises(InvalidInput):
            encode_json(value)
    else:
        assert encode_json(value) == expected


class Level(IntEnum):
    HIGH = 2


class Word(StrEnum):
    YES = "yes"


@pytest.mark.parametrize(
    "value",
    [Level.HIGH, Word.YES, {Word.YES: [Level.HIGH]}, OrderedDict(b=1, a=2), (1, ("x",)), [True, 1, 1.0], {"a": ()}],
    ids=repr,
)
def test_subclasses_of_plain_types_are_written_the_same(value: Any) -> None:  # noqa: ANN401 - anything
    assert encode_json(value) == slowly_written(value)


@pytest.mark.parametrize(
    "value",
    [
        {1: 2},
        {None: 1},
        {True: 1},
        {"a": {2.5: 1}},
        float("nan"),
        [float("inf")],
        {1, 2},
        b"x",
        object(),
        2**53,
        "\ud800",
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_is_no_json_is_refused_as_before(value: Any) -> None:  # noqa: ANN401 - anything
    with pytest.raises(InvalidInput, match="expected values that RFC 8785 can write"):
        encode_json(value)


def test_nesting_without_end_is_refused() -> None:
    value: list[Any] = []
    value.append(value)

    with pytest.raises(InvalidInput, match="RecursionError"):
        encode_json(value)


@given(values, st.booleans(), st.booleans(), st.sampled_from([None, 0, 1]), st.sampled_from([(",", ":"), (", ", ":")]))
def test_other_spellings_of_a_value_are_accepted_by_both_ways_or_neither(
    value: Any,  # noqa: ANN401 - anything
    ascii_only: bool,  # noqa: FBT001 - drawn
    ordered: bool,  # noqa: FBT001 - drawn
    indent: int | None,
    separators: tuple[str, str],
) -> None:
    text = json.dumps(value, ensure_ascii=ascii_only, sort_keys=ordered, indent=indent, separators=separators)

    require_agreement(text.encode("utf-8", "surrogatepass"))


@given(st.from_regex(r"-?(0|[1-9][0-9]{0,25})(\.[0-9]{1,25})?([eE][+-]?[0-9]{1,3})?", fullmatch=True))
def test_a_number_in_any_spelling_is_accepted_by_both_ways_or_neither(digits: str) -> None:
    for text in (digits, f"[{digits}]", f'{{"a":{digits},"b":"e-."}}'):
        require_agreement(text.encode())


@pytest.mark.parametrize(
    "text",
    [
        *(
            "1.0",
            "-0",
            "-0.0",
            "0.0",
            "1e5",
            "1E5",
            "1e+5",
            "1e-5",
            "1e-6",
            "0.000001",
            "1e-7",
            "1.5e-7",
            "1e16",
            "1e+16",
        ),
        *(
            "1e20",
            "1e+20",
            "1e21",
            "1e+21",
            "100000000000000000000",
            "9007199254740991",
            "9007199254740992",
            "01",
            "+1",
        ),
        *("9007199254740993", "18446744073709551616", "9" * 400, "9" * 5000, "1e999", "NaN", "Infinity", "-Infinity"),
        *(
            '"\\u0041"',
            '"\\u001F"',
            '"\\u001f"',
            '"\\/"',
            '"\\b"',
            '"\\u0008"',
            '"\x7f"',
            '"\u2028"',
            '"\\u2028"',
            '"\\ud83d"',
        ),
        *(
            '"\\ud83d\\ude00"',
            '"\U0001f600"',
            '{"a":1,"a":1}',
            '{"a":1,"a":2}',
            '{"b":1,"a":2}',
            '{"a":1,"b":2}',
            "tru",
        ),
        *(
            '{"\ufb33":1,"\U0001f600":2}',
            '{"\U0001f600":2,"\ufb33":1}',
            '{"\u20ac":1,"\ufb33":2}',
            '{"é":1,"z":2}',
            "[1,]",
        ),
        *(  # what looks like a float may stand in a key or a text, where its digits decide order and sameness
            '{",1.5,a":1,",9.5,b":2}',
            '{",9.5,a":1,",1.5,b":2}',
            '{",1.5,":1,",2.5,":2}',
            '{"a":",1.0,","b":0.5}',
            "[1.5,2.0,-3.25,0.00001,1e-7,1e+21]",
            "[1.5,2.5,-3.25,0.00001,1e-7,1e+21]",
            "[0.50]",
            "[1.5 ]",
        ),
        *("", " ", "1 ", " 1", "1\n", "[1, 2]", '{"a": 1}', "[", "[" * 300 + "]" * 300, "[" * 30_000, "\ufeff1", "'a'"),
    ],
    ids=lambda text: ascii(text[:24]),
)
def test_the_known_edges_are_decided_alike(text: str) -> None:
    require_agreement(text.encode())


@given(st.sampled_from(VECTORS), st.data())
def test_a_changed_byte_in_a_real_entry_is_judged_alike(path: Path, data: st.DataObject) -> None:
    entry = bytearray(path.read_bytes())
    entry[data.draw(st.integers(0, len(entry) - 1))] = data.draw(st.integers(0, 255))

    require_agreement(bytes(entry))


@pytest.mark.parametrize("path", VECTORS, ids=lambda path: path.name)
def test_every_published_entry_takes_the_quick_way(path: Path) -> None:
    assert is_surely_canonical(path.read_bytes())


@pytest.mark.parametrize("junk", [b"\xff", b'"\xff"', b'"\xc0\x80"', b'"\xed\xa0\x80"', b"\x00", b'"\x00"', b'"\n"'])
def test_bytes_that_are_no_text_are_refused(junk: bytes) -> None:
    assert not accepted(junk)
    assert not is_surely_canonical(junk)


def require_seen_or_alike(value: float) -> None:
    """`is_surely_canonical` looks closer where a point, a plus or ``e-6`` shows; elsewhere the spellings must agree."""
    written = orjson.dumps(value)

    assert any(mark in written for mark in (b".", b"+", b"e-6")) or written == rfc8785.dumps(value)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_float_that_is_spelled_in_another_way_shows_it(value: float) -> None:
    require_seen_or_alike(value)


def test_every_short_float_that_is_spelled_in_another_way_shows_it() -> None:
    for digits in range(1, 100):
        for exponent in range(-324, 309):
            value = float(f"{digits}e{exponent}")
            if value not in {0, float("inf")}:
                require_seen_or_alike(value)
