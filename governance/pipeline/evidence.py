"""A period's evidence leaves the house: the file is made, its making goes on record, and only then it has its name."""

import os
from collections.abc import Callable
from pathlib import Path
from uuid import UUID

from sqlalchemy import Engine

from governance.clock import Clock
from governance.database import reading, transaction
from governance.errors import Conflict, InvalidInput
from governance.evidence.events import EvidenceExported
from governance.evidence.pack import Pack, Sources, write_pack
from governance.evidence.period import Period
from governance.ledger.store import append
from governance.ledger.trust_policy import TrustPolicy

Progress = Callable[[int, int], None]


def take_evidence(
    engine: Engine,
    home: Path,
    ledger: Path,
    period: Period,
    to: Path,
    *,
    actor: str,
    entry_id: UUID,
    clock: Clock,
    policy: TrustPolicy | None = None,
    progress: Progress | None = None,
) -> Pack:
    """Write the evidence of a period into the new file ``to``, and enter that in the log.

    ``policy`` is whom the operator proposes to believe (`governance.pipeline.publication.trust_policy_of`).

    Guarantees:
      - a file of that name is whole, durable, and its digest is in the log
      - where anything fails there is no such file; at worst the log says that a file was made which nobody got

    Raises:
        InvalidInput: the folder of ``to`` does not exist, or the period is too long for one pack.
        Conflict: ``to`` exists, or the period is not under a signed checkpoint yet.
        BrokenProof: the database or a published file does not hold what was signed.
    """
    _require_new(to)
    staged = to.with_name(f".{to.name}.{entry_id}")
    try:
        with reading(engine) as session:
            sources = Sources(session=session, home=home, ledger=ledger, policy=policy)
            pack = write_pack(sources, period, staged, progress=progress)
        _synchronise(staged)
        event = EvidenceExported(
            pack=pack.digest,
            first_day=str(period.first_day),
            last_day=str(period.last_day),
            entries=pack.entries,
            checkpoint=pack.checkpoint,
        )
        with transaction(engine) as session:
            append(session, event, actor=actor, entry_id=entry_id, clock=clock)
        to.hardlink_to(staged)  # unlike a rename it takes nobody else's place
        _synchronise(to.parent)
    finally:
        staged.unlink(missing_ok=True)
    return pack


def _require_new(to: Path) -> None:
    if to.exists():
        msg = f"{to}: expected a new file, one of that name is there"
        raise Conflict(msg)
    if not to.parent.is_dir():
        msg = f"{to.parent}: expected a folder that exists"
        raise InvalidInput(msg)


def _synchronise(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
