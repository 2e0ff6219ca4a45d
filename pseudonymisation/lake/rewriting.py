"""Rewriting data files: without the rows of some subjects, or fewer and larger.

Delta's own DELETE is not used, because it writes its predicate into the log: the pseudonyms that are to be forgotten
would stand there in clear.
"""

from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc
from deltalake import DeltaTable

from pseudonymisation.lake.commits import changing, concatenated, live_files
from pseudonymisation.lake.storage import TableStorage
from pseudonymisation.pseudonym import Pseudonym
from pseudonymisation.schema import EventKind, bucket_of


def rewrite_without(
    storage: TableStorage, table: DeltaTable, kind: EventKind, subjects: Sequence[Pseudonym]
) -> tuple[int, int]:
    """Replace each file that holds a row of these subjects, in one commit; returns rows removed and files replaced."""
    buckets, theirs = {bucket_of(subject) for subject in subjects}, pa.array(subjects, pa.string())
    erased = replaced = 0
    with changing(storage) as change:
        for path, bucket in live_files(table):
            if bucket not in buckets or not _holds(storage, path, theirs):
                continue
            rows = concatenated([storage.read(path)], bucket)
            kept = rows.filter(pc.invert(pc.is_in(rows["subject"], theirs)))
            erased, replaced = erased + rows.num_rows - kept.num_rows, replaced + 1
            change.remove(path, bucket)
            if kept.num_rows:
                change.add(bucket, kept)
        change.commit(table, kind, "erasure")
    return erased, replaced


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


def _holds(storage: TableStorage, path: str, subjects: pa.Array) -> bool:
    found = pc.any(pc.is_in(storage.read(path, ["subject"])["subject"], subjects), min_count=0)
    return bool(found.as_py())
