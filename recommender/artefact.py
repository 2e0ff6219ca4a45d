"""Folders of arrays that cannot be changed unnoticed: written once and whole, read only against a digest.

The store is trusted for nothing: whoever can write to it can make a load fail, and cannot make it succeed with other
content. Files are read once, hashed, and parsed from the bytes that were hashed. Arrays are NumPy's own format;
pickles are refused.
"""

import hashlib
import io
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from recommender.errors import ArtefactExists, CorruptArtefact, RecommenderError

_TAG = b"probity/artefact/v1\x00"
_DESCRIPTION = "description.json"

T = TypeVar("T")


def write_artefact(folder: Path, description: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> str:
    """Write the artefact and return its digest (64 hex digits).

    Guarantees:
        - the folder appears whole or not at all: it is filled beside its place, flushed to disk and renamed
        - a folder that already holds the same artefact is left as it is

    Raises:
        ArtefactExists: the folder holds anything else.
    """
    files = _files(description, arrays)
    digest = _digest(files)
    if folder.exists():
        if _digest(_read_files(folder)) != digest:
            msg = f"{folder.name} already holds another artefact"
            raise ArtefactExists(msg)
        return digest
    folder.parent.mkdir(parents=True, exist_ok=True)
    filling = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    try:
        for name, content in files.items():
            _write_file(filling / name, content)
        filling.rename(folder)
    except BaseException:
        shutil.rmtree(filling, ignore_errors=True)
        raise
    _flush_folder(folder.parent)
    return digest


def read_artefact(folder: Path, expected_digest: str) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Read description and arrays of the artefact with that digest.

    Raises:
        CorruptArtefact: the folder is absent, has another digest, or holds something other than JSON and plain
           arrays.
    """
    files = _read_files(folder)
    found = _digest(files)
    if found != expected_digest:
        msg = f"{folder.name}: expected digest {expected_digest}, found {found}"
        raise CorruptArtefact(msg)
    try:
        description = json.loads(files.pop(_DESCRIPTION))
        arrays = {name.removesuffix(".npy"): _array_from(content) for name, content in files.items()}
    except (KeyError, ValueError, EOFError) as cause:
        msg = f"{folder.name}: not an artefact of plain arrays with a description"
        raise CorruptArtefact(msg) from cause
    return description, arrays


def read_as(
    folder: Path,
    expected_digest: str,
    noun: str,
    forms: Mapping[str, Callable[[dict[str, Any], dict[str, np.ndarray]], T]],
) -> T:
    """What the artefact with that digest is.

    Args:
        folder: where it lies.
        expected_digest: 64 hex digits.
        noun: what it should be, for the refusal.
        forms: by what a description may say in ``format``, how description and arrays become the thing; however that
            fails, the content is not what it should be.

    Raises:
        CorruptArtefact: as ``read_artefact``, or it is in none of these forms.
    """
    description, arrays = read_artefact(folder, expected_digest)
    try:
        return forms[description["format"]](description, arrays)
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError, RecommenderError) as cause:
        known = " or ".join(forms)
        msg = f"{folder.name}: the digest is right, but the content is not a {noun} in the format {known}"
        raise CorruptArtefact(msg) from cause


def artefact_digest(description: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> str:
    """The digest that writing this artefact would return."""
    return _digest(_files(description, arrays))


def folder_digest(folder: Path) -> str:
    """The digest (64 hex digits) of the artefact in a folder, whatever it holds.

    Raises:
        CorruptArtefact: the folder cannot be read.
    """
    return _digest(_read_files(folder))


def _files(description: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> dict[str, bytes]:
    files = {f"{name}.npy": _array_bytes(array) for name, array in arrays.items()}
    files[_DESCRIPTION] = json.dumps(description, sort_keys=True, indent=1, ensure_ascii=False).encode()
    return files


def _digest(files: Mapping[str, bytes]) -> str:
    hasher = hashlib.sha256(_TAG + len(files).to_bytes(8, "big"))
    for name in sorted(files):
        encoded = name.encode()
        hasher.update(len(encoded).to_bytes(8, "big") + encoded + hashlib.sha256(files[name]).digest())
    return hasher.hexdigest()


def _read_files(folder: Path) -> dict[str, bytes]:
    try:
        return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}
    except OSError as cause:
        msg = f"{folder.name}: cannot be read as an artefact ({cause.strerror})"
        raise CorruptArtefact(msg) from cause


def _array_bytes(array: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, np.ascontiguousarray(array), allow_pickle=False)
    return buffer.getvalue()


def _array_from(content: bytes) -> np.ndarray:
    buffer = io.BytesIO(content)
    array: np.ndarray = np.lib.format.read_array(buffer, allow_pickle=False)
    if buffer.read(1):
        msg = "bytes after the end of an array"
        raise ValueError(msg)
    array.setflags(write=False)  # nobody else has it, so whoever fixes it need not copy
    return array


def _write_file(path: Path, content: bytes) -> None:
    with path.open("xb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _flush_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
