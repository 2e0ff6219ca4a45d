"""Text of strangers in files that somebody will show on a screen: nothing in it steers a terminal or turns text round.

A category's name can hold an escape sequence, and a report is looked at with ``cat``.
"""

import json
import re
from typing import Final

_STEERING: Final = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")
"""Controls but tab and newline, other signs that end a line, and those that turn the direction of what follows."""


def steadied(text: str) -> str:
    """The text with U+FFFD for everything that steers."""
    return _STEERING.sub("\N{REPLACEMENT CHARACTER}", text)


def encode_document(value: object) -> bytes:
    """JSON for people and programs: keys sorted, two spaces deep, UTF-8, a newline at the end; what steers is escaped.

    Raises:
        ValueError: a number that is not finite.
    """
    shown = json.dumps(value, sort_keys=True, indent=2, ensure_ascii=False, allow_nan=False)
    # JSON has escaped the lower controls itself; outside of strings there are none but its own newlines.
    escaped = _STEERING.sub(lambda found: f"\\u{ord(found[0]):04x}", shown)
    return (escaped + "\n").encode(errors="backslashreplace")
