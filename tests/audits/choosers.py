"""Choosers of pictures whose bias is known: titles with a lead and a minor character, shown to two cohorts."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as pacsv

TITLES = 8
IMAGES = ("lead", "minor", "both")


def catalogue() -> dict[str, pa.Table]:
    """Leads are of group a in half of the titles, of b in the other; a lead has four fifths of the roles."""
    titles = [f"film {number}" for number in range(TITLES)]
    of = {title: ("a", "b") if place % 2 == 0 else ("b", "a") for place, title in enumerate(titles)}
    images = [
        (title, image, {"lead": of[title][0], "minor": of[title][1], "both": "both"}[image])
        for title in titles
        for image in IMAGES
    ]
    cast = [
        (title, person, of[title][place], share)
        for title in titles
        for place, (person, share) in enumerate((("Lead", 0.8), ("Minor", 0.2)))
    ]
    pictured = [
        (title, image, person)
        for title in titles
        for image in IMAGES
        for person in ("Lead", "Minor")
        if image in (person.lower(), "both")
    ]
    return {
        "images": table(images, "title", "image", "category"),
        "cast": table(cast, "title", "person", "group", "share"),
        "pictured": table(pictured, "title", "image", "person"),
    }


def shown(seed: int, *, subjects: int, tilt: float = 0.0, chances: tuple[float, float] = (1 / 3, 1 / 3)) -> pa.Table:
    """Four impressions a subject, with their chances.

    ``chances`` are of the lead's and of the minor character's picture. With a ``tilt``, the one that shows a
    character of the group that the cohort is taken for gets so much more, in the titles where that is the minor one.
    """
    rng = np.random.default_rng(seed)
    titles = np.argsort(rng.random((subjects, TITLES)), axis=1)[:, :4].ravel()
    who = np.repeat(np.arange(subjects), 4)
    # The minor character is of group b in even titles, and the cohort of odd subjects is taken for b.
    more = np.where(titles % 2 != who % 2, tilt, 0.0)
    each = np.stack([chances[0] - more, chances[1] + more, np.full(who.size, 1 - sum(chances))], axis=1)
    image = (rng.random(who.size)[:, None] > np.cumsum(each, axis=1)[:, :2]).sum(axis=1)
    return pa.table(
        {
            "subject": [f"s{u:04d}" for u in who.tolist()],
            "cohort": [f"like {'ab'[u % 2]}" for u in who.tolist()],
            "title": [f"film {number}" for number in titles.tolist()],
            "image": [IMAGES[place] for place in image.tolist()],
            "propensity": each[np.arange(who.size), image],
        }
    )


def table(rows: list[tuple[object, ...]], *names: str) -> pa.Table:
    return pa.table(dict(zip(names, zip(*rows, strict=True), strict=True)))


def write(folder: Path, tables: dict[str, pa.Table]) -> None:
    for name, each in tables.items():
        pacsv.write_csv(each, folder / f"{name}.csv")
