"""Several envelopes in one file (``.intoto.jsonl``), one a line, and what such a file must hold.

A bundle is not authenticated as a whole: a line that was deleted is not missed. So whoever relies on one names the
statements that have to be there.
"""

from collections.abc import Sequence

from governance.attest.verification import Expected, Verified, verify_attestation

SUFFIX = ".jsonl"


def encode_bundle(envelopes: Sequence[bytes]) -> bytes:
    """One envelope a line."""
    return b"".join(envelope + b"\n" for envelope in envelopes)


def split_bundle(unverified: bytes) -> list[bytes]:
    """The lines that are not empty, each an unverified envelope."""
    return [line for line in unverified.split(b"\n") if line.strip()]


def verify_bundle(unverified: Sequence[bytes], expected: Expected) -> list[Verified]:
    """What was found about each envelope; those about artefacts that nobody asked about are left out.

    One whose signature does not hold is told, whatever it claims to be about.
    """
    found = [verify_attestation(each, expected) for each in unverified]
    return [each for each in found if each.digest is None or _asked(each, expected)]


def _asked(found: Verified, expected: Expected) -> bool:
    return not expected.subjects or not found.subjects or bool(set(found.subjects) & set(expected.subjects))
