"""Pieces of small pictures, as SVG without a library: a frame, lines, texts, and names cut to fit.

Text stays text, every name is escaped, and equal arguments give equal pieces. Pictures are 420 units wide, so that on a
phone a line of text is as large as the page's. Colours are those of the page by class: ``name``, ``tick``, ``grid``,
``limit`` and so on.
"""

from collections.abc import Sequence
from typing import Final

from markupsafe import Markup

WIDTH: Final = 420
LEFT: Final = 150
"""Where rows begin; their names end before it."""
ROW: Final = 24
"""Height of a row."""
AXIS: Final = 26
"""Height of the axis below."""
MOST_ROWS: Final = 24
"""More rows than a screen shows are read in the table."""
MINUS: Final = "\N{MINUS SIGN}"

_LONGEST_NAME = 20


def frame(label: str, height: int, parts: Sequence[Markup]) -> Markup:
    """The whole picture; ``label`` is what it is called for those who do not see it."""
    opening = Markup('<svg role="img" aria-label="{label}" viewBox="0 0 {width} {height}">').format(
        label=printable(label), width=WIDTH, height=height
    )
    return Markup("").join([opening, *parts, Markup("</svg>")])


def line(x1: float, y1: float, x2: float, y2: float, kind: str) -> Markup:
    """A straight line of this class."""
    return Markup('<line class="{kind}" x1="{x1}" y1="{y1}" x2="{x2}" y2="{y2}"/>').format(
        kind=kind, x1=x1, y1=y1, x2=x2, y2=y2
    )


def text(x: float, y: float, words: str, anchor: str, *, quiet: bool = False) -> Markup:
    """Words that begin, end or have their ``middle`` at x; quiet ones are those of an axis."""
    return Markup('<text class="{kind}" x="{x}" y="{y}" text-anchor="{anchor}">{words}</text>').format(
        kind="tick" if quiet else "name", x=x, y=y, anchor=anchor, words=words
    )


def row_name(name: str, y: int) -> Markup:
    """What a row is called, at its left, cut to twenty signs."""
    name = printable(name)
    return text(LEFT - 12, y + 4, name if len(name) <= _LONGEST_NAME else name[: _LONGEST_NAME - 1] + "…", "end")


def printable(words: str) -> str:
    """The words with a replacement character for each sign that no XML may hold."""
    return "".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in words)


def with_air(numbers: Sequence[float]) -> tuple[float, float]:
    """From below the smallest to above the largest; never empty, and around 0 to 1 of no numbers."""
    low, high = min(numbers, default=0.0), max(numbers, default=1.0)
    air = 0.06 * (high - low) or 0.05 * max(abs(high), 1.0)
    return low - air, high + air
