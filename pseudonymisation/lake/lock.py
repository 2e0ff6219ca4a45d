"""One writer at a time: a lock on a file beside the tables, held by the process and re-entered by its own thread."""

import fcntl
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pseudonymisation.errors import LakeBusy, LakeError

LOCK_FILE = "writer.lock"
_RETRY_S = 0.05


class WriteLock:
    """Mutual exclusion of writers, over threads and, for a local folder, over processes.

    The operating system frees the lock when its process dies, so a crash leaves nothing to clean up. For a URL only the
    threads of this process exclude each other: run one gateway per lake there.
    """

    def __init__(self, folder: Path | None, timeout_s: float) -> None:
        self._folder = folder
        self._timeout_s = timeout_s
        self._thread = threading.RLock()
        self._depth = 0

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold the lock for a block.

        Raises:
            LakeBusy: another writer kept it for longer than the time limit.
            LakeError: the folder cannot be written.
        """
        if not self._thread.acquire(timeout=self._timeout_s):
            raise LakeBusy(self._busy())
        try:
            self._depth += 1
            descriptor = self._lock_file() if self._depth == 1 and self._folder is not None else None
            try:
                yield
            finally:
                if descriptor is not None:
                    os.close(descriptor)
        finally:
            self._depth -= 1
            self._thread.release()

    def _lock_file(self) -> int:
        assert self._folder is not None  # noqa: S101 - the one caller has just asked
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = os.open(self._folder / LOCK_FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as cause:
            msg = f"{self._folder} cannot be written: {cause.strerror}"
            raise LakeError(msg) from cause
        deadline = time.monotonic() + self._timeout_s
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as cause:
                if time.monotonic() >= deadline:
                    os.close(descriptor)
                    raise LakeBusy(self._busy()) from cause
                time.sleep(_RETRY_S)
            else:
                return descriptor

    def _busy(self) -> str:
        return f"another process has been writing to the lake for {self._timeout_s:g} s; try again when it is done"
