"""A waiver can be withdrawn before its day: by whom, when, and why."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

WITHDRAWER = "fk_gate_waiver_withdrawn_by_id_access_principal"


def upgrade() -> None:
    # SQLite adds a reference only by copying the table; none refers to this one.
    with op.batch_alter_table("gate_waiver") as table:
        table.add_column(sa.Column("withdrawn_by_id", sa.Uuid(), nullable=True))
        table.add_column(sa.Column("withdrawn_at", sa.DateTime(timezone=True), nullable=True))
        table.add_column(sa.Column("withdrawal_reason", sa.Text(), nullable=True))
        table.create_foreign_key(op.f(WITHDRAWER), "access_principal", ["withdrawn_by_id"], ["id"])


def downgrade() -> None:
    with op.batch_alter_table("gate_waiver") as table:
        table.drop_constraint(op.f(WITHDRAWER), type_="foreignkey")
        for column in ("withdrawal_reason", "withdrawn_at", "withdrawn_by_id"):
            table.drop_column(column)
