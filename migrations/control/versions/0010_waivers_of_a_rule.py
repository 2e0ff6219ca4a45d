"""A waiver is from a rule as it was when somebody asked: one that asks something else by the same name is another."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Of those that were asked for before nobody knows: they except from nothing, and are asked for again.
    op.add_column("gate_waiver", sa.Column("asked_of", sa.Text(), nullable=True))


def downgrade() -> None:
    op.drop_column("gate_waiver", "asked_of")
