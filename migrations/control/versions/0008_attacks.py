"""What attacks on our own measurements found, to be read again only as it was stored."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "registry_attack",
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("release", sa.Text(), nullable=False),
        sa.Column("model_id", sa.Uuid(), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["release"], ["registry_release.digest"], name=op.f("fk_registry_attack_release_registry_release")
        ),
        sa.ForeignKeyConstraint(
            ["model_id"], ["registry_model.id"], name=op.f("fk_registry_attack_model_id_registry_model")
        ),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_registry_attack")),
    )
    op.create_index(op.f("ix_registry_attack_release"), "registry_attack", ["release"], unique=False)


def downgrade() -> None:
    op.drop_table("registry_attack")
