"""The subjects of the sample service: the identifiers they are known by, how active they are, and what they like.

Every identifier is invented within ranges reserved for documentation: e-mail domains of RFC 2606, addresses of RFC
5737 and RFC 3849, telephone numbers 555-0100 to 555-0199.
"""

import unicodedata
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pseudonymisation.sources.sample.names import invented_people
from pseudonymisation.sources.sample.settings import SampleSettings
from pseudonymisation.sources.sample.titles import GENRES, STYLES, Floats, Ints

CLUSTERS = 14
_DOMAINS = ("example.org", "example.com", "example.net")
_NETWORKS = ("192.0.2", "198.51.100", "203.0.113")
_TIERS = ((0.5, 0.4), (0.35, 1.1), (0.15, 2.8))
"""(share of subjects, mean activity relative to all): occasional, regular, heavy."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """The identifiers of one subject. ``email_variant`` is how some of them also spell the address."""

    account_id: str
    name: str
    email: str
    email_variant: str
    phone: str
    devices: tuple[tuple[str, str], ...]
    """(device id, IP address) each."""
    gpc: bool
    """The first device's browser sends Global Privacy Control."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Population:
    """Subjects with their hidden properties, row by row.

    ``genres`` (subjects by 12) and ``styles`` (subjects by STYLES) are tastes; ``shown`` how many titles each saw;
    ``late_hours`` by how much their evening shifts, in hours.
    """

    subjects: list[Subject]
    genres: Floats
    styles: Floats
    shown: Ints
    late_hours: Ints


def make_population(rng: np.random.Generator, settings: SampleSettings) -> Population:
    """Invents the subjects. Each belongs to one of ``CLUSTERS`` taste clusters and deviates a little from it."""
    count = settings.subjects
    cluster = rng.integers(CLUSTERS, size=count)
    genre_centres = rng.normal(size=(CLUSTERS, len(GENRES)))
    style_centres = rng.normal(size=(CLUSTERS, STYLES))
    return Population(
        subjects=_subjects(rng, count),
        genres=(genre_centres - genre_centres.mean(axis=0))[cluster] + 0.4 * rng.normal(size=(count, len(GENRES))),
        styles=(style_centres - style_centres.mean(axis=0))[cluster] + 0.4 * rng.normal(size=(count, STYLES)),
        shown=titles_shown(rng, settings),
        late_hours=np.rint(rng.normal(0, 1.5, count)).astype(np.int64),
    )


def titles_shown(rng: np.random.Generator, settings: SampleSettings) -> Ints:
    """How many titles each subject is shown: a few subjects see most."""
    tier = rng.choice(len(_TIERS), size=settings.subjects, p=[share for share, _ in _TIERS])
    mean = np.array([activity for _, activity in _TIERS])[tier] / sum(share * activity for share, activity in _TIERS)
    activity = mean * rng.lognormal(-0.18, 0.6, settings.subjects)  # exp(-0.6²/2): the factor has mean 1
    return np.clip(np.rint(activity * settings.impressions), 6, settings.titles // 2).astype(np.int64)


def _subjects(rng: np.random.Generator, count: int) -> list[Subject]:
    names = invented_people(rng, count)
    accounts = (rng.choice(90_000_000, size=count, replace=False) + 10_000_000).tolist()
    return [
        _subject(rng, number, name, account) for number, (name, account) in enumerate(zip(names, accounts, strict=True))
    ]


def _subject(rng: np.random.Generator, number: int, name: str, account: int) -> Subject:
    local = ".".join(_ascii(part) for part in name.split(" "))
    # Two names may be spelt alike once their accents are gone; the number keeps their addresses apart.
    email = f"{local.lower()}.{number:x}@{_DOMAINS[number % len(_DOMAINS)]}"
    variant = email if rng.random() > 0.05 else _respelt(email)  # noqa: PLR2004 - one subject in twenty
    devices = 2 if rng.random() < 0.3 else 1  # noqa: PLR2004 - three in ten
    return Subject(
        account_id=f"acct-{account}",
        name=name,
        email=email,
        email_variant=variant,
        phone=f"+1 {200 + number % 700}-555-0{100 + number // 700 % 100}",
        devices=tuple((f"dev-{rng.bytes(8).hex()}", _address(rng)) for _ in range(devices)),
        gpc=bool(rng.random() < 0.04),  # noqa: PLR2004 - four in a hundred
    )


def _ascii(text: str) -> str:
    return unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()


def _respelt(email: str) -> str:
    local, domain = email.split("@")
    return f"{local.title()}@{domain.capitalize()}"


def _address(rng: np.random.Generator) -> str:
    if rng.random() < 0.25:  # noqa: PLR2004 - a quarter of the devices are on IPv6
        groups: npt.NDArray[np.int64] = rng.integers(1, 0x10000, size=3)
        return f"2001:db8:{groups[0]:x}::{groups[1]:x}:{groups[2]:x}"
    return f"{_NETWORKS[int(rng.integers(3))]}.{int(rng.integers(1, 255))}"
