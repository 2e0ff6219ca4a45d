"""Stored reports, read back only when they are what was registered.

Trusted for nothing: whoever can write the folder of reports is found out here, because the digest of a report's JSON
is in the ledger and a page lies under the digest of its own bytes.
"""

from hashlib import sha256
from pathlib import Path

from governance.errors import BrokenProof, ConfigurationError
from governance.registry.tables import AttackRecord, AuditRecord, Model


def read_report(home: Path, record: AuditRecord) -> bytes:
    """The report's JSON, byte for byte as it was registered.

    Raises:
        BrokenProof: the file holds another report.
        ConfigurationError: the file is gone, or its path leads out of the home.
    """
    return read_kept(home, record.path_json, record.digest)


def read_page(home: Path, record: AuditRecord) -> bytes:
    """The report's page, byte for byte as it was written.

    Raises:
        BrokenProof: the file holds another page.
        ConfigurationError: the file is gone, or its path leads out of the home.
    """
    return read_kept(home, record.path_html, Path(record.path_html).stem)


def read_attack(home: Path, record: AttackRecord) -> bytes:
    """An attack's report, byte for byte as it was registered.

    Raises:
        BrokenProof: the file holds another report.
        ConfigurationError: the file is gone, or its path leads out of the home.
    """
    return read_kept(home, record.path, record.digest)


def released_path(digest: str) -> str:
    """Where below the home a document lies that was released under differential privacy."""
    return f"reports/{digest}.release.json"


def disclosed_path(digest: str) -> str:
    """Where below the home a document lies that was disclosed with small groups suppressed."""
    return f"reports/{digest}.disclosed.json"


def read_released(home: Path, digest: str) -> bytes:
    """A document that was released under differential privacy, byte for byte as it was made.

    Raises:
        BrokenProof: the file holds another document.
        ConfigurationError: the file is gone.
    """
    return read_kept(home, released_path(digest), digest)


def title_of(model: Model) -> str:
    """The title of a page about a model. Nothing in it changes later."""
    return f"{model.kind}{' with exposure prices' if model.prices else ''} · {model.digest[:12]}"


def page_path(page: bytes) -> str:
    """Where a page lies below the home: under the digest of its bytes."""
    return f"reports/{sha256(page).hexdigest()}.html"


def read_kept(home: Path, name: str, digest: str) -> bytes:
    """The file at a place below the home, byte for byte as the log names it.

    Raises:
        BrokenProof: the file holds something else.
        ConfigurationError: the file is gone, or its path leads out of the home.
    """
    # The path comes from a table: whoever can write it must not be able to have any file of the machine shown.
    path = (home / name).resolve()
    if not path.is_relative_to(home.resolve()):
        msg = "a report's path leads out of the home folder"
        raise ConfigurationError(msg)
    try:
        content = path.read_bytes()
    except OSError as cause:
        msg = f"the report {name} cannot be read ({cause.strerror}): restore it from your back-up"
        raise ConfigurationError(msg) from cause
    if sha256(content).hexdigest() != digest:
        msg = f"{name} is not the report that was registered: its digest is another"
        raise BrokenProof(msg)
    return content
