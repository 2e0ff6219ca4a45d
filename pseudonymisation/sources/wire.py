"""The published wire format, written column-wise: a million lines in about a second.

An event is one JSON object per line with the keys in a fixed order: event_id, kind, at, subject, gpc (only when true),
then the fields of its kind.
"""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

NEEDS_ESCAPE = r'["\\\x00-\x1f]'
"""The only characters that JSON (RFC 8259, section 7) does not allow inside a string as they are."""


def quoted(texts: pa.Array) -> pa.Array:
    """Each text as a JSON string literal. ``texts`` must not contain nulls."""
    texts = pc.cast(texts, pa.string())
    if pc.any(pc.match_substring_regex(texts, NEEDS_ESCAPE)).as_py():
        return pa.array([json.dumps(text, ensure_ascii=False) for text in texts.to_pylist()], pa.string())
    return pc.binary_join_element_wise('"', texts, '"', "")


def number(values: pa.Array) -> pa.Array:
    """Each number as JSON: whole values without a fraction."""
    return pc.cast(values, pa.string())


def moments(seconds: pa.Array) -> pa.Array:
    """Unix seconds (int64) as RFC 3339 in UTC, for example ``2026-03-01T19:30:00Z``."""
    return pc.strftime(pc.cast(seconds, pa.timestamp("s", tz="UTC")), format="%Y-%m-%dT%H:%M:%SZ")


def event_lines(
    kind: str,
    *,
    event_id: pa.Array,
    at: pa.Array,
    subject: pa.Array,
    fields: Mapping[str, pa.Array],
) -> pa.Array:
    """One line per event, as large_string.

    Args:
        kind: view, search, browse or rating.
        event_id: JSON string literals (see ``quoted``).
        at: Unix seconds, int64.
        subject: the JSON object of the subject's identifiers, optionally followed by ``,"gpc":true``.
        fields: the kind's own fields in order, already JSON.
    """
    parts: list[Any] = ['{"event_id":', event_id, f',"kind":"{kind}","at":"', moments(at), '","subject":', subject]
    for name, values in fields.items():
        parts += [f',"{name}":', values]
    parts = [
        pc.cast(part, pa.large_string()) if isinstance(part, pa.Array | pa.ChunkedArray) else part for part in parts
    ]
    text = [pa.scalar(part, pa.large_string()) if isinstance(part, str) else part for part in parts]
    return pc.binary_join_element_wise(*text, pa.scalar("}", pa.large_string()), pa.scalar("", pa.large_string()))


def declaration_line(event_id: str, subject: str, attribute: str, group: str, at: datetime) -> bytes:
    """One declaration; ``subject`` is the JSON object of identifiers, ``at`` an aware moment in UTC.

    The other texts must need no JSON escape.
    """
    moment = at.strftime("%Y-%m-%dT%H:%M:%SZ")
    return (
        f'{{"event_id":"{event_id}","kind":"declaration","at":"{moment}","subject":{subject},'
        f'"attribute":"{attribute}","group":"{group}"}}'
    ).encode()


def consent_line(subject: str, purpose: str, decision: str, at: datetime, method: str) -> bytes:
    """One consent record; ``subject`` is the JSON object of identifiers, ``at`` an aware moment in UTC."""
    moment = at.strftime("%Y-%m-%dT%H:%M:%SZ")
    return (
        f'{{"subject":{subject},"purpose":"{purpose}","decision":"{decision}","at":"{moment}","notice":"v1","method":"{method}"}}'
    ).encode()
