"""Text files in blocks: delimited columns, or whole lines. Arrow parses; Python sees a line only to say what is wrong.

A file may be packed (``.gz``, ``.bz2``, ``.zst``). Fields may be quoted; a line break inside quotes is refused, so that
the number of a row is the number of a line.
"""

import csv
import io
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv

from audits.sources.errors import MalformedSource, UnknownSource
from audits.sources.rows import Progress

BLOCK_BYTES = 4 << 20
LONGEST_HEADING_BYTES = 1 << 20


@contextmanager
def bytes_of(path: Path) -> Iterator[tuple[Any, Callable[[], int]]]:
    """The file's bytes, unpacked, and how many of its own bytes are read so far.

    Raises:
        UnknownSource: there is no such file, or it cannot be read.
        MalformedSource: it is packed, and damaged.
    """
    try:
        path.open("rb").close()  # Arrow's own errors do not tell a folder from a missing file
        # Arrow reads ahead in threads of its own. One that asked the interpreter for the next bytes while that ends
        # would abort the process, whatever its exit code was to be: so none of them reads through Python.
        file = pa.OSFile(os.fsencode(path))
        packed = pa.Codec.detect(str(path)) if path.suffix in (".gz", ".bz2", ".zst", ".lz4") else None
        yield pa.CompressedInputStream(file, packed.name) if packed else file, file.tell
    except pa.ArrowInvalid:
        raise
    except (FileNotFoundError, IsADirectoryError, PermissionError) as cause:
        msg = f"{path}: expected a file that can be read, got none ({cause.strerror})"
        raise UnknownSource(msg) from cause
    except OSError as cause:
        msg = f"{path}: expected a whole file, got one that is damaged or breaks off"
        raise MalformedSource(msg) from cause


def heading(path: Path, delimiter: str) -> list[str]:
    """The first line's fields.

    Raises:
        UnknownSource: there is no such file.
        MalformedSource: the file is empty, or begins with no line of text.
    """
    with bytes_of(path) as (stream, _):
        first = bytes(stream.read(LONGEST_HEADING_BYTES))
    line = first.partition(b"\n")[0].removesuffix(b"\r").removeprefix(b"\xef\xbb\xbf")
    try:
        fields = next(csv.reader(io.StringIO(line.decode("utf-8")), delimiter=delimiter, strict=True), [])
    except (UnicodeDecodeError, csv.Error) as cause:
        msg = f"{path}, line 1: expected the names of the columns in UTF-8, got bytes that are none"
        raise MalformedSource(msg) from cause
    if not any(fields):
        msg = f"{path}, line 1: expected the names of the columns, got nothing"
        raise MalformedSource(msg)
    return fields


def delimited(path: Path, delimiter: str, columns: Sequence[str], read: Sequence[str], progress: Progress) -> pa.Table:
    """Some columns of a file whose first line is its heading, as text; row r of the table is line r + 2.

    Raises:
        MalformedSource: a line has another number of fields, is empty, not UTF-8, or breaks inside quotes.
    """
    parse = pacsv.ParseOptions(delimiter=delimiter, ignore_empty_lines=False)
    return _parsed(path, columns, read, parse, skip=1, progress=progress)


def lines(path: Path, progress: Progress) -> pa.Table:
    """Every line of a file in the one column ``line``; row r of the table is line r + 1."""
    # A field ends at a byte that no text file has, so that each line is one field whatever stands in it.
    parse = pacsv.ParseOptions(delimiter="\x1e", quote_char=False, ignore_empty_lines=False)
    return _parsed(path, ["line"], ["line"], parse, skip=0, progress=progress)


def _parsed(
    path: Path,
    columns: Sequence[str],
    read: Sequence[str],
    parse: pacsv.ParseOptions,
    *,
    skip: int,
    progress: Progress,
) -> pa.Table:
    schema = pa.schema([(name, pa.string()) for name in read])
    total = path.stat().st_size if path.is_file() else 0
    batches = []
    try:
        with bytes_of(path) as (stream, position):
            reader = pacsv.open_csv(
                stream,
                read_options=pacsv.ReadOptions(column_names=list(columns), skip_rows=skip, block_size=BLOCK_BYTES),
                parse_options=parse,
                convert_options=pacsv.ConvertOptions(
                    column_types=dict.fromkeys(read, pa.string()),
                    include_columns=list(read),
                    null_values=[],
                    strings_can_be_null=False,
                ),
            )
            for batch in reader:
                if any(pc.any(pc.match_substring(batch[name], "\n")).as_py() for name in read):
                    raise _first_fault(path, parse.delimiter, len(columns), skip)
                batches.append(batch)
                progress(position(), total)
    except pa.ArrowInvalid:
        # Arrow's own message quotes the row, and the row may name a subject.
        if _is_only_a_heading(path, skip):
            return schema.empty_table()
        raise _first_fault(path, parse.delimiter, len(columns), skip) from None
    return pa.Table.from_batches(batches, schema)


def _is_only_a_heading(path: Path, skip: int) -> bool:
    with bytes_of(path) as (stream, _):
        return len(bytes(stream.read(LONGEST_HEADING_BYTES)).splitlines()) <= skip


def _first_fault(path: Path, delimiter: str, fields: int, skip: int) -> MalformedSource:
    """Which line made Arrow refuse the file; found by reading line by line, once."""
    for number, line in enumerate(_lines_of(path), start=1):
        if number <= skip:
            continue
        if (got := _fault(line, delimiter, fields)) is not None:
            return MalformedSource(f"{path}, line {number}: expected {fields} fields of UTF-8 text, got {got}")
    return MalformedSource(f"{path}: expected lines of {fields} fields, got a quotation that spans lines or never ends")


def _lines_of(path: Path) -> Iterator[bytes]:
    with bytes_of(path) as (stream, _):
        rest = b""
        while block := bytes(stream.read(BLOCK_BYTES)):
            *whole, rest = (rest + block).split(b"\n")
            yield from whole
        if rest:
            yield rest


def _fault(line: bytes, delimiter: str, fields: int) -> str | None:
    """What is wrong with a line, without repeating it; None when nothing is."""
    text = line.removesuffix(b"\r")
    if not text:
        return "an empty line"
    try:
        found = next(csv.reader(io.StringIO(text.decode("utf-8")), delimiter=delimiter, strict=True))
    except UnicodeDecodeError:
        return "bytes that are not UTF-8"
    except (csv.Error, StopIteration):
        return "a quotation that does not end in its line"
    return None if len(found) == fields else f"{len(found)} fields"
