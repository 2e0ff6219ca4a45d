"""How long work says where it stands, without knowing a terminal."""

from collections.abc import Callable

Progress = Callable[[str, int, int | None], None]
"""Called with (step, done, total); ``total`` is None where it is not known. Within a step ``done`` never falls."""


def silent(step: str, done: int, total: int | None) -> None:
    """Progress for those who do not look."""
