"""PostgreSQL: the application's role may add to the log and nothing else, because the tables belong to another role.

The owner migrates (`Settings.control.owner_url`) and can do anything; the application's role cannot switch off the
triggers of `guards`, nor alter or drop a table. On SQLite whoever can write the file is the owner.
"""

import re
from collections.abc import Sequence

from sqlalchemy import Connection, text
from sqlalchemy.orm import Session

from governance.errors import ConfigurationError
from governance.ledger.guards import guard_statements
from governance.ledger.tables import (
    LedgerCheckpoint,
    LedgerCosignature,
    LedgerEntry,
    LedgerInbox,
    LedgerMention,
    LedgerTile,
)

GROWING = tuple(
    table.__tablename__ for table in (LedgerEntry, LedgerCheckpoint, LedgerTile, LedgerMention, LedgerCosignature)
)
"""Tables into which the application may insert, and that is all."""

_NAME = re.compile(r"create trigger (\w+)")


def grant_statements(role: str, database: str) -> tuple[str, ...]:
    """What the owner executes after each migration, so that ``role`` can run the application and not rewrite the log.

    Raises:
        ConfigurationError: a name that could not be quoted safely.
    """
    for name in (role, database):
        if '"' in name or "\x00" in name:
            msg = "expected names of a role and a database without quotation marks"
            raise ConfigurationError(msg)
    growing, inbox = ", ".join(GROWING), LedgerInbox.__tablename__
    return (
        f'grant connect on database "{database}" to "{role}"',
        f'grant usage on schema public to "{role}"',
        f'grant select, insert, update, delete on all tables in schema public to "{role}"',
        f'grant usage, select on all sequences in schema public to "{role}"',
        f'revoke update, delete, truncate on {growing} from "{role}"',
        f'revoke update, truncate on {inbox} from "{role}"',
        f'revoke insert, update, delete on alembic_version from "{role}"',
    )


def grant(owner: Connection, role: str) -> None:
    """Give the application's role what it needs on the database that the ``owner`` is connected to.

    Raises:
        ConfigurationError: ``role`` is the owner itself.
    """
    if owner.engine.url.username == role:
        msg = f"control.owner_url: expected another role than the application's, got {role} for both"
        raise ConfigurationError(msg)
    for statement in grant_statements(role, owner.engine.url.database or ""):
        owner.exec_driver_sql(statement)


def missing_guards(session: Session) -> list[str]:
    """The triggers that the database should have and has not, or that are not always on; sorted."""
    dialect = session.get_bind().dialect.name
    parts = (*guard_statements(dialect, "log"), *guard_statements(dialect, "storage"))
    expected = {match[1] for match in map(_NAME.match, parts) if match}
    if dialect == "sqlite":
        found = session.scalars(text("select name from sqlite_master where type = 'trigger'"))
    else:
        found = session.scalars(text("select tgname from pg_trigger where tgenabled = 'A'"))
    return sorted(expected - set(found))


_POWERS = text(
    """
    select 'is a superuser' from pg_roles where rolname = current_user and rolsuper
    union all
    select 'may act as the owner of ' || relname from pg_class
      where relkind = 'r' and relnamespace = 'public'::regnamespace and relname like 'ledger\\_%'
        and pg_has_role(current_user, relowner, 'MEMBER')
    union all
    select 'may act as the owner of ' || proname || '()' from pg_proc
      where pronamespace = 'public'::regnamespace and proname like 'ledger\\_%'
        and pg_has_role(current_user, proowner, 'MEMBER')
    union all
    select 'may act as the owner of the schema ' || nspname from pg_namespace
      where nspname = 'public' and pg_has_role(current_user, nspowner, 'MEMBER')
    """
)


def powers_over_log(session: Session) -> Sequence[str]:
    """Why the present role could switch the triggers off or drop a table; empty where it cannot.

    It is a superuser, or a member of a role that owns a table, a function or the schema. On SQLite there are no roles,
    and the answer is empty.
    """
    return session.scalars(_POWERS).all() if session.get_bind().dialect.name == "postgresql" else []
