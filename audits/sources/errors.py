"""What reading tables from outside may refuse.

AuditError
├── InvalidTable > MalformedSource   what stands there breaks its layout: place, column, expected, got
└── InvalidConfig
    ├── UnknownSource                nothing is there, or no reader knows it
    └── MissingEngine                what reads it is not installed: says which extra brings it

A message never repeats a value: what was *got* is described by its shape, because any column may name a subject.
"""

from audits.errors import InvalidConfig, InvalidTable


class MalformedSource(InvalidTable):
    """A file or a table breaks its layout; the message begins with where."""


class UnknownSource(InvalidConfig):
    """There is no such file or table, or no format reads it."""


class MissingEngine(InvalidConfig):
    """The library that reads this kind of source is not installed."""


def malformed(place: str, column: str, *, expected: str, got: str) -> MalformedSource:
    """The one wording of a layout error."""
    return MalformedSource(f"{place}, column {column}: expected {expected}, got {got}")


def missing_engine(what: str, extra: str) -> MissingEngine:
    """The one sentence for a library that an optional extra brings."""
    return MissingEngine(
        f"reading {what} needs an extra that is not installed: install Probity with its extra `{extra}`"
    )
