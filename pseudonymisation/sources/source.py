"""The contract of a source, and the shape of a catalogue."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import pyarrow as pa

ITEMS = pa.schema([("item", pa.string()), ("title", pa.string()), ("year", pa.int32()), ("minutes", pa.int32())])
"""One row per item; ``year`` and ``minutes`` may be null."""

CATEGORIES = pa.schema([("item", pa.string()), ("attribute", pa.string()), ("category", pa.string())])
"""One row per membership; an item may have several categories of one attribute."""

PURPOSES = ("personalised_recommendations", "model_training", "partner_sharing")
"""The purposes for which sources bring consent records. Fairness audits rest on another legal basis."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalogue:
    """Public metadata: ``items`` with the schema ``ITEMS`` and ``categories`` with ``CATEGORIES``."""

    items: pa.Table
    categories: pa.Table


class Source(Protocol):
    """Raw interactions with identifiers, what subjects declare, their consent records, and the catalogue they speak of.

    ``events``, ``declarations`` and ``consents`` yield one NDJSON line per record, without its line feed, in the
    published wire format; they may be called again and then yield the same bytes. The n-th event is the n-th record of
    ``events_file``, so counts and positions mean the same in both. Lines are *unverified*: a source of one's own files
    passes on whatever stands there.
    """

    @property
    def name(self) -> str:
        """A short name for reports: ``ml-1m``, ``sample``."""

    @property
    def licence(self) -> str:
        """What the publisher allows, in a sentence."""

    @property
    def note(self) -> str:
        """What is simulated or made up to fit the wire format; empty when nothing is."""

    @property
    def events_file(self) -> str:
        """The file name that counts and quarantine cite."""

    @property
    def declarations_file(self) -> str:
        """Likewise of declarations; empty where the source has none apart from its events."""

    def catalogue(self) -> Catalogue:
        """The items and their categories. Raises MalformedSource."""

    def events(self) -> Iterator[bytes]:
        """Event lines. Raises MalformedSource where a published file breaks its layout."""

    def declarations(self) -> Iterator[bytes]:
        """What subjects declare of themselves, as event lines of that kind. Raises MalformedSource."""

    def consents(self) -> Iterator[bytes]:
        """Consent lines, in the order in which the decisions were made."""


def catalogue_of(
    items: list[tuple[str, str, int | None, int | None]], memberships: list[tuple[str, str, str]]
) -> Catalogue:
    """A catalogue from rows (item, title, year, minutes) and (item, attribute, category); adds each item's decade."""
    decades = [(item, "decade", f"{year // 10 * 10}s") for item, _, year, _ in items if year is not None]
    return Catalogue(items=_table(items, ITEMS), categories=_table(memberships + decades, CATEGORIES))


def _table(rows: Sequence[tuple[str | int | None, ...]], schema: pa.Schema) -> pa.Table:
    columns = [list(column) for column in zip(*rows, strict=True)] or [[] for _ in schema]
    return pa.table(columns, schema=schema)
