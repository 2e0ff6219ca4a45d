"""What is said about a line that was not accepted: where, what was expected, what was found. Never the value."""

from dataclasses import dataclass

REASONS = (
    "too long",
    "not UTF-8",
    "malformed",
    "unknown kind",
    "missing field",
    "wrong type",
    "out of range",
    "future",
    "unknown item",
    "identity",
    "duplicate",
)
"""Every reason for which a line is rejected."""


@dataclass(frozen=True, slots=True)
class Fault:
    """The first thing that is wrong with a line. ``got`` is a shape ("a number outside the range"), never the value.

    ``field`` is a name of ours: a field that only the sender knows is not repeated, because it could itself name
    somebody.
    """

    field: str
    expected: str
    got: str
    reason: str


@dataclass(frozen=True, slots=True)
class Reject:
    """A fault and the number of its line, counted from 1."""

    line: int
    fault: Fault

    def as_record(self) -> dict[str, int | str]:
        """The reject as JSON shows it."""
        fault = self.fault
        return {
            "line": self.line,
            "field": fault.field,
            "expected": fault.expected,
            "got": fault.got,
            "reason": fault.reason,
        }


def shape_of(value: object) -> str:
    """What sort of JSON value this is, in words."""
    names = {bool: "true or false", int: "a number", float: "a number", str: "text", list: "a list", dict: "an object"}
    return "null" if value is None else names.get(type(value), "something else")
