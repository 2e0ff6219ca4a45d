"""JSON from strangers: any spelling, one meaning."""

import json
from typing import Any, NoReturn


def parse_json(unverified: bytes) -> Any:  # noqa: ANN401 - JSON, which the caller takes apart
    """The value of ``unverified``, with white space around it at most.

    Guarantees:
      - a key given twice is refused: readers differ in which of the two they take, so the text would mean two things

    Raises:
        ValueError: not UTF-8, no JSON, NaN or an infinity, a key given twice.
        RecursionError: nested without end.
    """
    return json.loads(unverified.decode(), object_pairs_hook=_each_once, parse_constant=_refuse_constant)


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        msg = "a key is given twice"
        raise ValueError(msg)
    return found


def _refuse_constant(name: str) -> NoReturn:
    msg = f"{name} is not JSON"
    raise ValueError(msg)
