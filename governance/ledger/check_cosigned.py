"""What witnesses cosigned, held against what the log says of it: part of `check.check_database`.

Each publication that was cosigned is an entry of its own (`events.CheckpointWitnessed`), which later checkpoints cover.
So a cosignature or a signed head that somebody takes out of the database is missed here. What no entry names, such as
a head that no witness cosigned, can be missed by nobody but those who hold it.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from governance.errors import BrokenProof
from governance.ledger.cosigned import KeptCosignature, SomeWitnessKey, list_kept
from governance.ledger.entry import Entry
from governance.ledger.events import CheckpointWitnessed
from governance.ledger.published import printable
from governance.ledger.store import SignedCheckpoint
from governance.ledger.tables import LedgerCosignature


@dataclass(frozen=True, slots=True)
class Cosignatures:
    """The cosignatures in the database, by size and witness, beside the roots that were signed."""

    roots: Mapping[int, bytes]
    kept: Mapping[tuple[int, str], KeptCosignature] = field(default_factory=dict)

    @property
    def verified(self) -> int:
        """How many hold under a key that was given."""
        return sum(each.verified for each in self.kept.values())

    @property
    def unknown(self) -> int:
        """How many are of witnesses whose key was not given: of those only the form was checked."""
        return len(self.kept) - self.verified


def read_cosignatures(
    session: Session, signed: Sequence[SignedCheckpoint], keys: Sequence[SomeWitnessKey]
) -> Cosignatures:
    """Every cosignature in the database, each checked as far as ``keys`` reach.

    Raises:
        BrokenProof: names the row that does not hold, or whose checkpoint is missing.
    """
    notes = {each.size: each.note for each in signed}
    kept: dict[tuple[int, str], KeptCosignature] = {}
    for size in session.scalars(select(LedgerCosignature.size).distinct().order_by(LedgerCosignature.size)):
        if size not in notes:
            msg = f"ledger_cosignature, size {size}: ledger_checkpoint has no checkpoint of that size"
            raise BrokenProof(msg)
        kept |= {(size, each.witness): each for each in list_kept(session, size, notes[size], keys)}
    return Cosignatures({each.size: each.root for each in signed}, kept)


def require_witnessed(entries: Iterable[Entry], found: Cosignatures) -> None:
    """Raise `BrokenProof` unless each checkpoint that an entry says was witnessed is there, with its cosignatures."""
    for entry in entries:
        if entry.kind == CheckpointWitnessed.kind:
            _require_witnessed(entry, found)


def _require_witnessed(entry: Entry, found: Cosignatures) -> None:
    body: Any = entry.body
    size, root, witnesses = body["size"], body["root"], body["witnesses"]
    signed = found.roots.get(size)
    if signed is None:
        msg = f"ledger_checkpoint, size {size}: missing, but entry {entry.seq} says that it was witnessed"
        raise BrokenProof(msg)
    if signed.hex() != root:
        msg = f"ledger_checkpoint, size {size}: entry {entry.seq} says that another root was witnessed"
        raise BrokenProof(msg)
    for witness, time_s in witnesses.items():
        kept = found.kept.get((size, witness))
        if kept is None or kept.time_s != time_s:
            place = f"ledger_cosignature, size {size}, witness {printable(witness)}"
            msg = f"{place}: missing, or of another moment than entry {entry.seq} says"
            raise BrokenProof(msg)
