"""Notes, checkpoints and proof files: published vectors, one encoding, and everything that must be refused."""

from base64 import b64encode
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from governance.errors import BrokenProof, InvalidInput
from governance.ledger.checkpoint import (
    Checkpoint,
    decode_checkpoint,
    encode_checkpoint,
    sign_checkpoint,
)
from governance.ledger.merkle import EMPTY_ROOT, inclusion_path, leaf_hash, root_of, subtree_of
from governance.ledger.note import (
    LedgerSigner,
    VerifierKey,
    decode_signer,
    decode_vkey,
    encode_signer,
    encode_vkey,
    sign_note,
    verify_note,
)
from governance.ledger.proof import InclusionProof, decode_proof, encode_proof, verify_proof
from governance.ledger.trust_policy import trusting, verify_cosigned

# Vectors published with the C2SP signed-note format.
VECTORS = [
    (
        "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
        "This is an example message.\n",
        (
            "— example.com/foo "
            "Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n"
        ),
    ),
    (
        "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
        "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n",
        "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n",
    ),
]
SIGNER = LedgerSigner("probity.example/ledger", bytes(range(32)))
OTHER = LedgerSigner("probity.example/ledger", bytes(range(1, 33)))
KEY = SIGNER.verifier_key
POLICY = trusting(KEY)
NOTE = sign_note("Three\n\nlines\n", SIGNER)


@pytest.mark.parametrize(("vkey", "text", "line"), VECTORS)
def test_published_notes_verify(vkey: str, text: str, line: str) -> None:
    key = decode_vkey(vkey)

    verified = verify_note(f"{text}\n{line}".encode(), [key])

    assert verified.text == text
    assert verified.signed_by == (key,)
    assert encode_vkey(key) == vkey


def test_the_published_note_of_two_signers_is_verified_for_either_and_both() -> None:
    # From the tests of golang.org/x/mod/sumdb/note.
    enoch = decode_vkey("EnochRoot+af0cfe78+ATtqJ7zOtqQtYqOo0CpvDXNlMhV3HeJDpjrASKGLWdop")
    sealed = "rwz+eBzmZa0SO3NbfRGzPCpDckykFXSdeX+MNtCOXm2/5n2tiOHp+vAF1aGrQ5ovTG01oOTGwnWLox33WWd1RvMc+QQ="
    peter, text, line = decode_vkey(VECTORS[1][0]), VECTORS[1][1], VECTORS[1][2]
    note = f"{text}\n{line}— EnochRoot {sealed}\n".encode()

    assert verify_note(note, [peter]).signed_by == (peter,)
    assert verify_note(note, [enoch]).signed_by == (enoch,)
    assert verify_note(note, [enoch, peter]).signed_by == (peter, enoch)


def test_the_published_private_key_signs_the_published_note() -> None:
    # From the tests of golang.org/x/mod/sumdb/note.
    signer = decode_signer("PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz")

    assert sign_note(VECTORS[1][1], signer) == f"{VECTORS[1][1]}\n{VECTORS[1][2]}".encode()


@pytest.mark.parametrize(("vkey", "text", "line"), VECTORS)
def test_published_notes_with_any_bit_flipped_are_refused(vkey: str, text: str, line: str) -> None:
    key, note = decode_vkey(vkey), f"{text}\n{line}".encode()
    for place in range(len(note)):
        for bit in range(8):
            flipped = bytearray(note)
            flipped[place] ^= 1 << bit
            with pytest.raises(BrokenProof):
                verify_note(bytes(flipped), [key])


def test_the_key_id_is_the_published_one() -> None:
    assert decode_vkey(VECTORS[0][0]).key_id.hex() == "530d903a"


def test_a_text_with_empty_lines_is_split_at_the_last_one() -> None:
    assert verify_note(NOTE, [KEY]).text == "Three\n\nlines\n"


def test_lines_of_unknown_signers_are_ignored() -> None:
    line = f"— someone.else {b64encode(b'abcd' + bytes(64)).decode()}\n".encode()

    assert verify_note(NOTE + line, [KEY]).signed_by == (KEY,)


def test_one_wrong_signature_of_a_known_key_spoils_the_note() -> None:
    line = f"— {OTHER.name} {b64encode(OTHER.verifier_key.key_id + bytes(64)).decode()}\n".encode()

    with pytest.raises(BrokenProof, match="does not hold"):
        verify_note(NOTE + line, [KEY, OTHER.verifier_key])


def test_a_note_that_only_strangers_signed_is_refused() -> None:
    with pytest.raises(BrokenProof, match="expected a signature of"):
        verify_note(NOTE, [OTHER.verifier_key])


def test_a_hundred_signatures_are_read_and_one_more_is_refused() -> None:
    line = f"— someone.else {b64encode(b'abcd' + bytes(64)).decode()}\n".encode()

    assert verify_note(NOTE + line * 99, [KEY]).signed_by == (KEY,)
    with pytest.raises(BrokenProof, match="at most 100 signatures"):
        verify_note(NOTE + line * 100, [KEY])


