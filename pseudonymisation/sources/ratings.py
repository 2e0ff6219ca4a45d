"""Rating tables as MovieLens publishes them, read in blocks: columns first, line by line once a block breaks."""

import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv

from pseudonymisation.sources.errors import MalformedSource, malformed

BLOCK_BYTES = 8 << 20
HIGHEST_ID = 2**31 - 1
LATEST_S = 4_102_444_800  # 2100-01-01; anything above is not in seconds

_TYPES = {"subject": pa.int64(), "item": pa.int64(), "stars": pa.float64(), "time": pa.int64()}
_EXPECTED = {
    "subject": f"a whole number from 1 to {HIGHEST_ID}",
    "item": f"a whole number from 1 to {HIGHEST_ID}",
    "stars": "a number from 0.5 to 5",
    "time": "Unix seconds, a whole number",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class RatingTable:
    """How one published rating file is laid out.

    ``columns`` names, in file order, ``subject``, ``item``, ``stars`` and where present ``time``.
    """

    file: str
    delimiter: bytes
    columns: tuple[str, ...]
    header: bytes = b""


def rating_blocks(path: Path, layout: RatingTable) -> Iterator[tuple[int, pa.Table]]:
    """The file's rows in blocks: the line number of the block's first row, and its columns.

    Memory stays at a few blocks whatever the size of the file. Raises MalformedSource with file, line and field.
    """
    with path.open("rb") as file:
        line = 1
        if layout.header:
            _verify_header(file.readline().rstrip(b"\r\n"), layout)
            line = 2
        for block in _whole_lines(file):
            yield line, _parsed(block, line, layout)
            line += block.count(b"\n")


def _whole_lines(file: io.BufferedReader) -> Iterator[bytes]:
    rest = b""
    while block := file.read(BLOCK_BYTES):
        cut = block.rfind(b"\n") + 1
        if cut == 0:
            rest += block
            if len(rest) > 2 * BLOCK_BYTES:
                break  # no line of digits is that long: parsing what there is names the line
            continue
        yield rest + block[:cut]
        rest = block[cut:]
    if rest:
        yield rest + b"\n"


def _verify_header(found: bytes, layout: RatingTable) -> None:
    if found != layout.header:
        raise malformed(
            layout.file, 1, "heading", expected=layout.header.decode(), got=f"another line of {len(found)} bytes"
        )


def _parsed(block: bytes, first_line: int, layout: RatingTable) -> pa.Table:
    delimiter, text = layout.delimiter.decode(), block
    if len(layout.delimiter) > 1:  # the fast reader knows delimiters of one byte only
        if b"\t" in block:
            raise _first_fault(block, first_line, layout)
        delimiter, text = "\t", block.replace(layout.delimiter, b"\t")
    try:
        table = pacsv.read_csv(
            pa.BufferReader(text),
            read_options=pacsv.ReadOptions(
                column_names=layout.columns, use_threads=False, block_size=2 * len(text) + 1
            ),
            parse_options=pacsv.ParseOptions(delimiter=delimiter, quote_char=False, ignore_empty_lines=False),
            convert_options=pacsv.ConvertOptions(column_types={c: _TYPES[c] for c in layout.columns}, null_values=[]),
        )
    except pa.ArrowInvalid as cause:
        raise _first_fault(block, first_line, layout) from cause
    if not all(_in_range(table, column) for column in layout.columns):
        raise _first_fault(block, first_line, layout)
    return table


_RANGES = {"subject": (1, HIGHEST_ID), "item": (1, HIGHEST_ID), "stars": (0.5, 5), "time": (0, LATEST_S)}


def _in_range(table: pa.Table, column: str) -> bool:
    low, high = _RANGES[column]
    values = table[column]
    inside = pc.and_(pc.greater_equal(values, low), pc.less_equal(values, high))
    return values.null_count == 0 and pc.all(inside, min_count=0).as_py() is True


def _first_fault(block: bytes, first_line: int, layout: RatingTable) -> MalformedSource:
    """Which line made the fast path refuse; found by reading line by line, once."""
    for offset, line in enumerate(block.split(b"\n")[:-1]):
        fields = line.rstrip(b"\r").split(layout.delimiter)
        if len(fields) != len(layout.columns):
            expected = f"{len(layout.columns)} fields separated by {layout.delimiter.decode()!r}"
            return malformed(layout.file, first_line + offset, "row", expected=expected, got=f"{len(fields)} fields")
        for column, text in zip(layout.columns, fields, strict=True):
            if (got := _fault(column, text)) is not None:
                return malformed(layout.file, first_line + offset, column, expected=_EXPECTED[column], got=got)
    return malformed(
        layout.file, first_line, "block", expected="rows of plain numbers", got="bytes no reader understands"
    )


def _fault(column: str, text: bytes) -> str | None:
    """What is wrong with a field, without repeating it; None when nothing is."""
    if not text.strip():
        return "nothing"
    if re.fullmatch(rb"\d{1,18}" if _TYPES[column] == pa.int64() else rb"\d{1,3}(\.\d{1,6})?", text) is None:
        return f"{len(text)} bytes that are no such number"
    low, high = _RANGES[column]
    return None if low <= float(text) <= high else "a number outside the range"
