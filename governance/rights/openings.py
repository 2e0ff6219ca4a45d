"""Whom an entry of a request or a case was about: committed to in the log, sealed beside it, opened, erased.

Each entry of a request commits to ``{entry, request, right, subject}``, one of a case to ``{entry, case, subject}``
(`governance.reidentification.procedure`), the subject by its pseudonym of the rights domain. The opening is sealed to
the request's or case's box (`pseudonymisation.boxes`): its public key is stored when it is received, where the vault
is at hand anyway, so that a process without the vault can go on writing, and only the vault can open. A request that
came before there were boxes has none; its entries commit to nothing.

What ends an opening: the subject's erasure, or the retention of closed requests. An erasure destroys the key, so that
copies in back-ups and logs of the control database are unreadable as well (a back-up of the vault from before it would
be needed, with its keyring), and deletes the rows, those of its own request included. Nothing survives it: an entry
written after the secret's destruction commits to nothing.
"""

from dataclasses import dataclass
from typing import Literal, Protocol, get_args
from uuid import UUID

from sqlalchemy.orm import Session

from governance.access.principals import actor_of
from governance.access.tables import Principal
from governance.clock import Clock
from governance.errors import BrokenProof, Gone, InvalidInput, NotFound
from governance.ledger.commitment import Opening, decode_opening, verify_opening
from governance.ledger.events import EvidenceOpened
from governance.ledger.opening import ABOUT_DOMAIN, commit_to, find_opening
from governance.ledger.search import Filter, search
from governance.ledger.store import append
from governance.rights.tables import RightsRequest
from pseudonymisation.boxes import BoxKey
from pseudonymisation.errors import BrokenSeal, UnknownSubject
from pseudonymisation.pseudonym import Pseudonym
from pseudonymisation.vault import Vault

OpeningGround = Literal[
    "supervisory_authority",
    "court_order",
    "audit",
    "complaint",
    "subject_asked",
    "incident",
]
"""Why somebody may look behind an entry (GDPR Art. 58(1)(e), Art. 5(2); legal process; the subject's own wish)."""


class Boxes(Protocol):
    """What opening needs from the identity plane."""

    def box_key(self, subject: Pseudonym, record: UUID) -> BoxKey:
        """The public key of the box of one subject's request or case.

        Raises:
            NotFound: no living subject has that pseudonym, any more.
        """

    def open_box(self, subject: Pseudonym, record: UUID, sealed: bytes, *, place: bytes) -> bytes:
        """What was sealed to that box.

        Raises:
            UnknownSubject: the subject was erased. BrokenSeal: it was changed, or moved from another place.
        """


@dataclass(frozen=True, slots=True)
class VaultBoxes:
    """The boxes of a vault at hand. Each request or case has another key: two do not show that they are about one."""

    vault: Vault

    def box_key(self, subject: Pseudonym, record: UUID) -> BoxKey:
        """See `Boxes`."""
        try:
            return self.vault.box_key(subject, domain=ABOUT_DOMAIN, purpose=record.bytes)
        except UnknownSubject as cause:
            msg = "no subject has this identifier"
            raise NotFound(msg) from cause

    def open_box(self, subject: Pseudonym, record: UUID, sealed: bytes, *, place: bytes) -> bytes:
        """See `Boxes`."""
        return self.vault.open_box(subject, sealed, domain=ABOUT_DOMAIN, purpose=record.bytes, place=place)


def commit(session: Session, request: RightsRequest, entry: str) -> str | None:
    """Commit to whose request it is, for the entry of kind ``entry`` in the same transaction.

    None once the subject is erased, and for a request without a box.
    """
    if request.subject is None or request.box_key is None:
        return None
    payload = {"entry": entry, "request": str(request.id), "right": request.right, "subject": request.subject}
    return commit_to(session, payload, box_key=BoxKey(request.box_key), about=request.subject, record=request.id)


def open_commitment(
    session: Session,
    boxes: Boxes,
    committed: str,
    ground: OpeningGround,
    principal: Principal,
    *,
    entry_id: UUID,
    clock: Clock,
) -> Opening:
    """Show what an entry was about, and log that it was shown, in one transaction. Needs ``evidence:open``.

    Guarantees:
      - what is returned opens the commitment, recomputed
      - every look is an entry of its own, naming who, why and which commitment, never about whom

    Raises:
        InvalidInput: a ground that is not in the list.
        NotFound: no entry carries this commitment.
        Gone: it was erased, with its subject or by retention.
        BrokenProof: what is kept is not what was committed to.
    """
    if ground not in get_args(OpeningGround):
        msg = f"ground: expected one of {', '.join(get_args(OpeningGround))}, got another word"
        raise InvalidInput(msg)
    opening = _opened(session, boxes, committed)
    event = EvidenceOpened(commitment=committed, ground=ground, roles=tuple(sorted(principal.roles)))
    append(session, event, actor=actor_of(principal), entry_id=entry_id, clock=clock)
    return opening


def _opened(session: Session, boxes: Boxes, committed: str) -> Opening:
    row = find_opening(session, committed)
    if row is None:
        _require_known(session, committed)
        msg = f"commitment {committed}: its opening was erased, and nobody can say any more whom the entry was about"
        raise Gone(msg)
    try:
        content = boxes.open_box(Pseudonym(row.about), row.record, row.sealed, place=committed.encode())
    except UnknownSubject as cause:
        msg = f"commitment {committed}: the key of its opening was destroyed with the subject; it cannot be opened"
        raise Gone(msg) from cause
    except BrokenSeal as cause:
        msg = f"commitment {committed}: the opening that is kept was changed since it was sealed"
        raise BrokenProof(msg) from cause
    opening = decode_opening(content)
    verify_opening(committed, opening)
    return opening


def _require_known(session: Session, committed: str) -> None:
    if not search(session, Filter(mentions=committed), limit=1):
        msg = "no entry of the log carries this commitment"
        raise NotFound(msg)
