"""One's own data: a folder in the sample's layout.

items.parquet        item, title, year, minutes
categories.parquet   item, attribute, category
events.ndjson        or events.ndjson.gz: one raw event per line
consents.ndjson      or consents.ndjson.gz: one decision per line
declarations.ndjson  or declarations.ndjson.gz; optional: events of that kind, which may stand among the others as well
README.md            optional; a line ``Licence: …`` and a line ``Note: …`` are shown to whoever reads the source
"""

import gzip
import io
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

import pyarrow as pa
import pyarrow.parquet as pq

from pseudonymisation.sources.errors import MalformedSource, malformed
from pseudonymisation.sources.source import CATEGORIES, ITEMS, Catalogue

MAX_LINE_BYTES = 1 << 20
"""A longer line is yielded cut to one byte more: still too long to be taken for an event, and memory stays bounded."""

BLOCK_BYTES = 4 << 20


@dataclass(frozen=True, slots=True)
class Folder:
    """Files in the sample's layout, passed on line by line: blank, broken and over-long ones are the gateway's."""

    folder: Path
    events_path: Path
    consents_path: Path
    declarations_path: Path | None = None

    @property
    def name(self) -> str:
        """The folder's name."""
        return self.folder.resolve().name

    @property
    def licence(self) -> str:
        """What the README's licence line says."""
        return self._said("Licence:") or "Not stated: no README.md with a line that begins «Licence:»."

    @property
    def note(self) -> str:
        """What the README's note line says."""
        return self._said("Note:")

    @property
    def events_file(self) -> str:
        """``events.ndjson`` or its compressed form."""
        return self.events_path.name

    @property
    def declarations_file(self) -> str:
        """``declarations.ndjson`` or its compressed form; empty where there is none."""
        return "" if self.declarations_path is None else self.declarations_path.name

    def catalogue(self) -> Catalogue:
        """Both tables, cast to their schemas. Raises MalformedSource."""
        return Catalogue(
            items=_table(self.folder / "items.parquet", ITEMS, required=("item", "title")),
            categories=_table(self.folder / "categories.parquet", CATEGORIES, required=tuple(CATEGORIES.names)),
        )

    def events(self) -> Iterator[bytes]:
        """The lines of the events file. Raises MalformedSource if compression breaks off."""
        return lines_of(self.events_path)

    def declarations(self) -> Iterator[bytes]:
        """The lines of the declarations file, if there is one. Raises MalformedSource if compression breaks off."""
        return iter(()) if self.declarations_path is None else lines_of(self.declarations_path)

    def consents(self) -> Iterator[bytes]:
        """The lines of the consents file. Raises MalformedSource if compression breaks off."""
        return lines_of(self.consents_path)

    def _said(self, key: str) -> str:
        readme = self.folder / "README.md"
        if not readme.is_file():
            return ""
        text = readme.read_bytes()[:100_000].decode("utf-8", errors="replace")
        return next((line.removeprefix(key).strip() for line in text.splitlines() if line.startswith(key)), "")


def find_folder(folder: Path) -> Folder | None:
    """The folder as one's own data, or None unless the four files that are not optional are there."""
    events, consents = _plain_or_gz(folder / "events.ndjson"), _plain_or_gz(folder / "consents.ndjson")
    tables = (folder / "items.parquet").is_file() and (folder / "categories.parquet").is_file()
    if not (tables and events and consents):
        return None
    return Folder(folder, events, consents, _plain_or_gz(folder / "declarations.ndjson"))


def lines_of(path: Path) -> Iterator[bytes]:
    """The file's lines without their line feeds, each at most ``MAX_LINE_BYTES + 1`` long.

    Guarantees:
      - the n-th item is line n of the file
      - memory stays at a few blocks, however long a line is
    """
    with _opened(path) as file:
        rest = b""
        while block := _read(file, path):
            *lines, last = block.split(b"\n")
            if lines:
                lines[0] = rest + lines[0]
                yield from (line[: MAX_LINE_BYTES + 1] for line in lines)
                rest = last
            else:
                rest += last
            rest = rest[: MAX_LINE_BYTES + 1]
        if rest:
            yield rest


def _plain_or_gz(path: Path) -> Path | None:
    packed = path.with_name(path.name + ".gz")
    return path if path.is_file() else packed if packed.is_file() else None


def _opened(path: Path) -> IO[bytes]:
    return cast("IO[bytes]", gzip.open(path, "rb")) if path.suffix == ".gz" else path.open("rb")


def _read(file: IO[bytes], path: Path) -> bytes:
    try:
        return file.read(BLOCK_BYTES)
    except (EOFError, gzip.BadGzipFile, zlib.error) as cause:
        msg = f"{path.name}: expected a whole gzip file, got one that is damaged or breaks off; restore it"
        raise MalformedSource(msg) from cause


def _table(path: Path, schema: pa.Schema, *, required: tuple[str, ...]) -> pa.Table:
    try:
        table = pq.read_table(io.BytesIO(path.read_bytes()))
    except pa.ArrowException as cause:
        msg = f"{path.name}: expected a Parquet file, got bytes that are none"
        raise MalformedSource(msg) from cause
    if missing := [name for name in schema.names if name not in table.column_names]:
        msg = f"{path.name}: expected the columns {', '.join(schema.names)}, got none named {', '.join(missing)}"
        raise MalformedSource(msg)
    try:
        table = table.select(schema.names).cast(schema)
    except pa.ArrowException as cause:
        types = ", ".join(f"{field.name} {field.type}" for field in schema)
        msg = f"{path.name}: expected the types {types}, got others that do not fit"
        raise MalformedSource(msg) from cause
    for name in required:
        if table[name].null_count:
            first = next(row for row, value in enumerate(table[name].is_null().to_pylist(), start=1) if value)
            raise malformed(path.name, first, name, expected="a text in every row", got="null")
    return table
