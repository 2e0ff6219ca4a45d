"""Triggers that make the database refuse to rewrite the log, as statements for a migration to execute.

Guard rails, not evidence: who owns the tables can drop the triggers. Evidence is what others hold (signed
checkpoints). On PostgreSQL the tables should belong to another role than the application's, which gets SELECT and
INSERT only.

Refused on both databases: UPDATE, DELETE, an entry that is not the next one, an entry under an id already used, a
checkpoint that is not larger than the last. The last two also stop SQLite's INSERT OR REPLACE, which deletes the row
in its way without firing a DELETE trigger. On PostgreSQL also TRUNCATE, and ``session_replication_role = replica``
does not switch them off.
"""

from governance.errors import ConfigurationError

TABLES = ("ledger_entry", "ledger_checkpoint")

_SQLITE = (
    """create trigger ledger_entry_dense before insert on ledger_entry
    when new.seq is not (select coalesce(max(seq), -1) + 1 from ledger_entry)
      or exists (select 1 from ledger_entry where id = new.id)
    begin select raise(abort, 'ledger_entry: not the next entry, or its id is taken'); end""",
    """create trigger ledger_checkpoint_grows before insert on ledger_checkpoint
    when new.size <= (select coalesce(max(size), -1) from ledger_checkpoint)
    begin select raise(abort, 'ledger_checkpoint: not larger than the last'); end""",
    *(
        f"""create trigger {table}_no_{verb} before {verb} on {table}
    begin select raise(abort, '{table} only grows'); end"""
        for table in TABLES
        for verb in ("update", "delete")
    ),
)

_POSTGRESQL = (
    """create function ledger_entry_next() returns trigger language plpgsql as $$
begin
  if new.seq is distinct from (select coalesce(max(seq), -1) + 1 from ledger_entry)
     or exists (select 1 from ledger_entry where id = new.id) then
    raise exception using message = 'ledger_entry: not the next entry, or its id is taken', errcode = 'check_violation';
  end if;
  return new;
end $$""",
    """create function ledger_checkpoint_next() returns trigger language plpgsql as $$
begin
  if new.size <= (select coalesce(max(size), -1) from ledger_checkpoint) then
    raise exception using message = 'ledger_checkpoint: not larger than the last', errcode = 'check_violation';
  end if;
  return new;
end $$""",
    """create function ledger_only_grows() returns trigger language plpgsql as $$
begin
  raise exception using message = tg_table_name || ' only grows', errcode = 'check_violation';
end $$""",
    """create trigger ledger_entry_dense before insert on ledger_entry
    for each row execute function ledger_entry_next()""",
    """create trigger ledger_checkpoint_grows before insert on ledger_checkpoint
    for each row execute function ledger_checkpoint_next()""",
    *(
        f"""create trigger {table}_no_change before update or delete on {table}
    for each row execute function ledger_only_grows()"""
        for table in TABLES
    ),
    *(
        f"""create trigger {table}_no_truncate before truncate on {table}
    for each statement execute function ledger_only_grows()"""
        for table in TABLES
    ),
    *(
        f"alter table {table} enable always trigger {table}_{name}"
        for table in TABLES
        for name in ("no_change", "no_truncate")
    ),
    "alter table ledger_entry enable always trigger ledger_entry_dense",
    "alter table ledger_checkpoint enable always trigger ledger_checkpoint_grows",
)

_FUNCTIONS = ("ledger_entry_next", "ledger_checkpoint_next", "ledger_only_grows")

_CREATE = {"sqlite": _SQLITE, "postgresql": _POSTGRESQL}
_DROP = {"sqlite": (), "postgresql": tuple(f"drop function {name}" for name in _FUNCTIONS)}


def guard_statements(dialect_name: str) -> tuple[str, ...]:
    """What to execute, in order, once the ledger's tables exist.

    Raises:
        ConfigurationError: neither ``sqlite`` nor ``postgresql``.
    """
    return _statements(_CREATE, dialect_name)


def drop_guard_statements(dialect_name: str) -> tuple[str, ...]:
    """What to execute after the ledger's tables, and their triggers with them, were dropped.

    Raises:
        ConfigurationError: neither ``sqlite`` nor ``postgresql``.
    """
    return _statements(_DROP, dialect_name)


def _statements(known: dict[str, tuple[str, ...]], dialect_name: str) -> tuple[str, ...]:
    if dialect_name not in known:
        msg = f"expected sqlite or postgresql, got {dialect_name}"
        raise ConfigurationError(msg)
    return known[dialect_name]
