"""Where the repository begins that a file lies in: outputs name files as code hosts do, from there."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

_CHECKOUTS: Final = ("GITHUB_WORKSPACE", "CI_PROJECT_DIR")
"""Variables in which GitHub's and GitLab's runners say where they checked out."""


def root_of(file: Path, environment: Mapping[str, str], *, here: Path) -> Path:
    """The folder from which a code host names this file.

    It is the folder that a runner checked out, or of several repositories in it the one that the file is in; elsewhere
    the nearest folder that holds ``.git`` (a folder, or the file of a worktree); and ``here`` where there is none.
    """
    place = file.resolve()
    given = [Path(environment[name]).resolve() for name in _CHECKOUTS if environment.get(name)]
    checkout = next((each for each in given if each in place.parents), None)
    if checkout is not None and _is_repository(checkout):
        # A repository further down is a part of this one, and its files are named from the top.
        return checkout
    nearest = next(filter(_is_repository, place.parents), None)
    if checkout is None:
        return nearest or here
    return nearest if nearest is not None and checkout in nearest.parents else checkout


def _is_repository(folder: Path) -> bool:
    return (folder / ".git").exists()
