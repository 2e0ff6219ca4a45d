"""A pass has an end; proposals can be taken up again; what changes about the model that serves raises an alert."""

from datetime import timedelta

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

VALID = timedelta(days=90)
"""What `policies/fairness.yaml` says when this comes: passes of before are good for as long as those of after."""
LONG_AGO = "1970-01-01 00:00:00"


def upgrade() -> None:
    # SQLite takes a column that must be filled only with a default, and to copy the table would break references to it.
    expires = sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False, server_default=LONG_AGO)
    op.add_column("gate_decision", expires)
    _let_decisions_expire()
    if op.get_bind().dialect.name == "postgresql":
        op.alter_column("gate_decision", "expires_at", server_default=None)
    op.create_table(
        "gate_alert",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("model_id", sa.Uuid(), nullable=False),
        sa.Column("decision_id", sa.Uuid(), nullable=True),
        sa.Column("before", sa.Text(), nullable=False),
        sa.Column("after", sa.Text(), nullable=False),
        sa.Column("changes", sa.JSON(), nullable=False),
        sa.Column("raised_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("acknowledged_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("acknowledged_by", sa.Uuid(), nullable=True),
        sa.ForeignKeyConstraint(
            ["model_id"], ["registry_model.id"], name=op.f("fk_gate_alert_model_id_registry_model")
        ),
        sa.ForeignKeyConstraint(
            ["decision_id"], ["gate_decision.id"], name=op.f("fk_gate_alert_decision_id_gate_decision")
        ),
        sa.ForeignKeyConstraint(
            ["acknowledged_by"], ["access_principal.id"], name=op.f("fk_gate_alert_acknowledged_by_access_principal")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_gate_alert")),
    )
    op.create_index(op.f("ix_gate_alert_model_id"), "gate_alert", ["model_id"], unique=False)
    op.create_table(
        "release_proposal",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("model_id", sa.Uuid(), nullable=True),
        sa.Column("author_id", sa.Uuid(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("begun_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["model_id"], ["registry_model.id"], name=op.f("fk_release_proposal_model_id_registry_model")
        ),
        sa.ForeignKeyConstraint(
            ["author_id"], ["access_principal.id"], name=op.f("fk_release_proposal_author_id_access_principal")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_release_proposal")),
    )
    op.create_index(op.f("ix_release_proposal_begun_at"), "release_proposal", ["begun_at"], unique=False)


def downgrade() -> None:
    op.drop_table("release_proposal")
    op.drop_table("gate_alert")
    op.drop_column("gate_decision", "expires_at")


def _let_decisions_expire() -> None:
    decisions = sa.table(
        "gate_decision",
        sa.column("id", sa.Uuid()),
        sa.column("decided_at", sa.DateTime(timezone=True)),
        sa.column("expires_at", sa.DateTime(timezone=True)),
    )
    connection = op.get_bind()
    for row in connection.execute(sa.select(decisions.c.id, decisions.c.decided_at)).all():
        found = decisions.update().where(decisions.c.id == row.id)
        connection.execute(found.values(expires_at=row.decided_at + VALID))
