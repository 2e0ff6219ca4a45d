"""MovieLens in its published layouts: 100K (``u.*``), 1M (``*.dat``), 20M, 25M and latest (``*.csv``).

Each rating becomes a ``rating`` event of the account ``<set>-subject-<number>``. Where the set has a file of subjects
(``u.user``, ``users.dat``), their gender and band of age become declarations, which audits by group need; nothing else
of those files is read.

F. M. Harper and J. A. Konstan, "The MovieLens Datasets: History and Context", ACM TiiS 5(4), 2015.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pseudonymisation.sources.movielens_subjects import SubjectTable, declared
from pseudonymisation.sources.movielens_titles import titles_from_csv, titles_from_dat, titles_from_item
from pseudonymisation.sources.ratings import RatingTable, rating_blocks
from pseudonymisation.sources.simulated import DECIDED_AT, NO_CONSENT_RECORDS, simulated_consents, synthetic_seconds
from pseudonymisation.sources.source import Catalogue
from pseudonymisation.sources.wire import declaration_line, event_lines, number

SYNTHETIC_START = datetime(2000, 1, 1, tzinfo=UTC)
SYNTHETIC_WINDOW_S = 366 * 86_400
NO_TIMES = (
    "The file has no times: each rating is given a synthetic one, spread evenly over the year 2000 by its line number; "
    "it carries no information, so nothing that depends on time should be read into it."
)
UNDATED = (
    "What subjects say of themselves, gender and a band of age, comes from {file}, which has no times: it is dated "
    f"{DECIDED_AT:%Y-%m-%d}."
)
LICENCE = (
    "GroupLens usage licence: research use with acknowledgement (Harper & Konstan 2015), no commercial use without "
    "permission; the README in the folder has the full terms."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """One way in which GroupLens publishes a set. ``slug`` names it where the folder's own name does not."""

    slug: str
    ratings: RatingTable
    titles_file: str
    titles: Callable[[Path], Catalogue]
    subjects: SubjectTable | None = None


_SUBJECTS_1M = SubjectTable(file="users.dat", delimiter="::", gender=1, age=2)


LAYOUTS = (
    Layout(
        slug="ml-100k",
        ratings=RatingTable(file="u.data", delimiter=b"\t", columns=("subject", "item", "stars", "time")),
        titles_file="u.item",
        titles=titles_from_item,
        subjects=SubjectTable(file="u.user", delimiter="|", age=1, gender=2),
    ),
    Layout(
        slug="ml-1m",
        ratings=RatingTable(file="ratings.dat", delimiter=b"::", columns=("subject", "item", "stars", "time")),
        titles_file="movies.dat",
        titles=titles_from_dat,
        subjects=_SUBJECTS_1M,
    ),
    Layout(
        slug="ml-1m",
        ratings=RatingTable(
            file="ratings.csv",
            delimiter=b",",
            columns=("subject", "item", "stars"),
            header=b"user_id,movie_id,rating",
        ),
        titles_file="movies.dat",
        titles=titles_from_dat,
        subjects=_SUBJECTS_1M,
    ),
    Layout(
        slug="movielens",
        ratings=RatingTable(
            file="ratings.csv",
            delimiter=b",",
            columns=("subject", "item", "stars", "time"),
            header=b"userId,movieId,rating,timestamp",
        ),
        titles_file="movies.csv",
        titles=titles_from_csv,
    ),
)


