"""The event lake: one Delta table per kind of event, partitioned by ``bucket``.

Trusted for: being the only copy of the events. Whoever can read it sees pseudonyms of one domain, items and times, and
the groups that subjects declared; whoever can write it can add or remove events, which no other store would contradict.
"""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from deltalake import DeltaTable
from deltalake.exceptions import DeltaError

from pseudonymisation.errors import LakeError, UnknownVersion
from pseudonymisation.lake.commits import changing, foreign_errors, live_files
from pseudonymisation.lake.lock import WriteLock
from pseudonymisation.lake.rewriting import (
    delete_unnamed_files,
    holds_before,
    join_files,
    rewrite_since,
    rewrite_without,
    rewrite_without_events,
)
from pseudonymisation.lake.storage import storage_of
from pseudonymisation.pseudonym import Pseudonym
from pseudonymisation.schema import EVENT_KINDS, KIND_BY_NAME, TIME, EventKind, bucket_of

if TYPE_CHECKING:
    import ibis
    import pyarrow.dataset as pads

CONFIGURATION = {
    "delta.dataSkippingStatsColumns": "at",  # for writers that are not ours: see ``storage`` on what a log must not say
    "delta.checkpointInterval": "50",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Appended:
    """What one ``append`` did, by kind. ``duplicates`` were there before, or came twice."""

    written: Mapping[str, int]
    duplicates: Mapping[str, int]
    versions: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class EraseResult:
    """What one ``erase`` did, by kind: rows removed, files rewritten or emptied, files deleted for good afterwards."""

    rows: Mapping[str, int]
    files_rewritten: Mapping[str, int]
    files_deleted: Mapping[str, int]
    versions: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpireResult:
    """What one ``expire`` did: rows removed, files rewritten or emptied, files deleted for good afterwards.

    ``version`` is the table's newest, None where nothing was ever written.
    """

    rows: int
    files_rewritten: int
    files_deleted: int
    version: int | None


class Lake:
    """The event tables under one root.

    Args:
        root: a folder, or a URL that Delta Lake understands.
        storage_options: credentials and the like, for a URL.
        lock_timeout_s: how long a writer waits for another.
    """

    def __init__(
        self, root: str, *, storage_options: dict[str, str] | None = None, lock_timeout_s: float = 30.0
    ) -> None:
        self.root = str(root)
        self._options = storage_options
        self._storage = {kind.name: storage_of(self.root, kind.name, storage_options) for kind in EVENT_KINDS}
        folder = self._storage[EVENT_KINDS[0].name].folder
        self._lock = WriteLock(folder.parent if folder else None, lock_timeout_s)

    def exclusively(self) -> AbstractContextManager[None]:
        """Hold the write lock for a block; re-entered by ``append``, ``erase`` and ``expire``.

        A batch holds it from the moment its identifiers become pseudonyms until its rows are written. So an erasure,
        which destroys the vault's secret first, finds every row that was made with it.
        """
        return self._lock.held()

    def append(self, tables: Mapping[str, pa.Table], *, batch_id: str) -> Appended:
        """Add rows, in the schemas of ``schema.EVENT_KINDS``; durable once it returns.

        Guarantees:
          - an event id that is in the table already is not added again, so a batch may be sent twice
          - rows are stored in the order of their event ids, which says nothing about the order in which they came
          - each kind is added wholly or not at all; after a failure between kinds, a second call adds what is missing

        Raises:
            LakeFull: the storage refused; the kind being written is as it was before.
            LakeBusy: another writer held the lock for too long.
        """
        written, duplicates = {}, {}
        with self.exclusively():
            for name, table in tables.items():
                kind = KIND_BY_NAME[name]
                with foreign_errors(f"adding {name} events"):
                    fresh = self._unseen(kind, table)
                    if fresh.num_rows:
                        self._add(kind, fresh, batch_id)
                written[name] = fresh.num_rows
                duplicates[name] = table.num_rows - fresh.num_rows
        return Appended(written=written, duplicates=duplicates, versions=self.versions())

    def versions(self) -> dict[str, int]:
        """The newest version of each kind's table that exists."""
        tables = {kind.name: self._table(kind.name) for kind in EVENT_KINDS}
        return {name: table.version() for name, table in tables.items() if table is not None}

    def dataset(self, kind: str, *, version: int | None = None) -> "pads.Dataset":
        """One kind's table, lazily, for Arrow, DuckDB or Ibis; empty where nothing was ever written.

        Raises:
            UnknownVersion: there is no such version.
        """
        import pyarrow.dataset as pads  # brings pandas along, which most commands do not need

        table = self._table(kind, version)
        if table is None:
            return pads.dataset(KIND_BY_NAME[kind].schema.empty_table())
        schema = KIND_BY_NAME[kind].schema
        return table.to_pyarrow_dataset(filesystem=self._storage[kind].filesystem, schema=schema)

    def relation(self, engine: "ibis.BaseBackend", kind: str, *, version: int | None = None) -> "ibis.Table":
        """One kind's table as an Ibis expression on ``engine``, for work that is better done where the data lies.

        The engine is given the list of the version's files, so neither DuckDB nor Spark needs a Delta extension.

        Raises:
            UnknownVersion: there is no such version, or nothing was ever written.
        """
        table = self._table(kind, version)
        if table is None:
            msg = f"there are no {kind} events yet"
            raise UnknownVersion(msg)
        return engine.read_parquet(table.file_uris(), hive_partitioning=True)

    def scan(
        self,
        kind: str,
        *,
        columns: Sequence[str] | None = None,
        version: int | None = None,
        subjects: Sequence[Pseudonym] | None = None,
        where: pc.Expression | None = None,
    ) -> pa.Table:
        """Rows of one kind, in no particular order.

        Args:
            kind: a name of ``schema.EVENT_KINDS``.
            columns: which; all where None.
            version: of this kind's table, as ``versions`` gave it; the newest where None.
            subjects: only theirs.
            where: a further condition on columns.

        Raises:
            UnknownVersion: there is no such version, or an erasure or an expiry removed its files.
        """
        condition, wanted = _conditions(subjects, where), list(columns) if columns else None
        for attempt in range(2):
            try:
                with foreign_errors(f"reading {kind} events"):
                    return self.dataset(kind, version=version).to_table(columns=wanted, filter=condition)
            except FileNotFoundError as cause:
                # A rewrite may run between opening the newest version and reading it: then there is a newer one.
                if version is not None or attempt:
                    msg = (
                        f"version {version} of the {kind} events was ended by an erasure or expiry: take a new snapshot"
                    )
                    raise UnknownVersion(msg) from cause
        raise AssertionError

    def count(
        self,
        kind: str,
        *,
        version: int | None = None,
        subjects: Sequence[Pseudonym] | None = None,
        before: datetime | None = None,
    ) -> int:
        """How many rows there are: of the given subjects, or from before an aware moment, where these are given."""
        if subjects is not None or before is not None:
            where = None if before is None else pc.field("at") < pa.scalar(before, TIME)
            return len(self.scan(kind, columns=["at"], version=version, subjects=subjects, where=where)["at"])
        with foreign_errors(f"counting {kind} events"):
            rows: int = self.dataset(kind, version=version).count_rows()
            return rows

    def erase(self, subjects: Sequence[Pseudonym]) -> EraseResult:
        """Remove every row of these subjects (domain ``events``), and the bytes they lay in.

        Files that hold such a row are rewritten without it; then every file that the newest version does not name is
        deleted, so older versions of the table cannot be read any more. After a crash, run it again: it goes on.

        Guarantees:
          - a second read finds no row of the subjects, or this raises
          - neither the tables nor their logs contain the pseudonyms

        Raises:
            LakeError: the tables could not be rewritten, or a row was still there.
        """
        rows, rewritten, deleted = {}, {}, {}
        with self.exclusively():
            for kind in EVENT_KINDS:
                table = self._table(kind.name)
                if table is None:
                    continue
                with foreign_errors(f"erasing {kind.name} events"):
                    storage = self._storage[kind.name]
                    rows[kind.name], rewritten[kind.name] = rewrite_without(storage, table, kind, subjects)
                    deleted[kind.name] = delete_unnamed_files(self._existing(kind.name))
                if self.count(kind.name, subjects=subjects):
                    msg = f"erasing {kind.name} events: rows are still there after the rewrite; run it again"
                    raise LakeError(msg)
        return EraseResult(rows=rows, files_rewritten=rewritten, files_deleted=deleted, versions=self.versions())

    def expire(self, kind: str, *, before: datetime) -> ExpireResult:
        """Remove every row of one kind whose ``at`` is earlier than an aware moment, and the bytes it lay in.

        Works as ``erase`` does: older versions of the table cannot be read any more, and after a crash it is run again.
        Files that begin at the moment or later stay as they are.

        Guarantees:
          - exactly the rows from before the moment go; a second read finds none of them, or this raises
          - the bytes of removed rows are in no file of the table

        Raises:
            LakeError: the table could not be rewritten, or a row was still there.
            LakeBusy: another writer held the lock for too long.
        """
        with self.exclusively():
            table, storage = self._table(kind), self._storage[kind]
            if table is None:
                return ExpireResult(rows=0, files_rewritten=0, files_deleted=0, version=None)
            with foreign_errors(f"expiring {kind} events"):
                rows, rewritten = rewrite_since(storage, table, KIND_BY_NAME[kind], before)
                newest = self._existing(kind)
                deleted = delete_unnamed_files(newest)
                left = holds_before(storage, newest, before)
            if left:
                msg = f"expiring {kind} events: rows are still there, in a file whose earliest time the log misstates"
                raise LakeError(msg)
        return ExpireResult(rows=rows, files_rewritten=rewritten, files_deleted=deleted, version=self.versions()[kind])

    def superseded(self, kind: str, *, by: Sequence[str], since: datetime | None = None) -> pa.Array:
        """Ids of the events that a later one of the same subject replaces: one whose columns ``by`` are the same.

        Of several at one moment none replaces another. With ``since``, only those from that moment on.
        """
        rows = self.scan(kind, columns=["event_id", "subject", "at", *by])
        newest = rows.group_by(["subject", *by]).aggregate([("at", "max")])
        joined = rows.join(newest, ["subject", *by])
        old = pc.less(joined["at"], joined["at_max"])
        if since is not None:
            old = pc.and_(old, pc.greater_equal(joined["at"], pa.scalar(since, TIME)))
        return joined.filter(old)["event_id"].combine_chunks()

    def expire_superseded(self, kind: str, *, by: Sequence[str]) -> ExpireResult:
        """Remove the events that ``superseded`` names, and the bytes they lay in; as ``expire`` does.

        Guarantees:
          - the newest event of each subject and ``by`` stays, with all of the same moment
          - a second call finds nothing to remove
        """
        with self.exclusively():
            table, storage = self._table(kind), self._storage[kind]
            if table is None:
                return ExpireResult(rows=0, files_rewritten=0, files_deleted=0, version=None)
            ids = self.superseded(kind, by=by)
            with foreign_errors(f"removing superseded {kind} events"):
                rows, rewritten = rewrite_without_events(storage, table, KIND_BY_NAME[kind], ids)
                deleted = delete_unnamed_files(self._existing(kind))
        return ExpireResult(rows=rows, files_rewritten=rewritten, files_deleted=deleted, version=self.versions()[kind])

    def compact(self) -> dict[str, int]:
        """Join small files; returns how many files each kind has now. Older versions stay readable."""
        files = {}
        with self.exclusively():
            for kind in EVENT_KINDS:
                table = self._table(kind.name)
                if table is not None:
                    with foreign_errors(f"compacting {kind.name} events"):
                        join_files(self._storage[kind.name], table, kind)
                        files[kind.name] = len(live_files(self._existing(kind.name)))
        return files

    def _table(self, kind: str, version: int | None = None) -> DeltaTable | None:
        url = self._storage[kind].url
        try:
            if not DeltaTable.is_deltatable(url, self._options):
                return None
            return DeltaTable(url, version=version, storage_options=self._options)
        except (DeltaError, OSError) as cause:
            if version is None:
                msg = f"the {kind} events cannot be opened"
                raise LakeError(msg) from cause
            msg = f"the {kind} events have no version {version}: take a new snapshot"
            raise UnknownVersion(msg) from cause

    def _existing(self, kind: str) -> DeltaTable:
        table = self._table(kind)
        if table is None:
            msg = f"the {kind} events have disappeared while they were being written"
            raise LakeError(msg)
        return table

    def _unseen(self, kind: EventKind, table: pa.Table) -> pa.Table:
        ids = table["event_id"].combine_chunks()
        known = self.scan(kind.name, columns=["event_id"], where=pc.field("event_id").isin(ids))["event_id"]
        fresh = table.filter(pc.invert(pc.is_in(ids, known.combine_chunks()))) if len(known) else table
        # In the order of the ids, which are keyed hashes: the order of arrival could be matched with another domain's.
        _, first = np.unique(fresh["event_id"].to_numpy(), return_index=True)
        return fresh.take(pa.array(first))

    def _add(self, kind: EventKind, rows: pa.Table, batch_id: str) -> None:
        storage = self._storage[kind.name]
        table = self._table(kind.name) or DeltaTable.create(
            storage.url,
            kind.schema,
            partition_by=["bucket"],
            configuration=CONFIGURATION,
            storage_options=self._options,
        )
        with changing(storage) as change:
            for bucket in sorted(rows["bucket"].unique().to_pylist()):
                change.add(bucket, rows.filter(pc.equal(rows["bucket"], bucket)))
            change.commit(table, kind, batch_id)


def _conditions(subjects: Sequence[Pseudonym] | None, where: pc.Expression | None) -> pc.Expression | None:
    if subjects is None:
        return where
    # The bucket says which files to open at all; without it every file would be read.
    buckets = pa.array(sorted({bucket_of(subject) for subject in subjects}), pa.int16())
    theirs = pc.field("bucket").isin(buckets) & pc.field("subject").isin(pa.array(subjects, pa.string()))
    return theirs if where is None else theirs & where
