"""Retention (GDPR Art. 5(1)(e)): what was kept for as long as `retention.yaml` says is deleted.

Each store is worked off by itself, and each step may be repeated, so a run that was cut off is finished by the next.
What a run had deleted before it was cut off is in no count: only finished runs are on record.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Final
from uuid import NAMESPACE_URL, UUID, uuid5

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from governance.access.calls import KEPT, forget_calls
from governance.database import clear_residue, reading
from governance.errors import Conflict, PolicyError
from governance.gate.records import log_ended_waivers
from governance.ledger.opening import erase_openings
from governance.ledger.search import Filter, search
from governance.ledger.sequencer import settle
from governance.ledger.store import append
from governance.pipeline.home import OPERATOR, Home
from governance.pipeline.kept_sums import KeptSums
from governance.registry.events import RetentionEnforced
from governance.reidentification.procedure import delete_closed as delete_closed_cases
from governance.reidentification.procedure import expire as expire_cases
from governance.rights.tables import CertificateRecord, Job, RightsRequest
from pseudonymisation.durable import sync_folder
from pseudonymisation.quarantine import list_quarantine, purge
from pseudonymisation.schema import DECLARATION, EVENT_KINDS

Progress = Callable[[int, int], None]
"""Called with stores done and stores in all."""

DIVIDED_BY: Final = ("attribute",)
"""A later declaration of the same attribute replaces one."""

PACKAGE_FILES: Final = (".package", ".part")
"""How a sealed package's name ends, and that of one that a crash left half-written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Expiry:
    """What one store had kept for too long: ``count`` things from before ``before`` (aware UTC), ``days`` ago.

    Declarations that the same subject has replaced by a later one go whatever their age, and are in the count.
    """

    days: int
    before: datetime
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RetentionRun:
    """What a run deleted, or would delete where it was a ``dry_run``.

    ``events`` are rows by kind, ``quarantine`` batches, ``packages`` files, ``requests`` closed requests, each with
    the work on it and its certificate, and ``sums`` the exact sums behind releases, by ``keep_sums`` in privacy.yaml,
    with those that are damaged or were never finished.
    """

    dry_run: bool
    events: Mapping[str, Expiry]
    quarantine: Expiry
    packages: Expiry
    requests: Expiry
    sums: Expiry


def run_retention(home: Home, *, dry_run: bool = False, progress: Progress | None = None) -> RetentionRun:
    """Delete what is older than policy allows, store by store, and record the run with one ledger entry.

    Ages are counted back from ``home.clock()``: an event's from when it happened, a quarantined batch's from when it
    was read, a package's and a request's from when the request was closed.

    Guarantees:
      - a request that is not closed stays, with the work on it, however old it is
      - requests go in the transaction of the ledger entry; everything else is gone before it is written
      - a dry run deletes nothing and records nothing

    Raises:
        PolicyError: the policy leaves a kind of event out, or names one that there is not; nothing was deleted.
        LakeError, LakeBusy, OSError: a store refused; what was deleted before stays deleted: run it again.
        Conflict: all is deleted and on record, but a reader kept the database's log open: run it again.
    """
    policy, now = home.policies.retention.value, home.clock()
    _require_every_kind(home)
    count = _Counter(now, len(EVENT_KINDS) + 4, progress)
    run = RetentionRun(
        dry_run=dry_run,
        events={
            kind.name: count(policy.events_days[kind.name], partial(_expire_events, home, kind.name, dry_run=dry_run))
            for kind in EVENT_KINDS
        },
        quarantine=count(policy.quarantine_days, partial(_expire_quarantine, home, dry_run=dry_run)),
        packages=count(policy.package_days, partial(_expire_packages, home, dry_run=dry_run)),
        requests=count(policy.request_records_days, partial(_count_requests, home)),
        sums=count(_sums_days(home), partial(_expire_sums, home, dry_run=dry_run)),
    )
    if dry_run:
        return run
    recorded = _record(home, run)
    _clear_residue(home)
    return recorded


@dataclass(slots=True)
class _Counter:
    """Runs one store's step with the moment that its days lead back to, and says how far the run has got."""

    now: datetime
    stores: int
    progress: Progress | None
    done: int = 0

    def __call__(self, days: int, expire: Callable[[datetime], int]) -> Expiry:
        before = self.now - timedelta(days=days)
        expiry = Expiry(days=days, before=before, count=expire(before))
        self.done += 1
        if self.progress is not None:
            self.progress(self.done, self.stores)
        return expiry


def _require_every_kind(home: Home) -> None:
    policy = home.policies.retention
    expected, found = sorted(kind.name for kind in EVENT_KINDS), sorted(policy.value.events_days)
    if expected != found:
        msg = f"{policy.name}: events_days: expected the kinds {', '.join(expected)}, got {', '.join(found) or 'none'}"
        raise PolicyError(msg)


