"""Writes v1.json: pseudonyms computed from the definition alone, with hashlib's SHA-256 and nothing of the package.

P(domain, epoch) = first 16 bytes of HMAC-SHA-256(secret, L("probity/pseudonym/v1") L(domain) L(epoch in decimal))
L(x) = length of x in 4 bytes, big-endian, then x;  HMAC as in RFC 2104
"""

import hashlib
import json
from pathlib import Path

SECRETS = (bytes(32), bytes(range(32)), hashlib.sha256(b"a subject").digest())
DOMAINS = ("events", "consent", "rights")
EPOCHS = (1, 2, 12)


def hmac_sha256(key: bytes, message: bytes) -> bytes:
    padded = key.ljust(64, b"\0")
    inner = hashlib.sha256(bytes(byte ^ 0x36 for byte in padded) + message).digest()
    return hashlib.sha256(bytes(byte ^ 0x5C for byte in padded) + inner).digest()


def prefixed(part: bytes) -> bytes:
    return len(part).to_bytes(4, "big") + part


def vector(secret: bytes, domain: str, epoch: int) -> dict[str, object]:
    parts = (b"probity/pseudonym/v1", domain.encode(), str(epoch).encode())
    pseudonym = hmac_sha256(secret, b"".join(map(prefixed, parts)))[:16].hex()
    return {"secret": secret.hex(), "domain": domain, "epoch": epoch, "pseudonym": pseudonym}


if __name__ == "__main__":
    vectors = [vector(secret, domain, epoch) for secret in SECRETS for domain in DOMAINS for epoch in EPOCHS]
    Path(__file__).with_name("v1.json").write_text(json.dumps(vectors, indent=1) + "\n")
