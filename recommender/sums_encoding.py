"""Exact sums as bytes, and back. The bytes are as sensitive as the events: whoever stores them encrypts them first.

Format: a tag, the length of a JSON header (8 bytes, big-endian), the header, then int64 and float64 arrays in little-
endian order. There is one encoding: what does not encode to the same bytes again is refused. So are the formats before
v4: v3 held pairs of titles where v4 holds the coordinates along a lens, and those before it did not say whether the
noise behind the basis was exact.
"""

import json
from typing import Any

import numpy as np

from recommender.errors import CorruptArtefact, RecommenderError
from recommender.exact_sums import Basis, ExactSums, Rule
from recommender.features import CatalogueFeatures
from recommender.signals import get_signal

_FAMILY = b"probity/exact-sums/"
_TAG = b"probity/exact-sums/v4\x00"

# JSON that is nested too deep ends in the recursion's limit.
_NOT_SUMS = (
    ValueError,
    KeyError,
    TypeError,
    AttributeError,
    IndexError,
    OverflowError,
    RecursionError,
    MemoryError,
    RecommenderError,
)


def to_bytes(sums: ExactSums) -> bytes:
    """The one encoding of these sums."""
    rule, features = sums.rule, sums.rule.features
    header = {
        "catalogue": sums.catalogue,
        "kept": sums.basis.items,
        "max_items_per_subject": rule.max_items_per_subject,
        "gram_bits": rule.gram_bits,
        "weighted": rule.weighted,
        "timed": rule.timed,
        "with_offsets": rule.with_offsets,
        "signals": rule.signals,
        "trending_days": rule.trending_days,
        "as_of": rule.as_of,
        "exact": sums.basis.exact,
        "lens": None if sums.basis.lens is None else sums.basis.lens.shape[1],
        "features": None if features is None else {"items": features.items, "names": features.names},
    }
    head = json.dumps(header, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    arrays = [sums.basis.history_weights.astype("<f8"), sums.counts.astype("<i8"), _upper(sums.gram).astype("<i8")]
    if sums.basis.lens is not None:
        arrays.append(sums.basis.lens.astype("<f8"))
    arrays += [sums.signals[slug].astype("<i8") for slug in rule.signals]
    if features is not None:
        arrays.append(features.matrix.astype("<f8"))
    return _TAG + len(head).to_bytes(8, "big") + head + b"".join(array.tobytes() for array in arrays)


def from_bytes(unverified: bytes) -> ExactSums:
    """The sums in their one encoding.

    Raises:
        CorruptArtefact: anything else. Its message quotes nothing of the content.
    """
    if unverified.startswith(_FAMILY) and not unverified.startswith(_TAG):
        msg = "these exact sums are in a format of another version: add them up anew"
        raise CorruptArtefact(msg)
    try:
        sums = _decoded(unverified)
        if to_bytes(sums) == unverified:
            return sums
    except _NOT_SUMS:
        pass  # without its cause, which may quote the content
    msg = "expected exact sums in their one encoding, got other bytes"
    raise CorruptArtefact(msg)


class _Reader:
    """Takes arrays from the front of the bytes."""

    def __init__(self, content: bytes, place: int) -> None:
        self.content, self.place = content, place

    def take(self, kind: str, *shape: int) -> np.ndarray:
        size = int(np.prod(shape, dtype=np.int64))
        if min(shape, default=0) < 0 or self.place + 8 * size > len(self.content):
            raise ValueError
        array = np.frombuffer(self.content, kind, size, self.place).reshape(shape)
        self.place += 8 * size
        return array.astype(array.dtype.newbyteorder("="))


def _decoded(content: bytes) -> ExactSums:
    start = len(_TAG) + 8
    stop = start + int.from_bytes(content[len(_TAG) : start], "big")
    header: dict[str, Any] = json.loads(content[start:stop])
    catalogue, kept, named = tuple(header["catalogue"]), tuple(header["kept"]), header["features"]
    width, names = len(kept), len(named["names"]) if named else 0
    reader = _Reader(content, stop)
    weights, counts = reader.take("<f8", width), reader.take("<i8", len(catalogue))
    seen = width if header["lens"] is None else header["lens"]
    gram = _square(reader.take("<i8", seen * (seen + 1) // 2), seen)
    lens = None if header["lens"] is None else reader.take("<f8", width, header["lens"])
    signals = {slug: reader.take("<i8", *get_signal(slug).shape(width, names)) for slug in header["signals"]}
    features = None
    if named is not None:
        items, axis = tuple(named["items"]), tuple(named["names"])
        features = CatalogueFeatures(items, axis, reader.take("<f8", len(items), len(axis)))
    rule = Rule(
        max_items_per_subject=header["max_items_per_subject"],
        gram_bits=header["gram_bits"],
        weighted=header["weighted"],
        timed=header["timed"],
        with_offsets=header["with_offsets"],
        signals=tuple(header["signals"]),
        trending_days=header["trending_days"],
        as_of=header["as_of"],
        features=features,
    )
    if type(header["exact"]) is not bool:
        raise TypeError
    basis = Basis(items=kept, history_weights=weights, exact=header["exact"], lens=lens)
    return ExactSums(catalogue=catalogue, basis=basis, rule=rule, counts=counts, gram=gram, signals=signals)


def _upper(gram: np.ndarray) -> np.ndarray:
    upper: np.ndarray = gram[np.triu_indices(len(gram))]
    return upper


def _square(upper: np.ndarray, width: int) -> np.ndarray:
    gram = np.zeros((width, width), dtype=np.int64)
    gram[np.triu_indices(width)] = upper
    square: np.ndarray = gram + np.triu(gram, 1).T
    return square