def _expire_events(home: Home, kind: str, before: datetime, *, dry_run: bool) -> int:
    replaced = kind == DECLARATION.name
    if dry_run:
        younger = len(home.lake.superseded(kind, by=DIVIDED_BY, since=before)) if replaced else 0
        return home.lake.count(kind, before=before) + younger
    rows = home.lake.expire(kind, before=before).rows
    # What was corrected is no longer accurate (GDPR Art. 5(1)(d)), and no audit reads it again.
    return rows + (home.lake.expire_superseded(kind, by=DIVIDED_BY).rows if replaced else 0)


def _expire_quarantine(home: Home, before: datetime, *, dry_run: bool) -> int:
    folder = home.quarantine.folder
    if dry_run or not folder.is_dir():
        return sum(batch.at < before for batch in list_quarantine(folder))
    purged = purge(folder, before=before)
    sync_folder(folder)
    return purged


def _sums_days(home: Home) -> int:
    days = home.policies.privacy.value.keep_sums
    return 0 if days == "never" else days


def _expire_sums(home: Home, _before: datetime, *, dry_run: bool) -> int:
    kept = KeptSums(home)
    with home.transaction() as session:
        expired = kept.expired(session)
        for release, ground in () if dry_run else expired.items():
            kept.destroy(session, release, ground)
    return len(expired)


def _expire_packages(home: Home, before: datetime, *, dry_run: bool) -> int:
    folder = home.settings.folder("outbox")
    with reading(home.engine) as session:
        old = [path for path, request in _packages(folder) if _closed_at(session, request, path) < before]
    if old and not dry_run:
        for path in old:
            path.unlink(missing_ok=True)  # an erasure may have been quicker
        sync_folder(folder)
    return len(old)


def _packages(folder: Path) -> list[tuple[Path, UUID]]:
    """The packages in a folder with the requests that they are named after; other files are not ours to delete."""
    found = []
    for path in sorted(folder.glob("*")):
        try:
            request = UUID(path.stem)
        except ValueError:
            continue
        if path.suffix in PACKAGE_FILES:
            found.append((path, request))
    return found


def _closed_at(session: Session, request: UUID, path: Path) -> datetime:
    """When a package's request was closed. Where it is not, or is no longer on record: when the file was written."""
    closed_at = session.scalar(select(RightsRequest.closed_at).where(RightsRequest.id == request))
    return closed_at or datetime.fromtimestamp(path.stat().st_mtime, UTC)


def _count_requests(home: Home, before: datetime) -> int:
    with reading(home.engine) as session:
        return session.scalar(select(func.count()).where(RightsRequest.closed_at < before)) or 0


def _record(home: Home, run: RetentionRun) -> RetentionRun:
    """One transaction: the requests go, counted anew now that no other run can take them, and the run is on record."""
    with home.transaction() as session:
        settle(session)
        forget_calls(session, before=home.clock() - KEPT)
        expire_cases(session, actor=OPERATOR, clock=home.clock)
        log_ended_waivers(session, actor=OPERATOR, clock=home.clock)
        count, openings = _delete_requests(session, run.requests.before)
        openings += delete_closed_cases(session, run.requests.before)
        run = replace(run, requests=replace(run.requests, count=count))
        event = RetentionEnforced(
            events={kind: expiry.count for kind, expiry in run.events.items()},
            quarantine=run.quarantine.count,
            packages=run.packages.count,
            requests=run.requests.count,
            openings=openings,
        )
        last = search(session, Filter(kinds=(event.kind,)), limit=1)
        # Named after the run before it: two runs may well find the same.
        entry_id = uuid5(NAMESPACE_URL, f"probity:retention:{last[0].seq if last else -1}")
        append(session, event, actor=OPERATOR, entry_id=entry_id, clock=home.clock)
    return run


def _delete_requests(session: Session, before: datetime) -> tuple[int, int]:
    """Delete requests that were closed earlier, what points at them first; how many, and how many openings with them.

    Their entries stay in the log and still verify; nobody can show any more whom they were about.
    """
    closed, openings = list(session.scalars(select(RightsRequest).where(RightsRequest.closed_at < before))), 0
    for request in closed:
        openings += erase_openings(session, record=request.id)
        for work in (Job, CertificateRecord):
            session.execute(delete(work).where(work.request_id == request.id))
        session.delete(request)
    session.flush()
    return len(closed), openings


def _clear_residue(home: Home) -> None:
    try:
        clear_residue(home.engine)
    except Conflict as cause:
        msg = "all is deleted and on record, but a reader kept the database's log open: run it again to clear the log"
        raise Conflict(msg) from cause
