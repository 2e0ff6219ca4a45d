import json
import secrets
from itertools import pairwise
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand
from hypothesis import given
from hypothesis import strategies as st

from pseudonymisation.errors import UnknownDomain
from pseudonymisation.framing import framed
from pseudonymisation.pseudonym import DOMAINS, SubjectSecret, derive, is_pseudonym, verify_domain
from pseudonymisation.vault.sealing import IDENTIFIER_KEY_LABEL, IdentifierSealing

VECTORS = json.loads((Path(__file__).parents[1] / "vectors" / "pseudonyms" / "v1.json").read_text())
SAMPLE = 2000
BITS = 128
FIVE_SIGMA = 5 * (SAMPLE * BITS) ** 0.5 / 2


@pytest.mark.parametrize(
    "vector", VECTORS, ids=lambda vector: f"{vector['secret'][:4]}-{vector['domain']}-{vector['epoch']}"
)
def test_pseudonyms_are_what_they_were_when_first_published(vector: dict[str, str | int]) -> None:
    secret = SubjectSecret(bytes.fromhex(vector["secret"]))

    assert derive(secret, domain=vector["domain"], epoch=vector["epoch"]) == vector["pseudonym"]


def _equal_bits(left: list[str], right: list[str]) -> int:
    return sum(BITS - (int(one, 16) ^ int(other, 16)).bit_count() for one, other in zip(left, right, strict=True))


def test_pseudonyms_of_two_domains_agree_in_as_many_bits_as_chance_and_a_masked_copy_does_not() -> None:
    subjects = [SubjectSecret(secrets.token_bytes(32)) for _ in range(SAMPLE)]
    by_domain = [[derive(secret, domain=domain) for secret in subjects] for domain in DOMAINS]
    expected = SAMPLE * BITS / 2

    for left, right in pairwise([*by_domain, by_domain[0]]):
        assert abs(_equal_bits(left, right) - expected) < FIVE_SIGMA
    masked = [f"{int(pseudonym, 16) ^ 0xFF:032x}" for pseudonym in by_domain[0]]
    assert abs(_equal_bits(by_domain[0], masked) - expected) > FIVE_SIGMA


def test_no_mask_maps_one_domain_onto_another() -> None:
    subjects = [SubjectSecret(secrets.token_bytes(32)) for _ in range(200)]
    masks = {int(derive(one, domain="events"), 16) ^ int(derive(one, domain="consent"), 16) for one in subjects}

    assert len(masks) == 200


parts = st.lists(st.binary(max_size=6), max_size=4)


@given(st.text(max_size=4), parts, st.text(max_size=4), parts)
def test_framing_is_injective(label: str, left: list[bytes], other_label: str, right: list[bytes]) -> None:
    same = (label, left) == (other_label, right)

    assert (framed(label, *left) == framed(other_label, *right)) == same


def test_framing_tells_apart_what_concatenation_confuses() -> None:
    assert framed("v", b"ab", b"c") != framed("v", b"a", b"bc")
    assert framed("v", b"ab").hex() == "0000000176" + "000000026162"


def test_identifiers_are_sealed_under_the_key_that_hkdf_expands() -> None:
    material = bytes(range(32))
    key = HKDFExpand(SHA256(), 32, framed(IDENTIFIER_KEY_LABEL)).derive(material)
    sealed = IdentifierSealing(b"s" * 16, SubjectSecret(material)).seal(
        "email", "a@example.org", lambda size: b"n" * size
    )

    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    data = framed("probity/vault/identifier/v1", b"s" * 16, b"email")
    assert AESGCM(key).decrypt(sealed[:12], sealed[12:], data) == b"a@example.org"


def test_a_secret_cannot_be_printed_and_has_one_length() -> None:
    assert repr(SubjectSecret(b"x" * 32)) == "SubjectSecret(…)"
    with pytest.raises(ValueError, match="expected 32 bytes, got 31"):
        SubjectSecret(b"x" * 31)


def test_only_registered_domains_exist() -> None:
    assert verify_domain("events") == "events"
    with pytest.raises(UnknownDomain, match="expected one of events, consent, rights, got another"):
        verify_domain("marketing")


@pytest.mark.parametrize(
    ("text", "answer"),
    [("0" * 32, True), ("0" * 31, False), ("0" * 31 + "A", False), ("0" * 31 + "g", False), ("", False)],
)
def test_a_pseudonym_has_one_form(text: str, answer: bool) -> None:  # noqa: FBT001 - a test's parameter
    assert is_pseudonym(text) is answer
