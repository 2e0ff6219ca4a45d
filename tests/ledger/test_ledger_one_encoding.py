"""Every decoder of the formats: what it reads is written back byte for byte, and hostile bytes are refused."""

from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from governance.errors import BrokenProof, InvalidInput
from governance.ledger.checkpoint import Checkpoint, decode_checkpoint, encode_checkpoint, sign_checkpoint
from governance.ledger.cosignature import (
    WitnessSigner,
    cosign,
    decode_witness_signer,
    decode_witness_vkey,
)
from governance.ledger.merkle import EMPTY_ROOT, leaf_hash
from governance.ledger.note import (
    LedgerSigner,
    SignatureLine,
    add_signatures,
    decode_note,
    decode_signature_lines,
    decode_signer,
    decode_vkey,
    encode_note,
    encode_signature_lines,
    encode_signer,
    encode_vkey,
    sign_note,
    verified_lines,
    verify_note,
)
from governance.ledger.proof import InclusionProof, decode_proof, encode_proof
from governance.ledger.tiles import (
    TileName,
    decode_bundle,
    decode_tile,
    encode_bundle,
    encode_tile,
    parse_path,
)

NOON = datetime(2026, 3, 14, 12, tzinfo=UTC)
LOG = LedgerSigner("probity.example/ledger", bytes(range(32)))
OTHER = LedgerSigner("probity.example/ledger", bytes(range(1, 33)))
WITNESS = WitnessSigner("witness.example/w1", bytes(range(1, 33)))
TEXT = encode_checkpoint(Checkpoint(LOG.name, 7, EMPTY_ROOT))
LINE = cosign(TEXT, NOON, WITNESS)
NOTE = add_signatures(sign_note(TEXT, LOG), [LINE])
PROOF = encode_proof(
    InclusionProof(index=6, path=(EMPTY_ROOT, leaf_hash(b"1")), note=NOTE, extra=b"\x00\xff for the application")
)
BUNDLE = TileName(None, 0, 3)
TILE = TileName(0, 0, 3)


def text_form(decode: Callable[[str], object]) -> Callable[[bytes], object]:
    return lambda data: decode(data.decode(errors="surrogateescape"))


# A decoder, the encoder that must give back what was read, and something to begin from.
FORMATS: dict[str, tuple[Callable[[bytes], object], Callable[..., str | bytes], bytes]] = {
    "note": (decode_note, encode_note, NOTE),
    "signature lines": (
        text_form(decode_signature_lines),
        encode_signature_lines,
        encode_signature_lines([LINE]).encode(),
    ),
    "checkpoint": (text_form(decode_checkpoint), encode_checkpoint, TEXT.encode()),
    "proof": (decode_proof, encode_proof, PROOF),
    "vkey": (text_form(decode_vkey), encode_vkey, encode_vkey(LOG.verifier_key).encode()),
    "signer": (text_form(decode_signer), encode_signer, encode_signer(LOG).encode()),
    "witness vkey": (
        text_form(decode_witness_vkey),
        encode_vkey,
        encode_vkey(WITNESS.witness_key).encode(),
    ),
    "witness signer": (
        text_form(decode_witness_signer),
        encode_signer,
        encode_signer(WITNESS).encode(),
    ),
    "tile path": (text_form(parse_path), lambda name: name.path, b"tile/entries/x001/x234/067.p/112"),
    "tile": (lambda data: decode_tile(TILE, data), encode_tile, bytes(range(96))),
    "bundle": (lambda data: decode_bundle(BUNDLE, data), encode_bundle, encode_bundle([b"a", b"", b"bc"])),
}


def require_one_encoding(name: str, data: bytes) -> None:
    decode, encode, _ = FORMATS[name]
    try:
        value = decode(data)
    except (BrokenProof, InvalidInput):
        return
    written = encode(value)
    assert (written if isinstance(written, bytes) else written.encode(errors="surrogateescape")) == data


@pytest.mark.parametrize("name", FORMATS)
def test_what_is_written_is_read_and_written_alike(name: str) -> None:
    decode, encode, data = FORMATS[name]

    written = encode(decode(data))

    assert (written if isinstance(written, bytes) else written.encode()) == data


