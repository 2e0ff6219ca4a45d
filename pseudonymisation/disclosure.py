"""Access packages: everything about one subject, with its own identifiers, sealed for it alone (GDPR Art. 15(3)).

Governance knows pseudonyms only and hands over what it holds; the subject's identifiers join it here, inside the
identity plane, and leave only under a key that exists once: it is returned, given to the subject, and kept nowhere.
"""

import io
import json
import secrets
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from pseudonymisation.access_page import render_page
from pseudonymisation.errors import DisclosureError
from pseudonymisation.framing import framed
from pseudonymisation.keyring import Entropy
from pseudonymisation.pseudonym import Pseudonym
from pseudonymisation.vault import Vault

MAGIC = b"probity-package-v1\n"
LABEL = "probity/disclosure/package/v1"
NONCE_BYTES = 12
KEY_BYTES = 32
JSON_NAME = "access.json"
PAGE_NAME = "access.html"
_ZIP_EPOCH = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class SealedPackage:
    """An access package that only ``key`` opens. ``ciphertext`` may be stored and sent; ``key`` goes to the subject."""

    ciphertext: bytes = field(repr=False)
    key: bytes = field(repr=False)


def compose_package(
    vault: Vault,
    subject: Pseudonym,
    parts: Mapping[str, Any],
    *,
    domain: str = "rights",
    entropy: Entropy = secrets.token_bytes,
) -> SealedPackage:
    """Put a subject's package together and seal it.

    Args:
        vault: the holder of the subject's identifiers.
        subject: the subject's pseudonym in ``domain``.
        parts: what is held about the subject, by part, in values that JSON can hold. ``access_page.PARTS`` lists the
            parts that the page explains; others are shown under their own name. ``identifiers`` is added here.
        domain: of ``subject``.
        entropy: for the key and the nonce.

    Guarantees:
      - a fresh 256-bit key for each package; nothing is written anywhere
      - ``access.json`` holds exactly the identifiers and ``parts``; ``access.html`` shows the same in one file without
        scripts, that fetches nothing

    Raises:
        UnknownSubject: no living subject has that pseudonym.
        DisclosureError: a part is something that JSON cannot hold, or is called ``identifiers``.
    """
    if "identifiers" in parts:
        msg = "part identifiers: expected to be added by the identity plane, got one from outside"
        raise DisclosureError(msg)
    identifiers = [{"type": slug, "value": value} for slug, value in vault.identifiers_of(subject, domain=domain)]
    document = {"identifiers": identifiers, **parts}
    files = {JSON_NAME: _encode(document), PAGE_NAME: render_page(document).encode()}
    key, nonce = entropy(KEY_BYTES), entropy(NONCE_BYTES)
    sealed = AESGCM(key).encrypt(nonce, _zipped(files), framed(LABEL, MAGIC))
    return SealedPackage(MAGIC + nonce + sealed, key)


def open_package(ciphertext: bytes, key: bytes) -> dict[str, bytes]:
    """The files of a package by name.

    Raises:
        DisclosureError: not a package, changed on the way, or another key.
    """
    if not ciphertext.startswith(MAGIC):
        msg = "not an access package"
        raise DisclosureError(msg)
    body = ciphertext[len(MAGIC) :]
    try:
        plain = AESGCM(key).decrypt(body[:NONCE_BYTES], body[NONCE_BYTES:], framed(LABEL, MAGIC))
    except (InvalidTag, ValueError) as cause:
        msg = "the package does not open: the key belongs to another one, or the package was changed"
        raise DisclosureError(msg) from cause
    with zipfile.ZipFile(io.BytesIO(plain)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def _encode(document: Mapping[str, Any]) -> bytes:
    try:
        return json.dumps(document, ensure_ascii=False, allow_nan=False, indent=1).encode()
    except (TypeError, ValueError):
        # Without its cause, which may quote a value.
        msg = "a part of the access package is not something that JSON can hold"
        raise DisclosureError(msg) from None


def _zipped(files: Mapping[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name, _ZIP_EPOCH), content, zipfile.ZIP_DEFLATED)
    return buffer.getvalue()
