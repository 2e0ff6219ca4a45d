"""The data sets of the protocol, read from the folders in which they are published.

MovieLens (1M, 100K): a rating of 4 or 5 is an interaction, and subjects have at least 5. Anonymous Microsoft Web: an
area visited is one, subjects have at least 2, and only those with 5 are held out. Harper and Konstan 2015; Breese,
Heckerman and Kadie 1998.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from recommender.features import CatalogueFeatures, features_from
from recommender.interactions import Interactions, interactions_from

LIKED = 4
"""Stars from which a rating is an interaction."""

ENOUGH = 5
"""Items from which a subject is held out, and on MovieLens taken at all."""

YOUNG, OLD = 25, 45
"""Where the age groups end: MovieLens-1M publishes brackets, of which these are limits."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Dataset:
    """One population.

    Attributes:
        name: as published.
        interactions: of every subject, over the whole catalogue.
        features: public metadata, or None where the catalogue has none.
        groups: for each attribute the group of every subject, in the order of ``interactions.subjects``.
    """

    name: str
    interactions: Interactions
    features: CatalogueFeatures | None
    groups: Mapping[str, np.ndarray]


def read_dataset(folder: Path) -> Dataset:
    """The data set that lies in the folder, told by its files.

    Raises:
        SystemExit: none of the known files is there.
    """
    for file, read in READERS.items():
        if (folder / file).is_file():
            return read(folder)
    msg = f"{folder}: expected one of {', '.join(READERS)}"
    raise SystemExit(msg)


def read_movielens_1m(folder: Path) -> Dataset:
    """``ratings.csv`` or the published ``ratings.dat``, ``movies.dat``, ``users.dat``."""
    if (folder / "ratings.csv").is_file():
        ratings = pd.read_csv(folder / "ratings.csv", dtype={"user_id": str, "movie_id": str})
        ratings = ratings.set_axis(["subject", "item", "stars"], axis="columns")
    else:
        ratings = _lines(folder / "ratings.dat", "::", ["subject", "item", "stars", "time"])
    movies = _lines(folder / "movies.dat", "::", ["item", "title", "genres"])
    categories = [(item, "genre", genre) for item, names in zip(movies["item"], movies.genres, strict=True)
                  for genre in names.split("|")]  # fmt: skip
    categories += _decades(movies)
    subjects = _lines(folder / "users.dat", "::", ["subject", "gender", "age", "occupation", "postcode"])
    return _movielens("ml-1m", ratings, list(movies["item"]), categories, subjects)


def read_movielens_100k(folder: Path) -> Dataset:
    """``u.data``, ``u.item``, ``u.genre``, ``u.user``."""
    ratings = _lines(folder / "u.data", "\t", ["subject", "item", "stars", "time"])
    genres = list(_lines(folder / "u.genre", "|", ["genre", "number"]).genre)
    movies = _lines(folder / "u.item", "|", ["item", "title", "released", "video", "address", *genres])
    categories = [(item, "genre", genre) for genre in genres for item in movies["item"][movies[genre] == "1"]]
    categories += _decades(movies)
    subjects = _lines(folder / "u.user", "|", ["subject", "age", "gender", "occupation", "postcode"])
    return _movielens("ml-100k", ratings, list(movies["item"]), categories, subjects)


def read_msweb(folder: Path) -> Dataset:
    """``anonymous-msweb.data``: visitors with two areas or more. There is no metadata, and nothing about visitors."""
    areas, pairs, visitor = [], [], ""
    for line in (folder / "anonymous-msweb.data").read_text(encoding="latin-1").splitlines():
        kind, _, rest = line.partition(",")
        if kind == "A":
            areas.append(rest.partition(",")[0])
        elif kind == "C":
            visitor = rest.rpartition(",")[2]
        elif kind == "V":
            pairs.append((visitor, rest.partition(",")[0]))
    visits = pd.DataFrame(pairs, columns=["subject", "item"]).drop_duplicates()
    kept = visits[visits.groupby("subject")["item"].transform("size") >= 2]  # noqa: PLR2004 - the protocol's
    return Dataset(name="msweb", interactions=_interactions(kept, sorted(areas)), features=None, groups={})


READERS: Mapping[str, Callable[[Path], Dataset]] = {
    "movies.dat": read_movielens_1m,
    "u.data": read_movielens_100k,
    "anonymous-msweb.data": read_msweb,
}
"""By the file that tells the layout."""


def _movielens(
    name: str, ratings: pd.DataFrame, items: list[str], categories: list[tuple[str, str, str]], subjects: pd.DataFrame
) -> Dataset:
    liked = ratings[ratings.stars.astype(int) >= LIKED].drop_duplicates(["subject", "item"])
    liked = liked[liked.groupby("subject")["item"].transform("size") >= ENOUGH]
    interactions = _interactions(liked, items)
    columns = zip(*categories, strict=True)
    features = features_from(pa.table(dict(zip(("item", "attribute", "category"), map(list, columns), strict=True))))
    known = subjects.set_index("subject").loc[list(interactions.subjects)]
    age = known.age.astype(int).to_numpy()
    bracket = np.select([age < YOUNG, age < OLD], [f"under {YOUNG}", f"{YOUNG} to {OLD - 1}"], f"{OLD} and over")
    gender = known.gender.map({"F": "women", "M": "men"}).to_numpy(dtype=str)
    return Dataset(
        name=name, interactions=interactions, features=features, groups={"gender": gender, "age": bracket.astype(str)}
    )


def _interactions(pairs: pd.DataFrame, items: list[str]) -> Interactions:
    columns = {"subject": list(pairs["subject"]), "item": list(pairs["item"])}
    if "time" in pairs:
        columns["time"] = list(pairs["time"].astype(int))
    return interactions_from(pa.table(columns), items)


def _decades(movies: pd.DataFrame) -> list[tuple[str, str, str]]:
    years = movies.title.str.extract(r"\((\d{3})\d\)\s*$")[0]
    return [(i, "decade", f"{y}0s") for i, y in zip(movies["item"], years, strict=True) if isinstance(y, str)]


def _lines(path: Path, separator: str, names: list[str]) -> pd.DataFrame:
    rows = [line.split(separator) for line in path.read_text(encoding="latin-1").splitlines() if line]
    return pd.DataFrame(rows, columns=names)
