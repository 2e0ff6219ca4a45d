"""The openings that are kept, held against the commitments that they are kept for: part of `probity ledger fsck`.

One that is missing was erased, with its subject or by retention, and is no finding.
"""

from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import Engine, select
from sqlalchemy.exc import StatementError

from governance.database import reading
from governance.errors import BrokenProof, UnreadableEntry
from governance.ledger.commitment import decode_opening, verify_opening
from governance.ledger.opening import LedgerOpening
from governance.ledger.published import printable
from governance.ledger.tables import LedgerInbox, LedgerMention
from governance.rights.openings import Boxes
from pseudonymisation.errors import BrokenSeal, UnknownSubject
from pseudonymisation.pseudonym import Pseudonym


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedOpenings:
    """How many openings open the commitments of their entries, and how many have no key any more.

    Those without a key are of subjects whose erasure has destroyed it and is about to delete them.
    """

    opened: int
    without_key: int


def check_openings(
    engine: Engine, boxes: Boxes, *, progress: Callable[[int, int], None] | None = None
) -> CheckedOpenings:
    """Open every opening whose key is there. Nothing of what they hold is kept or shown.

    Raises:
        BrokenProof: names the row that does not open its commitment, or whose commitment no entry carries.
    """
    carried = select(LedgerMention.seq).where(LedgerMention.value == LedgerOpening.commitment).exists()
    with reading(engine) as session:
        try:
            # One may be of an entry that still waits for its place, which the search index does not know yet.
            waits = session.scalar(select(LedgerInbox.id).limit(1)) is not None
            rows = session.execute(select(LedgerOpening, carried).order_by(LedgerOpening.commitment)).all()
        except (StatementError, TypeError, ValueError) as cause:
            msg = "ledger_opening: a row does not hold what its columns are for"
            raise BrokenProof(msg) from cause
    opened = 0
    for done, (row, is_carried) in enumerate(rows, start=1):
        opened += _opens(row, boxes)
        if not is_carried and not waits:
            msg = f"ledger_opening, commitment {printable(row.commitment)}: no entry of the log carries it"
            raise BrokenProof(msg)
        if progress is not None:
            progress(done, len(rows))
    return CheckedOpenings(opened=opened, without_key=len(rows) - opened)


def _opens(row: LedgerOpening, boxes: Boxes) -> bool:
    try:
        content = boxes.open_box(Pseudonym(row.about), row.record, row.sealed, place=row.commitment.encode())
        verify_opening(row.commitment, decode_opening(content))
    except UnknownSubject:
        return False
    except (BrokenSeal, UnreadableEntry, BrokenProof, TypeError, AttributeError):
        # Without its cause, which may say something of the content.
        msg = f"ledger_opening, commitment {printable(row.commitment)}: what is sealed there does not open it"
        raise BrokenProof(msg) from None
    return True
