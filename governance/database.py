"""The control-plane store: engine, transactions, naming convention, migrations.

Trusted for: the current state of consents, budget, registry and requests. Not trusted for history: whoever can write
these tables can change what they say, and only published checkpoints of the ledger make that visible.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import DateTime, Dialect, Engine, MetaData, TypeDecorator, create_engine, event, make_url
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import DeclarativeBase, Session

from governance.errors import ConfigurationError, StaleDatabase

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
      - PostgreSQL: the server's own settings; connections are checked before use.

    Raises:
        ConfigurationError: for a URL of another database.
    """
    backend = make_url(url).get_backend_name()
    if backend == "sqlite":
        engine = create_engine(url, connect_args={"timeout": 30})
        event.listen(engine, "connect", _configure_sqlite)
        event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN IMMEDIATE"))
        return engine
    if backend == "postgresql":
        return create_engine(url, pool_pre_ping=True)
    msg = f"database.url: expected sqlite:// or postgresql+psycopg://, got {backend}://"
    raise ConfigurationError(msg)


def _configure_sqlite(connection: object, _record: object) -> None:
    # The driver's own transaction handling is switched off: it would delay BEGIN until the first write.
    connection.isolation_level = None  # type: ignore[attr-defined] # a sqlite3.Connection
    cursor = connection.cursor()  # type: ignore[attr-defined] # a sqlite3.Connection
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "secure_delete=ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


@contextmanager
def transaction(engine: Engine) -> Iterator[Session]:
    """One transaction: committed when the block ends, rolled back when it raises. Only the edge opens one."""
    with Session(engine, expire_on_commit=False) as session, session.begin():
        yield session


def migrate(url: str, scripts: Path) -> None:
    """Bring the database at ``url`` to the newest schema of the history in ``scripts``."""
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
