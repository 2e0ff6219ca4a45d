import re
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine

from governance.database import transaction
from governance.errors import BrokenProof, InvalidInput, UnreadableEntry
from governance.ledger import opening
from governance.ledger.commitment import Opening, commitment, decode_opening, encode_opening, verify_opening
from pseudonymisation.boxes import box_key, open_box
from pseudonymisation.pseudonym import SubjectSecret

SALT = bytes(range(32))


def test_a_commitment_is_the_keyed_hash_of_the_tagged_payload() -> None:
    # By OpenSSL: printf 'probity/ledger-commitment/v1\0{"request":"erasure"}' |
    # openssl dgst -sha256 -mac HMAC -macopt hexkey:000102…1f
    committed = commitment(SALT, {"request": "erasure"})

    assert committed == "77b6b0754eaf90f0aa9f215e6ec509ddf67f0878d2c92638db970600f85cc5bd"
    verify_opening(committed, Opening(SALT, {"request": "erasure"}))


def test_another_salt_or_payload_does_not_open_a_commitment() -> None:
    committed = commitment(SALT, {"request": "erasure"})

    with pytest.raises(BrokenProof, match="do not open this commitment"):
        verify_opening(committed, Opening(SALT, {"request": "access"}))
    with pytest.raises(BrokenProof, match="do not open this commitment"):
        verify_opening(committed, Opening(bytes(32), {"request": "erasure"}))
    with pytest.raises(BrokenProof, match="do not open this commitment"):
        verify_opening("é" * 64, Opening(SALT, {"request": "erasure"}))


@given(st.binary(min_size=32, max_size=32))
def test_a_commitment_is_never_without_the_drawn_salt(salt: bytes) -> None:
    payload = {"entry": "rights.request_received", "request": "r", "right": "access", "subject": "s"}

    assert re.fullmatch("[0-9a-f]{64}", commitment(salt, payload))
    assert commitment(salt, payload) != commitment(bytes(b ^ 1 for b in salt), payload)


@pytest.mark.parametrize("length", [0, 16, 31, 33])
def test_a_salt_of_another_length_is_refused(length: int) -> None:
    with pytest.raises(InvalidInput, match="expected a salt of 32 bytes"):
        commitment(bytes(length), {})


@given(st.binary(min_size=32, max_size=32), st.dictionaries(st.text(max_size=9), st.text(max_size=9), max_size=4))
def test_an_opening_has_one_spelling(salt: bytes, payload: dict[str, str]) -> None:
    opening = Opening(salt, payload)
    encoded = encode_opening(opening)

    assert decode_opening(encoded) == opening
    for other in (encoded + b"\n", encoded.replace(b":", b": ", 1), encoded[:-1]):
        with pytest.raises(UnreadableEntry):
            decode_opening(other)


@pytest.mark.parametrize(
    "unverified",
    [
        b"",
        b"[]",
        b"null",
        b"{}",
        b'{"payload":{},"salt":1}',
        b'{"payload":[],"salt":"AAAA"}',
        b'{"payload":{},"salt":"AAAA"}',
        b'{"more":1,' + encode_opening(Opening(SALT, {}))[1:],
        b"\xff",
    ],
)
def test_what_is_no_opening_is_refused_without_repeating_it(unverified: bytes) -> None:
    with pytest.raises(UnreadableEntry, match="expected an opening") as refused:
        decode_opening(unverified)
    assert refused.value.__suppress_context__


@given(st.binary(max_size=200) | st.text(alphabet='{}[]":,payloadsalt0', max_size=80).map(str.encode))
def test_any_other_bytes_are_refused_and_never_crash(unverified: bytes) -> None:
    with pytest.raises(UnreadableEntry, match="expected an opening"):
        decode_opening(unverified)


@pytest.mark.parametrize(
    "unverified",
    [
        b'{"payload":' + b'{"a":' * 5000 + b"1" + b"}" * 5001,
        b'{"payload":{"x":"' + b"y" * 70_000 + b'"},"salt":"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="}',
        b'{"payload":{},"salt":"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh9="}',
        b'{"payload":{"n":1.0},"salt":"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="}',
        b'{"salt":"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=","payload":{}}',
    ],
    ids=["deep", "long", "stray bits of base64", "another spelling of a number", "another order"],
)
def test_a_hostile_opening_is_refused(unverified: bytes) -> None:
    with pytest.raises(UnreadableEntry, match="expected an opening"):
        decode_opening(unverified)


def test_an_opening_does_not_print_whom_it_is_about() -> None:
    assert repr(Opening(SALT, {"subject": "00112233"})) == "Opening()"


def test_the_same_payload_twice_is_two_commitments_with_a_salt_each(log: Engine) -> None:
    secret, record, payload = SubjectSecret(bytes(range(32))), UUID(int=1), {"subject": "a" * 32}
    names = {"box_key": box_key(secret, record.bytes), "about": "a" * 32, "record": record}
    with transaction(log) as session:
        made = [opening.commit_to(session, payload, **names) for _ in range(2)]
        sealed = [opening.find_opening(session, each).sealed for each in made]
    opened = [
        decode_opening(open_box(secret, record.bytes, each, place=committed.encode()))
        for committed, each in zip(made, sealed, strict=True)
    ]

    for committed, each in zip(made, opened, strict=True):
        verify_opening(committed, each)
    assert len(set(made)) == len({each.salt for each in opened}) == 2
    assert [each.payload for each in opened] == [payload, payload]


def test_a_commitment_takes_its_salt_as_it_was_drawn(log: Engine) -> None:
    names = {"box_key": box_key(SubjectSecret(bytes(32)), b"r"), "about": "a" * 32, "record": UUID(int=1)}
    with transaction(log) as session:
        assert opening.commit_to(session, {}, **names, draw=lambda count: SALT[:count]) == commitment(SALT, {})


def test_an_opening_is_found_until_its_subject_or_its_record_is_erased(log: Engine) -> None:
    jane, bob, first, second = "a" * 32, "b" * 32, UUID(int=1), UUID(int=2)
    with transaction(log) as session:
        for committed, about, record in (("1", jane, first), ("2", jane, second), ("3", bob, first)):
            opening.keep_opening(session, committed, about=about, record=record, sealed=committed.encode())
        assert opening.count_openings(session, jane) == 2

    with transaction(log) as session:
        assert opening.erase_openings(session, about=jane) == 2
        assert opening.erase_openings(session, about=jane) == 0
        assert opening.count_openings(session, jane) == 0
    with transaction(log) as session:
        assert opening.find_opening(session, "1") is None
        assert opening.find_opening(session, "3").sealed == b"3"
        assert opening.erase_openings(session, record=second) == 0
        assert opening.erase_openings(session, record=first) == 1


def test_nobody_erases_openings_without_saying_which(log: Engine) -> None:
    with transaction(log) as session, pytest.raises(InvalidInput, match="one pseudonym or one record"):
        opening.erase_openings(session)
