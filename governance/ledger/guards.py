"""Triggers that make the database refuse to rewrite the log, as statements for a migration to execute.

Guard rails, not evidence: who owns the tables can drop the triggers. Evidence is what others hold (signed
checkpoints). On PostgreSQL the tables should belong to another role than the application's, which gets SELECT and
INSERT only (`grants`).

Refused on both databases: UPDATE, DELETE, an entry that is not the next one, an entry under an id already used, a
checkpoint that is not larger than the last, and to take an entry out of the inbox that has no place in the log yet.
The conditions on INSERT also stop SQLite's INSERT OR REPLACE, which deletes the row in its way without firing a
DELETE trigger. On PostgreSQL also TRUNCATE, and ``session_replication_role = replica`` does not switch them off.
"""

from typing import Literal

from governance.errors import ConfigurationError

Part = Literal["log", "storage"]
"""``log``: entries and checkpoints, of the first migration. ``storage``: inbox, tiles, mentions and cosignatures."""

LOG_TABLES = ("ledger_entry", "ledger_checkpoint")
GROWING_TABLES = ("ledger_tile", "ledger_mention", "ledger_cosignature")


def _sqlite_only_grows(table: str, *verbs: str) -> tuple[str, ...]:
    return tuple(
        f"""create trigger {table}_no_{verb} before {verb} on {table}
    begin select raise(abort, '{table} only grows'); end"""
        for verb in verbs
    )


def _sqlite_keeps_row(table: str, key: str) -> str:
    # Ignored and not refused, so that ON CONFLICT DO NOTHING says what happened; REPLACE replaces nothing.
    found = f"select 1 from {table} where {key}"  # noqa: S608 - literals of this module
    return (
        f"create trigger {table}_keeps before insert on {table} when exists ({found}) begin select raise(ignore); end"
    )


_SQLITE_LOG = (
    """create trigger ledger_entry_dense before insert on ledger_entry
    when new.seq is not (select coalesce(max(seq), -1) + 1 from ledger_entry)
      or exists (select 1 from ledger_entry where id = new.id)
    begin select raise(abort, 'ledger_entry: not the next entry, or its id is taken'); end""",
    """create trigger ledger_checkpoint_grows before insert on ledger_checkpoint
    when new.size <= (select coalesce(max(size), -1) from ledger_checkpoint)
    begin select raise(abort, 'ledger_checkpoint: not larger than the last'); end""",
    *(statement for table in LOG_TABLES for statement in _sqlite_only_grows(table, "update", "delete")),
)

_SQLITE_STORAGE = (
    _sqlite_keeps_row("ledger_inbox", "id = new.id or arrival = new.arrival"),
    *_sqlite_only_grows("ledger_inbox", "update"),
    """create trigger ledger_inbox_no_loss before delete on ledger_inbox
    when not exists (select 1 from ledger_entry where id = old.id)
    begin select raise(abort, 'ledger_inbox: this entry has no place in the log yet'); end""",
    _sqlite_keeps_row("ledger_tile", 'level = new.level and "index" = new."index"'),
    _sqlite_keeps_row("ledger_mention", "value = new.value and seq = new.seq"),
    _sqlite_keeps_row("ledger_cosignature", "size = new.size and witness = new.witness"),
    *(statement for table in GROWING_TABLES for statement in _sqlite_only_grows(table, "update", "delete")),
)


def _postgresql_function(name: str, condition: str, message: str) -> str:
    # The temporary schema comes last: without the setting it comes first, and whoever may make a temporary table could
    # have the function look at that instead of the log.
    return f"""create or replace function {name}() returns trigger language plpgsql
set search_path = public, pg_temp as $$
begin
  if {condition} then
    raise exception using message = {message}, errcode = 'check_violation';
  end if;
  return coalesce(new, old);
end $$"""


