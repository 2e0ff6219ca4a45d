"""Alembic environment of the vault's history. The URL comes from the caller and stays out of files and logs."""

from alembic import context
from sqlalchemy import create_engine, pool

from pseudonymisation.vault.tables import VaultBase

TIMEOUTS = ("SET lock_timeout = '5s'", "SET statement_timeout = '60s'")
"""PostgreSQL: a migration that cannot get its lock gives up instead of stopping every writer behind it."""


def run() -> None:
    """Run what Alembic asks for on the database at ``config.attributes["url"]``."""
    url = context.config.attributes["url"]
    engine = create_engine(url, poolclass=pool.NullPool)
    with engine.connect() as connection:
        if connection.dialect.name == "postgresql":
            for statement in TIMEOUTS:
                connection.exec_driver_sql(statement)
            connection.commit()
        context.configure(
            connection=connection, target_metadata=VaultBase.metadata, render_as_batch=True, compare_type=True
        )
        with context.begin_transaction():
            context.run_migrations()


run()
