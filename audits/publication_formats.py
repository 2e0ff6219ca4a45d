"""A publication as a file that people read or programs parse: HTML, Markdown, CSV, JSON, by the file's ending."""

import csv
import io
import re
from collections.abc import Callable, Iterator, Mapping

from audits.errors import InvalidConfig
from audits.pages import page
from audits.publication import SUPPRESSED, Figure, Publication

COLUMNS = ("metric", "of", "value", "from", "to", "subjects")
NOISY_COLUMNS = ("metric", "of", "value", "from", "to", "noise")
_DASH = "\N{EN DASH}"
_MARK = "\N{MEDIUM SHADE}"
_SPECIAL = re.compile(r"([\\`*_{}\[\]()#+!|~$-])")
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_PERCENT = frozenset({"exposure_share", "list_exposure_share", "coverage"})


def render(publication: Publication, ending: str) -> bytes:
    """The publication in the format of a file's ending, such as ``.md``; equal arguments give equal bytes.

    Raises:
        InvalidConfig: no such format.
    """
    if ending not in FORMATS:
        msg = f"publication: expected a file that ends with one of {', '.join(FORMATS)}, got {ending!r}"
        raise InvalidConfig(msg)
    return FORMATS[ending](publication)


def cells(figure: Figure) -> tuple[str, ...]:
    """A row for people, in the order of ``COLUMNS`` or ``NOISY_COLUMNS``; a suppressed one carries the mark."""
    last = _number(figure, figure.error) if figure.subjects is None else f"{figure.subjects:,}"
    if figure.mark:
        marked = f"{_MARK} {SUPPRESSED}" if figure.mark == SUPPRESSED else figure.mark
        return (figure.title, figure.about, marked, _DASH, _DASH, last)
    numbers = (_number(figure, number) for number in (figure.value, figure.low, figure.high))
    return (figure.title, figure.about, *numbers, last)


def columns(publication: Publication) -> tuple[str, ...]:
    """The headings of its tables."""
    noisy = any(each.subjects is None for section in publication.sections for each in section.figures)
    return NOISY_COLUMNS if noisy else COLUMNS


def _markdown(publication: Publication) -> bytes:
    lines = [f"# {_escaped(publication.title)}", "", "## The rule", ""]
    lines += [f"* {_escaped(sentence)}" for sentence in publication.rule]
    lines.append(f"* Rows marked {_MARK}: {publication.suppressed}.")
    head = columns(publication)
    for section in publication.sections:
        lines += ["", f"## {_escaped(section.title)}", ""]
        lines += [f"* {_escaped(name)}: {_escaped(value)}" for name, value in section.facts]
        lines += ["", f"| {' | '.join(head)} |", f"|{' --- |' * 2}{' ---: |' * (len(head) - 2)}"]
        lines += [f"| {' | '.join(map(_escaped, cells(figure)))} |" for figure in section.figures]
        lines += ["", *(f"* {_escaped(caveat)}" for caveat in section.caveats)]
    return ("\n".join(lines).rstrip() + "\n").encode()


def _csv(publication: Publication) -> bytes:
    """A comment for each sentence of the rule, then one table with numbers in full; suppressed rows have their mark."""
    written = io.StringIO(newline="")
    rows = csv.writer(written, lineterminator="\n")
    for sentence in (publication.title, *publication.rule):
        written.write(f"# {' '.join(sentence.split())}\n")
    rows.writerow(("audit", "metric", "of", "value", "from", "to", "noise", "subjects", "mark"))
    for section in publication.sections:
        for each in section.figures:
            words = (_inert(section.title), _inert(each.metric), _inert(each.about))
            numbers = (each.value, each.low, each.high, each.error, each.subjects)
            rows.writerow((*words, *("" if number is None else repr(number) for number in numbers), each.mark))
    return written.getvalue().encode()


def _html(publication: Publication) -> bytes:
    """One page, no network, no script; readable on a phone, and printable. Text is escaped."""
    sections = [(section, [(each, cells(each)) for each in section.figures]) for section in publication.sections]
    whole = page(
        "publication.html.j2",
        publication=publication,
        columns=columns(publication),
        sections=sections,
        mark=_MARK,
        word=SUPPRESSED,
    )
    return whole.encode()


FORMATS: Mapping[str, Callable[[Publication], bytes]] = {
    ".html": _html,
    ".md": _markdown,
    ".csv": _csv,
    ".json": Publication.to_json,
}
"""By the file's ending."""


def rows(publication: Publication) -> Iterator[tuple[str, ...]]:
    """All rows for people, audit by audit."""
    return (cells(figure) for section in publication.sections for figure in section.figures)


def _number(figure: Figure, number: float | None) -> str:
    if number is None:
        return _DASH
    text = f"{number:.2%}" if figure.metric in _PERCENT else f"{number:.3f}"
    return text.replace("-", "\N{MINUS SIGN}")


def _inert(text: str) -> str:
    """Text that no spreadsheet takes for a formula: names come from somebody's catalogue."""
    return f"'{text}" if text.startswith(_FORMULA) else text


def _escaped(text: str) -> str:
    """Text as text in Markdown: no markup, no HTML and no cell of its own."""
    flat = " ".join(text.split()).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return _SPECIAL.sub(r"\\\1", flat)