@pytest.mark.parametrize("name", FORMATS)
def test_any_byte_changed_dropped_or_doubled_is_refused_or_another_value(name: str) -> None:
    data = FORMATS[name][2]
    for place in range(len(data)):
        require_one_encoding(name, data[:place])
        require_one_encoding(name, data[:place] + data[place + 1 :])
        require_one_encoding(name, data[: place + 1] + data[place:])
        for other in (0, 9, 10, 13, 32, 43, 48, 61, 127, 160, 255, data[place] ^ 0x20):
            require_one_encoding(name, data[:place] + bytes([other]) + data[place + 1 :])


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("rest", [b"\n", b" ", b"\x00", b"\r\n", b"\n\n", b"=", b"AAAA", b"\xe2\x80\xa8"])
def test_anything_before_or_after_is_refused_or_another_value(name: str, rest: bytes) -> None:
    require_one_encoding(name, FORMATS[name][2] + rest)
    require_one_encoding(name, rest + FORMATS[name][2])


@settings(max_examples=300)
@given(st.sampled_from(sorted(FORMATS)), st.data())
def test_hostile_bytes_are_refused_or_another_value(name: str, data: st.DataObject) -> None:
    pieces = FORMATS[name][2].splitlines(keepends=True)
    drawn = data.draw(st.lists(st.one_of(st.sampled_from(pieces), st.binary(max_size=12)), max_size=12))
    require_one_encoding(name, b"".join(drawn))


names = st.text(min_size=1, max_size=20).filter(
    lambda name: "+" not in name and not any(c.isspace() or c < " " or "\ud800" <= c <= "\udfff" for c in name)
)
lines = st.builds(SignatureLine, names, st.binary(min_size=4, max_size=4), st.binary(min_size=1, max_size=80))
texts = st.text(st.characters(exclude_categories=["Cs", "Cc"]) | st.just("\n")).map(lambda text: text + "\n")


@given(texts, st.lists(lines, max_size=5))
def test_any_text_can_be_signed_and_read_under_any_other_lines(text: str, others: list[SignatureLine]) -> None:
    note = add_signatures(sign_note(text, LOG), others)

    assert verify_note(note, [LOG.verifier_key]).text == text
    assert encode_note(decode_note(note)) == note


@given(st.lists(lines, min_size=1, max_size=5))
def test_a_line_added_again_changes_nothing(added: list[SignatureLine]) -> None:
    once = add_signatures(NOTE, added)

    assert add_signatures(once, added) == once
    assert decode_note(once).text == TEXT


def test_a_newer_line_of_a_key_takes_the_place_of_the_older() -> None:
    newer = cosign(TEXT, datetime(2026, 3, 15, tzinfo=UTC), WITNESS)

    assert decode_note(add_signatures(NOTE, [newer])).lines == (decode_note(NOTE).lines[0], newer)


def test_a_note_with_a_hundred_lines_takes_no_more() -> None:
    many = [SignatureLine("stranger", number.to_bytes(4), b"s") for number in range(98)]
    full = add_signatures(NOTE, many)

    assert len(decode_note(full).lines) == 100
    with pytest.raises(InvalidInput, match="at most 100 signatures, got 101"):
        add_signatures(full, [SignatureLine("one-too-many", b"abcd", b"s")])


def test_the_sixteen_lines_that_every_reader_must_accept_are_read() -> None:
    large = [SignatureLine("stranger", number.to_bytes(4), bytes(5000)) for number in range(15)]

    assert verify_note(add_signatures(sign_note(TEXT, LOG), large), [LOG.verifier_key]).text == TEXT


def test_two_keys_that_cannot_be_told_apart_are_refused() -> None:
    @dataclass(frozen=True)
    class Twin:
        name: str
        key_id: bytes
        verify: Callable[[bytes, bytes], None] = OTHER.verifier_key.verify

    twin = Twin(LOG.name, LOG.verifier_key.key_id)

    with pytest.raises(InvalidInput, match="two keys share"):
        verified_lines(decode_note(NOTE), [LOG.verifier_key, twin])


def test_a_line_that_stands_twice_counts_its_key_once() -> None:
    line = NOTE.splitlines(keepends=True)[-2]

    assert verify_note(NOTE + line, [LOG.verifier_key]).signed_by == (LOG.verifier_key,)


