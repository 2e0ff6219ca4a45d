"""Cosignatures of the newer kind (ML-DSA-44): a published vector, a policy that counts both kinds, and refusals."""

from base64 import b64decode
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey, MLDSA44PublicKey

from governance.errors import BrokenProof, InvalidInput
from governance.ledger.checkpoint import Checkpoint, encode_checkpoint, sign_checkpoint
from governance.ledger.cosignature import WitnessSigner, cosign
from governance.ledger.cosignature_mldsa import (
    MldsaWitnessKey,
    decode_mldsa_vkey,
    encode_mldsa_vkey,
    subtree_message,
)
from governance.ledger.merkle import EMPTY_ROOT
from governance.ledger.note import (
    LedgerSigner,
    SignatureLine,
    add_signatures,
    decode_signature_lines,
    encode_vkey,
    sign_note,
)
from governance.ledger.trust_policy import PolicyWitness, TrustPolicy, encode_policy, parse_policy, verify_cosigned
from tests.witness.growing_log import NOON

VECTORS = Path(__file__).parents[1] / "vectors/checkpoints"
# Made with filippo.io/torchwood; from the tests of github.com/transparency-dev/formats (TestMLDSAVerifyTorchwood).
VKEY = (VECTORS / "torchwood-w1.vkey").read_text().strip()
(LINE,) = decode_signature_lines((VECTORS / "torchwood-subtree-8-13.line").read_text())
ROOT = b64decode("E7ERCtFloiK1fdb+B6/dLG0pM1nmIR0ETKBSauCjtVw=")

LOG = LedgerSigner("example.com/log", bytes(range(32)))
CHECKPOINT = Checkpoint(LOG.name, 7, EMPTY_ROOT)
SECRET = MLDSA44PrivateKey.from_seed_bytes(bytes(range(32)))
KEY = MldsaWitnessKey("new.example/w", SECRET.public_key().public_bytes_raw())
OLDER = WitnessSigner("old.example/w", bytes(32))


def line_over(checkpoint: Checkpoint, time_s: int = 1_773_489_600) -> SignatureLine:
    signed = subtree_message(KEY.name, time_s, checkpoint.origin, 0, checkpoint.size, checkpoint.root)
    return SignatureLine(KEY.name, KEY.key_id, time_s.to_bytes(8) + SECRET.sign(signed))


def test_the_published_key_is_read_and_written_alike_and_made_the_published_signature() -> None:
    key = decode_mldsa_vkey(VKEY)

    assert encode_mldsa_vkey(key) == VKEY
    assert (LINE.name, LINE.key_id) == (key.name, key.key_id)
    message = subtree_message(key.name, 0, "example.com/log", 8, 13, ROOT)
    MLDSA44PublicKey.from_public_bytes(key.public_key).verify(LINE.signature[8:], message)


def test_the_signature_on_a_part_of_a_log_is_none_on_its_checkpoint() -> None:
    for size in (5, 8, 13):
        with pytest.raises(BrokenProof, match="does not hold"):
            decode_mldsa_vkey(VKEY).verify(
                LINE.signature, encode_checkpoint(Checkpoint("example.com/log", size, ROOT)).encode()
            )


def test_a_policy_counts_witnesses_of_both_kinds() -> None:
    witnesses = (PolicyWitness("new", KEY), PolicyWitness("old", OLDER.witness_key))
    both = TrustPolicy(
        logs=parse_policy(f"log {encode_vkey(LOG.verifier_key)}\nquorum none\n").logs, witnesses=witnesses
    )
    policy = parse_policy(encode_policy(both).replace("quorum none", "group both all new old\nquorum both"))
    note = sign_checkpoint(CHECKPOINT, LOG)
    lines = [line_over(CHECKPOINT), cosign(encode_checkpoint(CHECKPOINT), NOON, OLDER)]

    found = verify_cosigned(add_signatures(note, lines), policy)

    assert found.witnesses == (("new", NOON), ("old", NOON))
    assert parse_policy(encode_policy(policy)) == policy
    for only in lines:
        with pytest.raises(BrokenProof, match="for the quorum both"):
            verify_cosigned(add_signatures(note, [only]), policy)


@pytest.mark.parametrize(
    "other",
    [
        Checkpoint(LOG.name, 8, EMPTY_ROOT),
        Checkpoint(LOG.name, 7, bytes(32)),
        Checkpoint("other.example/log", 7, EMPTY_ROOT),
    ],
)
def test_it_does_not_hold_for_another_checkpoint(other: Checkpoint) -> None:
    KEY.verify(line_over(CHECKPOINT).signature, encode_checkpoint(CHECKPOINT).encode())
    with pytest.raises(BrokenProof, match="does not hold"):
        KEY.verify(line_over(CHECKPOINT).signature, encode_checkpoint(other).encode())


def test_another_time_length_or_text_is_refused() -> None:
    good, text = line_over(CHECKPOINT).signature, encode_checkpoint(CHECKPOINT).encode()

    for wrong in (b"\x00" * 8 + good[8:], good[:-1], good + b"\x00", good[:72], b"\xff" * 8 + good[8:]):
        with pytest.raises(BrokenProof, match="cosignature"):
            KEY.verify(wrong, text)
    with pytest.raises(BrokenProof, match="checkpoint"):
        KEY.verify(good, b"hello\n")
    with pytest.raises(BrokenProof, match="at most 255 bytes"):
        KEY.verify(good, encode_checkpoint(Checkpoint("o" * 256, 7, EMPTY_ROOT)).encode())


def test_it_says_nothing_about_extension_lines_but_the_log_does() -> None:
    extended = Checkpoint(LOG.name, 7, EMPTY_ROOT, ("more",))

    KEY.verify(line_over(CHECKPOINT).signature, encode_checkpoint(extended).encode())
    policy = parse_policy(f"log {encode_vkey(LOG.verifier_key)}\nwitness w {encode_mldsa_vkey(KEY)}\nquorum w\n")
    forged = sign_note(encode_checkpoint(extended), LedgerSigner(LOG.name, bytes(32)))
    with pytest.raises(BrokenProof, match="expected a signature of"):
        verify_cosigned(add_signatures(forged, [line_over(CHECKPOINT)]), policy)


@pytest.mark.parametrize(
    "vkey", ["", VKEY[:-4], VKEY.replace("w1", "w2"), VKEY.replace("7118e8f9", "7118e8f8"), VKEY.replace("+Bh", "+BB")]
)
def test_a_text_that_is_no_such_key_is_refused(vkey: str) -> None:
    with pytest.raises(InvalidInput):
        decode_mldsa_vkey(vkey)


def test_a_name_that_the_message_cannot_hold_is_refused() -> None:
    with pytest.raises(InvalidInput, match="a name of at most 255"):
        MldsaWitnessKey("n" * 256, KEY.public_key)
