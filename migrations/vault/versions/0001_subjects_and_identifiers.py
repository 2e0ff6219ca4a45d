"""Subjects, their identifiers, the way back from pseudonyms, and erasures."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "subject",
        sa.Column("subject_id", sa.LargeBinary(16), nullable=False),
        sa.Column("wrapped_secret", sa.LargeBinary(60), nullable=False),
        sa.Column("kek_version", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("subject_id", name="pk_subject"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "identifier",
        sa.Column("index_version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("blind_index", sa.LargeBinary(16), nullable=False),
        sa.Column("type", sa.String(32), nullable=False),
        sa.Column("subject_id", sa.LargeBinary(16), nullable=False),
        sa.Column("ciphertext", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["subject_id"], ["subject.subject_id"], name="fk_identifier_subject_id_subject"),
        sa.PrimaryKeyConstraint("index_version", "blind_index", name="pk_identifier"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_identifier_subject_id", "identifier", ["subject_id"])
    op.create_table(
        "pseudonym_index",
        sa.Column("index_version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("blind", sa.LargeBinary(16), nullable=False),
        sa.Column("domain", sa.String(32), nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("subject_id", sa.LargeBinary(16), nullable=False),
        sa.ForeignKeyConstraint(["subject_id"], ["subject.subject_id"], name="fk_pseudonym_index_subject_id_subject"),
        sa.PrimaryKeyConstraint("index_version", "blind", name="pk_pseudonym_index"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_pseudonym_index_subject_id", "pseudonym_index", ["subject_id"])
    op.create_table(
        "erasure",
        sa.Column("erasure_id", sa.LargeBinary(16), nullable=False),
        sa.Column("commitment", sa.LargeBinary(32), nullable=False),
        sa.Column("destroyed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("kek_version", sa.Integer(), nullable=False),
        sa.Column("identifiers", sa.Integer(), nullable=False),
        sa.Column("pseudonyms", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("erasure_id", name="pk_erasure"),
        sa.UniqueConstraint("commitment", name="uq_erasure_commitment"),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    op.drop_table("erasure")
    op.drop_table("pseudonym_index")
    op.drop_table("identifier")
    op.drop_table("subject")
