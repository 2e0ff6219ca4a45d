"""What somebody who verifies brings along, read from files: no home, no database, no network."""

import re
from hashlib import sha256
from pathlib import Path

from governance.attest.attester import parse_attesters
from governance.attest.bundle import SUFFIX, split_bundle
from governance.attest.logged import LoggedAttestations, is_published, read_log, read_proof
from governance.attest.verification import Finding, Status
from governance.errors import InvalidInput, LedgerError
from governance.ledger.note import VerifierKey
from governance.ledger.trust_policy import TrustPolicy, parse_policy
from recommender.artefact import folder_digest
from recommender.errors import CorruptArtefact

_DIGEST = re.compile(r"[0-9a-f]{64}", re.ASCII)


def read_envelopes(path: Path) -> list[bytes]:
    """The unverified envelopes in a file: the lines of a bundle (``.jsonl``) or the whole; none if there is none."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return []
    if path.suffix == SUFFIX:
        return split_bundle(content)
    return [content] if content.strip() else []


def read_attesters(given: str) -> tuple[VerifierKey, ...]:
    """The known attesters: in a file, one a line, or a single one as text.

    Raises:
        InvalidInput: no such file, or no attester in it.
    """
    try:
        return parse_attesters(given)
    except InvalidInput:
        path = Path(given)
    text = _read_text(path)
    try:
        return parse_attesters(text)
    except InvalidInput as cause:
        msg = f"{path}: {cause}"
        raise InvalidInput(msg) from cause


def read_trust(path: Path) -> TrustPolicy:
    """The logs and witnesses that are trusted (C2SP tlog-policy).

    Raises:
        InvalidInput: no such file, or no such policy.
    """
    return parse_policy(_read_text(path))


def digest_of(given: str) -> str:
    """SHA-256 (hex) of an artefact: the digest itself, a file, or a folder that holds a model or a release.

    Raises:
        InvalidInput: neither a digest nor anything that exists.
    """
    if _DIGEST.fullmatch(given):
        return given
    path = Path(given)
    try:
        return folder_digest(path) if path.is_dir() else sha256(path.read_bytes()).hexdigest()
    except (OSError, CorruptArtefact) as cause:
        msg = f"subject: expected a SHA-256, a file or an artefact's folder, got {given}, which cannot be read"
        raise InvalidInput(msg) from cause


def pinned_policies(folder: Path) -> dict[str, str]:
    """SHA-256 (hex) of each policy file in a folder, by the file's name.

    Raises:
        InvalidInput: there is none.
    """
    found = {path.name: sha256(path.read_bytes()).hexdigest() for path in sorted(folder.glob("*.yaml"))}
    if not found:
        msg = f"{folder}: expected policy files (*.yaml), found none"
        raise InvalidInput(msg)
    return found


def gather_log(folder: Path, trust: TrustPolicy) -> LoggedAttestations | Finding:
    """What a published log says, or why it says nothing: nothing published is missing evidence, the rest is refused."""
    if not is_published(folder):
        return Finding("ledger", Status.MISSING, f"{folder}: no log is published there")
    try:
        return read_log(folder, trust)
    except LedgerError as refusal:
        return Finding("ledger", Status.REFUSED, str(refusal))


def gather_proof(path: Path, trust: TrustPolicy) -> LoggedAttestations | Finding:
    """What a proof of one entry says, or why it says nothing."""
    try:
        return read_proof(path.read_bytes(), trust)
    except FileNotFoundError:
        return Finding("ledger", Status.MISSING, f"{path}: no such proof")
    except LedgerError as refusal:
        return Finding("ledger", Status.REFUSED, str(refusal))


def _read_text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, ValueError) as cause:
        msg = f"{path}: expected a text file that can be read, found none"
        raise InvalidInput(msg) from cause
