"""How the control plane's migrations run: online only, against the URL that `governance.database.migrate` passes."""

from alembic import context
from sqlalchemy import Connection, text

import governance.access.tables
import governance.attest.tables
import governance.budget.tables
import governance.consent.tables
import governance.gate.tables
import governance.keys.tables
import governance.ledger.opening
import governance.ledger.tables
import governance.policy.texts
import governance.registry.tables
import governance.reidentification.tables
import governance.review.tables
import governance.rights.tables  # noqa: F401 - each import adds its tables to the metadata
from governance.database import Base, create_engine_for


def _limit_waiting(connection: Connection) -> None:
    # A migration that waits for a lock makes everybody behind it wait too: better to fail and be run again.
    if connection.dialect.name == "postgresql":
        connection.execute(text("SET LOCAL lock_timeout = '10s'"))
        connection.execute(text("SET LOCAL statement_timeout = '15min'"))


def run() -> None:
    """Migrate inside one transaction: a migration that fails leaves nothing behind."""
    engine = create_engine_for(context.config.attributes["url"])
    with engine.connect() as connection:
        context.configure(
            connection=connection,
            target_metadata=Base.metadata,
            render_as_batch=connection.dialect.name == "sqlite",
            compare_type=True,
        )
        with context.begin_transaction():
            _limit_waiting(connection)
            context.run_migrations()
    engine.dispose()


run()
