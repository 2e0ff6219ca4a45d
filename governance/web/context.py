"""What the web process is given when it is composed; nothing here is global."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol
from uuid import UUID, uuid4

from sqlalchemy import Engine

from governance.access.calls import CallKey
from governance.access.secret import Draw, secure_draw
from governance.clock import Clock
from governance.ledger.trust_policy import TrustPolicy
from governance.policy.policies import Policies
from governance.rights.openings import Boxes
from governance.settings import Settings


class Delivery(Protocol):
    """What a fulfilled request leaves to hand to the subject; its key is in nobody's store and is shown once."""

    @property
    def package(self) -> Path | None:
        """Where the sealed package lies, or None where there is nothing to hand out, or nothing any more."""

    @property
    def key(self) -> bytes | None:
        """The package's key (32 bytes)."""


class RightsDesk(Boxes, Protocol):
    """What the rights endpoints need from the identity plane, which this process cannot reach by itself."""

    def resolve(self, identifier_kind: str, unverified_identifier: str) -> str | None:
        """The rights-domain pseudonym (32 lower-case hexadecimal digits) of an identifier, or None where nobody has it.

        Reads only. Neither the identifier nor the answer is logged or stored.

        Raises:
            InvalidInput: no such kind of identifier, or one that cannot be right; the message does not repeat it.
        """

    def fulfil(self, request_id: UUID, *, actor: str) -> Delivery:
        """Carry out an approved request. Opens its own transactions, so none may be open; twice is as once.

        The second time there is nothing left to hand over: a key that was not passed on is lost with its package.

        Raises:
            NotFound: there is no such request.
            Conflict: its state does not allow it.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class WebContext:
    """Everything the endpoints use.

    Attributes:
        engine: of the control-plane database.
        settings: of this home.
        policies: in force since the process started.
        clock: present moment, aware UTC.
        ledger: folder in which the log is published (checkpoint, tiles, ``log.vkey``).
        call_key: names calls that may be repeated.
        desk: the identity plane's hands, or None where it cannot be reached: requests are then refused with 503.
        trust: whom this log asks readers to believe; None for the key it is published under, and no witness.
        draw: random bytes for sessions and forms.
        new_id: ids of votes, reviews and requests.
    """

    engine: Engine
    settings: Settings
    policies: Policies
    clock: Clock
    ledger: Path
    call_key: CallKey
    desk: RightsDesk | None
    trust: TrustPolicy | None = None
    draw: Draw = secure_draw
    new_id: Callable[[], UUID] = uuid4
