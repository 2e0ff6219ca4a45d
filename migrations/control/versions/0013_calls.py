"""Calls that may be repeated, each with the random id of what it makes."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "access_call",
        sa.Column("name", sa.LargeBinary(32), nullable=False),
        sa.Column("made", sa.Uuid(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_access_call")),
    )
    op.create_index(op.f("ix_access_call_made"), "access_call", ["made"])
    op.create_index(op.f("ix_access_call_at"), "access_call", ["at"])


def downgrade() -> None:
    op.drop_table("access_call")
