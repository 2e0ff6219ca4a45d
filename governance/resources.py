"""Where shipped files lie: policies and migrations, in a checkout or inside an installed wheel."""

from pathlib import Path

_PACKAGE = Path(__file__).parent

DEFAULT_HOME = Path(".probity")
"""The home folder where nobody names another."""


def shipped(name: str) -> Path:
    """The folder ``policies`` or ``migrations`` that belongs to this installation."""
    installed = _PACKAGE / "_shipped" / name
    return installed if installed.is_dir() else _PACKAGE.parent / name


def policies_dir() -> Path:
    """The policies that Probity ships, used when a home has none of its own."""
    return shipped("policies")


def migrations_dir(history: str) -> Path:
    """The Alembic scripts of one history: ``control`` or ``vault``."""
    return shipped("migrations") / history
