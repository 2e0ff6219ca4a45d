"""Cosignatures: a checkpoint that four public witnesses cosigned, and everything that must be refused."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from governance.errors import BrokenProof, InvalidInput
from governance.ledger.checkpoint import Checkpoint, encode_checkpoint, sign_checkpoint
from governance.ledger.cosignature import (
    WitnessKey,
    WitnessSigner,
    cosign,
    cosigned_at,
    decode_witness_signer,
    decode_witness_vkey,
)
from governance.ledger.merkle import EMPTY_ROOT
from governance.ledger.note import (
    LedgerSigner,
    SignatureLine,
    VerifierKey,
    add_signatures,
    decode_note,
    decode_signer,
    decode_vkey,
    encode_note,
    encode_signer,
    encode_vkey,
    verified_lines,
    verify_note,
)

# A checkpoint of the staging log Arche 2025h1 as it was served on 23 May 2026, with the log's own lines (one of them of
# type 0x05) and the cosignatures of four public witnesses.
PUBLIC_NOTE = (Path(__file__).parents[1] / "vectors/checkpoints/arche2025h1-1432088532.note").read_bytes()
PUBLIC_LOG = decode_vkey(
    "arche2025h1.staging.ct.transparency.dev+ba2f06c0+AU0vHmlGCS/PdN8b2OaGmKprLI8HKM+dJ472xgFYh15f"
)
# The vkey of remora.n621.de is the one in the tests of github.com/transparency-dev/formats; the other witnesses' public
# keys are those of the policy sigsum-test-2025-3 of github.com/sigsum/sigsum-go.
REMORA = "remora.n621.de+da77ade7+BOvN63jn/bLvkieywe8R6UYAtVtNbZpXh34x7onlmtw2"
PUBLIC_WITNESSES = {
    "transparency.dev/DEV:witness-little-garden": "2b6eb0ec483503544cde4e8fc1ce6d1921db21dffccc186865f808f7625443cc",
    "witness1.smartit.nu/witness1": "f4855a0f46e8a3e23bb40faf260ee57ab8a18249fa402f2ca2d28a60e1a3130e",
    "remora.n621.de": "ebcdeb78e7fdb2ef9227b2c1ef11e94600b55b4d6d9a57877e31ee89e59adc36",
    "witness.stagemole.eu": "4a921b7caef58ae670cdc11ef4184f1c058f7b9259a9107a969f69fa54aa496f",
}
NOON = datetime(2026, 3, 14, 12, tzinfo=UTC)
LOG = LedgerSigner("probity.example/ledger", bytes(range(32)))
WITNESS = WitnessSigner("witness.example/w1", bytes(range(1, 33)))
CHECKPOINT = Checkpoint(LOG.name, 0, EMPTY_ROOT)
TEXT = encode_checkpoint(CHECKPOINT)


@pytest.mark.parametrize("name", PUBLIC_WITNESSES)
def test_the_cosignature_of_a_public_witness_holds_and_tells_its_time(name: str) -> None:
    key = WitnessKey(name, bytes.fromhex(PUBLIC_WITNESSES[name]))

    ((_, line),) = verified_lines(decode_note(PUBLIC_NOTE), [key])

    assert cosigned_at(line) == datetime.fromtimestamp(0x6A122120, tz=UTC)


def test_the_log_that_the_public_witnesses_cosigned_is_verified_beside_them() -> None:
    assert verify_note(PUBLIC_NOTE, [PUBLIC_LOG]).text.startswith(
        "arche2025h1.staging.ct.transparency.dev\n1432088532\n"
    )
    assert encode_note(decode_note(PUBLIC_NOTE)) == PUBLIC_NOTE


@pytest.mark.parametrize("name", PUBLIC_WITNESSES)
def test_a_public_cosignature_does_not_hold_for_another_size(name: str) -> None:
    key = WitnessKey(name, bytes.fromhex(PUBLIC_WITNESSES[name]))
    other = PUBLIC_NOTE.replace(b"\n1432088532\n", b"\n1432088533\n")

    with pytest.raises(BrokenProof, match=r"the cosignature of .* does not hold"):
        verified_lines(decode_note(other), [key])


def test_a_public_witness_vkey_is_read_and_written_alike() -> None:
    key = decode_witness_vkey(REMORA)

    assert key.public_key.hex() == PUBLIC_WITNESSES["remora.n621.de"]
    assert key.key_id.hex() == "da77ade7"
    assert encode_vkey(key) == REMORA


def test_a_cosignature_is_laid_out_as_the_format_says() -> None:
    line = cosign(TEXT, NOON + timedelta(microseconds=999_999), WITNESS)

    assert line.name == "witness.example/w1"
    assert line.key_id == WITNESS.witness_key.key_id
    assert line.signature[:8] == (1773489600).to_bytes(8)
    assert len(line.signature) == 8 + 64
    assert cosigned_at(line) == NOON


def test_the_signed_message_is_two_lines_and_the_whole_text() -> None:
    # The same key as a log's would sign this very message, were it a note.
    as_note = LedgerSigner(WITNESS.name, WITNESS.seed).sign(f"cosignature/v1\ntime 1773489600\n{TEXT}".encode())

    assert cosign(TEXT, NOON, WITNESS).signature[8:] == as_note


@given(st.integers(0, 8 + 64 - 1), st.integers(0, 7))
def test_a_cosignature_with_a_bit_flipped_spoils_the_note(place: int, bit: int) -> None:
    line = cosign(TEXT, NOON, WITNESS)
    changed = bytearray(line.signature)
    changed[place] ^= 1 << bit
    note = add_signatures(sign_checkpoint(CHECKPOINT, LOG), [SignatureLine(line.name, line.key_id, bytes(changed))])

    with pytest.raises(BrokenProof):
        verified_lines(decode_note(note), [WITNESS.witness_key])


@pytest.mark.parametrize("length", [1, 7, 8, 63, 64, 71, 73, 2428])
def test_a_cosignature_of_another_length_is_refused(length: int) -> None:
    with pytest.raises(BrokenProof, match="8 bytes of time"):
        WITNESS.witness_key.verify(bytes(length), TEXT.encode())


@pytest.mark.parametrize("time_s", [253_402_300_800, 2**63 - 1, 2**63, 2**64 - 1])
def test_a_time_that_no_calendar_has_is_refused(time_s: int) -> None:
    with pytest.raises(BrokenProof, match="up to the year 9999"):
        WITNESS.witness_key.verify(time_s.to_bytes(8) + bytes(64), TEXT.encode())


def test_a_time_before_1970_is_not_signed() -> None:
    with pytest.raises(InvalidInput, match="after 1970"):
        cosign(TEXT, datetime(1969, 12, 31, tzinfo=UTC), WITNESS)


def test_a_line_of_the_other_type_under_the_same_name_is_a_strangers() -> None:
    mldsa = SignatureLine(WITNESS.name, b"\x01\x02\x03\x04", bytes(8 + 2420))
    note = add_signatures(sign_checkpoint(CHECKPOINT, LOG), [mldsa, cosign(TEXT, NOON, WITNESS)])

    assert [key for key, _ in verified_lines(decode_note(note), [WITNESS.witness_key])] == [WITNESS.witness_key]
    assert verify_note(note, [LOG.verifier_key]).text == TEXT


def test_a_log_key_does_not_verify_a_cosignature_nor_the_other_way_round() -> None:
    as_log = LedgerSigner(WITNESS.name, WITNESS.seed)
    note = add_signatures(sign_checkpoint(CHECKPOINT, LOG), [cosign(TEXT, NOON, WITNESS)])

    assert as_log.verifier_key.key_id != WITNESS.witness_key.key_id
    with pytest.raises(BrokenProof, match="got none"):
        verify_note(note, [as_log.verifier_key])


@pytest.mark.parametrize(
    "vkey",
    [
        "",
        "remora.n621.de",
        "remora.n621.de+da77ade8+BOvN63jn/bLvkieywe8R6UYAtVtNbZpXh34x7onlmtw2",
        "remora.n621.de+DA77ADE7+BOvN63jn/bLvkieywe8R6UYAtVtNbZpXh34x7onlmtw2",
        "remora.n621.dd+da77ade7+BOvN63jn/bLvkieywe8R6UYAtVtNbZpXh34x7onlmtw2",
        "remora.n621.de+da77ade7+AevN63jn/bLvkieywe8R6UYAtVtNbZpXh34x7onlmtw2",
        "remora.n621.de+da77ade7+BOvN63jn/bLvkieywe8R6UYAtVtNbZpXh34x7onlmtw",
        "remora.n621.de+da77ade7+BA==",
        "remora n621.de+da77ade7+BOvN63jn/bLvkieywe8R6UYAtVtNbZpXh34x7onlmtw2",
        # The plain Ed25519 key of the tests of github.com/transparency-dev/formats.
        "TEST+7997405c+AQcC+FTVKf0jlTdHDY3rbevmnKxxPjigCXlVtGe6RIr6",
    ],
)
def test_a_text_that_is_no_witness_vkey_is_refused(vkey: str) -> None:
    with pytest.raises(InvalidInput):
        decode_witness_vkey(vkey)


def test_a_witness_signer_is_written_and_read_and_never_printed() -> None:
    text = encode_signer(WITNESS)

    assert decode_witness_signer(text) == WITNESS
    assert repr(WITNESS) == "WitnessSigner(name='witness.example/w1')"
    assert text.startswith("PRIVATE+KEY+witness.example/w1+")
    with pytest.raises(InvalidInput, match="expected type 1"):
        decode_signer(text)


def test_a_witness_key_is_no_log_key_though_the_bytes_are_the_same() -> None:
    key = WITNESS.witness_key
    of_a_log = VerifierKey(key.name, key.public_key)

    assert key != of_a_log
    assert key.key_id != of_a_log.key_id
    with pytest.raises(InvalidInput, match="expected type 1 and 32 bytes, got type 4 and 32 bytes"):
        decode_vkey(encode_vkey(key))


@pytest.mark.parametrize(
    "text", ["", "PRIVATE+KEY+", "PRIVATE+KEY+a+00000000+BAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f"]
)
def test_a_wrong_witness_signing_key_is_refused_without_being_shown(text: str) -> None:
    with pytest.raises(InvalidInput) as refusal:
        decode_witness_signer(text)

    assert "BAAB" not in str(refusal.value)


def test_keys_of_another_length_are_refused() -> None:
    with pytest.raises(InvalidInput, match="expected a seed of 32 bytes, got 31"):
        WitnessSigner("name", bytes(31))
    with pytest.raises(InvalidInput, match="expected a public key of 32 bytes, got 33"):
        WitnessKey("name", bytes(33))
