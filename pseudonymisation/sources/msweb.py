"""UCI "Anonymous Microsoft Web Data": visits to 294 areas of a web site in a week of February 1998, in the DST layout.

A visit becomes a ``view``. The data says only *that* an area was visited, so seconds and duration are both 1: a
completed view of unknown length. ``browse`` would be wrong: it is an impression the subject may not have answered. J.
S. Breese, D. Heckerman and C. Kadie, "Empirical Analysis of Predictive Algorithms for Collaborative Filtering", UAI
1998.
"""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pseudonymisation.sources.errors import malformed
from pseudonymisation.sources.simulated import NO_CONSENT_RECORDS, simulated_consents, synthetic_seconds
from pseudonymisation.sources.source import Catalogue, catalogue_of
from pseudonymisation.sources.wire import event_lines

WEEK_START = datetime(1998, 2, 2, tzinfo=UTC)
WEEK_S = 7 * 86_400

_TRAINING = "anonymous-msweb.data"
_TEST = "anonymous-msweb.test"
_FIELDS = {"A": 5, "C": 3, "V": 3}
_BATCH = 50_000


@dataclass(frozen=True, slots=True)
class MsWeb:
    """A folder with ``anonymous-msweb.data`` and, if it is there, ``anonymous-msweb.test``.

    Both files number their visitors from 10001, but they are different people: accounts of the second carry ``test``.
    Areas lie side by side (``/autoroute``, ``/library``), so their paths make no categories and the catalogue has none.
    """

    folder: Path

    @property
    def name(self) -> str:
        """Always ``msweb``."""
        return "msweb"

    @property
    def licence(self) -> str:
        """UCI's terms in a sentence."""
        return "UCI Machine Learning Repository: free use with citation (Breese, Heckerman & Kadie 1998)."

    @property
    def note(self) -> str:
        """What is made up: length and time of each visit, and the consents."""
        return (
            "A visit has neither length nor time: each is a view of 1 second out of 1, at a synthetic moment of the "
            f"week from 1998-02-02 by its number. {NO_CONSENT_RECORDS}"
        )

    @property
    def events_file(self) -> str:
        """The training file; the test file's visits follow it."""
        return _TRAINING

    @property
    def declarations_file(self) -> str:
        """None: nothing is known of visitors but where they went."""
        return ""

    def catalogue(self) -> Catalogue:
        """The areas by id and title. Raises MalformedSource."""
        titles: dict[str, str] = {}
        for path in self._files():
            for _, fields in _rows(path):
                if fields[0] == "A":
                    titles.setdefault(fields[1], fields[3])
        return catalogue_of([(item, title, None, None) for item, title in sorted(titles.items())], [])

    def events(self) -> Iterator[bytes]:
        """One ``view`` per vote line. Raises MalformedSource."""
        visits = (visit for path in self._files() for visit in _visits(path))
        first = 1
        while batch := list(islice(visits, _BATCH)):
            yield from _lines(first, batch)
            first += len(batch)

    def declarations(self) -> Iterator[bytes]:
        """None."""
        return iter(())

    def consents(self) -> Iterator[bytes]:
        """Simulated decisions of every visitor, see ``note``. Raises MalformedSource."""
        cases = (_account(path, fields[2]) for path in self._files() for _, fields in _rows(path) if fields[0] == "C")
        yield from simulated_consents(cases)

    def _files(self) -> list[Path]:
        return [path for path in (self.folder / _TRAINING, self.folder / _TEST) if path.is_file()]


def find_msweb(folder: Path) -> MsWeb | None:
    """The folder as Microsoft Web Data, or None."""
    return MsWeb(folder) if (folder / _TRAINING).is_file() else None


def _rows(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Attribute, case and vote lines with their line numbers; ids are checked to be whole numbers."""
    with path.open(encoding="latin-1", newline="") as file:
        for line, fields in enumerate(csv.reader(file), start=1):
            if not fields or (expected := _FIELDS.get(fields[0])) is None:
                continue  # I, T and N lines describe the format itself
            if len(fields) != expected:
                raise malformed(path.name, line, "row", expected=f"{expected} fields", got=f"{len(fields)} fields")
            key = fields[2] if fields[0] == "C" else fields[1]
            if not (key.isascii() and key.isdigit()):
                raise malformed(path.name, line, "id", expected="a whole number", got=f"{len(key)} other characters")
            yield line, fields


def _visits(path: Path) -> Iterator[tuple[str, str]]:
    account = None
    for line, fields in _rows(path):
        if fields[0] == "C":
            account = _account(path, fields[2])
        elif fields[0] == "V":
            if account is None:
                raise malformed(path.name, line, "row", expected="a case line before the first vote", got="a vote")
            yield account, fields[1]


def _account(path: Path, case: str) -> str:
    return f"msweb-test-subject-{case}" if path.name == _TEST else f"msweb-subject-{case}"


def _lines(first: int, visits: list[tuple[str, str]]) -> list[bytes]:
    numbers = np.arange(first, first + len(visits), dtype=np.int64)
    ones = pa.array(["1"] * len(visits))
    text = event_lines(
        "view",
        event_id=pa.array([f'"msweb-visit-{number}"' for number in numbers.tolist()]),
        at=pa.array(synthetic_seconds(numbers, WEEK_START, WEEK_S)),
        subject=pa.array([f'{{"account_id":"{account}"}}' for account, _ in visits]),
        fields={"item": pa.array([f'"{item}"' for _, item in visits]), "seconds": ones, "duration": ones},
    )
    lines: list[bytes] = pc.cast(text, pa.large_binary()).to_pylist()
    return lines
