"""One change of one event table: files are written, then a single log entry names them."""

import errno
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime

import pyarrow as pa
import pyarrow.compute as pc
from deltalake import CommitProperties, DeltaTable
from deltalake.exceptions import DeltaError
from deltalake.transaction import AddAction, RemoveAction

from pseudonymisation.errors import LakeError, LakeFull
from pseudonymisation.lake.storage import TableStorage
from pseudonymisation.schema import TIME, EventKind

_NO_ROOM = (errno.ENOSPC, errno.EDQUOT)


@dataclass(slots=True)
class Change:
    """What one commit will add and remove. ``paths`` are the files written so far."""

    storage: TableStorage
    paths: list[str] = field(default_factory=list)
    actions: list[AddAction | RemoveAction] = field(default_factory=list)

    def add(self, bucket: int, rows: pa.Table, *, data_change: bool = True) -> None:
        """Write the rows of one bucket into a new file."""
        self.paths.append(f"bucket={bucket}/{secrets.token_hex(16)}.parquet")
        self.actions.append(self.storage.write(self.paths[-1], rows, data_change=data_change))

    def remove(self, path: str, bucket: int, *, data_change: bool = True) -> None:
        """Take one file out of the table.

        The entry is dated 1970: no reader has a claim to the file, and the next vacuum of any engine deletes it.
        """
        self.actions.append(RemoveAction(path, data_change, 0, None, {"bucket": str(bucket)}))

    def commit(self, table: DeltaTable, kind: EventKind, batch_id: str) -> None:
        """Name the change in the table's log, in one entry; does nothing where nothing changed."""
        if self.actions:
            table.create_write_transaction(
                self.actions,
                "append",
                kind.schema,
                ["bucket"],
                commit_properties=CommitProperties(custom_metadata={"probity.batch": batch_id}),
            )


@contextmanager
def changing(storage: TableStorage) -> Iterator[Change]:
    """A change whose files go away again when the block fails.

    A commit may reach the log although it reported a failure. Then the files are the table's, and the block ends well.
    """
    change = Change(storage)
    try:
        yield change
    except (OSError, DeltaError):
        if not _is_named(change):
            storage.remove(change.paths)
            raise


def _is_named(change: Change) -> bool:
    if not change.paths or not DeltaTable.is_deltatable(change.storage.url, change.storage.options):
        return False
    table = DeltaTable(change.storage.url, storage_options=change.storage.options)
    return set(change.paths) <= {path for path, _ in live_files(table)}


def live_files(table: DeltaTable, *, reaching_before: datetime | None = None) -> list[tuple[str, int]]:
    """The table's data files with their buckets.

    With ``reaching_before``, only those that may hold a row from before that moment: the log gives each file's earliest
    time, and a file of which it does not may hold anything. Its latest time is not asked, because the Delta protocol
    lets writers cut it to milliseconds, so a file could look older than it is.
    """
    files = pa.table(table.get_add_actions(flatten=True))
    if reaching_before is not None and "min.at" in files.column_names:
        reaching = pc.less(files["min.at"], pa.scalar(reaching_before, TIME))
        files = files.filter(pc.fill_null(reaching, fill_value=True))
    return list(zip(files["path"].to_pylist(), files["partition.bucket"].to_pylist(), strict=True))


@contextmanager
def foreign_errors(action: str) -> Iterator[None]:
    """Turn what the storage and the Delta library raise into ours; a missing file passes, it means an erased version.

    Raises:
        LakeFull, LakeError: say which action failed and what to do.
    """
    try:
        yield
    except FileNotFoundError:
        raise
    except OSError as cause:
        if cause.errno in _NO_ROOM or "No space left" in str(cause):
            raise _full(action) from cause
        msg = f"{action}: the storage refused ({cause.strerror or type(cause).__name__}); nothing was changed"
        raise LakeError(msg) from cause
    except DeltaError as cause:
        if "No space left" in str(cause):
            raise _full(action) from cause
        msg = f"{action}: Delta Lake refused ({type(cause).__name__}); nothing was changed"
        raise LakeError(msg) from cause


def _full(action: str) -> LakeFull:
    return LakeFull(f"{action}: the disk is full and nothing was changed; free space and run it again")


def concatenated(tables: Sequence[pa.Table], bucket: int) -> pa.Table:
    """Rows of several files of one bucket, with the column that their folder's name carried."""
    rows = pa.concat_tables(tables)
    return rows.append_column("bucket", pa.array([bucket] * rows.num_rows, pa.int16()))
