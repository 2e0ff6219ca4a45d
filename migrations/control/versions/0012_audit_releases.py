"""Whose events an audit's release read, so that an erasure can name it; of the releases of before nobody knows."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

RELEASE, SUBJECT = "registry_audit_release", "registry_audit_release_subject"


def upgrade() -> None:
    op.create_table(
        RELEASE,
        sa.Column("reservation_id", sa.Uuid(), nullable=False),
        sa.Column("model_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["reservation_id"], ["budget_reservation.id"], name=op.f(f"fk_{RELEASE}_reservation_id_budget_reservation")
        ),
        sa.ForeignKeyConstraint(
            ["model_id"], ["registry_model.id"], name=op.f(f"fk_{RELEASE}_model_id_registry_model")
        ),
        sa.PrimaryKeyConstraint("reservation_id", name=op.f(f"pk_{RELEASE}")),
    )
    op.create_table(
        SUBJECT,
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("reservation_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["reservation_id"], [f"{RELEASE}.reservation_id"], name=op.f(f"fk_{SUBJECT}_reservation_id_{RELEASE}")
        ),
        sa.PrimaryKeyConstraint("subject", "reservation_id", name=op.f(f"pk_{SUBJECT}")),
    )


def downgrade() -> None:
    op.drop_table(SUBJECT)
    op.drop_table(RELEASE)