@dataclass(frozen=True, slots=True)
class MovieLens:
    """A folder with one of the ``LAYOUTS``.

    Guarantees:
      - the n-th event is the n-th rating of the file, so a count or a line number means the same in both
      - two readings of the same folder yield the same bytes
    """

    folder: Path
    layout: Layout

    @property
    def name(self) -> str:
        """The folder's name where it is one GroupLens uses (``ml-25m``), else the layout's."""
        return self.folder.name if re.fullmatch(r"ml-[a-z0-9-]{1,24}", self.folder.name) else self.layout.slug

    @property
    def licence(self) -> str:
        """GroupLens's terms in a sentence."""
        return LICENCE

    @property
    def note(self) -> str:
        """What is simulated: always the consents, the times of whatever has none."""
        said = [NO_CONSENT_RECORDS] if "time" in self.layout.ratings.columns else [NO_TIMES, NO_CONSENT_RECORDS]
        return " ".join([*said, *([UNDATED.format(file=self.declarations_file)] if self.declarations_file else [])])

    @property
    def events_file(self) -> str:
        """The published rating file."""
        return self.layout.ratings.file

    @property
    def declarations_file(self) -> str:
        """The published file of subjects; empty where the set has none."""
        table = self.layout.subjects
        return table.file if table is not None and (self.folder / table.file).is_file() else ""

    def catalogue(self) -> Catalogue:
        """Titles, years, genres and decades. Raises MalformedSource."""
        return self.layout.titles(self.folder / self.layout.titles_file)

    def events(self) -> Iterator[bytes]:
        """One ``rating`` event per row. Raises MalformedSource."""
        for first_line, ratings in rating_blocks(self.folder / self.layout.ratings.file, self.layout.ratings):
            yield from pc.cast(self._lines(first_line, ratings), pa.large_binary()).to_pylist()

    def declarations(self) -> Iterator[bytes]:
        """Gender and band of age of each subject in the file of subjects, if there is one. Raises MalformedSource."""
        table = self.layout.subjects
        if table is None or not self.declarations_file:
            return
        for subject, gender, age in declared(self.folder / table.file, table):
            yield self._declaration(subject, "gender", gender)
            yield self._declaration(subject, "age", age)

    def consents(self) -> Iterator[bytes]:
        """Simulated decisions of every subject who rated, see ``note``. Raises MalformedSource."""
        subjects = np.zeros(0, dtype=np.int64)
        for _, ratings in rating_blocks(self.folder / self.layout.ratings.file, self.layout.ratings):
            subjects = np.union1d(subjects, ratings["subject"].to_numpy())
        yield from simulated_consents(f"{self.name}-subject-{subject}" for subject in subjects.tolist())

    def _declaration(self, subject: int, attribute: str, group: str) -> bytes:
        return declaration_line(
            f"{self.name}-declaration-{subject}-{attribute}",
            f'{{"account_id":"{self.name}-subject-{subject}"}}',
            attribute,
            group,
            DECIDED_AT,
        )

    def _lines(self, first_line: int, ratings: pa.Table) -> pa.ChunkedArray:
        lines = np.arange(first_line, first_line + ratings.num_rows, dtype=np.int64)
        at = (
            ratings["time"]
            if "time" in ratings.column_names
            else pa.array(synthetic_seconds(lines, SYNTHETIC_START, SYNTHETIC_WINDOW_S))
        )
        return event_lines(
            "rating",
            event_id=_joined(f'"{self.name}-rating-', pa.array(lines), '"'),
            at=at,
            subject=_joined(f'{{"account_id":"{self.name}-subject-', ratings["subject"], '"}'),
            fields={"item": _joined('"', ratings["item"], '"'), "stars": number(ratings["stars"])},
        )


def _joined(before: str, numbers: pa.ChunkedArray, after: str) -> pa.ChunkedArray:
    return pc.binary_join_element_wise(before, number(numbers), after, "")


def find_movielens(folder: Path) -> MovieLens | None:
    """The folder as MovieLens, or None where no layout fits."""
    for layout in LAYOUTS:
        ratings = folder / layout.ratings.file
        if not (ratings.is_file() and (folder / layout.titles_file).is_file()):
            continue
        if not layout.ratings.header or _heading(ratings) == layout.ratings.header:
            return MovieLens(folder, layout)
    return None


def _heading(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.readline(200).rstrip(b"\r\n")
