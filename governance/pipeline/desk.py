"""The desk between the rights endpoints and the identity plane: identifiers go in, pseudonyms and answers come out."""

from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

from governance.database import clear_residue
from governance.errors import InvalidInput
from governance.ledger.opening import ABOUT_DOMAIN
from governance.pipeline.home import OPERATOR, Home
from governance.rights.fulfilment import fulfil
from governance.rights.openings import VaultBoxes
from governance.rights.work import Handover, Tools
from pseudonymisation.boxes import BoxKey
from pseudonymisation.errors import BadEvent
from pseudonymisation.identifiers import Identity, read_identity
from pseudonymisation.pseudonym import Pseudonym

LISTED = 10
"""Titles that an access answer lists."""


def identity_of(kind: str, unverified_identifier: str) -> Identity:
    """One identifier, normalised.

    Raises:
        InvalidInput: no such kind, or a value that cannot be one; the value is not repeated.
    """
    try:
        return read_identity({kind: unverified_identifier})
    except BadEvent as cause:
        msg = f"identifier: expected {cause.expected}, got {cause.got}"
        raise InvalidInput(msg) from None


def tools(home: Home, *, actor: str = OPERATOR) -> Tools:
    """What fulfilment works with in this home."""
    from governance.pipeline.kept_sums import KeptSums  # the same
    from governance.pipeline.recommend import recommendations_for_access  # brings the recommender along

    return Tools(
        vault=home.vault,
        lake=home.lake,
        policies=home.policies,
        signer=home.certificate_signer,
        attester=home.attester,
        packages=home.folder("outbox"),
        recommendations=recommendations_for_access(home, LISTED),
        leave_sums=KeptSums(home).take_out,
        actor=actor,
        clock=home.clock,
    )


@dataclass(frozen=True, slots=True)
class Desk:
    """The identity plane's hands for the web process and the command line."""

    home: Home

    def resolve(self, identifier_kind: str, unverified_identifier: str) -> Pseudonym | None:
        """The rights-domain pseudonym of an identifier, or None where nobody has it. Creates nothing.

        Raises:
            InvalidInput: see `identity_of`; or a kind of identifier that rights.yaml does not accept.
        """
        accepted = self.home.policies.rights.value.identified_by
        if identifier_kind not in accepted:
            msg = f"identifier: expected a kind that rights.yaml accepts ({', '.join(accepted)}), got another"
            raise InvalidInput(msg)
        return self.home.vault.find(identity_of(identifier_kind, unverified_identifier), domain=ABOUT_DOMAIN)

    def box_key(self, subject: Pseudonym, record: UUID) -> BoxKey:
        """The public key to which what the entries of a request or a case commit to is sealed.

        Raises:
            NotFound: no living subject has that pseudonym, any more.
        """
        return VaultBoxes(self.home.vault).box_key(subject, record)

    def open_box(self, subject: Pseudonym, record: UUID, sealed: bytes, *, place: bytes) -> bytes:
        """What was sealed to that key.

        Raises:
            UnknownSubject: the subject was erased. BrokenSeal: it was changed, or moved from another place.
        """
        return VaultBoxes(self.home.vault).open_box(subject, record, sealed, place=place)

    def fulfil(self, request_id: UUID, *, actor: str, progress: Callable[[int, int], None] | None = None) -> Handover:
        """Carry out an approved request; what it hands over is shown once.

        Raises:
            NotFound, Conflict: see `governance.rights.fulfilment.fulfil`.
        """
        handover = fulfil(self.home.transaction, tools(self.home, actor=actor), request_id, progress=progress)
        # The job of an erasure held the subject's pseudonyms side by side until its last stage.
        clear_residue(self.home.engine)
        return handover
