"""Who attests: a key together with the id that it speaks for, and what others must know to accept it.

The pair is written like a signed-note verifier key, whose name is the id: ``<id>+<8 hex>+<base64(0x01 || key)>``. The
hex follows from id and key, so neither can be exchanged without the other.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from governance.attest.resource import POLICIES, Resource
from governance.attest.signing import EnvelopeSigner
from governance.errors import InvalidInput
from governance.ledger.note import LedgerSigner, VerifierKey, decode_vkey, encode_vkey

KEY = "attest"
"""What the key is called, in files and in the record of rotations."""

HOLDER = "role:operator"
"""Who answers in the ledger for what is attested: whoever holds the home's key. Who caused it stands beside it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attester:
    """Signs as ``name`` (a URI: verifier.id and builder.id of what it says) and keeps envelopes in ``folder``."""

    signer: EnvelopeSigner
    name: str
    folder: Path

    @property
    def verifier_key(self) -> VerifierKey:
        """What others hold to accept its attestations, and only those."""
        return VerifierKey(self.name, self.signer.public_key)

    @property
    def key_id(self) -> str:
        """SHA-256 (hex) of the public key."""
        return self.signer.key_id

    def uri(self, path: str) -> str:
        """The name of something that belongs to this installation, such as ``models/<id>``."""
        return f"{self.name}/{path}"

    def policy(self, name: str, sha256: str) -> Resource:
        """The policy file ``name`` as a resource."""
        return Resource(f"{self.name}{POLICIES}{name}", sha256)


def attester_with(key: LedgerSigner, folder: Path) -> Attester:
    """The attester of a key file, with its envelopes in ``folder``."""
    return Attester(signer=EnvelopeSigner(key.seed), name=key.name, folder=folder)


def attester_name(origin: str) -> str:
    """The id of the attester that belongs to the log ``origin`` (a scheme-less URL)."""
    return f"https://{origin}/attester"


def encode_attester(key: VerifierKey) -> str:
    """The (id, key) pair as one line of text, to hand out."""
    return encode_vkey(key)


def parse_attesters(text: str) -> tuple[VerifierKey, ...]:
    """The pairs in a file of known attesters, one a line; lines that are empty or begin with ``#`` are passed over.

    Raises:
        InvalidInput: names the line that is no pair, or says that there is none.
    """
    found = []
    for number, line in enumerate(text.splitlines(), start=1):
        if line.strip() and not line.startswith("#"):
            try:
                found.append(decode_vkey(line.strip()))
            except InvalidInput as cause:
                msg = f"line {number}: {cause}"
                raise InvalidInput(msg) from cause
    if not found:
        msg = "expected at least one known attester, as `probity attest key` prints it, got none"
        raise InvalidInput(msg)
    return tuple(found)


def speaks_for(keys: Iterable[VerifierKey], public_keys: Iterable[bytes]) -> tuple[str, ...]:
    """The ids that these public keys (32 bytes) may speak for."""
    signed = set(public_keys)
    return tuple(key.name for key in keys if key.public_key in signed)
