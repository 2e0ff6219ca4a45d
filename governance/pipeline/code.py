"""Which code ran: a digest of the package that trains, for provenance."""

from functools import cache
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import recommender

_TAG = b"probity/code/v1\x00"


@cache
def trainer_digest() -> str:
    """SHA-256 (hex) over the names and digests of the source files of ``recommender``, each with its length."""
    (folder,) = recommender.__path__
    hasher = sha256(_TAG)
    for path in sorted(Path(folder).rglob("*.py")):
        name = path.relative_to(folder).as_posix().encode()
        hasher.update(len(name).to_bytes(8, "big") + name + sha256(path.read_bytes()).digest())
    return hasher.hexdigest()


def probity_version() -> str:
    """The installed version, or ``unreleased`` where the package is not installed."""
    try:
        return version("probity")
    except PackageNotFoundError:
        return "unreleased"
