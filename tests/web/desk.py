"""The desk as the web sees it in tests."""

from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

from sqlalchemy import Engine

from governance.database import transaction
from governance.errors import Conflict
from governance.rights.requests import get_request
from pseudonymisation.boxes import BoxKey, box_key, open_box
from pseudonymisation.errors import UnknownSubject
from pseudonymisation.pseudonym import Pseudonym, SubjectSecret
from tests.governance.story import TickingClock

KNOWN_IDENTIFIER = "canary.person@example.net"
KNOWN_SUBJECT = "00112233445566778899aabbccddeeff"
KNOWN_SECRET = SubjectSecret(bytes(range(32)))


@dataclass
class Desk:
    """The identity plane's hands as the web sees them: knows one person, and closes what is carried out."""

    engine: Engine
    clock: TickingClock
    carried_out: list[UUID] = field(default_factory=list)
    erased: set[str] = field(default_factory=set)

    def resolve(self, identifier_kind: str, unverified_identifier: str) -> str | None:
        """The one person known here."""
        return KNOWN_SUBJECT if (identifier_kind, unverified_identifier) == ("email", KNOWN_IDENTIFIER) else None

    def box_key(self, subject: Pseudonym, request_id: UUID) -> BoxKey:
        """The box of the one person known here."""
        assert subject == KNOWN_SUBJECT
        return box_key(KNOWN_SECRET, request_id.bytes)

    def open_box(self, subject: Pseudonym, request_id: UUID, sealed: bytes, *, place: bytes) -> bytes:
        """Opens it, as long as the person was not erased."""
        if subject in self.erased:
            msg = "no living subject has that pseudonym"
            raise UnknownSubject(msg)
        return open_box(KNOWN_SECRET, request_id.bytes, sealed, place=place)

    def fulfil(self, request_id: UUID, *, actor: str) -> "Handed":
        """Close the request in a transaction of its own, which would wait for ever for one that is still open."""
        with transaction(self.engine) as session:
            request = get_request(session, request_id)
            assert actor.startswith("principal:")
            if request.state == "fulfilled":
                return Handed()
            if request.state != "approved":
                msg = f"a request that is {request.state} cannot be carried out"
                raise Conflict(msg)
            request.state, request.closed_at = "fulfilled", self.clock()
            self.carried_out.append(request_id)
            return (
                Handed(Path(f"/home/outbox/{request_id}.package"), b"k" * 32) if request.right == "access" else Handed()
            )


@dataclass(frozen=True)
class Handed:
    """What the desk hands out."""

    package: Path | None = None
    key: bytes | None = None
