"""What a destruction leaves outside the tables, and how it is cleared.

SQLite's ``secure_delete`` overwrites a deleted cell, but not the copies that stay in the gaps of a page when the tree
around it is rebalanced (measured: about one value in a thousand). So nobody is told "destroyed" before the bytes of the
files were searched, and the database is rewritten where one was found.
"""

from collections.abc import Collection
from mmap import ACCESS_READ, mmap
from pathlib import Path

from sqlalchemy import Engine, text

from pseudonymisation.errors import ResidueRemains


def clear_residue(engine: Engine, destroyed: Collection[bytes] | None = None) -> None:
    """Clear committed deletions out of the database's files.

    Args:
        engine: of the vault.
        destroyed: the deleted values, so that the file is rewritten only if it still has one; None rewrites it always.

    Guarantees:
      - SQLite: none of ``destroyed`` is in the database file or its write-ahead log
      - PostgreSQL: vacuumed, so that no statement reaches the rows. The server's pages, log and back-ups keep sealed
        bytes until they are reused; what ends them for certain is the end of the key-encryption key's version

    Raises:
        ResidueRemains: a reader held the log for longer than the busy timeout. Harmless to call again.
    """
    if engine.dialect.name == "postgresql":
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("VACUUM subject, identifier, pseudonym_index"))
        return
    _empty_log(engine)
    if destroyed is None or _is_in_files(engine, destroyed):
        _run(engine, "VACUUM")
        _empty_log(engine)


def _empty_log(engine: Engine) -> None:
    (busy, *_rest) = _run(engine, "PRAGMA wal_checkpoint(TRUNCATE)")
    if busy:
        msg = "destroyed, but a long read keeps bytes in the vault's write-ahead log: end it, then clear the residue"
        raise ResidueRemains(msg)


def _run(engine: Engine, statement: str) -> tuple[int, ...]:
    # On the driver's connection: neither statement may run inside a transaction, which SQLAlchemy would begin.
    raw = engine.raw_connection()
    try:
        row: tuple[int, ...] = raw.cursor().execute(statement).fetchone() or ()
    finally:
        raw.close()
    return row


def _is_in_files(engine: Engine, values: Collection[bytes]) -> bool:
    database = Path(str(engine.url.database))
    return any(_is_in_file(path, values) for path in (database, database.with_name(f"{database.name}-wal")))


def _is_in_file(path: Path, values: Collection[bytes]) -> bool:
    if not path.exists() or path.stat().st_size == 0:
        return False
    with path.open("rb") as file, mmap(file.fileno(), 0, access=ACCESS_READ) as content:
        return any(content.find(value) >= 0 for value in values)
