"""The request and answers of add-checkpoint: one encoding, and everything else is refused."""

from base64 import b64encode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from governance.errors import BrokenProof, InvalidInput
from governance.ledger.checkpoint import Checkpoint, sign_checkpoint
from governance.ledger.merkle import EMPTY_ROOT
from governance.ledger.note import LedgerSigner
from governance.ledger.witness_protocol import (
    AddCheckpoint,
    decode_request,
    decode_size,
    encode_request,
    encode_size,
    origin_digest,
)

LOG = LedgerSigner("probity.example/ledger", bytes(range(32)))
NOTE = sign_checkpoint(Checkpoint(LOG.name, 0, EMPTY_ROOT), LOG)
HASH = b64encode(EMPTY_ROOT).decode()

# The example of the protocol's text (tlog-witness, "add-checkpoint").
EXAMPLE = """\
old 20852014
PlRNCrwHpqhGrupue0L7gxbjbMiKA9temvuZZDDpkaw=
jrJZDmY8Y7SyJE0MWLpLozkIVMSMZcD5kvuKxPC3swk=
5+pKlUdi2LeF/BcMHBn+Ku6yhPGNCswZZD1X/6QgPd8=
/6WVhPs2CwSsb5rYBH5cjHV/wSmA79abXAwhXw3Kj/0=

example.com/behind-the-sofa
20852163
CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=

— example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=
— example.com/behind-the-sofa opLqBQsREYCgu6xQkYQwJr9fo45a62DN9EdmHXnZdXNqlcVGlCum2Wks+49/V6267UEjw6QUXTS5Rovnzv++qbSzm9Q=
""".encode()  # noqa: E501 - the lines of the text


def test_the_example_of_the_protocol_is_read_and_written_alike() -> None:
    request = decode_request(EXAMPLE)

    assert request.old_size == 20_852_014
    assert len(request.proof) == 4
    assert request.note.startswith(b"example.com/behind-the-sofa\n20852163\n")
    assert encode_request(request) == EXAMPLE


@given(st.integers(0, 2**63 - 1), st.lists(st.binary(min_size=32, max_size=32), max_size=63))
def test_a_request_is_read_as_it_was_written(old: int, proof: list[bytes]) -> None:
    request = AddCheckpoint(old, tuple(proof), NOTE)

    assert decode_request(encode_request(request)) == request


@settings(max_examples=200)
@given(st.integers(0, len(EXAMPLE) - 1), st.binary(max_size=3), st.integers(0, 3))
def test_a_changed_request_is_refused_or_another_one(place: int, other: bytes, dropped: int) -> None:
    changed = EXAMPLE[:place] + other + EXAMPLE[place + dropped :]
    try:
        request = decode_request(changed)
    except InvalidInput:
        return
    assert encode_request(request) == changed


@pytest.mark.parametrize(
    "head",
    [
        "",
        "old\n\n",
        "old \n\n",
        "old 00\n\n",
        "old 01\n\n",
        "old -1\n\n",
        "old +1\n\n",
        "old 1 \n\n",
        "old  1\n\n",
        "old\t1\n\n",
        "Old 1\n\n",
        "old 1\r\n\n",
        "old \u0661\n\n",
        "old 9223372036854775808\n\n",
        "old 1\n",
        f"old 1\n{HASH[:-1]}\n\n",
        f"old 1\n{HASH} \n\n",
        "old 1\nAAAA\n\n",
        f"old 1\n{b64encode(bytes(33)).decode()}\n\n",
        "old 1\n" + f"{HASH}\n" * 64 + "\n",
        f"{HASH}\nold 1\n\n",
    ],
)
def test_a_request_in_another_spelling_is_refused(head: str) -> None:
    with pytest.raises(InvalidInput, match="add-checkpoint"):
        decode_request(head.encode() + NOTE)


@pytest.mark.parametrize(
    "note", [b"", b"hello\n", NOTE[:-1], NOTE + b"x", NOTE + b"\n", b"\xff" + NOTE, b"\x00" + NOTE]
)
def test_a_request_with_no_note_in_its_place_is_refused(note: bytes) -> None:
    with pytest.raises(InvalidInput, match="add-checkpoint"):
        decode_request(b"old 1\n\n" + note)


def test_a_request_larger_than_any_checkpoint_is_refused() -> None:
    with pytest.raises(InvalidInput, match="at most 1004096 bytes"):
        decode_request(bytes(1_004_097))


@pytest.mark.parametrize(
    "wrong",
    [(-1, ()), (2**63, ()), (1, (bytes(31),)), (1, (EMPTY_ROOT,) * 64)],
    ids=["minus", "large", "short", "long"],
)
def test_an_impossible_request_cannot_be_made(wrong: tuple[int, tuple[bytes, ...]]) -> None:
    with pytest.raises(InvalidInput, match="add-checkpoint: expected"):
        AddCheckpoint(*wrong, NOTE)


@given(st.integers(0, 2**63 - 1))
def test_a_size_is_read_as_it_was_written(size: int) -> None:
    assert decode_size(encode_size(size)) == size


@pytest.mark.parametrize(
    "body", [b"", b"1", b"01\n", b"-1\n", b"1\n\n", b" 1\n", b"1 \n", b"\n", b"9223372036854775808\n"]
)
def test_a_size_in_another_spelling_is_refused(body: bytes) -> None:
    with pytest.raises(BrokenProof, match="expected a decimal size"):
        decode_size(body)


def test_an_origin_is_looked_up_under_its_digest() -> None:
    # As sha256sum prints it.
    assert origin_digest("example.com/log") == "4d3203c8f35cdf600e475f55fede6081a703d3d322f208865fca2ec4f0e030f8"
