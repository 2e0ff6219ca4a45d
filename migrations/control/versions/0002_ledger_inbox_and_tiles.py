"""The ledger's inbox, its full tiles, what its entries name, and cosignatures; existing entries are taken in."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.orm import Session

from governance.ledger.guards import drop_guard_statements, guard_statements
from governance.ledger.search import follow
from governance.ledger.sequencer import derive

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

TABLES = ("ledger_inbox", "ledger_tile", "ledger_mention", "ledger_cosignature")


def upgrade() -> None:
    position = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "ledger_inbox",
        sa.Column("arrival", position, nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("arrival", name=op.f("pk_ledger_inbox")),
        sa.UniqueConstraint("id", name=op.f("uq_ledger_inbox_id")),
    )
    op.create_table(
        "ledger_tile",
        sa.Column("level", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("index", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("root", sa.LargeBinary(), nullable=False),
        sa.Column("hashes", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("level", "index", name=op.f("pk_ledger_tile")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "ledger_mention",
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("value", "seq", name=op.f("pk_ledger_mention")),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_ledger_mention_seq"), "ledger_mention", ["seq"], unique=False)
    op.create_table(
        "ledger_cosignature",
        sa.Column("size", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("witness", sa.Text(), nullable=False),
        sa.Column("line", sa.LargeBinary(), nullable=False),
        sa.Column("cosigned_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("size", "witness", name=op.f("pk_ledger_cosignature")),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_ledger_entry_at"), "ledger_entry", ["at"], unique=False)
    _take_in_existing_entries()
    for statement in guard_statements(op.get_bind().dialect.name, "storage"):
        op.execute(statement)


def downgrade() -> None:
    if op.get_bind().scalar(sa.text("select count(*) from ledger_inbox")):
        msg = "entries wait for their place in the log: run `probity ledger publish` before going back"
        raise RuntimeError(msg)
    op.drop_index(op.f("ix_ledger_entry_at"), "ledger_entry")
    for table in reversed(TABLES):
        op.drop_table(table)
    for statement in drop_guard_statements(op.get_bind().dialect.name, "storage"):
        op.execute(statement)


def _take_in_existing_entries() -> None:
    with Session(op.get_bind()) as session:
        last = -1
        while entries := follow(session, after_seq=last, limit=256):
            derive(session, entries)
            last = entries[-1].seq
