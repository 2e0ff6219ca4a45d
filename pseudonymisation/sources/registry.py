"""Which source a folder is."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pseudonymisation.sources.errors import UnknownLayout
from pseudonymisation.sources.files import find_folder
from pseudonymisation.sources.movielens import LAYOUTS, Layout, find_movielens
from pseudonymisation.sources.msweb import find_msweb
from pseudonymisation.sources.source import Source


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceKind:
    """One way in which interactions come on disk: ``find`` answers None where the folder is not of this kind."""

    slug: str
    files: tuple[str, ...]
    find: Callable[[Path], Source | None]


def _described(layout: Layout) -> str:
    heading = f" ({layout.ratings.header.decode()})" if layout.ratings.header else ""
    return f"{layout.ratings.file}{heading} + {layout.titles_file}"


SOURCES = (
    SourceKind(
        slug="ndjson",
        files=("items.parquet + categories.parquet + events.ndjson[.gz] + consents.ndjson[.gz]",),
        find=find_folder,
    ),
    SourceKind(
        slug="movielens",
        files=tuple(_described(layout) for layout in LAYOUTS),
        find=find_movielens,
    ),
    SourceKind(slug="msweb", files=("anonymous-msweb.data [+ anonymous-msweb.test]",), find=find_msweb),
)
"""In this order: the first that recognises the folder reads it."""


def open_source(path: Path) -> Source:
    """The source that reads the folder.

    Raises:
        UnknownLayout: the path is no folder, or no source recognises it; the message lists the files that were looked
        for.
    """
    if not path.is_dir():
        got = "a file" if path.exists() else "nothing by that name"
        msg = f"{path.name}: expected a folder with interactions, got {got}"
        raise UnknownLayout(msg)
    for kind in SOURCES:
        if (source := kind.find(path)) is not None:
            return source
    choices = "; or ".join(files for kind in SOURCES for files in kind.files)
    msg = f"{path.name}: expected one of these sets of files: {choices}; got a folder with none of them complete"
    raise UnknownLayout(msg)
