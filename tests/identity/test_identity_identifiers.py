import unicodedata

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pseudonymisation.errors import BadEvent, BadIdentifier, UnknownIdentifierType
from pseudonymisation.identifiers import IDENTIFIER_TYPES, Identity, read_identity

TYPES = {kind.slug: kind for kind in IDENTIFIER_TYPES}

NORMAL = [
    ("account_id", "  Mara-17 ", "Mara-17"),
    ("account_id", "Zoe\u0308", "Zo\u00eb"),
    ("email", "Mara.Lind@Example.ORG", "mara.lind@example.org"),
    ("email", " mara+tv@example.org. ", "mara+tv@example.org"),
    ("email", "\uff4d\uff41\uff52\uff41@example.org", "mara@example.org"),
    ("email", "stra\u00dfe@example.org", "strasse@example.org"),
    # Punycode (RFC 3492) of b\u00fccher.
    ("email", "info@B\u00fccher.example", "info@xn--bcher-kva.example"),
    ("email", "info@XN--BCHER-KVA.example", "info@xn--bcher-kva.example"),
    ("phone", "+44 (0)20 7946 0018", "+442079460018"),
    ("phone", "0044 20 7946-0018", "+442079460018"),
    ("phone", "+1 (555) 010.0199", "+15550100199"),
    ("device_id", "{6F9619FF-8B86-D011-B42D-00CF4FC964FF}", "6f9619ff-8b86-d011-b42d-00cf4fc964ff"),
    ("device_id", " TV-55A1 ", "tv-55a1"),
    ("device_id", "00000000-0000-0000-0000-000000000000", None),
    ("device_id", "{00000000-0000-0000-0000-000000000000}", None),
]

REFUSED = [
    ("account_id", "a\u200bb"),
    ("account_id", "a\x00b"),
    ("account_id", "\ud800"),
    ("account_id", "   "),
    ("email", "mara.example.org"),
    ("email", "@example.org"),
    ("email", "mara@"),
    ("email", "mara@localhost"),
    ("email", "mara@-example.org"),
    ("email", "mara@exa mple.org"),
    ("email", "mara lind@example.org"),
    ("email", "mara@[192.0.2.1]"),
    ("email", "mara@xn--zzzzzzzz99.example"),
    ("email", "m" * 250 + "@example.org"),
    ("phone", "020 7946 0018"),
    ("phone", "+0044 20"),
    ("phone", "+1234567890123456"),
    ("phone", "call me"),
    ("device_id", "tv\n55"),
]


@pytest.mark.parametrize(("slug", "raw", "normal"), NORMAL)
def test_an_identifier_has_one_form(slug: str, raw: str, normal: str | None) -> None:
    found = TYPES[slug].normalise(raw)

    assert found == normal


@pytest.mark.parametrize(("slug", "raw"), REFUSED)
def test_what_cannot_be_normalised_is_refused_by_its_shape_and_not_repeated(slug: str, raw: str) -> None:
    with pytest.raises(BadIdentifier) as refusal:
        read_identity({slug: raw})

    assert refusal.value.field == slug
    assert raw.strip() == "" or raw not in str(refusal.value)


@pytest.mark.parametrize("kind", IDENTIFIER_TYPES, ids=lambda kind: kind.slug)
@given(
    text=st.one_of(st.text(min_size=1, max_size=40), st.emails(), st.from_regex(r"\+?[0-9 ()-]{5,20}", fullmatch=True))
)
@example("\u0130stanbul@example.org")
@example("a\u0345@\u1e9e.example")
@example("{{a}}")
def test_normalising_twice_is_normalising_once(kind: object, text: str) -> None:
    try:
        once = kind.normalise(text)
    except BadIdentifier:
        return

    assert once is None or kind.normalise(once) == once


@given(st.emails(domains=st.sampled_from(["example.org", "b\u00fccher.example"])))
def test_case_and_composition_never_make_another_subject(address: str) -> None:
    try:
        usual = read_identity({"email": address})
    except BadIdentifier:
        return
    ascii_only = address if not address.isascii() else address.upper()

    assert read_identity({"email": ascii_only}) == usual
    assert read_identity({"email": unicodedata.normalize("NFD", address)}) == usual


def test_identifiers_are_ordered_by_strength_and_the_ip_address_is_forgotten() -> None:
    identity = read_identity(
        {"device_id": "TV-1", "ip": "192.0.2.7", "phone": "+442079460018", "email": "a@example.org", "account_id": "7"}
    )

    assert identity.pairs == (
        ("account_id", "7"),
        ("email", "a@example.org"),
        ("phone", "+442079460018"),
        ("device_id", "tv-1"),
    )


@pytest.mark.parametrize(
    ("raw", "got"),
    [
        (None, "nothing"),
        ("mara@example.org", "text"),
        ([], "a list"),
        ({}, "none that names somebody"),
        ({"ip": "192.0.2.7"}, "none that names somebody"),
        ({"device_id": "0" * 32}, "none that names somebody"),
        ({"email": None}, "none that names somebody"),
        ({"account_id": 1017}, "a number"),
        ({"account_id": True}, "true or false"),
        ({"account_id": {"id": "1017"}}, "an object"),
        ({"account_id": ""}, "text of 0 characters"),
        ({"account_id": "x" * 257}, "text of 257 characters"),
    ],
)
def test_a_subject_without_a_usable_identifier_is_refused(raw: object, got: str) -> None:
    with pytest.raises(BadIdentifier) as refusal:
        read_identity(raw)

    assert refusal.value.got == got


def test_an_unknown_type_is_refused_without_repeating_it() -> None:
    with pytest.raises(UnknownIdentifierType) as refusal:
        read_identity({"account_id": "7", "mara@example.org": "x"})

    assert str(refusal.value) == (
        "field subject: expected identifiers of type account_id, email, phone, device_id, ip, got 1 of another type"
    )


@settings(max_examples=50)
@given(
    st.recursive(st.none() | st.booleans() | st.integers() | st.text(), lambda inner: st.dictionaries(st.text(), inner))
)
def test_whatever_json_gives_is_read_or_refused_as_a_bad_event(raw: object) -> None:
    try:
        identity = read_identity(raw)
    except BadEvent as refusal:
        assert refusal.expected  # noqa: PT017 - a refusal is one of the two good outcomes
        return

    assert identity.pairs


def test_an_identity_cannot_be_printed() -> None:
    identity = read_identity({"account_id": "acc-91", "email": "canary@example.org"})

    assert repr(identity) == "Identity(account_id=…, email=…)"
    assert str([identity]) == "[Identity(account_id=…, email=…)]"
    assert isinstance(identity, Identity)
