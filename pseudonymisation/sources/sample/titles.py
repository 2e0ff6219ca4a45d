"""The catalogue of the sample service, with what only its makers know: each title's quality and style."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pseudonymisation.sources.sample.names import invented_people, invented_titles
from pseudonymisation.sources.sample.settings import SampleSettings
from pseudonymisation.sources.source import Catalogue, catalogue_of

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

GENRES = ("action", "animation", "comedy", "crime", "documentary", "drama", "family", "history", "horror", "romance",
          "science_fiction", "thriller")  # fmt: skip
_GENRE_SHARE = (0.09, 0.06, 0.15, 0.09, 0.08, 0.16, 0.07, 0.05, 0.05, 0.08, 0.05, 0.07)

BURIED = "european"
ORIGINS = (BURIED, "north_american", "asian", "latin_american", "african")
_OTHER_ORIGINS = (0.0, 0.5, 0.26, 0.15, 0.09)

LANGUAGES = {
    "european": (
        ("english", 0.4),
        ("french", 0.16),
        ("german", 0.14),
        ("spanish", 0.12),
        ("italian", 0.1),
        ("polish", 0.08),
    ),
    "north_american": (("english", 0.85), ("french", 0.07), ("spanish", 0.08)),
    "asian": (("japanese", 0.3), ("korean", 0.3), ("hindi", 0.25), ("english", 0.15)),
    "latin_american": (("spanish", 0.65), ("portuguese", 0.35)),
    "african": (("english", 0.45), ("french", 0.35), ("yoruba", 0.2)),
}
MATURITY = (("all", 0.18), ("7+", 0.17), ("12+", 0.27), ("16+", 0.26), ("18+", 0.12))
STYLES = 6
"""Hidden traits of a title that genres do not name (pace, mood …): what makes taste more than a list of genres."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Titles:
    """Parallel rows, one a title.

    ``genres`` (titles by 12) has rows of sum 1, ``styles`` is titles by STYLES, ``quality`` and ``fame`` have mean 0.
    """

    catalogue: Catalogue
    items: list[str]
    names: list[str]
    people: list[list[str]]
    seconds: Ints
    buried: npt.NDArray[np.bool_]
    genres: Floats
    styles: Floats
    quality: Floats
    fame: Floats


def make_titles(rng: np.random.Generator, settings: SampleSettings) -> Titles:
    """Invents the catalogue.

    Guarantees:
      - quality and fame are uncorrelated with every origin and genre, so none is better liked or better known than
        another
      - exactly ``round(titles · buried_share)`` titles are of the buried origin
    """
    count = settings.titles
    items = [f"title-{number:04d}" for number in range(1, count + 1)]
    names = invented_titles(rng, count)
    origin = _origins(rng, settings)
    genres = _genres(rng, count)
    years = (settings.until.year - np.minimum(rng.exponential(9, count), 60)).astype(np.int64)
    minutes = np.where(genres[:, GENRES.index("animation")] > 0, rng.normal(88, 12, count), rng.normal(104, 18, count))
    minutes = np.clip(minutes, 42, 190).astype(np.int64)
    crew = _crew(rng, count)
    rows = list(zip(items, names, years.tolist(), minutes.tolist(), strict=True))
    catalogue = catalogue_of(rows, _memberships(rng, items, genres, origin, crew))
    return Titles(
        catalogue=catalogue,
        items=items,
        names=names,
        people=[[name for _, name in members] for members in crew],
        seconds=minutes * 60,
        buried=origin == 0,
        genres=genres / genres.sum(axis=1, keepdims=True),
        styles=rng.normal(size=(count, STYLES)),
        quality=_levelled(rng.normal(size=count), origin, genres),
        fame=_levelled(rng.gumbel(size=count) * 0.9, origin, genres),
    )


def _origins(rng: np.random.Generator, settings: SampleSettings) -> Ints:
    buried = round(settings.titles * settings.buried_share)
    others = rng.choice(len(ORIGINS), size=settings.titles - buried, p=_OTHER_ORIGINS)
    return rng.permutation(np.concatenate([np.zeros(buried, dtype=np.int64), others]))


def _genres(rng: np.random.Generator, count: int) -> Floats:
    """One to three genres a title, as 0/1 flags (count by 12)."""
    wanted = rng.choice([1, 2, 3], size=count, p=[0.35, 0.45, 0.2])
    preference = np.log(_GENRE_SHARE) + rng.gumbel(size=(count, len(GENRES)))
    rank = np.argsort(np.argsort(-preference, axis=1), axis=1)
    return (rank < wanted[:, None]).astype(np.float64)


def _levelled(values: Floats, origin: Ints, genres: Floats) -> Floats:
    """The values less what origin and genres explain of them (least squares)."""
    known = np.column_stack([origin[:, None] == np.arange(len(ORIGINS)), genres]).astype(np.float64)
    explained, *_ = np.linalg.lstsq(known, values, rcond=None)
    return np.asarray(values - known @ explained)


def _crew(rng: np.random.Generator, count: int) -> list[list[tuple[str, str]]]:
    """(role, name) of one director and two to four cast; few people are in many titles, most in one or two."""
    people = invented_people(rng, 2 * count)
    weight = 1 / np.arange(1, len(people) + 1) ** 0.7
    crews = []
    for cast in rng.integers(2, 5, size=count).tolist():
        chosen = rng.choice(len(people), size=cast + 1, replace=False, p=weight / weight.sum()).tolist()
        crews.append([("director" if place == 0 else "cast", people[who]) for place, who in enumerate(chosen)])
    return crews


def _memberships(
    rng: np.random.Generator, items: list[str], genres: Floats, origin: Ints, crew: list[list[tuple[str, str]]]
) -> list[tuple[str, str, str]]:
    rows = []
    maturity = rng.choice([name for name, _ in MATURITY], size=len(items), p=[share for _, share in MATURITY]).tolist()
    for number, item in enumerate(items):
        names, shares = zip(*LANGUAGES[ORIGINS[origin[number]]], strict=True)
        rows += [(item, "genre", GENRES[genre]) for genre in np.flatnonzero(genres[number]).tolist()]
        rows.append((item, "origin", ORIGINS[origin[number]]))
        rows.append((item, "language", str(rng.choice(names, p=shares))))
        rows.append((item, "maturity", maturity[number]))
        rows += [(item, "person", f"{role}:{name}") for role, name in crew[number]]
    return rows
