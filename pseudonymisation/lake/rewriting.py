"""Rewriting data files: without the rows of some subjects, without those of a time gone by, or fewer and larger.

Delta's own DELETE is not used, because it writes its predicate into the log: the pseudonyms that are to be forgotten
would stand there in clear.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

import pyarrow as pa
import pyarrow.compute as pc
from deltalake import DeltaTable

from pseudonymisation.lake.commits import changing, concatenated, live_files
from pseudonymisation.lake.storage import TableStorage
from pseudonymisation.pseudonym import Pseudonym
from pseudonymisation.schema import TIME, EventKind, bucket_of


@dataclass(frozen=True, slots=True)
class _Doomed:
    """Which rows go: those for which ``test`` says so of the values of ``column``. ``reason`` stands in the log."""

    column: str
    test: Callable[[pa.ChunkedArray], pa.ChunkedArray]
    reason: str


def rewrite_without(
    storage: TableStorage, table: DeltaTable, kind: EventKind, subjects: Sequence[Pseudonym]
) -> tuple[int, int]:
    """Replace each file that holds a row of these subjects, in one commit; returns rows removed and files replaced."""
    buckets, theirs = {bucket_of(subject) for subject in subjects}, pa.array(subjects, pa.string())
    files = [(path, bucket) for path, bucket in live_files(table) if bucket in buckets]
    return _rewrite(storage, table, kind, files, _Doomed("subject", lambda held: pc.is_in(held, theirs), "erasure"))


def rewrite_since(storage: TableStorage, table: DeltaTable, kind: EventKind, before: datetime) -> tuple[int, int]:
    """Replace each file that holds a row from before a moment, in one commit; returns rows removed and files replaced.

    Files that begin later, as the log says, are not opened.
    """
    files = live_files(table, reaching_before=before)
    return _rewrite(storage, table, kind, files, _Doomed("at", lambda held: _is_before(held, before), "retention"))


def rewrite_without_events(
    storage: TableStorage, table: DeltaTable, kind: EventKind, event_ids: pa.Array
) -> tuple[int, int]:
    """Replace each file that holds one of these events, in one commit; returns rows removed and files replaced."""
    doomed = _Doomed("event_id", lambda held: pc.is_in(held, event_ids), "superseded")
    return _rewrite(storage, table, kind, live_files(table), doomed)


def holds_before(storage: TableStorage, table: DeltaTable, before: datetime) -> bool:
    """Whether a row from before a moment is left. Reads the files themselves, whatever the log says of their times."""
    return any(_any(_is_before(storage.read(path, ["at"])["at"], before)) for path, _ in live_files(table))


def join_files(storage: TableStorage, table: DeltaTable, kind: EventKind) -> None:
    """Make one file of each bucket's files, in one commit."""
    by_bucket: dict[int, list[str]] = {}
    for path, bucket in live_files(table):
        by_bucket.setdefault(bucket, []).append(path)
    with changing(storage) as change:
        for bucket, paths in by_bucket.items():
            if len(paths) > 1:
                change.add(bucket, concatenated([storage.read(path) for path in paths], bucket), data_change=False)
                for path in paths:
                    change.remove(path, bucket, data_change=False)
        change.commit(table, kind, "compaction")


def delete_unnamed_files(table: DeltaTable) -> int:
    """Delete every data file that the newest version does not name, left-overs included; returns how many."""
    removed = table.vacuum(retention_hours=0, dry_run=False, enforce_retention_duration=False, full=True)
    return len(removed)


def _rewrite(
    storage: TableStorage, table: DeltaTable, kind: EventKind, files: Iterable[tuple[str, int]], doomed: _Doomed
) -> tuple[int, int]:
    removed = replaced = 0
    with changing(storage) as change:
        for path, bucket in files:
            if not _any(doomed.test(storage.read(path, [doomed.column])[doomed.column])):
                continue
            rows = concatenated([storage.read(path)], bucket)
            kept = rows.filter(pc.invert(doomed.test(rows[doomed.column])))
            removed, replaced = removed + rows.num_rows - kept.num_rows, replaced + 1
            change.remove(path, bucket)
            if kept.num_rows:
                change.add(bucket, kept)
        change.commit(table, kind, doomed.reason)
    return removed, replaced


def _is_before(times: pa.ChunkedArray, moment: datetime) -> pa.ChunkedArray:
    return pc.less(times, pa.scalar(moment, TIME))


def _any(found: pa.ChunkedArray) -> bool:
    return bool(pc.any(found, min_count=0).as_py())
