import json
import re
from html.parser import HTMLParser
from typing import Any

import pytest

from pseudonymisation.access_page import PARTS, label, render_page, shape, shown
from pseudonymisation.disclosure import SealedPackage, compose_package, open_package
from pseudonymisation.errors import DisclosureError, UnknownSubject
from pseudonymisation.identifiers import read_identity
from pseudonymisation.pseudonym import Pseudonym
from pseudonymisation.vault import Vault

MARA = read_identity({"account_id": "acc-1", "email": "Mara.Lind@Example.org", "device_id": "tv-55a1"})
ATTACK = "<script>alert(1)</script>"
REASONS = [{"title": "The Long Harbour", "share": 0.412}, {"title": "North Light", "share": 0.22}]
PARTS_HANDED_OVER: dict[str, Any] = {
    "request": {"right": "access", "regime": "gdpr", "answered_on": "2026-11-23"},
    "controller": {"name": "Example Streaming", "contact": "privacy@example.org"},
    "purposes": [{"title": "Recommendations", "legal_basis": "A6-1-a", "data": {"view": ["item", "seconds"]}}],
    "consents": [{"purpose": "model_training", "decided_at": "2026-03-01T20:30:00+01:00", "in_force": True}],
    "events": {
        "view": [
            {"at": "2026-03-01T19:30:00+00:00", "item": f"Title {number}", "seconds": 1200.5} for number in range(30)
        ],
        "search": [{"at": "2026-03-02T19:30:00+00:00", "query": f"a_b {ATTACK}"}],
        "browse": [],
    },
    "recommendations": [{"item": "t9", "title": "Winter Ferry", "because": REASONS}],
    "profiling": ["A linear model.", "No decision with legal effect is made."],
    "unheard_of": {"note": "still shown"},
}


@pytest.fixture
def vault(open_sqlite_vault: object) -> Vault:
    return open_sqlite_vault()


@pytest.fixture
def mara(vault: Vault) -> Pseudonym:
    [names] = vault.enrol([MARA], domains=["rights"])
    return names["rights"]