@pytest.mark.parametrize(
    ("old", "new"),
    [
        pytest.param(b"lines\n\n", b"lines\n", id="no empty line"),
        pytest.param(b"Three", b"Thr\tee", id="control character"),
        pytest.param(b"Three", b"Thr\xffee", id="not UTF-8"),
        pytest.param(b"\xe2\x80\x94 ", b"- ", id="another dash"),
        pytest.param(b"ledger ", b"ledger  ", id="two spaces"),
        pytest.param(b"ledger ", b"led+ger ", id="plus in the name"),
        pytest.param("— probity.example/ledger ".encode(), "—  ".encode(), id="no name"),
        pytest.param(b"=\n", b"\n", id="no padding"),
        pytest.param(b"=\n", b"= \n", id="trailing space"),
        pytest.param(b"=\n", b"=", id="no final newline"),
        pytest.param(b"=\n", b"=\n\n", id="trailing empty line"),
        pytest.param(b"=\n", b"=\nrest", id="trailing text"),
    ],
)
def test_another_spelling_is_refused(old: bytes, new: bytes) -> None:
    assert old in NOTE

    with pytest.raises(BrokenProof):
        verify_note(NOTE.replace(old, new), [KEY])


def test_base64_with_stray_bits_is_refused() -> None:
    line = "— someone.else YWJjZGV=\n".encode()

    with pytest.raises(BrokenProof, match="signature line 2"):
        verify_note(NOTE + line, [KEY])


def test_a_note_too_long_to_be_one_is_refused() -> None:
    with pytest.raises(BrokenProof, match="at most 1000000 bytes"):
        verify_note(b"a" * 1_000_001, [KEY])


@pytest.mark.parametrize("text", ["", "no newline", "tab\t\n", "return\r\n"])
def test_a_text_that_is_no_note_is_not_signed(text: str) -> None:
    with pytest.raises(InvalidInput):
        sign_note(text, SIGNER)


@given(st.binary(max_size=200))
def test_arbitrary_bytes_are_refused_and_nothing_else_happens(junk: bytes) -> None:
    with pytest.raises(BrokenProof):
        verify_note(junk, [KEY])


@pytest.mark.parametrize(
    "vkey",
    [
        "",
        "name",
        "name+00000000",
        "example.com/foo+530d903b+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
        "example.com/foo+530D903A+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
        "example.com/bar+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
        "example.com/foo+530d903a+AukyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
        "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k\n",
        "example com+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
    ],
)
def test_a_text_that_is_no_vkey_is_refused(vkey: str) -> None:
    with pytest.raises(InvalidInput):
        decode_vkey(vkey)


def test_a_signer_is_written_and_read_and_never_printed() -> None:
    text = encode_signer(SIGNER)

    assert decode_signer(text) == SIGNER
    assert repr(SIGNER) == "LedgerSigner(name='probity.example/ledger')"
    assert text == "PRIVATE+KEY+probity.example/ledger+b97515f5+AQABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f"


@pytest.mark.parametrize(
    "text", ["", "PRIVATE+KEY+", "PRIVATE+KEY+a+00000000+AQABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f"]
)
def test_a_wrong_signing_key_is_refused_without_being_shown(text: str) -> None:
    with pytest.raises(InvalidInput) as refusal:
        decode_signer(text)

    assert "AQAB" not in str(refusal.value)


@pytest.mark.parametrize("name", ["", "two words", "a+b", "narrow\u2009space"])
def test_a_name_that_no_note_can_carry_is_refused(name: str) -> None:
    with pytest.raises(InvalidInput):
        VerifierKey(name, bytes(32))
    with pytest.raises(InvalidInput):
        LedgerSigner(name, bytes(32))


def test_a_key_of_another_length_is_refused() -> None:
    with pytest.raises(InvalidInput, match="expected a seed of 32 bytes, got 31"):
        LedgerSigner("name", bytes(31))
    with pytest.raises(InvalidInput, match="expected a public key of 32 bytes, got 33"):
        VerifierKey("name", bytes(33))


def test_a_checkpoint_is_written_as_the_format_says() -> None:
    checkpoint = Checkpoint("example.com/log", 0, EMPTY_ROOT)

    assert encode_checkpoint(checkpoint) == "example.com/log\n0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n"


@given(
    st.integers(0, 2**63 - 1), st.binary(min_size=32, max_size=32), st.lists(st.text("abc +", min_size=1), max_size=3)
)
def test_a_checkpoint_is_read_as_it_was_written(size: int, root: bytes, extensions: list[str]) -> None:
    checkpoint = Checkpoint("example.com/log", size, root, tuple(extensions))

    assert decode_checkpoint(encode_checkpoint(checkpoint)) == checkpoint


