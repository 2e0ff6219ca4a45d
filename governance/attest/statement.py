"""in-toto Statement v1: a predicate about artefacts that are named by digest.

The order of validation is the framework's: envelope, signatures, payload type, statement, its type, subject; only then
is the predicate looked at. Unknown fields are ignored, so that a minor version may add some.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from governance.attest.parsing import parse_json
from governance.errors import BrokenProof, InvalidInput
from governance.ledger.canonical import Json, encode_json

PAYLOAD_TYPE = "application/vnd.in-toto+json"
STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
_SHA256 = re.compile(r"[0-9a-f]{64}", re.ASCII)
MODELS = "models/"
"""How the name of a subject that is a model begins."""


@dataclass(frozen=True, slots=True)
class Subject:
    """An artefact: matched by ``sha256`` (hex) alone. The name is for people."""

    name: str
    sha256: str

    def __post_init__(self) -> None:
        require_sha256(self.sha256, "subject")


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """What is said (``predicate``, of the shape that ``predicate_type`` names) about which artefacts."""

    subjects: tuple[Subject, ...]
    predicate_type: str
    predicate: Mapping[str, Json]


def require_sha256(digest: str, place: str) -> None:
    """Raise `InvalidInput` unless ``digest`` is 64 lowercase hex digits."""
    if _SHA256.fullmatch(digest) is None:
        msg = f"{place}: expected a SHA-256 of 64 lowercase hex digits, got {len(digest)} other characters"
        raise InvalidInput(msg)


def encode_statement(statement: Statement) -> bytes:
    """The payload to sign: RFC 8785 JSON."""
    subjects: list[Json] = [{"name": each.name, "digest": {"sha256": each.sha256}} for each in statement.subjects]
    return encode_json(
        {
            "_type": STATEMENT_TYPE,
            "subject": subjects,
            "predicateType": statement.predicate_type,
            "predicate": statement.predicate,
        }
    )


def decode_statement(payload_type: str, verified_payload: bytes) -> Statement:
    """The statement in a payload whose signature was verified.

    Subjects whose digests are all of other algorithms are passed over: nothing of ours can match them.

    Raises:
        BrokenProof: another payload type or statement type, no statement, or a subject without a digest.
    """
    if payload_type != PAYLOAD_TYPE:
        msg = f"payloadType: expected {PAYLOAD_TYPE}, got another"
        raise BrokenProof(msg)
    try:
        value: Any = parse_json(verified_payload)
        if value["_type"] != STATEMENT_TYPE:
            msg = f"_type: expected {STATEMENT_TYPE}, got another"
            raise BrokenProof(msg)
        statement = Statement(
            subjects=_subjects(value["subject"]),
            predicate_type=_text(value["predicateType"]),
            predicate=_object(value.get("predicate", {})),
        )
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError, InvalidInput) as cause:
        msg = f"expected an in-toto Statement v1 with subjects that have digests, got none ({type(cause).__name__})"
        raise BrokenProof(msg) from cause
    return statement


def _subjects(value: Any) -> tuple[Subject, ...]:  # noqa: ANN401 - JSON
    if not isinstance(value, list) or not value:
        msg = "expected subjects"
        raise TypeError(msg)
    found = []
    for each in value:
        digests = _object(each["digest"])
        if not digests:
            msg = "expected a digest of every subject"
            raise ValueError(msg)
        if "sha256" in digests:
            found.append(Subject(_text(each.get("name", "")), _text(digests["sha256"])))
    return tuple(found)


def _text(value: object) -> str:
    if not isinstance(value, str):
        msg = "expected text"
        raise TypeError(msg)
    return value


def _object(value: object) -> Mapping[str, Json]:
    if not isinstance(value, Mapping):
        msg = "expected an object"
        raise TypeError(msg)
    return value
