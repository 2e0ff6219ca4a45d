import json
from datetime import UTC, datetime

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pseudonymisation.sources.wire import consent_line, event_lines, moments, quoted


def test_writes_an_event_exactly_as_the_wire_format_publishes_it() -> None:
    lines = event_lines(
        "view",
        event_id=quoted(pa.array(["e1"])),
        at=pa.array([1_772_393_400]),
        subject=pa.array(['{"account_id":"a"},"gpc":true']),
        fields={"item": quoted(pa.array(["t1"])), "seconds": pa.array(["60"]), "duration": pa.array(["90"])},
    )

    assert lines.to_pylist() == [
        (
            '{"event_id":"e1","kind":"view","at":"2026-03-01T19:30:00Z","subject":{"account_id":"a"},"gpc":true,'
            '"item":"t1","seconds":60,"duration":90}'
        )
    ]


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"])), min_size=1))
def test_every_text_comes_back_from_its_json_literal(texts: list[str]) -> None:
    literals = quoted(pa.array(texts, pa.string())).to_pylist()

    assert [json.loads(literal) for literal in literals] == texts


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(0, "1970-01-01T00:00:00Z"), (951_782_400, "2000-02-29T00:00:00Z"), (4_102_444_799, "2099-12-31T23:59:59Z")],
)
def test_writes_unix_seconds_as_rfc_3339(seconds: int, expected: str) -> None:
    assert moments(pa.array([seconds])).to_pylist() == [expected]


def test_writes_a_consent_record_exactly_as_published() -> None:
    line = consent_line(
        '{"email":"a@example.org"}', "model_training", "withdraw", datetime(2026, 1, 2, tzinfo=UTC), "settings"
    )

    assert line == (
        b'{"subject":{"email":"a@example.org"},"purpose":"model_training","decision":"withdraw",'
        b'"at":"2026-01-02T00:00:00Z","notice":"v1","method":"settings"}'
    )
