"""Identifiers: what names a subject in the outside world, and the one form in which we compare them.

A subject missed because of a capital letter is an erasure missed, so every type is normalised here and nowhere else.
Values that name nobody (the all-zero advertising id that a device sends when tracking is limited) are dropped: kept,
they would melt everyone who said no into one subject. An IP address is accepted on the wire and never kept.
"""

import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import idna

from pseudonymisation.errors import BadIdentifier, UnknownIdentifierType

MAX_LENGTH = 256
MAX_EMAIL_LENGTH = 254
"""RFC 5321, section 4.5.3.1.3, less the angle brackets."""

NEVER_KEPT = ("ip",)
"""Accepted in a subject on the wire, then forgotten."""

_ASCII_DOMAIN = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)+")
_BRACED_UUID = re.compile(r"\{[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\}")
_E164 = re.compile(r"\+[1-9][0-9]{6,14}")
_PHONE_PUNCTUATION = str.maketrans("", "", " -./()\N{NO-BREAK SPACE}\N{HYPHEN}\N{NON-BREAKING HYPHEN}\N{EN DASH}")
_NOBODY = frozenset({"", "0" * 32, "00000000-0000-0000-0000-000000000000"})


@dataclass(frozen=True, slots=True)
class IdentifierType:
    """One type of identifier.

    ``normalise`` maps a text of 1 to 256 characters to its one form, or to None where the value names nobody. It is
    idempotent, and raises ``BadIdentifier`` without repeating the value.
    """

    slug: str
    normalise: Callable[[str], str | None]


@dataclass(frozen=True, slots=True, repr=False)
class Identity:
    """What one event says about who its subject is: normalised (type, value) pairs, strongest first, at least one."""

    pairs: tuple[tuple[str, str], ...]

    def __repr__(self) -> str:
        return f"Identity({', '.join(f'{slug}=…' for slug, _ in self.pairs)})"


def normalise_account(text: str) -> str | None:
    """NFC, trimmed; case is kept, because services exist where it matters."""
    return _printable("account_id", unicodedata.normalize("NFC", text).strip())


def normalise_email(text: str) -> str | None:
    """NFKC and case folded; the domain as A-labels (IDNA 2008 with the mapping of UTS 46).

    Dots and ``+tags`` stay: only the receiving provider may say that they mean nothing (RFC 5321, section 2.3.11).
    """
    local, at, domain = _folded(text).strip().rpartition("@")
    if not (at and local) or "@" in local or " " in local or '"' in local or not local.isprintable():
        raise BadIdentifier(field="email", expected="local@domain", got=_shape(text))
    address = f"{local}@{_ascii_domain(domain, text)}"
    if len(address) > MAX_EMAIL_LENGTH:
        raise BadIdentifier(field="email", expected=f"at most {MAX_EMAIL_LENGTH} characters", got=_shape(address))
    return address


def normalise_device(text: str) -> str | None:
    """NFC, trimmed, lower case; a UUID without its braces. All zeros names nobody."""
    folded = unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).lower()).strip()
    bare = folded[1:-1] if _BRACED_UUID.fullmatch(folded) else folded
    return None if bare in _NOBODY else _printable("device_id", bare)


def normalise_phone(text: str) -> str | None:
    """E.164: a plus, the country code, up to 15 digits; ``00`` stands for the plus, ``(0)`` for nothing.

    A national number is refused: without its country it may be somebody else's.
    """
    plain = unicodedata.normalize("NFKC", text).strip().replace("(0)", "").translate(_PHONE_PUNCTUATION)
    number = f"+{plain[2:]}" if plain.startswith("00") else plain
    if _E164.fullmatch(number) is None:
        raise BadIdentifier(field="phone", expected="an international number, + and 7 to 15 digits", got=_shape(text))
    return number


IDENTIFIER_TYPES = (
    IdentifierType("account_id", normalise_account),
    IdentifierType("email", normalise_email),
    IdentifierType("phone", normalise_phone),
    IdentifierType("device_id", normalise_device),
)
"""Strongest first: the strongest identifier that an event carries decides whose event it is."""

_BY_SLUG = {kind.slug: kind for kind in IDENTIFIER_TYPES}


def read_identity(raw: object) -> Identity:
    """The identity in a raw ``subject`` object.

    Args:
        raw: what JSON gave for ``subject``: an object from type to text. Null values count as absent.

    Raises:
        UnknownIdentifierType: a key is neither a registered type nor one of ``NEVER_KEPT``.
        BadIdentifier: not an object, a value that cannot be normalised, or no identifier left.
    """
    if not isinstance(raw, Mapping):
        raise BadIdentifier(field="subject", expected="an object of identifiers", got=_type_name(raw))
    if unknown := sum(1 for key in raw if key not in _BY_SLUG and key not in NEVER_KEPT):
        known = ", ".join([*_BY_SLUG, *NEVER_KEPT])
        raise UnknownIdentifierType(
            field="subject", expected=f"identifiers of type {known}", got=f"{unknown} of another type"
        )
    pairs = []
    for slug, kind in _BY_SLUG.items():
        value = raw.get(slug)
        if value is not None and (normal := _normalised(kind, value)) is not None:
            pairs.append((slug, normal))
    if not pairs:
        raise BadIdentifier(field="subject", expected=f"one of {', '.join(_BY_SLUG)}", got="none that names somebody")
    return Identity(tuple(pairs))


def _normalised(kind: IdentifierType, value: object) -> str | None:
    if not isinstance(value, str):
        raise BadIdentifier(kind.slug, expected="text", got=_type_name(value))
    if not 1 <= len(value) <= MAX_LENGTH:
        raise BadIdentifier(kind.slug, expected=f"1 to {MAX_LENGTH} characters", got=_shape(value))
    return kind.normalise(value)


def _printable(field: str, text: str) -> str:
    # Rejects control characters and lone surrogates, which no UTF-8 can carry, and invisible ones, which make two ids
    # look alike.
    if not text or not text.isprintable():
        raise BadIdentifier(field, expected="visible characters", got=_shape(text))
    return text


def _folded(text: str) -> str:
    """Unicode's toNFKC_Casefold, less its removal of ignorable characters, which are refused instead."""
    if text.isascii():
        return text.lower()
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())


def _ascii_domain(domain: str, text: str) -> str:
    bare = domain.removesuffix(".")
    if "xn--" not in bare and _ASCII_DOMAIN.fullmatch(bare):
        return bare
    try:
        encoded = idna.encode(bare, uts46=True, std3_rules=True).decode()
    except (idna.IDNAError, UnicodeError):
        encoded = ""
    if _ASCII_DOMAIN.fullmatch(encoded) is None:
        raise BadIdentifier(field="email", expected="a domain name after the @", got=_shape(text))
    return encoded


def _shape(text: str) -> str:
    return f"text of {len(text)} characters"


def _type_name(value: object) -> str:
    names = {bool: "true or false", int: "a number", float: "a number", str: "text", list: "a list", dict: "an object"}
    return names.get(type(value), "nothing" if value is None else "something else")
