"""The sentences of the ledger: every kind has one, and none hides what the entry says."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from governance.events import EVENTS
from governance.ledger.entry import decode_entry
from governance.sentences import SENTENCES, is_name, named_values, parts_of, sentence_of
from tests.governance.event_examples import VECTORS

MODEL = "3f0c1f6e-8b7e-4f0a-9b1c-2f6a7d1e9a10"
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False) | st.text(max_size=120),
    lambda inner: st.lists(inner, max_size=6) | st.dictionaries(st.text(max_size=20), inner, max_size=6),
    max_leaves=12,
)


def test_every_kind_has_a_sentence_and_every_sentence_a_kind() -> None:
    assert set(SENTENCES) == {event.kind for event in EVENTS}


@pytest.mark.parametrize("path", sorted(VECTORS.iterdir()), ids=lambda path: path.name)
def test_each_shape_that_was_ever_published_reads_as_its_sentence(path: Path) -> None:
    entry = decode_entry(0, path.read_bytes())

    said = sentence_of(entry.kind, entry.body)

    assert said[0].isupper() or said[0] in "0ε"
    assert said.endswith((".", "…"))
    assert not set("{}[]") & set(said)
    assert not said.startswith(entry.kind)


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.kind)
def test_a_sentence_names_fields_that_the_event_has(event: Any) -> None:  # noqa: ANN401 - any event
    import re

    named = set(re.findall(r"\{([a-z_]+)", SENTENCES[event.kind]))

    assert named <= set(event.__dataclass_fields__)


def test_a_kind_nobody_here_knows_is_told_by_its_fields() -> None:
    body = {"model": MODEL, "counts": {"a_b": 2, "c": 0.25}, "kinds": list("abcdef"), "none": None}

    said = sentence_of("later.thing", body)

    assert said == "later.thing: model 3f0c1f6e… · counts a b 2, c 0.25 · kinds a, b, c, d, e, f · none none"


def test_an_entry_that_lacks_a_field_of_its_sentence_is_told_by_its_fields() -> None:
    assert sentence_of("gate.decided", {"outcome": "pass"}) == "gate.decided: outcome pass"


def test_what_is_empty_is_left_out() -> None:
    body = {"model": MODEL, "deployment": 1, "generation": 1, "replaced": None}

    assert sentence_of("review.model_deployed", body) == "The model 3f0c1f6e… began to serve as generation 1."


def test_ids_and_digests_stand_for_their_whole_value() -> None:
    parts = parts_of("registry.audit_recorded", {"model": MODEL, "report": "ab" * 32})

    assert [(part.text, part.field, part.value) for part in parts if part.value] == [
        ("3f0c1f6e…", "model", MODEL),
        ("abababababab…", "report", "ab" * 32),
    ]


def test_a_name_is_a_uuid_or_a_digest_and_nothing_else() -> None:
    assert is_name(MODEL)
    assert is_name("ab" * 16)
    assert not any(map(is_name, ("", "role:operator", MODEL.upper(), "ab" * 15, f"{MODEL} ", "x" * 64, "2026-11-23")))


def test_everything_named_is_found_however_deep() -> None:
    body = {"a": MODEL, "b": {"c": ["ab" * 32, {"d": "cd" * 32}]}, "e": "approve", "f": 7}

    assert list(named_values(body)) == [MODEL, "ab" * 32, "cd" * 32]


@given(
    kind=st.sampled_from([*SENTENCES, "unknown.kind"]), body=st.dictionaries(st.text(max_size=20), VALUES, max_size=6)
)
def test_no_body_keeps_the_page_from_being_shown(kind: str, body: dict[str, Any]) -> None:
    assert sentence_of(kind, body)


@given(kind=st.sampled_from(sorted(SENTENCES)), value=VALUES)
def test_no_value_in_a_known_field_keeps_the_page_from_being_shown(kind: str, value: Any) -> None:  # noqa: ANN401 - any JSON
    (event,) = (each for each in EVENTS if each.kind == kind)
    body = json.loads(json.dumps(dict.fromkeys(event.__dataclass_fields__, value)))

    assert sentence_of(kind, body)
