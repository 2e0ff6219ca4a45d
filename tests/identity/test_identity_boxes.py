import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pseudonymisation.boxes import BoxKey, box_key, open_box, seal
from pseudonymisation.errors import BrokenSeal, UnknownDomain, UnknownSubject
from pseudonymisation.identifiers import read_identity
from pseudonymisation.pseudonym import DOMAINS, Pseudonym, SubjectSecret
from pseudonymisation.vault import Vault

SECRET = SubjectSecret(bytes(range(32)))
VECTOR = json.loads((Path(__file__).parents[1] / "vectors" / "boxes" / "v1.json").read_text())


def _jane(vault: Vault) -> dict[str, Pseudonym]:
    return vault.enrol([read_identity({"account_id": "acc-1"})], domains=DOMAINS)[0]


@given(st.binary(max_size=300), st.binary(max_size=40), st.binary(max_size=40))
def test_what_was_put_in_comes_out(content: bytes, purpose: bytes, place: bytes) -> None:
    sealed = seal(box_key(SECRET, purpose), content, place=place)

    assert open_box(SECRET, purpose, sealed, place=place) == content
    assert len(sealed) == len(content) + 48


def test_a_box_that_was_filled_years_ago_still_opens() -> None:
    secret = SubjectSecret(bytes.fromhex(VECTOR["subject_secret"]))
    purpose, place = (VECTOR[name].encode() for name in ("purpose", "place"))

    assert box_key(secret, purpose).hex() == VECTOR["box_key"]
    assert open_box(secret, purpose, bytes.fromhex(VECTOR["sealed"]), place=place).decode() == VECTOR["content"]


def test_the_same_content_is_sealed_differently_each_time() -> None:
    key = box_key(SECRET, b"r")

    assert seal(key, b"same", place=b"") != seal(key, b"same", place=b"")


@pytest.mark.parametrize(
    ("secret", "purpose", "place"),
    [(SubjectSecret(bytes(32)), b"p", b"here"), (SECRET, b"q", b"here"), (SECRET, b"p", b"there")],
    ids=["another subject", "another purpose", "another place"],
)
def test_a_box_opens_for_its_subject_purpose_and_place_only(
    secret: SubjectSecret, purpose: bytes, place: bytes
) -> None:
    sealed = seal(box_key(SECRET, b"p"), b"content", place=b"here")

    with pytest.raises(BrokenSeal, match="does not open"):
        open_box(secret, purpose, sealed, place=place)


@given(st.data())
def test_no_byte_of_a_box_can_be_changed_or_left_out(data: st.DataObject) -> None:
    sealed = bytearray(seal(box_key(SECRET, b"p"), b"content", place=b""))
    position = data.draw(st.integers(0, len(sealed) - 1))
    changed = bytes(sealed[:position]) if data.draw(st.booleans()) else bytes(sealed)
    if len(changed) == len(sealed):
        sealed[position] ^= data.draw(st.integers(1, 255))
        # RFC 7748 section 5: the highest bit of a public key's last byte is ignored, but the key is part of HPKE's
        # context as it was sent, so even that bit is covered.
        changed = bytes(sealed)

    with pytest.raises(BrokenSeal):
        open_box(SECRET, b"p", changed, place=b"")


@pytest.mark.parametrize("key", [b"", bytes(31), bytes(32), bytes(33)])
def test_what_is_no_public_key_is_refused(key: bytes) -> None:
    with pytest.raises(BrokenSeal, match=f"got {len(key)} bytes that are none"):
        seal(BoxKey(key), b"content", place=b"")


def test_the_keys_of_two_purposes_are_not_the_same() -> None:
    assert box_key(SECRET, b"a") != box_key(SECRET, b"b")


def test_a_vault_opens_what_others_sealed_without_it(vault: Vault) -> None:
    rights = _jane(vault)["rights"]
    sealed = seal(vault.box_key(rights, domain="rights", purpose=b"r"), b"about Jane", place=b"here")

    assert vault.open_box(rights, sealed, domain="rights", purpose=b"r", place=b"here") == b"about Jane"
    with pytest.raises(UnknownSubject):
        vault.open_box(_jane(vault)["consent"], sealed, domain="rights", purpose=b"r", place=b"here")
    with pytest.raises(UnknownDomain):
        vault.box_key(rights, domain="elsewhere", purpose=b"r")


def test_after_an_erasure_every_copy_of_a_box_is_closed_for_good(vault: Vault) -> None:
    rights = _jane(vault)["rights"]
    copy_in_a_backup = seal(vault.box_key(rights, domain="rights", purpose=b"r"), b"about Jane", place=b"")
    vault.erase(rights, domain="rights")

    for pseudonym in (rights, _jane(vault)["rights"]):
        with pytest.raises((UnknownSubject, BrokenSeal)):
            vault.open_box(pseudonym, copy_in_a_backup, domain="rights", purpose=b"r", place=b"")
