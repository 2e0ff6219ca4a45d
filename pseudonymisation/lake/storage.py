"""Where the bytes of one event table lie: a local folder, or a URL that Delta Lake understands.

Data files are written here rather than by the Delta writer for two reasons. They are synced *before* the log names
them, so a power cut cannot leave a log that points at torn files. And the log gets no column statistics beyond the
times: the smallest and largest pseudonym of each file would stand in it for good, long after their subjects are erased.
"""

import json
import os
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.fs as pafs
import pyarrow.parquet as pq
from deltalake.fs import DeltaStorageHandler
from deltalake.transaction import AddAction

from pseudonymisation.durable import sync_folder


@dataclass(frozen=True, slots=True)
class TableStorage:
    """The files of one table. ``folder`` is None where the table lies behind a URL."""

    url: str
    folder: Path | None
    filesystem: pafs.FileSystem
    options: dict[str, str] | None = None

    def write(self, path: str, table: pa.Table, *, data_change: bool = True) -> AddAction:
        """Write one data file, durable once it returns, and say what the log must say about it.

        Args:
            path: relative to the table, ``bucket=<n>/<name>.parquet``.
            table: rows of that bucket, at least one, with the column ``bucket``.
            data_change: False where the rows were in the table before, in other files.
        """
        data = table.drop_columns(["bucket"])
        dictionaries = [field.name for field in data.schema if field.name not in ("event_id", "at")]
        if self.folder is not None:
            self._write_synced(self.folder / path, data, dictionaries)
        else:
            with self.filesystem.open_output_stream(path) as stream:
                pq.write_table(data, stream, compression="zstd", use_dictionary=dictionaries)
        info = self.filesystem.get_file_info(path)
        bucket = path.partition("/")[0].removeprefix("bucket=")
        written_ms = (info.mtime_ns or 0) // 1_000_000
        return AddAction(
            path, info.size, {"bucket": bucket}, written_ms, data_change=data_change, stats=_statistics(table)
        )

    def read(self, path: str, columns: list[str] | None = None) -> pa.Table:
        """Read one data file; without the column ``bucket``, which its folder's name carries."""
        with self.filesystem.open_input_file(path) as file:
            return pq.read_table(file, columns=columns)

    def remove(self, paths: Iterable[str]) -> None:
        """Remove files that no version of the table names."""
        for path in paths:
            with suppress(OSError):  # what stays behind is unnamed, and the next vacuum takes it
                self.filesystem.delete_file(path)

    @staticmethod
    def _write_synced(path: Path, data: pa.Table, dictionaries: list[str]) -> None:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with path.open("xb") as file:
            pq.write_table(data, file, compression="zstd", use_dictionary=dictionaries)
            file.flush()
            os.fsync(file.fileno())
        sync_folder(path.parent)


def storage_of(root: str, kind: str, options: dict[str, str] | None) -> TableStorage:
    """The storage of one kind's table under ``root``."""
    if "://" in root:
        url = f"{root.rstrip('/')}/{kind}"
        return TableStorage(url, None, pafs.PyFileSystem(DeltaStorageHandler(url, options)), options)
    folder = Path(root).absolute() / kind
    return TableStorage(str(folder), folder, pafs.SubTreeFileSystem(str(folder), pafs.LocalFileSystem()))


def _statistics(table: pa.Table) -> str:
    """Row count and time range, in the form of the Delta protocol ("Per-file Statistics")."""
    extent = pc.min_max(table["at"]).as_py()
    times = {name: extent[name].strftime("%Y-%m-%dT%H:%M:%S.%fZ") for name in ("min", "max")}
    return json.dumps(
        {
            "numRecords": table.num_rows,
            "minValues": {"at": times["min"]},
            "maxValues": {"at": times["max"]},
            "nullCount": {"at": 0},
        }
    )
