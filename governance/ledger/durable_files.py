"""Files that are whole or absent after a crash, on a local file system (not on network or object mounts).

The folder is opened before the operation and synchronised after it: an error that the system notices in between is then
reported here and not lost.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from governance.errors import BrokenProof

STAGING = ".staging"
LOCK = ".lock"


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the folder, made where missing, against every other writer; clears what a crash left half-written."""
    make_folder(folder)
    descriptor = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        make_folder(folder / STAGING)
        for leftover in (folder / STAGING).iterdir():
            leftover.unlink()
        yield
    finally:
        os.close(descriptor)


def create(folder: Path, name: str, data: bytes) -> None:
    """Write an immutable file ``name`` below ``folder``, whose lock the caller holds.

    Guarantees:
      - durable when it returns; never half-written under its name
      - writing the same bytes again changes nothing

    Raises:
        BrokenProof: the file exists with other bytes.
    """
    target = folder / name
    make_folder(target.parent)
    staged = _stage(folder, data)
    with _synchronised(target.parent):
        try:
            target.hardlink_to(staged)
        except FileExistsError:
            # A crash may have come between the link and the folder's synchronisation, which therefore is done again.
            _require_equal(target, name, data)
        staged.unlink()


def replace(folder: Path, name: str, data: bytes) -> None:
    """Put ``data`` in the place of the file ``name``: readers see the old bytes or the new. Durable when it returns."""
    target, staged = folder / name, _stage(folder, data)
    with _synchronised(target.parent):
        staged.rename(target)


def make_folder(folder: Path) -> None:
    """Make a folder and those above it, each durable in its parent.

    An empty one may have been made just before a crash, so its place in its parent is synchronised too. One that holds
    something was synchronised before that came.
    """
    if folder.is_dir():
        with os.scandir(folder) as inside:
            if any(inside):
                return
    else:
        make_folder(folder.parent)
    with _synchronised(folder.parent):
        folder.mkdir(exist_ok=True)


def _stage(folder: Path, data: bytes) -> Path:
    staged = folder / STAGING / "file"
    staged.unlink(missing_ok=True)
    descriptor = os.open(staged, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_SYNC | os.O_CLOEXEC, 0o644)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
    return staged


@contextmanager
def _synchronised(folder: Path) -> Iterator[None]:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _require_equal(target: Path, name: str, data: bytes) -> None:
    if target.read_bytes() != data:
        msg = f"{name}: already written with other bytes; an immutable file cannot change"
        raise BrokenProof(msg)
