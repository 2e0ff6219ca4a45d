"""The fields of a predicate, read one by one; whatever is not asked for is ignored.

A refusal names the field and what was expected, never what stood there: it was signed by whoever had a key, and may be
on its way to a terminal.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from governance.errors import BrokenProof
from governance.ledger.canonical import Json


def read_text(fields: Mapping[str, Json], name: str) -> str:
    """A required text that is not empty.

    Raises:
        BrokenProof: absent, empty or something else.
    """
    value = fields.get(name)
    if not isinstance(value, str) or not value:
        raise _refusal(name, "text")
    return value


def read_number(fields: Mapping[str, Json], name: str) -> float:
    """A required number; the text ``inf`` is infinity, which JSON cannot write.

    Raises:
        BrokenProof: absent, or no number.
    """
    value = fields.get(name)
    if value == "inf":
        return float("inf")
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _refusal(name, "a number")
    try:
        return float(value)
    except OverflowError as cause:
        raise _refusal(name, "a number below 2^1024") from cause


def read_whole(fields: Mapping[str, Json], name: str) -> int:
    """A required whole number.

    Raises:
        BrokenProof: absent, or no whole number.
    """
    value = fields.get(name)
    if isinstance(value, bool) or not isinstance(value, int):
        raise _refusal(name, "a whole number")
    return value


def read_object(fields: Mapping[str, Json], name: str) -> Mapping[str, Json]:
    """A required object.

    Raises:
        BrokenProof: absent, or no object.
    """
    value = fields.get(name)
    if not isinstance(value, Mapping):
        raise _refusal(name, "an object")
    return value


def read_objects(fields: Mapping[str, Json], name: str) -> list[Mapping[str, Json]]:
    """A list of objects; none where the field is absent.

    Raises:
        BrokenProof: something else.
    """
    found = []
    for each in _list(fields, name):
        if not isinstance(each, Mapping):
            raise _refusal(name, "a list of objects")
        found.append(each)
    return found


def read_texts(fields: Mapping[str, Json], name: str) -> tuple[str, ...]:
    """A list of texts; none where the field is absent.

    Raises:
        BrokenProof: something else.
    """
    found = []
    for each in _list(fields, name):
        if not isinstance(each, str):
            raise _refusal(name, "a list of texts")
        found.append(each)
    return tuple(found)


def read_moment(fields: Mapping[str, Json], name: str) -> datetime:
    """A required moment (RFC 3339), as aware UTC.

    Raises:
        BrokenProof: absent, or no moment with a zone.
    """
    try:
        moment = datetime.fromisoformat(read_text(fields, name))
        universal = moment.astimezone(UTC)
    except (ValueError, OverflowError) as cause:
        raise _refusal(name, "a moment such as 2026-01-31T12:00:00Z") from cause
    if moment.tzinfo is None:
        raise _refusal(name, "a moment with its zone")
    return universal


def write_number(number: float) -> Json:
    """The number; infinity, which JSON cannot write, as the text ``inf``."""
    return "inf" if number == float("inf") else number


def write_moment(moment: datetime) -> str:
    """The moment in whole seconds of UTC (RFC 3339)."""
    return moment.astimezone(UTC).replace(microsecond=0, tzinfo=None).isoformat() + "Z"


def _list(fields: Mapping[str, Json], name: str) -> Sequence[Json]:
    value = fields.get(name, ())
    if isinstance(value, str) or not isinstance(value, Sequence):
        raise _refusal(name, "a list")
    return value


def _refusal(name: str, expected: str) -> BrokenProof:
    return BrokenProof(f"predicate: {name}: expected {expected}, got something else")