ROOT = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n",
        f"origin\n0\n{ROOT}",
        f"origin\n0\n{ROOT}\n\n",
        f"\n0\n{ROOT}\n",
        f"origin\n\n{ROOT}\n",
        "origin\n0\n",
        f"origin\n00\n{ROOT}\n",
        f"origin\n01\n{ROOT}\n",
        f"origin\n-1\n{ROOT}\n",
        f"origin\n+1\n{ROOT}\n",
        f"origin\n 1\n{ROOT}\n",
        f"origin\n1_0\n{ROOT}\n",
        f"origin\n\u0661\n{ROOT}\n",
        f"origin\n9223372036854775808\n{ROOT}\n",
        f"origin\n{'9' * 30}\n{ROOT}\n",
        "origin\n0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFV=\n",
        "origin\n0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuA==\n",
    ],
)
def test_a_checkpoint_in_another_spelling_is_refused(text: str) -> None:
    with pytest.raises(BrokenProof, match="checkpoint"):
        decode_checkpoint(text)


def test_a_log_signs_only_under_its_own_name() -> None:
    with pytest.raises(InvalidInput, match="expected a signer named"):
        sign_checkpoint(Checkpoint("another.example/log", 0, EMPTY_ROOT), SIGNER)


def test_a_checkpoint_of_another_origin_is_refused_even_when_signed() -> None:
    note = sign_note(encode_checkpoint(Checkpoint("another.example/log", 0, EMPTY_ROOT)), SIGNER)

    with pytest.raises(BrokenProof, match="expected the origin"):
        verify_cosigned(note, trusting(KEY))


def test_an_impossible_checkpoint_cannot_be_made() -> None:
    for wrong in (
        ("o", -1, EMPTY_ROOT),
        ("o", 2**63, EMPTY_ROOT),
        ("o", 0, b""),
        ("", 0, EMPTY_ROOT),
        ("a\nb", 0, EMPTY_ROOT),
    ):
        with pytest.raises(InvalidInput):
            Checkpoint(*wrong)


ENTRIES = [bytes([number]) for number in range(7)]
LEAVES = [leaf_hash(entry) for entry in ENTRIES]


def proof_of(index: int) -> InclusionProof:
    note = sign_checkpoint(Checkpoint(SIGNER.name, 7, root_of(LEAVES)), SIGNER)
    return InclusionProof(index=index, path=tuple(inclusion_path(index, 7, subtree_of(LEAVES))), note=note)


@pytest.mark.parametrize("index", range(7))
def test_a_proof_file_proves_its_entry_and_no_other(index: int) -> None:
    file = encode_proof(proof_of(index))

    proof = decode_proof(file)

    assert encode_proof(proof) == file
    assert verify_proof(proof, ENTRIES[index], POLICY).checkpoint.size == 7
    for other in range(7):
        if other != index:
            with pytest.raises(BrokenProof):
                verify_proof(proof, ENTRIES[other], POLICY)
            with pytest.raises(BrokenProof):
                verify_proof(replace(proof, index=other), ENTRIES[index], POLICY)


def test_a_proof_file_begins_as_the_format_says() -> None:
    proof = InclusionProof(index=3, path=(EMPTY_ROOT,), note=NOTE, extra=b"hint")

    assert encode_proof(proof) == f"c2sp.org/tlog-proof@v1\nextra aGludA==\nindex 3\n{ROOT}\n\n".encode() + NOTE
    assert decode_proof(encode_proof(proof)) == proof


@settings(max_examples=200)
@given(st.integers(0, 6), st.data())
def test_a_proof_file_with_any_bit_flipped_is_refused(index: int, data: st.DataObject) -> None:
    file = bytearray(encode_proof(proof_of(index)))
    file[data.draw(st.integers(0, len(file) - 1))] ^= 1 << data.draw(st.integers(0, 7))

    with pytest.raises(BrokenProof):
        verify_proof(decode_proof(bytes(file)), ENTRIES[index], POLICY)


@pytest.mark.parametrize(
    "file",
    [
        b"",
        b"c2sp.org/tlog-proof@v1\n\n",
        b"c2sp.org/tlog-proof@v2\nindex 0\n\nnote",
        b"c2sp.org/tlog-proof@v1\nindex 00\n\nnote",
        b"c2sp.org/tlog-proof@v1\nindex 0\nAAAA\n\nnote",
        b"c2sp.org/tlog-proof@v1\nindex 0\nnot base64\n\nnote",
        b"c2sp.org/tlog-proof@v1\nindex 0\nextra aGludA==\n\nnote",
        b"c2sp.org/tlog-proof@v1\nindex 0\n" + f"{ROOT}\n".encode() * 64 + b"\nnote",
        b"c2sp.org/tlog-proof@v1\nindex 0\nnote",
    ],
)
def test_a_malformed_proof_file_is_refused(file: bytes) -> None:
    with pytest.raises(BrokenProof, match="proof: expected"):
        decode_proof(file)