class _Page(HTMLParser):
    """Collects what a reader sees and what a browser would fetch or run."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.seen: list[str] = []
        self.tags: list[str] = []
        self.addresses: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.addresses += [value or "" for name, value in attrs if name in {"href", "src", "action", "srcset"}]

    def handle_data(self, data: str) -> None:
        self.seen.append(data)

    @property
    def words(self) -> str:
        return re.sub(r"\s+", " ", " ".join(self.seen))


def test_a_package_holds_the_identifiers_and_the_parts_and_opens_with_its_key(vault: Vault, mara: Pseudonym) -> None:
    sealed = compose_package(vault, mara, PARTS_HANDED_OVER)

    files = open_package(sealed.ciphertext, sealed.key)

    assert list(files) == ["access.json", "access.html"]
    assert json.loads(files["access.json"]) == {
        "identifiers": [
            {"type": "account_id", "value": "acc-1"},
            {"type": "email", "value": "mara.lind@example.org"},
            {"type": "device_id", "value": "tv-55a1"},
        ],
        **PARTS_HANDED_OVER,
    }
    assert "mara.lind@example.org" in files["access.html"].decode()


def test_nothing_of_a_package_is_readable_without_its_key(vault: Vault, mara: Pseudonym) -> None:
    sealed = compose_package(vault, mara, PARTS_HANDED_OVER)

    assert b"access.json" not in sealed.ciphertext
    assert b"mara" not in sealed.ciphertext
    assert sealed.key not in sealed.ciphertext
    assert len(sealed.key) == 32
    assert repr(sealed) == "SealedPackage()"


def test_every_package_has_another_key(vault: Vault, mara: Pseudonym) -> None:
    keys = {compose_package(vault, mara, {}).key for _ in range(5)}

    assert len(keys) == 5


@pytest.mark.parametrize(
    "spoil",
    [
        lambda sealed: (sealed.ciphertext, bytes(32)),
        lambda sealed: (sealed.ciphertext, b"short"),
        lambda sealed: (sealed.ciphertext[:-1], sealed.key),
        lambda sealed: (sealed.ciphertext + b"\0", sealed.key),
        lambda sealed: (
            sealed.ciphertext[:40] + bytes([sealed.ciphertext[40] ^ 1]) + sealed.ciphertext[41:],
            sealed.key,
        ),
        lambda sealed: (sealed.ciphertext[:22], sealed.key),
        lambda sealed: (b"PK" + sealed.ciphertext, sealed.key),
        lambda sealed: (b"", sealed.key),
    ],
)
def test_another_key_or_a_changed_byte_opens_nothing(vault: Vault, mara: Pseudonym, spoil: object) -> None:
    ciphertext, key = spoil(compose_package(vault, mara, PARTS_HANDED_OVER))

    with pytest.raises(DisclosureError):
        open_package(ciphertext, key)


def test_an_erased_subject_gets_no_package(vault: Vault, mara: Pseudonym) -> None:
    vault.erase(mara, domain="rights")

    with pytest.raises(UnknownSubject):
        compose_package(vault, mara, PARTS_HANDED_OVER)


@pytest.mark.parametrize("value", [float("nan"), b"mara@example.org", {1, 2}, object()])
def test_what_json_cannot_hold_is_refused_without_being_quoted(vault: Vault, mara: Pseudonym, value: object) -> None:
    with pytest.raises(DisclosureError) as refusal:
        compose_package(vault, mara, {"events": {"view": [{"item": value}]}})

    assert str(refusal.value) == "a part of the access package is not something that JSON can hold"
    assert refusal.value.__cause__ is None


def test_identifiers_from_outside_the_identity_plane_are_refused(vault: Vault, mara: Pseudonym) -> None:
    with pytest.raises(DisclosureError, match="part identifiers"):
        compose_package(vault, mara, {"identifiers": []})


def test_the_page_runs_nothing_fetches_nothing_and_escapes_everything() -> None:
    html = render_page(PARTS_HANDED_OVER)

    page = _Page(html)

    assert not {"script", "img", "link", "iframe", "form", "base"} & set(page.tags)
    assert all(address.startswith("#") for address in page.addresses)
    assert "default-src 'none'" in html
    assert "url(" not in html
    assert ATTACK in page.words
    assert ATTACK not in html


def test_every_part_is_shown_also_one_that_nobody_planned() -> None:
    words = _Page(render_page(PARTS_HANDED_OVER)).words

    for expected in (
        "Example Streaming",
        "your consent (GDPR Art. 6(1)(a))",
        "1 March 2026, 19:30 UTC",
        "Title 29",
        "a_b",
        "Nothing is held.",
        "Winter Ferry",
        "41.2%",
        "A linear model.",
        "Unheard of",
        "still shown",
    ):
        assert expected in words


def test_a_page_of_nothing_is_still_a_page() -> None:
    assert "Your data" in _Page(render_page({"identifiers": [], "events": {}, "request": "access"})).words


def test_contents_lead_to_sections_that_exist() -> None:
    html = render_page(PARTS_HANDED_OVER | {"identifiers": []})

    links = re.findall(r'href="#([^"]+)"', html)

    assert links == [part.slug for part in PARTS if part.slug in PARTS_HANDED_OVER | {"identifiers": []}] + [
        "unheard_of"
    ]
    assert links == re.findall(r'<section id="([^"]+)"', html)


@pytest.mark.parametrize(
    ("value", "name", "text"),
    [
        (None, "", "none"),
        ("", "", "none"),
        (True, "", "yes"),
        (7, "", "7"),
        (0.412, "share", "41.2%"),
        (0.000001, "delta", "1e-06"),
        (123456.0, "seconds", "123,456"),
        ("2026-03-01T20:30:00+01:00", "at", "1 March 2026, 19:30 UTC"),
        ("2026-03-01T20:30:00+01:00", "query", "2026-03-01T20:30:00+01:00"),
        ("model_training", "purposes", "model training"),
        ("email", "type", "E-mail address"),
        ("email", "query", "email"),
    ],
)
def test_values_are_shown_as_a_reader_expects_and_the_subjects_own_words_letter_by_letter(
    value: object, name: str, text: str
) -> None:
    assert shown(value, name) == text


@pytest.mark.parametrize(
    ("value", "form"),
    [
        ("x", "text"),
        (3, "text"),
        ([], "nothing"),
        ({}, "nothing"),
        (["x"], "list"),
        ([{"a": 1}, "x"], "list"),
        ([{"a": 1, "b": ["x", "y"]}], "table"),
        ([{"a": [{"b": 1}]}], "cards"),
        ([{"a": "x" * 61}], "cards"),
        ({"a": 1}, "record"),
    ],
)
def test_shapes_decide_how_a_value_is_drawn(value: object, form: str) -> None:
    assert shape(value) == form


def test_names_are_words() -> None:
    assert label("legal_basis") == "Legal basis"
    assert isinstance(SealedPackage(b"", b""), SealedPackage)
