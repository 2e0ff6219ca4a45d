"""MovieLens's title files: ``u.item`` with genre flags, ``movies.dat`` and ``movies.csv`` with genre names."""

import csv
import io
import re
from collections.abc import Iterable
from pathlib import Path

from pseudonymisation.sources.errors import malformed
from pseudonymisation.sources.source import Catalogue, catalogue_of

Row = tuple[int, str, str, list[str]]
"""Line, item, published title, genre names."""

_DATED = re.compile(r"\s*\((\d{4})\)\s*$")
_NO_GENRE = frozenset({"(no genres listed)", "unknown", ""})
_ITEM_FIELDS = 5
"""id, title, release date, video release date, URL; the genre flags follow."""

GENRES_100K = (
    "unknown", "Action", "Adventure", "Animation", "Children's", "Comedy", "Crime", "Documentary", "Drama", "Fantasy",
    "Film-Noir", "Horror", "Musical", "Mystery", "Romance", "Sci-Fi", "Thriller", "War", "Western",
)  # fmt: skip
"""The order of the flags in ``u.item``, as its README gives it."""


def titles_from_item(path: Path) -> Catalogue:
    """The 100K layout: ``id|title|release|video|url|`` and nineteen flags, Latin-1."""
    expected = _ITEM_FIELDS + len(GENRES_100K)
    rows: list[Row] = []
    for line, text in enumerate(_lines(path), start=1):
        fields = text.split("|")
        if len(fields) != expected:
            raise malformed(
                path.name, line, "row", expected=f"{expected} fields separated by '|'", got=f"{len(fields)} fields"
            )
        flags = fields[_ITEM_FIELDS:]
        if not set(flags) <= {"0", "1"}:
            raise malformed(path.name, line, "genre flags", expected="0 or 1", got="something else")
        genres = [genre for genre, flag in zip(GENRES_100K, flags, strict=True) if flag == "1"]
        rows.append((line, fields[0], fields[1], genres))
    return _catalogue(path.name, rows)


def titles_from_dat(path: Path) -> Catalogue:
    """The 1M layout: ``id::title::genre|genre``, Latin-1 as published or UTF-8 where somebody converted it."""
    rows: list[Row] = []
    for line, text in enumerate(_lines(path), start=1):
        fields = text.split("::")
        if len(fields) != 3:  # noqa: PLR2004 - the three fields of the docstring
            raise malformed(path.name, line, "row", expected="3 fields separated by '::'", got=f"{len(fields)} fields")
        rows.append((line, fields[0], fields[1], fields[2].split("|")))
    return _catalogue(path.name, rows)


def titles_from_csv(path: Path) -> Catalogue:
    """The 20M, 25M and latest layout: ``movieId,title,genres`` with quoted titles, UTF-8."""
    reader = csv.reader(io.StringIO(_text(path), newline=""), strict=True)
    rows: list[Row] = []
    try:
        for fields in reader:
            if reader.line_num == 1:
                if fields != ["movieId", "title", "genres"]:
                    raise malformed(
                        path.name, 1, "heading", expected="movieId,title,genres", got=f"{len(fields)} other fields"
                    )
                continue
            if len(fields) != 3:  # noqa: PLR2004 - the three fields of the docstring
                raise malformed(path.name, reader.line_num, "row", expected="3 fields", got=f"{len(fields)} fields")
            rows.append((reader.line_num, fields[0], fields[1], fields[2].split("|")))
    except csv.Error as cause:
        raise malformed(
            path.name, reader.line_num, "row", expected="comma-separated values", got="broken quoting"
        ) from cause
    return _catalogue(path.name, rows)


def _lines(path: Path) -> list[str]:
    """Split at line feeds only: ``splitlines`` would also cut at characters that Latin-1 has inside words."""
    lines = _text(path).replace("\r\n", "\n").split("\n")
    return lines[:-1] if lines[-1] == "" else lines


def _text(path: Path) -> str:
    """UTF-8 where it is, else Latin-1: accented Latin-1 text is practically never valid UTF-8."""
    data = path.read_bytes()
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode("latin-1")


def _catalogue(file: str, rows: Iterable[Row]) -> Catalogue:
    items: list[tuple[str, str, int | None, int | None]] = []
    memberships: list[tuple[str, str, str]] = []
    seen: set[str] = set()
    for line, item, published, genres in rows:
        if not (item.isascii() and item.isdigit()):
            raise malformed(file, line, "item", expected="a whole number", got=f"{len(item)} other characters")
        if item in seen:
            raise malformed(file, line, "item", expected="each item once", got="an item that already stands above")
        seen.add(item)
        dated = _DATED.search(published)
        items.append((item, _DATED.sub("", published).strip() or published, int(dated[1]) if dated else None, None))
        memberships += [(item, "genre", _slug(genre)) for genre in genres if genre not in _NO_GENRE]
    return catalogue_of(items, memberships)


def _slug(genre: str) -> str:
    """``Children's`` → ``childrens``, ``Sci-Fi`` → ``sci_fi``: one spelling over all layouts and in policies."""
    return re.sub(r"[^a-z0-9]+", "_", genre.lower().replace("'", "")).strip("_")
