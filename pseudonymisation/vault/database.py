"""The vault's own database: engine, transactions, migrations. Never joined with the control plane's."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.exc import OperationalError

from pseudonymisation.errors import StaleVault, VaultError

WRITER_LOCK = 0x70726F62697479
"""Advisory lock in PostgreSQL that one writer holds per transaction ("probity" in ASCII), as BEGIN IMMEDIATE is in
SQLite."""

BUSY_TIMEOUT_S = 30
CACHE_KIB = 65_536
"""SQLite's page cache: a large batch then reaches the disk once, when it commits."""


def create_vault_engine(url: str) -> Engine:
    """An engine for SQLite or PostgreSQL.

    Guarantees:
      - SQLite: WAL, ``synchronous=FULL``, foreign keys on, deleted content overwritten (``secure_delete``)

    Raises:
        VaultError: for a URL of another database.
    """
    backend = make_url(url).get_backend_name()
    # hide_parameters: what SQLAlchemy logs or raises never carries a sealed value or a blind index.
    if backend == "sqlite":
        engine = create_engine(url, connect_args={"timeout": BUSY_TIMEOUT_S}, hide_parameters=True)
        event.listen(engine, "connect", _configure_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
        return engine
    if backend == "postgresql":
        return create_engine(url, pool_pre_ping=True, hide_parameters=True)
    msg = f"vault.url: expected sqlite:// or postgresql+psycopg://, got {backend}://"
    raise VaultError(msg)


def _configure_sqlite(connection: object, _record: object) -> None:
    # The driver's own transaction handling is switched off: it would delay BEGIN until the first write.
    connection.isolation_level = None  # type: ignore[attr-defined] # a sqlite3.Connection
    cursor = connection.cursor()  # type: ignore[attr-defined] # a sqlite3.Connection
    for pragma in (
        "journal_mode=WAL",
        "synchronous=FULL",
        "foreign_keys=ON",
        "secure_delete=ON",
        f"cache_size=-{CACHE_KIB}",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    reading = connection.get_execution_options().get("probity_reading", False)
    connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """A consistent view that keeps no writer waiting."""
    with engine.connect().execution_options(probity_reading=True) as connection, connection.begin():
        yield connection


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """The one writer's transaction: committed when the block ends, rolled back when it raises."""
    with engine.begin() as connection:
        if engine.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": WRITER_LOCK})
        yield connection


def vault_migrate(url: str, scripts: Path) -> None:
    """Bring the vault at ``url`` to the newest schema of the history in ``scripts``.

    A new SQLite file gets mode 0600.
    """
    database = make_url(url).database
    if make_url(url).get_backend_name() == "sqlite" and database:
        # Made before SQLite makes it, so that there is no moment when others may read; its log inherits the mode.
        os.close(os.open(database, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    command.upgrade(_configuration(url, scripts), "head")


def _configuration(url: str, scripts: Path) -> Config:
    config = Config()
    config.set_main_option("script_location", str(scripts))
    config.set_main_option("path_separator", "os")
    config.attributes["url"] = url
    return config


def require_current(engine: Engine, scripts: Path) -> None:
    """Refuse a vault that is not at the newest schema.

    Raises:
        StaleVault: says which revision was expected and found.
        VaultError: the database cannot be opened.
    """
    where = engine.url.render_as_string(hide_password=True)
    expected = ScriptDirectory(str(scripts)).get_current_head()
    try:
        with reading(engine) as connection:
            found = MigrationContext.configure(connection).get_current_revision()
    except OperationalError as cause:
        msg = f"the vault {where} cannot be opened: run `probity init`"
        raise VaultError(msg) from cause
    if found != expected:
        msg = f"the vault {where} is at revision {found or 'none'}, expected {expected}: run `probity init`"
        raise StaleVault(msg)