def _postgresql_trigger(table: str, name: str, when: str, function: str, each: str = "row") -> tuple[str, str]:
    return (
        f"create trigger {table}_{name} before {when} on {table} for each {each} execute function {function}()",
        # Always: also for a superuser who calls the session a replica's.
        f"alter table {table} enable always trigger {table}_{name}",
    )


def _postgresql_only_grows(table: str) -> tuple[str, ...]:
    return (
        *_postgresql_trigger(table, "no_change", "update or delete", "ledger_only_grows"),
        *_postgresql_trigger(table, "no_truncate", "truncate", "ledger_only_grows", each="statement"),
    )


_POSTGRESQL_LOG_FUNCTIONS = (
    _postgresql_function(
        "ledger_entry_next",
        """new.seq is distinct from (select coalesce(max(seq), -1) + 1 from ledger_entry)
     or exists (select 1 from ledger_entry where id = new.id)""",
        "'ledger_entry: not the next entry, or its id is taken'",
    ),
    _postgresql_function(
        "ledger_checkpoint_next",
        "new.size <= (select coalesce(max(size), -1) from ledger_checkpoint)",
        "'ledger_checkpoint: not larger than the last'",
    ),
    _postgresql_function("ledger_only_grows", "true", "tg_table_name || ' only grows'"),
)

_POSTGRESQL_LOG = (
    *_POSTGRESQL_LOG_FUNCTIONS,
    *_postgresql_trigger("ledger_entry", "dense", "insert", "ledger_entry_next"),
    *_postgresql_trigger("ledger_checkpoint", "grows", "insert", "ledger_checkpoint_next"),
    *(statement for table in LOG_TABLES for statement in _postgresql_only_grows(table)),
)

_POSTGRESQL_STORAGE = (
    *_POSTGRESQL_LOG_FUNCTIONS,  # again, for logs whose functions are older than their search path
    _postgresql_function(
        "ledger_inbox_placed",
        "not exists (select 1 from ledger_entry where id = old.id)",
        "'ledger_inbox: this entry has no place in the log yet'",
    ),
    *_postgresql_trigger("ledger_inbox", "no_loss", "delete", "ledger_inbox_placed"),
    *_postgresql_trigger("ledger_inbox", "no_change", "update", "ledger_only_grows"),
    *_postgresql_trigger("ledger_inbox", "no_truncate", "truncate", "ledger_only_grows", each="statement"),
    *(statement for table in GROWING_TABLES for statement in _postgresql_only_grows(table)),
)

_CREATE: dict[tuple[str, Part], tuple[str, ...]] = {
    ("sqlite", "log"): _SQLITE_LOG,
    ("sqlite", "storage"): _SQLITE_STORAGE,
    ("postgresql", "log"): _POSTGRESQL_LOG,
    ("postgresql", "storage"): _POSTGRESQL_STORAGE,
}
_FUNCTIONS: dict[Part, tuple[str, ...]] = {
    "log": ("ledger_entry_next", "ledger_checkpoint_next", "ledger_only_grows"),
    "storage": ("ledger_inbox_placed",),
}


def guard_statements(dialect_name: str, part: Part = "log") -> tuple[str, ...]:
    """What to execute, in order, once the tables of a part exist; ``storage`` comes after ``log``.

    Raises:
        ConfigurationError: neither ``sqlite`` nor ``postgresql``.
    """
    _require_known(dialect_name)
    return _CREATE[dialect_name, part]


def drop_guard_statements(dialect_name: str, part: Part = "log") -> tuple[str, ...]:
    """What to execute after the tables of a part, and their triggers with them, were dropped.

    Raises:
        ConfigurationError: neither ``sqlite`` nor ``postgresql``.
    """
    _require_known(dialect_name)
    return tuple(f"drop function {name}" for name in _FUNCTIONS[part]) if dialect_name == "postgresql" else ()


def _require_known(dialect_name: str) -> None:
    if (dialect_name, "log") not in _CREATE:
        msg = f"expected sqlite or postgresql, got {dialect_name}"
        raise ConfigurationError(msg)
