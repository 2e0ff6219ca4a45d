"""Stopping work at each of its steps: every statement, every commit and every call that touches the disk, in turn.

A step is stopped by an error, before it took effect or after, or by killing the process before it: a process killed
after a step is one that was killed before the next. A write can also be torn: half of it reaches the disk.
"""

import io
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, Self

import pytest
from sqlalchemy import Engine, event

How = Literal["failed", "failed but persisted", "killed", "torn", "torn and killed"]
ERRORS: tuple[How, ...] = ("failed", "failed but persisted")
KILLS: tuple[How, ...] = ("killed",)
TEARS: tuple[How, ...] = ("torn", "torn and killed")
"""Of these only the writes of files are steps."""

DISK = [
    (os, "open"),
    (os, "fsync"),
    (Path, "hardlink_to"),
    (Path, "rename"),
    (Path, "mkdir"),
    (Path, "unlink"),
]


class InjectedFaultError(OSError):
    """What a failing disk or a lost server raises."""


class Stop:
    """Counts steps and stops at the one with this number, from 1."""

    def __init__(self, number: int, how: How) -> None:
        self.number = number
        self.how = how
        self.steps = 0

    def before(self) -> None:
        if self.how in TEARS:
            return
        self.steps += 1
        if self.steps == self.number:
            self._happen({"failed", "killed"})

    def after(self, step: int) -> None:
        if step == self.number:
            self._happen({"failed but persisted"})

    def _happen(self, at: set[str]) -> None:
        if self.how not in at:
            return
        if self.how == "killed":
            os.kill(os.getpid(), signal.SIGKILL)
        raise InjectedFaultError

    def open(self, descriptor: int, mode: str) -> "_File":
        """Stands for `os.fdopen`, whose file writes and closes in steps."""
        return _File(self, io.FileIO(descriptor, mode.replace("b", "")))

    def write(self, file: io.FileIO, data: bytes) -> int:
        if self.how in TEARS:
            self.steps += 1
            if self.steps == self.number:
                file.write(data[: len(data) // 2])
                if self.how == "torn and killed":
                    os.kill(os.getpid(), signal.SIGKILL)
                raise InjectedFaultError
        return self.around(file.write)(data) or 0

    def around(self, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **named: Any) -> Any:  # noqa: ANN401 - stands for any of the calls
            self.before()
            step = self.steps
            result = real(*arguments, **named)
            # Nobody else can close what the caller never gets to see.
            try:
                self.after(step)
            except InjectedFaultError:
                if isinstance(result, int) and real.__name__ == "open":
                    os.close(result)
                raise
            return result

        return call


class _File:
    """A file that is written and closed in steps. It is unbuffered, so what was written is on its way to the disk."""

    def __init__(self, stop: Stop, file: io.FileIO) -> None:
        self.stop = stop
        self.file = file

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        # The descriptor is given back even by a close that fails.
        try:
            self.stop.around(self.file.close)()
        finally:
            self.file.close()

    def write(self, data: bytes) -> int:
        return self.stop.write(self.file, data)


@contextmanager
def stopping(engine: Engine, stop: Stop) -> Iterator[None]:
    """Every statement and commit of ``engine``, and every call that touches the disk, is a step of ``stop``."""
    open_steps: list[int] = []

    def before(*_: object) -> None:
        stop.before()
        open_steps.append(stop.steps)

    def after(*_: object) -> None:
        stop.after(open_steps.pop())

    event.listen(engine, "before_cursor_execute", before)
    event.listen(engine, "after_cursor_execute", after)
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(engine.dialect, "do_commit", stop.around(engine.dialect.do_commit))
        monkeypatch.setattr(os, "fdopen", stop.open)
        for owner, name in DISK:
            monkeypatch.setattr(owner, name, stop.around(getattr(owner, name)))
        try:
            yield
        finally:
            event.remove(engine, "before_cursor_execute", before)
            event.remove(engine, "after_cursor_execute", after)


def run_and_kill(work: Callable[[Callable[[bytes], None]], None]) -> tuple[bytes, bool]:
    """Run ``work`` in a process of its own; what it acknowledged, one byte each, and whether it was killed."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            work(lambda told: os.write(writer, told) and None)
            status = 0
        finally:
            os._exit(status)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        told = pipe.read()
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) or os.waitstatus_to_exitcode(status) == 0
    return told, os.WIFSIGNALED(status)
