"""The control-plane store: engine, transactions, naming convention, migrations.

Trusted for: the current state of consents, budget, registry and requests. Not trusted for history: whoever can write
these tables can change what they say, and only published checkpoints of the ledger make that visible.
"""

import logging
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from select import POLLIN, poll
from time import monotonic
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import (
    Connection,
    DateTime,
    Dialect,
    Engine,
    MetaData,
    TypeDecorator,
    create_engine,
    event,
    func,
    make_url,
    select,
)
from sqlalchemy.exc import InvalidatePoolError, OperationalError
from sqlalchemy.orm import DeclarativeBase, Session
from sqlalchemy.pool import ConnectionPoolEntry

from governance.errors import ConfigurationError, Conflict, StaleDatabase, fault_of

_log = logging.getLogger(__name__)
_AFTER_COMMIT = "probity_after_commit"
_AFTER_END = "probity_after_end"
_RETURNED = "probity_returned"

IDLE_S = 30.0
"""A pooled connection that was not used for longer is asked whether it is alive, as PgBouncer does by default."""

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


class Base(DeclarativeBase):
    """Parent of every control-plane table; constraint names follow NAMING."""

    metadata = MetaData(naming_convention=NAMING)


class UtcDateTime(TypeDecorator[datetime]):
    """An aware UTC datetime on every database.

    SQLite keeps no zone, so a value is stored in UTC and given its zone back on reading; a naive value is refused.
    """

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002 - interface
        """Convert to UTC on the way in; refuse a naive datetime."""
        if value is None:
            return None
        if value.tzinfo is None:
            msg = "expected an aware datetime, got a naive one"
            raise ValueError(msg)
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002 - interface
        """Give the zone back on the way out."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def create_engine_for(url: str) -> Engine:
    """An engine for SQLite or PostgreSQL with the durability that a log needs.

    Guarantees:
      - SQLite: WAL, ``synchronous=FULL``, foreign keys on, and every transaction takes the write lock at its start, so
        that two writers queue instead of failing half-way.
      - PostgreSQL: the server's own settings; a connection that lay idle for `IDLE_S`, or that the server has closed,
        is not given out.

    Raises:
        ConfigurationError: for a URL of another database.
    """
    backend = make_url(url).get_backend_name()
    # hide_parameters: what SQLAlchemy raises never carries a pseudonym.
    if backend == "sqlite":
        engine = create_engine(url, connect_args={"timeout": 30}, hide_parameters=True)
        event.listen(engine, "connect", _configure_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
        return engine
    if backend == "postgresql":
        engine = create_engine(url, hide_parameters=True)
        _check_before_use(engine)
        return engine
    msg = f"database.url: expected sqlite:// or postgresql+psycopg://, got {backend}://"
    raise ConfigurationError(msg)


def _check_before_use(engine: Engine) -> None:
    """Have the pool connect anew where a connection is dead, without asking the server before each use.

    The question would be a round trip more for each transaction. If the server has ended a connection, that has arrived
    at its socket, where nothing else is due between two uses; only one that lay idle can have been dropped on the way
    without a word, and is asked.
    """

    def note_return(_connection: object, record: ConnectionPoolEntry) -> None:
        record.info[_RETURNED] = monotonic()

    def require_alive(connection: Any, record: ConnectionPoolEntry, _proxy: object) -> None:  # noqa: ANN401 - the driver's
        returned = record.info.get(_RETURNED)
        if returned is None:
            return  # made just now
        try:
            if monotonic() - returned > IDLE_S or _has_news(connection.fileno()):
                engine.dialect.do_ping(connection)
        except engine.dialect.loaded_dbapi.Error as cause:
            raise InvalidatePoolError from cause

    event.listen(engine, "checkin", note_return)
    event.listen(engine, "checkout", require_alive)


def _has_news(socket: int) -> bool:
    waiting = poll()
    waiting.register(socket, POLLIN)
    return bool(waiting.poll(0))


def _configure_sqlite(connection: object, _record: object) -> None:
    # The driver's own transaction handling is switched off: it would delay BEGIN until the first write.
    connection.isolation_level = None  # type: ignore[attr-defined] # a sqlite3.Connection
    cursor = connection.cursor()  # type: ignore[attr-defined] # a sqlite3.Connection
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "secure_delete=ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    only_reads = connection.get_execution_options().get("probity_reading", False)
    connection.exec_driver_sql("BEGIN" if only_reads else "BEGIN IMMEDIATE")


@contextmanager
def reading(engine: Engine) -> Iterator[Session]:
    """A session that only reads, and sees one moment. It waits for no writer and keeps none waiting."""
    options: dict[str, object] = {"probity_reading": True}
    is_postgresql = engine.dialect.name == "postgresql"
    if is_postgresql:
        options |= {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
    with Session(engine, expire_on_commit=False) as session:
        # Asked of the connection: an engine of other options is costlier to make than most of what is read.
        session.connection(execution_options=options)
        yield session
        if is_postgresql:
            # Not rolled back: after that the driver has the server forget every statement that it had prepared.
            try:
                session.commit()
            except BaseException:
                session.invalidate()  # it may still be in its transaction, and would be given out so
                raise


@contextmanager
def reading_once(engine: Engine) -> Iterator[Session]:
    """Like `reading`, for a single statement: each further one sees a moment of its own.

    On PostgreSQL no transaction is begun and ended around it, which is one round trip instead of three.
    """
    if engine.dialect.name != "postgresql":
        with reading(engine) as session:
            yield session
        return
    with Session(engine) as session:
        session.connection(execution_options={"isolation_level": "AUTOCOMMIT"})
        yield session


@contextmanager
def transaction(engine: Engine) -> Iterator[Session]:
    """One transaction: committed when the block ends, rolled back when it raises. Only the edge opens one.

    What was asked for by `after_commit` or `after_end` is done when the block has ended. The change is durable by then,
    so a failure there is logged and not raised.
    """
    follow_up: list[Callable[[Engine], object]] = []
    with Session(engine, expire_on_commit=False) as session:
        try:
            with session.begin():
                yield session
            follow_up += session.info.pop(_AFTER_COMMIT, [])
        finally:
            follow_up += session.info.pop(_AFTER_END, [])
            _follow(engine, dict.fromkeys(follow_up))


def _follow(engine: Engine, follow_up: Iterable[Callable[[Engine], object]]) -> None:
    for work in follow_up:
        try:
            work(engine)
        except Exception as error:  # noqa: BLE001 - whatever it was, the change it follows is stored and is not undone
            _log.error("what follows a stored change failed, and is done again after the next: %s", fault_of(error))


def after_commit(session: Session, work: Callable[[Engine], object]) -> None:
    """Have ``work`` done once when the session's transaction has committed; nothing is done when it rolls back.

    ``work`` opens a transaction of its own, and whatever it leaves undone must be taken up by its next run.
    """
    session.info.setdefault(_AFTER_COMMIT, []).append(work)


def after_end(session: Session, work: Callable[[Engine], object]) -> None:
    """Like `after_commit`, and also done after a rollback: for what others left undone because of this transaction."""
    session.info.setdefault(_AFTER_END, []).append(work)


def wait_for_others(session: Session, name: str, *, shared: bool = False) -> None:
    """Wait until no other transaction holds the lock ``name``, and hold it until this one ends.

    Those that take it ``shared`` wait only for one that does not, and the other way round.
    """
    # On SQLite every transaction holds the write lock from its start. On PostgreSQL each statement after this one sees
    # what the previous holder committed (READ COMMITTED).
    if session.get_bind().dialect.name == "postgresql":
        lock = func.pg_advisory_xact_lock_shared if shared else func.pg_advisory_xact_lock
        session.execute(select(lock(func.hashtextextended(name, 0))))


def clear_residue(engine: Engine) -> None:
    """Overwrite what deleted rows left in the write-ahead log; called after an erasure.

    On SQLite the log is emptied into the database, whose freed pages ``secure_delete`` has overwritten. On PostgreSQL
    old row versions go with the next vacuum, and the server's own log and back-ups with their retention.

    Raises:
        Conflict: another connection held the log open for half a minute: run the erasure's command again.
    """
    if engine.dialect.name != "sqlite":
        return
    connection = engine.raw_connection()
    try:
        (busy, _, _) = connection.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    finally:
        connection.close()
    if busy:
        msg = "the erasure is done, but a reader kept the database's log open: run it again to clear the log"
        raise Conflict(msg)


def migrate(url: str, scripts: Path) -> None:
    """Bring the database at ``url`` to the newest schema of the history in ``scripts``.

    A new SQLite file gets mode 0600.
    """
    database = make_url(url).database
    if make_url(url).get_backend_name() == "sqlite" and database:
        # Made before SQLite makes it, so that there is no moment when others may read; its log inherits the mode.
        os.close(os.open(database, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    config = Config()
    config.set_main_option("script_location", str(scripts))
    config.set_main_option("path_separator", "os")
    config.attributes["url"] = url
    command.upgrade(config, "head")


def require_current(engine: Engine, scripts: Path) -> None:
    """Refuse a database that is not at the newest schema.

    Raises:
        StaleDatabase: says which revision was expected and found.
    """
    expected = ScriptDirectory(str(scripts)).get_current_head()
    try:
        with engine.connect() as connection:
            found = MigrationContext.configure(connection).get_current_revision()
    except OperationalError as cause:
        msg = f"the database {engine.url.render_as_string(hide_password=True)} cannot be opened"
        raise ConfigurationError(msg) from cause
    if found != expected:
        where = engine.url.render_as_string(hide_password=True)
        msg = f"{where} is at revision {found or 'none'}, expected {expected}: run `probity init`"
        raise StaleDatabase(msg)
