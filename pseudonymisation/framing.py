"""One unambiguous encoding of what goes into a MAC, a key derivation or associated data.

``framed(label, *parts)`` is injective: the label and each part are preceded by their length, so ("ab", "c") and
("a", "bc") never meet, and two uses with different labels never share an input.
"""

from functools import lru_cache
from struct import Struct

_length = Struct(">I").pack


def framed(label: str, *parts: bytes) -> bytes:
    """Label and parts, each as a 4-byte big-endian length and its bytes.

    Guarantees:
      - different (label, parts) give different bytes, and none is a prefix of another with as many parts
    """
    framed_parts = _framed_label(label)
    for part in parts:
        framed_parts += _length(len(part)) + part
    return framed_parts


@lru_cache(maxsize=64)
def _framed_label(label: str) -> bytes:
    encoded = label.encode()
    return _length(len(encoded)) + encoded
