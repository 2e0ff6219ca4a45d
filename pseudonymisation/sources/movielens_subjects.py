"""MovieLens's subject files: ``u.user`` of 100K and ``users.dat`` of 1M, of which gender and a band of age are read.

Occupation and postcode stand there too and go nowhere: no audit needs them, and with age and gender they single people
out.
"""

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pseudonymisation.sources.errors import malformed
from pseudonymisation.sources.ratings import HIGHEST_ID

BANDS = ("under-18", "18-24", "25-34", "35-44", "45-49", "50-55", "56-plus")
"""Those of 1M's README; 100K has ages in years."""

_BEGINS = (18, 25, 35, 45, 50, 56)
_GENDERS = {"F": "female", "M": "male"}
_OLDEST = 120
_FIELDS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class SubjectTable:
    """How one published subject file is laid out: five fields, the subject's number first, these two where said."""

    file: str
    delimiter: str
    age: int
    gender: int


def declared(path: Path, layout: SubjectTable) -> Iterator[tuple[int, str, str]]:
    """Each subject's number, gender and band of age, in the order of the file. Raises MalformedSource."""
    seen: set[int] = set()
    with path.open(encoding="latin-1", newline="\n") as file:
        for line, text in enumerate(file, start=1):
            fields = text.rstrip("\r\n").split(layout.delimiter)
            if len(fields) != _FIELDS:
                expected = f"{_FIELDS} fields separated by {layout.delimiter!r}"
                raise malformed(path.name, line, "row", expected=expected, got=f"{len(fields)} fields")
            subject = _whole(path, line, "subject", fields[0], HIGHEST_ID)
            if subject in seen:
                raise malformed(path.name, line, "subject", expected="each subject once", got="one that stands above")
            seen.add(subject)
            gender = _GENDERS.get(fields[layout.gender])
            if gender is None:
                raise malformed(path.name, line, "gender", expected="F or M", got="something else")
            yield subject, gender, BANDS[bisect_right(_BEGINS, _whole(path, line, "age", fields[layout.age], _OLDEST))]


def _whole(path: Path, line: int, field: str, text: str, highest: int) -> int:
    if text.isascii() and text.isdigit() and 1 <= int(text) <= highest:
        return int(text)
    raise malformed(path.name, line, field, expected=f"a whole number from 1 to {highest}", got="something else")
