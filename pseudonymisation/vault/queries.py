"""The vault's statements, in chunks: a batch of 100,000 identities costs tens of round trips and not 100,000."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Executable, delete, func, insert, select
from sqlalchemy.orm import DeclarativeBase

from pseudonymisation.vault.enrolment import SubjectId
from pseudonymisation.vault.tables import ErasureRow, IdentifierRow, PseudonymRow, SubjectRow

CHUNK = 10_000
"""Values per IN list: SQLite allows 32,766 parameters in a statement, PostgreSQL 65,535."""

_STORED = (SubjectRow.subject_id, SubjectRow.wrapped_secret, SubjectRow.kek_version)


@dataclass(frozen=True, slots=True, repr=False)
class StoredSubject:
    """A subject as it lies in the vault: its secret still wrapped."""

    subject_id: SubjectId
    wrapped_secret: bytes
    kek_version: int


def fetch_owners(
    connection: Connection, indexes: Sequence[bytes], version: int
) -> Iterator[tuple[bytes, StoredSubject]]:
    """The subjects that own these blind indexes of identifiers; unclaimed ones are left out."""
    statement = (
        select(IdentifierRow.blind_index, *_STORED)
        .join(SubjectRow, SubjectRow.subject_id == IdentifierRow.subject_id)
        .where(IdentifierRow.index_version == version)
    )
    for chunk in _chunks(indexes):
        yield from _found(connection, statement.where(IdentifierRow.blind_index.in_(chunk)))


def fetch_subjects(
    connection: Connection, blinds: Sequence[bytes], version: int
) -> Iterator[tuple[bytes, StoredSubject]]:
    """The subjects behind these blinded pseudonyms; unknown ones are left out."""
    statement = (
        select(PseudonymRow.blind, *_STORED)
        .join(SubjectRow, SubjectRow.subject_id == PseudonymRow.subject_id)
        .where(PseudonymRow.index_version == version)
    )
    for chunk in _chunks(blinds):
        yield from _found(connection, statement.where(PseudonymRow.blind.in_(chunk)))


def fetch_identifiers(connection: Connection, subject_id: SubjectId, version: int) -> Sequence[tuple[str, bytes]]:
    """(type, sealed value) of each identifier of one subject."""
    statement = select(IdentifierRow.type, IdentifierRow.ciphertext).where(
        IdentifierRow.subject_id == subject_id, IdentifierRow.index_version == version
    )
    return [(slug, sealed) for slug, sealed in connection.execute(statement)]


def fetch_values(connection: Connection, subject: StoredSubject) -> list[bytes]:
    """Every value of one subject that must not be left in any file: sealed values, blind indexes, its id."""
    columns = (IdentifierRow.blind_index, IdentifierRow.ciphertext, PseudonymRow.blind)
    found = [
        value
        for column in columns
        for value in connection.execute(select(column).where(column.class_.subject_id == subject.subject_id)).scalars()
    ]
    return [subject.subject_id, subject.wrapped_secret, *found]


def count_subjects(connection: Connection) -> int:
    """How many subjects live in the vault."""
    return connection.execute(select(func.count()).select_from(SubjectRow)).scalar_one()


def count_erasures(connection: Connection) -> int:
    """How many subjects were ever erased."""
    return connection.execute(select(func.count()).select_from(ErasureRow)).scalar_one()


def insert_subjects(connection: Connection, subjects: Iterable[StoredSubject], created_at: datetime) -> None:
    """Store new subjects."""
    rows = [
        {
            "subject_id": subject.subject_id,
            "wrapped_secret": subject.wrapped_secret,
            "kek_version": subject.kek_version,
            "created_at": created_at,
        }
        for subject in subjects
    ]
    if rows:
        connection.execute(insert(SubjectRow), rows)


def insert_identifiers(connection: Connection, rows: Iterable[tuple[int, bytes, str, SubjectId, bytes]]) -> None:
    """Store identifiers: (index version, blind index, type, subject, sealed value)."""
    _insert_raw(connection, IdentifierRow, ("index_version", "blind_index", "type", "subject_id", "ciphertext"), rows)


def insert_pseudonyms(connection: Connection, rows: Iterable[tuple[int, bytes, str, int, SubjectId]]) -> None:
    """Store the way back from pseudonyms: (index version, blind, domain, epoch, subject)."""
    _insert_raw(connection, PseudonymRow, ("index_version", "blind", "domain", "epoch", "subject_id"), rows)


def insert_erasure(connection: Connection, row: Mapping[str, Any]) -> None:
    """Store that somebody was erased."""
    connection.execute(insert(ErasureRow), [dict(row)])


def delete_subject(connection: Connection, subject_id: SubjectId) -> dict[str, int]:
    """Delete all that belongs to one subject; rows by table."""
    return {
        table.__tablename__: connection.execute(delete(table).where(table.subject_id == subject_id)).rowcount
        for table in (IdentifierRow, PseudonymRow, SubjectRow)
    }


def _found(connection: Connection, statement: Executable) -> Iterator[tuple[bytes, StoredSubject]]:
    for key, subject_id, wrapped, version in connection.execute(statement):
        yield key, StoredSubject(subject_id, wrapped, version)


def _insert_raw(
    connection: Connection, table: type[DeclarativeBase], columns: Sequence[str], rows: Iterable[tuple[Any, ...]]
) -> None:
    """Insert tuples of values that need no conversion, straight through the driver (twice as fast)."""
    # In the order of their keys, so that a batch walks the tree once.
    ordered = sorted(rows)
    if not ordered:
        return
    mark = "?" if connection.dialect.paramstyle == "qmark" else "%s"
    values = ", ".join([mark] * len(columns))
    statement = f"INSERT INTO {table.__tablename__} ({', '.join(columns)}) VALUES ({values})"  # noqa: S608 - our own names
    connection.exec_driver_sql(statement, ordered)


def _chunks(values: Sequence[bytes]) -> Iterator[Sequence[bytes]]:
    return (values[start : start + CHUNK] for start in range(0, len(values), CHUNK))
