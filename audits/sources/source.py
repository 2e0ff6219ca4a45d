"""Where a table lies and how it is laid out, as one argument."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import Any, Literal, TypeAlias

from audits.sources.errors import UnknownSource

_PREFIX = re.compile(r"([a-z_]+):(?!//)(.+)", re.DOTALL)
_URL = re.compile(r"([a-z][a-z0-9+.-]*)://(.*)", re.DOTALL)
_CREDENTIALS = re.compile(r"^([a-z0-9+.-]+://)[^/@#]*@")
_PASSWORD = re.compile(r"([?&](?:password|sslpassword)=)[^&#]*")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Source:
    """A file, a folder, a table in an engine or in memory, or an Ibis table.

    Attributes:
        at: a path; a URL (``duckdb:///folder/file.db#table``, ``postgresql://host/database#schema.table``,
            ``spark://#table``, ``spark:///folder``); a frame (Arrow, pandas, Polars); or an Ibis table of any engine.
        format: a slug of ``FORMATS``; None means what the suffix says.
        columns: the source's own column name for each of ours, where it is not one that readers know.
        attributes: of a wide table, the columns to read; None means every one that can hold names.
        order: what ranks a list that has both, its ``rank`` or its ``score``; None means its rank, and that a TREC run
            in which the two contradict each other is refused.
    """

    at: Any
    format: str | None = None
    columns: Mapping[str, str] = field(default_factory=dict)
    attributes: tuple[str, ...] | None = None
    order: Literal["rank", "score"] | None = None

    @property
    def url(self) -> tuple[str, str] | None:
        """Scheme and rest, where the place is a URL."""
        found = _URL.fullmatch(self.at) if isinstance(self.at, str) else None
        return (found[1], found[2]) if found else None

    @property
    def path(self) -> Path:
        """The file or folder."""
        return Path(self.at)

    @property
    def place(self) -> str:
        """How messages name it: no password and no user."""
        if not isinstance(self.at, str | PathLike):
            return "the given table"
        if self.url is None:
            return str(self.at)
        return _PASSWORD.sub(r"\1…", _CREDENTIALS.sub(r"\1", str(self.at)))


Place: TypeAlias = str | PathLike[str] | Source | Any
"""What every reader takes: a path, a URL, ``format:path``, a Source, a frame, or an Ibis table."""


def source_of(place: Place, formats: tuple[str, ...], columns: tuple[str, ...]) -> Source:
    """The source that a caller meant.

    A text may begin with one of the ``formats``, as in ``trec_run:out.txt``, and end with what a Source says besides:
    ``lists.csv?subject=viewer&order=score``, ``items.csv?attributes=genre,origin``.

    Raises:
        UnknownSource: an empty place, or one that ends with something else.
    """
    if isinstance(place, Source):
        return place
    if not isinstance(place, str | PathLike):
        return Source(at=place)
    text = str(place)
    if not text:
        msg = "source: expected a path or a URL, got an empty text"
        raise UnknownSource(msg)
    prefixed = _PREFIX.fullmatch(text)
    form = prefixed[1] if prefixed and prefixed[1] in formats else None
    at, said = _parted(text if form is None else text[len(form) + 1 :])
    return Source(at=at, format=form, **_besides(said, columns))


def _parted(text: str) -> tuple[str, str]:
    """The place, and what is said behind it. A URL's own question mark stands before its table's name."""
    start = text.find("#") + 1 if _URL.fullmatch(text) else 0
    at, mark, said = text[start:].partition("?")
    if not mark or (start == 0 and ("://" in text or Path(text).exists())):
        return text, ""
    return text[:start] + at, said


def _besides(said: str, columns: tuple[str, ...]) -> dict[str, Any]:
    found: dict[str, Any] = {"columns": {}}
    for part in filter(None, said.split("&")):
        name, _, value = part.partition("=")
        if name in columns and value:
            found["columns"][name] = value
        elif name == "attributes" and value:
            found["attributes"] = tuple(value.split(","))
        elif name == "order" and value in ("rank", "score"):
            found["order"] = value
        else:
            expected = f"{', '.join(columns)}, attributes or order=rank or score"
            msg = f"source: expected behind ? the source's name for one of {expected}, got {name or part}"
            raise UnknownSource(msg)
    return found
