"""The access package as a page that a person likes to read: one file, no script, nothing fetched.

Every part is shown, also one that this module has never heard of: what is held may not depend on what is drawn. Shapes
decide how: a list of short records becomes a table, of records with inner lists cards, a record a list of names and
values.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, Template

LONG_TABLE = 20
"""Rows shown at once; longer tables are folded, and open at a click."""

LONG_TEXT = 60
"""Characters above which a text is given a line of its own instead of a cell."""


@dataclass(frozen=True, slots=True)
class Part:
    """One section of the page: the part it shows, its heading, and a sentence that says what it is."""

    slug: str
    title: str
    lead: str


PARTS = (
    Part("identifiers", "What names you", "We use these to recognise you. They are kept apart from everything below."),
    Part(
        "purposes",
        "Why we use your data",
        "Each purpose, its legal basis, who receives the data, and which data it is.",
    ),
    Part("consents", "What you decided", "Every choice that we have on record. You can change each at any time."),
    Part("events", "What you did", "Everything that we have stored about your use of the service, as we stored it."),
    Part(
        "recommendations", "What we recommend to you, and why", "Computed from your own history; the reasons are exact."
    ),
    Part("profiling", "How recommendations are made", "The procedure that was applied to your data."),
    Part("models", "Models that learned from your data", "With the bound on what each can reveal about you."),
    Part("openings", "What shows that log entries are about you", "The log itself never names you."),
    Part("reidentification", "Who asked who you are", "Two people have to agree before anybody is told."),
    Part("recipients", "Who receives your data", "By name."),
    Part("retention", "How long we keep it", "Counted from the day on which it came about."),
    Part("rights", "What you can ask for", "Free of charge, at any time."),
    Part("complaint", "If you disagree", "You need not come to us first."),
)
"""In the order of the page. Parts that are not listed follow, under their own names."""

HEAD = ("request", "controller")
"""Parts shown in the page's head instead of in a section."""

WORDS: Mapping[str, str] = {
    "account_id": "Account",
    "email": "E-mail address",
    "phone": "Telephone number",
    "device_id": "Device",
    "at": "Time",
    "regime": "Law",
    "gdpr": "GDPR",
    "ccpa": "CCPA",
    "view": "Watching",
    "search": "Searching",
    "browse": "Browsing",
    "rating": "Rating",
    "declaration": "Telling us about yourself",
    "A6-1-a": "your consent (GDPR Art. 6(1)(a))",
    "A6-1-b": "our contract with you (GDPR Art. 6(1)(b))",
    "A6-1-c": "a legal obligation (GDPR Art. 6(1)(c))",
    "A6-1-f": "our legitimate interest (GDPR Art. 6(1)(f))",
}
"""Words of the record that a reader should not have to know."""

KINDS = ("view", "search", "browse", "rating", "declaration")
CODED = frozenset({"type", "purpose", "purposes", "legal_basis", "right", "regime", "data", "kind", "method", *KINDS})
"""Keys whose values are words of ours. Every other text is shown letter by letter, as it is held."""

MOMENTS = frozenset({"at", "decided_at", "received_at", "answered_at"})
"""Keys whose values are moments."""

_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")


def render_page(document: Mapping[str, Any]) -> str:
    """The whole package as HTML.

    Args:
        document: values that JSON can hold, by part.

    Guarantees:
      - every value is escaped
      - each part of ``document`` is shown
    """
    listed = [part for part in PARTS if part.slug in document]
    head = {slug: document[slug] for slug in HEAD if isinstance(document.get(slug), Mapping)}
    known = {part.slug for part in PARTS} | head.keys()
    others = [Part(slug, label(slug), "") for slug in document if slug not in known]
    sections = [(part, document[part.slug]) for part in (*listed, *others)]
    return _template().render(sections=sections, head=head)


def label(name: str) -> str:
    """A key as a reader's words: ``legal_basis`` becomes "Legal basis"."""
    return WORDS.get(name) or name.replace("_", " ").replace("-", " ").capitalize()


def shown(value: object, name: str = "") -> str:
    """A single value as text. A ``share`` is a fraction of one."""
    if value is None or value == "":
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.1%}" if name == "share" else f"{value:.4g}" if abs(value) < 1000 else f"{value:,.0f}"  # noqa: PLR2004
    return _shown_text(value, name) if isinstance(value, str) else str(value)


def shape(value: object) -> str:
    """How a value is drawn: text, list, table, cards, record or nothing."""
    if isinstance(value, Mapping):
        return "record" if value else "nothing"
    if isinstance(value, Sequence) and not isinstance(value, str):
        if not value:
            return "nothing"
        if not all(isinstance(entry, Mapping) for entry in value):
            return "list"
        return "table" if all(_is_short(entry.values()) for entry in value) else "cards"
    return "text"


def columns(rows: Iterable[Mapping[str, Any]]) -> list[str]:
    """The keys of all rows, in the order of their first appearance."""
    return list(dict.fromkeys(key for row in rows for key in row))


def heading(record: Mapping[str, Any]) -> str | None:
    """The key of a card that names it, if it has one."""
    return next((key for key in ("title", "name", "item", "purpose", "kind") if isinstance(record.get(key), str)), None)


def is_terse(entries: Sequence[Any]) -> bool:
    """Whether a list reads best as one line: short single values only."""
    return all(shape(entry) == "text" and len(str(entry)) <= LONG_TEXT for entry in entries) and not is_prose(entries)


def is_prose(entries: Sequence[Any]) -> bool:
    """Whether a list reads best as paragraphs: sentences only."""
    return all(isinstance(entry, str) and entry.endswith(".") for entry in entries)


def _is_short(values: Iterable[object]) -> bool:
    return all(
        (not isinstance(value, str) and shape(value) in {"text", "nothing"})
        or (isinstance(value, str) and len(value) <= LONG_TEXT)
        or (isinstance(value, list) and shape(value) == "list" and is_terse(value))
        for value in values
    )


def _shown_text(text: str, name: str) -> str:
    if name in MOMENTS and _MOMENT.fullmatch(text):
        return datetime.fromisoformat(text).astimezone(UTC).strftime("%-d %B %Y, %H:%M UTC")
    return WORDS.get(text, text.replace("_", " ")) if name in CODED else text


@lru_cache(maxsize=1)
def _template() -> Template:
    environment = Environment(
        loader=PackageLoader("pseudonymisation"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        label=label, shown=shown, shape=shape, is_terse=is_terse, is_prose=is_prose, columns=columns, heading=heading
    )
    environment.globals.update(long_table=LONG_TABLE)
    return environment.get_template("access.html")
