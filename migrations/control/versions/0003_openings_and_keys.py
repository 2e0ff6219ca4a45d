"""Openings sealed to their subject, the manner of a request, rotations of signing keys, re-identifications.

``ledger_opening`` is made anew: until now no event used it, so there is nothing in it to keep.
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.drop_table("ledger_opening")
    op.create_table(
        "ledger_opening",
        sa.Column("commitment", sa.Text(), nullable=False),
        sa.Column("about", sa.Text(), nullable=False),
        sa.Column("record", sa.Uuid(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("commitment", name=op.f("pk_ledger_opening")),
    )
    op.create_index(op.f("ix_ledger_opening_about"), "ledger_opening", ["about"], unique=False)
    op.create_index(op.f("ix_ledger_opening_record"), "ledger_opening", ["record"], unique=False)
    op.add_column("rights_request", sa.Column("manner", sa.Text(), nullable=True))
    op.add_column("rights_request", sa.Column("box_key", sa.LargeBinary(), nullable=True))
    op.create_table(
        "key_rotation",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("old", sa.Text(), nullable=False),
        sa.Column("new", sa.Text(), nullable=False),
        sa.Column("old_public", sa.Text(), nullable=False),
        sa.Column("new_public", sa.Text(), nullable=False),
        sa.Column("retired", sa.Text(), nullable=False),
        sa.Column("ground", sa.Text(), nullable=False),
        sa.Column("rotated_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("key", "number", name=op.f("pk_key_rotation")),
    )
    op.create_table(
        "reidentification_case",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("domain", sa.Text(), nullable=False),
        sa.Column("ground", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=True),
        sa.Column("box_key", sa.LargeBinary(), nullable=True),
        sa.Column("asked_by", sa.Uuid(), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("valid_until", sa.DateTime(timezone=True), nullable=False),
        sa.Column("approved_by", sa.Uuid(), nullable=True),
        sa.Column("outcome", sa.Text(), nullable=True),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        *(
            sa.ForeignKeyConstraint(
                [column], ["access_principal.id"], name=op.f(f"fk_reidentification_case_{column}_access_principal")
            )
            for column in ("asked_by", "approved_by")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reidentification_case")),
    )
    for column in ("subject", "asked_at"):
        op.create_index(op.f(f"ix_reidentification_case_{column}"), "reidentification_case", [column], unique=False)


def downgrade() -> None:
    op.drop_table("reidentification_case")
    op.drop_table("key_rotation")
    op.drop_column("rights_request", "box_key")
    op.drop_column("rights_request", "manner")
    op.drop_table("ledger_opening")
    op.create_table(
        "ledger_opening",
        sa.Column("commitment", sa.Text(), nullable=False),
        sa.Column("about", sa.Text(), nullable=True),
        sa.Column("salt", sa.LargeBinary(), nullable=False),
        sa.Column("payload", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("commitment", name=op.f("pk_ledger_opening")),
    )
    op.create_index(op.f("ix_ledger_opening_about"), "ledger_opening", ["about"], unique=False)
