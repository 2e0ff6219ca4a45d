import dataclasses
import re
import typing
from collections.abc import Mapping
from typing import Any

import pytest

from governance.events import EVENTS, KINDS, Kind
from governance.ledger.entry import decode_entry
from tests.governance.event_examples import EXAMPLES, VECTORS, encoded, vector_path

IDENTIFYING = (
    "subject",
    "email",
    "account",
    "device",
    "phone",
    "address",
    "pseudonym",
    "name",
    "comment",
    "identifier",
    "ip",
)
"""Words that no field may consist of, but for the two that count or name a file."""
ALLOWED = {("registry.snapshot_taken", "subjects"), ("policy.in_force", "name")}

_NAMES = [event.kind for event in EVENTS]


def _rebuilt(kind: type, body: Mapping[str, Any]) -> object:
    hints = typing.get_type_hints(kind)
    tuples = {name for name, hint in hints.items() if typing.get_origin(hint) is tuple}
    return kind(**{name: tuple(value) if name in tuples else value for name, value in body.items()})


def test_every_kind_is_registered_once_and_has_an_example() -> None:
    assert len(set(_NAMES)) == len(_NAMES)
    assert {type(example) for example in EXAMPLES} == set(EVENTS)


@pytest.mark.parametrize("kind", KINDS, ids=_NAMES)
def test_every_kind_says_in_a_sentence_what_it_records_and_who_answers_for_it(kind: Kind) -> None:
    assert 2 < len(kind.records.split()) < 12
    assert re.search(r"\((role:operator|principal:<id>|key:<id>)\)$", kind.accountable)
    assert kind.event.__doc__.splitlines()[0].endswith((".", ":", ","))
    assert kind.version == max(_versions(kind.name))
    assert sorted(_versions(kind.name)) == list(range(1, kind.version + 1))


def _versions(kind: str) -> list[int]:
    return [int(path.name.split(".")[-2]) for path in VECTORS.glob(f"{kind}.*.json")]


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda event: event.kind)
def test_what_is_written_today_is_the_newest_frozen_vector(example: Any) -> None:  # noqa: ANN401 - any event
    assert encoded(example) == vector_path(example).read_bytes()


@pytest.mark.parametrize("path", sorted(VECTORS.iterdir()), ids=lambda path: path.name)
def test_every_vector_ever_published_still_reads(path: Any) -> None:  # noqa: ANN401 - a path
    entry = decode_entry(0, path.read_bytes())
    (kind,) = (event for event in EVENTS if event.kind == entry.kind)
    rebuilt = _rebuilt(kind, entry.body)

    assert path.name == f"{entry.kind}.{entry.version}.json"
    if entry.version == kind.version:
        (example,) = (each for each in EXAMPLES if type(each) is kind)
        assert rebuilt == example


@pytest.mark.parametrize("event", EVENTS, ids=_NAMES)
def test_an_event_is_frozen_documented_and_has_no_field_that_could_identify_anybody(event: Any) -> None:  # noqa: ANN401
    names = {field.name for field in dataclasses.fields(event)}
    parts = {(name, part) for name in names for part in name.removesuffix("s").split("_")}
    bad = {name for name, part in parts if part in IDENTIFYING} - {name for kind, name in ALLOWED if kind == event.kind}

    assert bad == set()
    assert event.__dataclass_params__.frozen
    assert event.__doc__


ONE_PERSONS = ("consent.recorded", "registry.batch_ingested", "registry.batch_quarantined", "evidence.opened")
"""A batch may be one person's decision or click; what is opened for a reviewer is one person's."""


@pytest.mark.parametrize(
    "event",
    [event for event in EVENTS if event.kind.startswith(("rights.", "reidentification.")) or event.kind in ONE_PERSONS],
    ids=lambda e: e.kind,
)
def test_an_event_about_one_person_keeps_only_the_day(event: Any) -> None:  # noqa: ANN401 - any event
    (example,) = (each for each in EXAMPLES if type(each) is event)

    assert decode_entry(0, encoded(example)).at.isoformat() == "2026-11-23T00:00:00+00:00"
