"""A control database in which things are attested, and the log that it publishes."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import Engine

from governance.attest.attester import Attester
from governance.attest.logged import LoggedAttestations, read_log
from governance.attest.predicate import Predicate
from governance.attest.statement import Subject
from governance.attest.store import attest, read_envelope
from governance.database import transaction
from governance.ledger.note import LedgerSigner
from governance.ledger.publish import publish
from governance.ledger.trust_policy import trusting
from tests.attest.attest_examples import MODEL, NOON

LOG = LedgerSigner("probity.example/ledger", bytes(range(32)))


@dataclass
class Log:
    """A control database with a log, and the folder where it is published."""

    engine: Engine
    attester: Attester
    folder: Path

    def say(self, predicate: Predicate, sha256: str = MODEL, now: datetime = NOON) -> str:
        """Attest; returns the digest."""
        with transaction(self.engine) as session:
            return attest(
                session,
                self.attester,
                predicate,
                subject=Subject("models/x", sha256),
                about="x",
                clock=lambda: now,
            ).digest

    def publish(self) -> LoggedAttestations:
        """Publish, and read what the files say."""
        publish(self.engine, self.folder, LOG, clock=lambda: NOON)
        return read_log(self.folder, trusting(LOG.verifier_key))

    def envelope(self, digest: str) -> bytes:
        """The envelope of an attestation, from its file."""
        return read_envelope(self.attester.folder, digest)
