"""The words that a search may keep: those of the public catalogue, and no others.

What people type into a search box is not only titles: it is also their own e-mail address or telephone number. Nobody
can list all that must not pass, so the rule is the other way round. Known limit: words that are public and also
somebody's name do pass.
"""

import re
from collections.abc import Iterable
from unicodedata import normalize

import pyarrow as pa

_EDGES = re.compile(r"^\W+|\W+$")
_INNER = re.compile(r"\w+")
_MAX_DIGITS = 4
"""A year fits; a part of a telephone number that is longer does not."""


def words_of(text: str) -> list[str]:
    """The words between spaces, folded, without the punctuation around them; inner punctuation stays (``sci-fi``)."""
    folded = normalize("NFKC", text).casefold()
    return [word for part in folded.split() if (word := _EDGES.sub("", part))]


def vocabulary_of(items: pa.Table, categories: pa.Table) -> frozenset[str]:
    """All words of titles and of category names, people included.

    Args:
        items: the catalogue's items; the column ``title`` is read.
        categories: the catalogue's memberships; the column ``category`` is read, ``cast:Name`` without its prefix.
    """
    names = (name.rpartition(":")[2].replace("_", " ") for name in categories["category"].unique().to_pylist())
    return frozenset(_admissible(items["title"].to_pylist())) | frozenset(_admissible(names))


def _admissible(texts: Iterable[str | None]) -> Iterable[str]:
    for text in texts:
        for word in words_of(text or ""):
            yield from (
                part for part in {word, *_INNER.findall(word)} if "@" not in part and _digits(part) <= _MAX_DIGITS
            )


def public_words(text: str, vocabulary: frozenset[str]) -> str:
    """What of ``text`` may be kept: its words that are in ``vocabulary``, in order, folded, separated by one space.

    Guarantees:
      - every word of the result is a word of the vocabulary
      - of several words with digits none is kept: together they could be a telephone number
    """
    found = words_of(text)
    telephone = sum(_digits(word) > 0 for word in found) > 1
    return " ".join(word for word in found if word in vocabulary and not (telephone and _digits(word)))


def _digits(word: str) -> int:
    return sum(character.isdigit() for character in word)
