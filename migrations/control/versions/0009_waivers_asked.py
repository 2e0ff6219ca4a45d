"""Waivers that one person asks for and another approves, beside those of the policy file."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "gate_waiver",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("rule", sa.Text(), nullable=False),
        sa.Column("category", sa.Text(), nullable=True),
        sa.Column("subject_group", sa.Text(), nullable=True),
        sa.Column("worst_value", sa.Double(), nullable=False),
        sa.Column("expires_on", sa.Date(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("owner_id", sa.Uuid(), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("approver_id", sa.Uuid(), nullable=True),
        sa.Column("approved_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["owner_id"], ["access_principal.id"], name=op.f("fk_gate_waiver_owner_id_access_principal")
        ),
        sa.ForeignKeyConstraint(
            ["approver_id"], ["access_principal.id"], name=op.f("fk_gate_waiver_approver_id_access_principal")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_gate_waiver")),
    )


def downgrade() -> None:
    op.drop_table("gate_waiver")
