"""The control plane: access, budget, consent, ledger with its guards, registry, gate, review, rights."""

import sqlalchemy as sa
from alembic import op

from governance.ledger.guards import drop_guard_statements, guard_statements

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

TABLES = (
    "access_principal",
    "access_token",
    "access_session",
    "budget_reservation",
    "consent_notice",
    "consent_decision",
    "ledger_entry",
    "ledger_checkpoint",
    "ledger_opening",
    "registry_batch",
    "registry_snapshot",
    "registry_snapshot_subject",
    "registry_release",
    "registry_model",
    "registry_report",
    "registry_deployment",
    "gate_decision",
    "review",
    "review_vote",
    "rights_request",
    "rights_job",
    "rights_certificate",
)
"""In the order of their foreign keys."""


def upgrade() -> None:
    _create_access()
    _create_budget()
    _create_consent()
    _create_ledger()
    _create_lineage()
    _create_models()
    _create_decisions()
    _create_votes()
    _create_requests()
    _create_fulfilment()
    for statement in guard_statements(op.get_bind().dialect.name):
        op.execute(statement)


def downgrade() -> None:
    for table in reversed(TABLES):
        op.drop_table(table)
    for statement in drop_guard_statements(op.get_bind().dialect.name):
        op.execute(statement)


def _create_access() -> None:
    op.create_table(
        "access_principal",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("roles", sa.JSON(), nullable=False),
        sa.Column("added_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_access_principal")),
    )
    op.create_table(
        "access_token",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("principal_id", sa.Uuid(), nullable=False),
        sa.Column("digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("issued_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["principal_id"], ["access_principal.id"], name=op.f("fk_access_token_principal_id_access_principal")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_access_token")),
        sa.UniqueConstraint("digest", name=op.f("uq_access_token_digest")),
    )
    op.create_index(op.f("ix_access_token_principal_id"), "access_token", ["principal_id"], unique=False)
    op.create_table(
        "access_session",
        sa.Column("digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("principal_id", sa.Uuid(), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["principal_id"], ["access_principal.id"], name=op.f("fk_access_session_principal_id_access_principal")
        ),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_access_session")),
    )
    op.create_index(op.f("ix_access_session_principal_id"), "access_session", ["principal_id"], unique=False)


def _create_budget() -> None:
    op.create_table(
        "budget_reservation",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("population", sa.Text(), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("mu", sa.Double(), nullable=False),
        sa.Column("guarantee", sa.JSON(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("release", sa.Text(), nullable=True),
        sa.Column("reserved_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_budget_reservation")),
    )
    op.create_index(op.f("ix_budget_reservation_population"), "budget_reservation", ["population"], unique=False)


def _create_consent() -> None:
    op.create_table(
        "consent_notice",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("language", sa.Text(), nullable=False),
        sa.Column("wording", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("published_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_consent_notice")),
        sa.UniqueConstraint("version", "language", name=op.f("uq_consent_notice_version_language")),
    )
    op.create_table(
        "consent_decision",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("choice", sa.Text(), nullable=False),
        sa.Column("notice", sa.Text(), nullable=False),
        sa.Column("method", sa.Text(), nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("in_force", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_consent_decision")),
    )
    op.create_index("ix_consent_decision_purpose", "consent_decision", ["purpose"], unique=False)
    op.create_index(op.f("ix_consent_decision_subject"), "consent_decision", ["subject"], unique=False)
    op.create_index(
        "uq_consent_decision_in_force",
        "consent_decision",
        ["subject", "purpose"],
        unique=True,
        sqlite_where=sa.text("in_force"),
        postgresql_where=sa.text("in_force"),
    )


def _create_ledger() -> None:
    op.create_table(
        "ledger_entry",
        sa.Column("seq", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("leaf_hash", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_ledger_entry")),
        sa.UniqueConstraint("id", name=op.f("uq_ledger_entry_id")),
    )
    op.create_index(op.f("ix_ledger_entry_kind"), "ledger_entry", ["kind"], unique=False)
    op.create_table(
        "ledger_checkpoint",
        sa.Column("size", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column("root", sa.LargeBinary(), nullable=False),
        sa.Column("note", sa.LargeBinary(), nullable=False),
        sa.Column("signed_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("size", name=op.f("pk_ledger_checkpoint")),
    )
    op.create_table(
        "ledger_opening",
        sa.Column("commitment", sa.Text(), nullable=False),
        sa.Column("about", sa.Text(), nullable=True),
        sa.Column("salt", sa.LargeBinary(), nullable=False),
        sa.Column("payload", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("commitment", name=op.f("pk_ledger_opening")),
    )
    op.create_index(op.f("ix_ledger_opening_about"), "ledger_opening", ["about"], unique=False)


def _create_lineage() -> None:
    op.create_table(
        "registry_batch",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("written", sa.JSON(), nullable=False),
        sa.Column("dropped", sa.JSON(), nullable=False),
        sa.Column("quarantined", sa.Integer(), nullable=False),
        sa.Column("lake_versions", sa.JSON(), nullable=False),
        sa.Column("ingested_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_registry_batch")),
    )
    op.create_index(op.f("ix_registry_batch_ingested_at"), "registry_batch", ["ingested_at"], unique=False)
    op.create_table(
        "registry_snapshot",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("manifest", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("subjects", sa.Integer(), nullable=False),
        sa.Column("taken_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_registry_snapshot")),
    )
    op.create_index(op.f("ix_registry_snapshot_digest"), "registry_snapshot", ["digest"], unique=False)
    op.create_table(
        "registry_snapshot_subject",
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("snapshot_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["snapshot_id"],
            ["registry_snapshot.id"],
            name=op.f("fk_registry_snapshot_subject_snapshot_id_registry_snapshot"),
        ),
        sa.PrimaryKeyConstraint("subject", "snapshot_id", name=op.f("pk_registry_snapshot_subject")),
    )
    op.create_index(
        op.f("ix_registry_snapshot_subject_snapshot_id"), "registry_snapshot_subject", ["snapshot_id"], unique=False
    )
    op.create_table(
        "registry_release",
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("snapshot_id", sa.Uuid(), nullable=False),
        sa.Column("reservation_id", sa.Uuid(), nullable=False),
        sa.Column("guarantee", sa.JSON(), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["reservation_id"],
            ["budget_reservation.id"],
            name=op.f("fk_registry_release_reservation_id_budget_reservation"),
        ),
        sa.ForeignKeyConstraint(
            ["snapshot_id"], ["registry_snapshot.id"], name=op.f("fk_registry_release_snapshot_id_registry_snapshot")
        ),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_registry_release")),
        sa.UniqueConstraint("reservation_id", name=op.f("uq_registry_release_reservation_id")),
    )
    op.create_index(op.f("ix_registry_release_snapshot_id"), "registry_release", ["snapshot_id"], unique=False)


def _create_models() -> None:
    op.create_table(
        "registry_model",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("release", sa.Text(), nullable=False),
        sa.Column("parent_id", sa.Uuid(), nullable=True),
        sa.Column("prices", sa.JSON(), nullable=True),
        sa.Column("author_id", sa.Uuid(), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=True),
        sa.Column("registered_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["author_id"], ["access_principal.id"], name=op.f("fk_registry_model_author_id_access_principal")
        ),
        sa.ForeignKeyConstraint(
            ["parent_id"], ["registry_model.id"], name=op.f("fk_registry_model_parent_id_registry_model")
        ),
        sa.ForeignKeyConstraint(
            ["release"], ["registry_release.digest"], name=op.f("fk_registry_model_release_registry_release")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_registry_model")),
        sa.UniqueConstraint("digest", name=op.f("uq_registry_model_digest")),
        sa.UniqueConstraint("generation", name=op.f("uq_registry_model_generation")),
    )
    op.create_index(op.f("ix_registry_model_release"), "registry_model", ["release"], unique=False)
    op.create_table(
        "registry_report",
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("model_id", sa.Uuid(), nullable=False),
        sa.Column("path_json", sa.Text(), nullable=False),
        sa.Column("path_html", sa.Text(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["model_id"], ["registry_model.id"], name=op.f("fk_registry_report_model_id_registry_model")
        ),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_registry_report")),
    )
    op.create_index(op.f("ix_registry_report_model_id"), "registry_report", ["model_id"], unique=False)
    op.create_table(
        "registry_deployment",
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("model_id", sa.Uuid(), nullable=False),
        sa.Column("deployed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("rolled_back_from", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(
            ["model_id"], ["registry_model.id"], name=op.f("fk_registry_deployment_model_id_registry_model")
        ),
        sa.ForeignKeyConstraint(
            ["rolled_back_from"],
            ["registry_deployment.number"],
            name=op.f("fk_registry_deployment_rolled_back_from_registry_deployment"),
        ),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_registry_deployment")),
    )
    op.create_index(op.f("ix_registry_deployment_model_id"), "registry_deployment", ["model_id"], unique=False)


def _create_decisions() -> None:
    op.create_table(
        "gate_decision",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("model_id", sa.Uuid(), nullable=False),
        sa.Column("report", sa.Text(), nullable=False),
        sa.Column("policy", sa.Text(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("findings", sa.JSON(), nullable=False),
        sa.Column("not_applicable", sa.JSON(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["model_id"], ["registry_model.id"], name=op.f("fk_gate_decision_model_id_registry_model")
        ),
        sa.ForeignKeyConstraint(
            ["report"], ["registry_report.digest"], name=op.f("fk_gate_decision_report_registry_report")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_gate_decision")),
    )
    op.create_index(op.f("ix_gate_decision_model_id"), "gate_decision", ["model_id"], unique=False)
    op.create_table(
        "review",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("model_id", sa.Uuid(), nullable=False),
        sa.Column("author_id", sa.Uuid(), nullable=False),
        sa.Column("decision_id", sa.Uuid(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["author_id"], ["access_principal.id"], name=op.f("fk_review_author_id_access_principal")
        ),
        sa.ForeignKeyConstraint(
            ["decision_id"], ["gate_decision.id"], name=op.f("fk_review_decision_id_gate_decision")
        ),
        sa.ForeignKeyConstraint(["model_id"], ["registry_model.id"], name=op.f("fk_review_model_id_registry_model")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_review")),
    )
    op.create_index(
        "uq_review_open",
        "review",
        ["model_id"],
        unique=True,
        sqlite_where=sa.text("closed_at IS NULL"),
        postgresql_where=sa.text("closed_at IS NULL"),
    )


def _create_votes() -> None:
    op.create_table(
        "review_vote",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("review_id", sa.Uuid(), nullable=False),
        sa.Column("principal_id", sa.Uuid(), nullable=False),
        sa.Column("choice", sa.Text(), nullable=False),
        sa.Column("comment", sa.Text(), nullable=True),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("cast_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["principal_id"], ["access_principal.id"], name=op.f("fk_review_vote_principal_id_access_principal")
        ),
        sa.ForeignKeyConstraint(["review_id"], ["review.id"], name=op.f("fk_review_vote_review_id_review")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_review_vote")),
        sa.UniqueConstraint("review_id", "principal_id", name=op.f("uq_review_vote_review_id_principal_id")),
    )
    op.create_index(op.f("ix_review_vote_review_id"), "review_vote", ["review_id"], unique=False)


def _create_requests() -> None:
    op.create_table(
        "rights_request",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("right", sa.Text(), nullable=False),
        sa.Column("regime", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("received_by", sa.Uuid(), nullable=False),
        sa.Column("approved_by", sa.Uuid(), nullable=True),
        sa.Column("acknowledge_by", sa.Date(), nullable=True),
        sa.Column("due_on", sa.Date(), nullable=False),
        sa.Column("extended_on", sa.Date(), nullable=True),
        sa.Column("extension_reason", sa.Text(), nullable=True),
        sa.Column("refusal", sa.Text(), nullable=True),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["approved_by"], ["access_principal.id"], name=op.f("fk_rights_request_approved_by_access_principal")
        ),
        sa.ForeignKeyConstraint(
            ["received_by"], ["access_principal.id"], name=op.f("fk_rights_request_received_by_access_principal")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rights_request")),
    )
    op.create_index(op.f("ix_rights_request_state"), "rights_request", ["state"], unique=False)
    op.create_index(
        "uq_rights_request_alive",
        "rights_request",
        ["subject", "right"],
        unique=True,
        sqlite_where=sa.text("closed_at IS NULL"),
        postgresql_where=sa.text("closed_at IS NULL"),
    )


def _create_fulfilment() -> None:
    op.create_table(
        "rights_job",
        sa.Column("request_id", sa.Uuid(), nullable=False),
        sa.Column("done", sa.JSON(), nullable=False),
        sa.Column("work", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(
            ["request_id"], ["rights_request.id"], name=op.f("fk_rights_job_request_id_rights_request")
        ),
        sa.PrimaryKeyConstraint("request_id", name=op.f("pk_rights_job")),
    )
    op.create_table(
        "rights_certificate",
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("request_id", sa.Uuid(), nullable=False),
        sa.Column("envelope", sa.LargeBinary(), nullable=False),
        sa.Column("issued_on", sa.Date(), nullable=False),
        sa.ForeignKeyConstraint(
            ["request_id"], ["rights_request.id"], name=op.f("fk_rights_certificate_request_id_rights_request")
        ),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_rights_certificate")),
        sa.UniqueConstraint("request_id", name=op.f("uq_rights_certificate_request_id")),
    )