@pytest.mark.parametrize(
    "line", [("", b"abcd", b"s"), ("a b", b"abcd", b"s"), ("a", b"abc", b"s"), ("a", b"abcd", b"")]
)
def test_an_impossible_line_cannot_be_made(line: tuple[str, bytes, bytes]) -> None:
    with pytest.raises(InvalidInput):
        SignatureLine(*line)


@pytest.mark.parametrize("text", ["lone \ud800 surrogate\n", "nul\x00\n", "escape\x1b[0m\n"])
def test_a_text_that_no_note_can_hold_is_not_signed(text: str) -> None:
    with pytest.raises(InvalidInput):
        sign_note(text, LOG)


def test_nobody_signs_no_note() -> None:
    with pytest.raises(InvalidInput, match="somebody signs it"):
        sign_note(TEXT)
    with pytest.raises(InvalidInput, match="somebody signs it"):
        sign_checkpoint(Checkpoint(LOG.name, 0, EMPTY_ROOT))


HEAD = "c2sp.org/tlog-proof@v1\n"
HASH = b64encode(EMPTY_ROOT).decode()


@pytest.mark.parametrize(
    "head",
    [
        f"{HEAD}extra \nindex 0\n\n",
        f"{HEAD}extra\nindex 0\n\n",
        f"{HEAD}extra AA==\nextra AA==\nindex 0\n\n",
        f"{HEAD}extra AB==\nindex 0\n\n",
        f"{HEAD}index 9223372036854775807\n\n",
        f"{HEAD}index -5\n\n",
        f"{HEAD}index notanumber\n\n",
        f"{HEAD}index 0 \n\n",
        f"{HEAD}index  0\n\n",
        f"{HEAD}index\t0\n\n",
        f"{HEAD}index 0\r\n\n",
        f"{HEAD}index \u0660\n\n",
        f"{HEAD}index 0\n{HASH} \n\n",
        f"{HEAD}index 0\n{HASH[:-1]}\n\n",
        f"{HEAD}index 0\n{b64encode(bytes(64)).decode()}\n\n",
        f"{HEAD}index 0\n{b64encode(bytes(31)).decode()}\n\n",
        f"{HEAD}\n\n",
        f"{HEAD}\nindex 0\n\n",
        f" {HEAD}index 0\n\n",
        "wrong-header\nindex 0\n\n",
    ],
)
def test_a_proof_whose_head_has_another_spelling_is_refused(head: str) -> None:
    with pytest.raises(BrokenProof, match="proof: expected"):
        decode_proof(head.encode() + NOTE)


@pytest.mark.parametrize(
    "note", [b"", b"checkpoint\n", NOTE[:-1], NOTE + b"\n", NOTE + b"rest\n", b"\n" + NOTE.rstrip()]
)
def test_a_proof_whose_note_is_none_is_refused(note: bytes) -> None:
    with pytest.raises(BrokenProof):
        decode_proof(f"{HEAD}index 0\n\n".encode() + note)


def test_a_proof_of_more_than_two_megabytes_is_refused() -> None:
    extra = b64encode(bytes(1_500_000)).decode()

    with pytest.raises(BrokenProof, match="at most 2000000 bytes"):
        decode_proof(f"{HEAD}extra {extra}\nindex 0\n\n".encode() + NOTE)


@pytest.mark.parametrize(
    ("index", "path", "extra"),
    [(-1, (), None), (2**63 - 1, (), None), (0, (bytes(31),), None), (0, (EMPTY_ROOT,) * 64, None), (0, (), b"")],
)
def test_an_impossible_proof_cannot_be_made(index: int, path: tuple[bytes, ...], extra: bytes | None) -> None:
    with pytest.raises(InvalidInput, match="proof: expected"):
        InclusionProof(index=index, path=path, note=NOTE, extra=extra)


@pytest.mark.parametrize(
    "path", ["tile/0/" + "x999/" * 7 + "999", "tile/0/" + "x999/" * 5000 + "999", "tile/0/x1000/000"]
)
def test_a_path_of_an_index_beyond_any_tree_is_refused(path: str) -> None:
    with pytest.raises(InvalidInput, match="expected the path of a tile"):
        parse_path(path)
