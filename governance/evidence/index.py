"""The table of a pack's entries, for people with a spreadsheet."""

import csv
import io
from collections.abc import Iterator, Sequence
from hashlib import sha256

from governance.errors import BrokenProof
from governance.evidence.layout import entry_name, proof_name
from governance.ledger.entry import Entry
from governance.sentences import sentence_of

COLUMNS = ("entry", "at", "kind", "what it says", "actor", "id", "sha256", "file", "proof")
SENTENCE = COLUMNS.index("what it says")
MARK = "\ufeff"
"""Without it Excel takes UTF-8 for something else."""
FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""What makes a spreadsheet take a text for a formula. Names of batches and policies come from outside."""


def encode_rows(entries: Sequence[Entry], *, head: bool = False) -> bytes:
    """Lines of the table (RFC 4180), with its head on demand."""
    file = io.StringIO(MARK if head else "", newline="")
    file.seek(0, io.SEEK_END)
    writer = csv.writer(file)
    if head:
        writer.writerow(COLUMNS)
    writer.writerows([_harmless(cell) for cell in row_of(entry)] for entry in entries)
    return file.getvalue().encode()


def row_of(entry: Entry) -> tuple[str, ...]:
    """One entry, column by column."""
    return (
        str(entry.seq),
        entry.at.isoformat(),
        entry.kind,
        sentence_of(entry.kind, entry.body),
        entry.actor,
        str(entry.id),
        sha256(entry.encoded).hexdigest(),
        entry_name(entry.seq),
        proof_name(entry.seq),
    )


def read_rows(unverified: bytes) -> Iterator[tuple[str, ...]]:
    """The table's rows, without its head.

    Raises:
        BrokenProof: it is no such table.
    """
    try:
        text = unverified.decode()
        rows = list(csv.reader(io.StringIO(text.removeprefix(MARK), newline=""), strict=True))
    except (ValueError, csv.Error) as cause:
        msg = "entries.csv: expected UTF-8 text in columns"
        raise BrokenProof(msg) from cause
    if not rows or tuple(rows[0]) != COLUMNS:
        msg = f"entries.csv: expected the columns {', '.join(COLUMNS)}"
        raise BrokenProof(msg)
    yield from (tuple(row) for row in rows[1:])


def verify_row(row: tuple[str, ...], entry: Entry) -> None:
    """Raise `BrokenProof` unless a row says what the entry does. The sentence is for people and may be reworded."""
    expected = [_harmless(cell) for cell in row_of(entry)]
    found = list(row)
    if len(found) == len(expected):
        found[SENTENCE] = expected[SENTENCE]
    if found != expected:
        msg = f"entries.csv: the row of entry {entry.seq} says something else than the entry"
        raise BrokenProof(msg)


def _harmless(cell: str) -> str:
    return f"'{cell}" if cell.startswith(FORMULA) else cell
