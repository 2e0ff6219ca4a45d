"""The public catalogue of a home: items and categories as Parquet."""

import hashlib
from pathlib import Path
from uuid import NAMESPACE_URL, uuid5

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from governance.errors import ConfigurationError, InvalidInput
from governance.ledger.search import Filter, search
from governance.ledger.sequencer import settle
from governance.ledger.store import append
from governance.pipeline.home import OPERATOR, Home
from governance.registry.events import CatalogueChanged
from pseudonymisation.sources.source import Catalogue


def merged(known: Catalogue, arriving: Catalogue) -> Catalogue:
    """Both catalogues as one; an item that is in both is as the arriving one says."""
    items = arriving.items["item"]
    tables = []
    for old, new in ((known.items, arriving.items), (known.categories, arriving.categories)):
        kept = old.filter(pc.invert(pc.is_in(old["item"], value_set=items)))
        tables.append(pa.concat_tables([kept, new]))
    return Catalogue(items=tables[0], categories=tables[1])


def save_catalogue(folder: Path, catalogue: Catalogue) -> str:
    """Add a catalogue to the home's; returns the digest of the whole.

    Stored events keep speaking of items that an earlier source brought, so nothing is taken out.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if (folder / "items.parquet").is_file():
        catalogue = merged(load_catalogue(folder), catalogue)
    for name, table in (("items", catalogue.items), ("categories", catalogue.categories)):
        unfinished = folder / f".{name}.parquet.new"
        pq.write_table(table, unfinished)
        unfinished.replace(folder / f"{name}.parquet")
    return catalogue_digest(catalogue)


def take_catalogue(home: Home, catalogue: Catalogue) -> str:
    """Add a catalogue to the home's; a change is one ledger entry. Returns the digest of the whole."""
    digest = save_catalogue(home.settings.folder("catalogue"), catalogue)
    items = load_catalogue(home.settings.folder("catalogue")).items.num_rows
    with home.transaction() as session:
        settle(session)
        latest = search(session, Filter(kinds=(CatalogueChanged.kind,)), limit=1)
        if not latest or latest[0].body["catalogue"] != digest:
            last = latest[0].seq if latest else -1
            entry_id = uuid5(NAMESPACE_URL, f"probity:catalogue:{last}:{digest}")
            event = CatalogueChanged(catalogue=digest, items=items)
            append(session, event, actor=OPERATOR, entry_id=entry_id, clock=home.clock)
    return digest


def load_catalogue(folder: Path) -> Catalogue:
    """The home's catalogue.

    Raises:
        ConfigurationError: nothing was ingested yet.
    """
    if not (folder / "items.parquet").is_file():
        msg = f"{folder}: there is no catalogue yet; run `probity ingest FOLDER` first"
        raise ConfigurationError(msg)
    return Catalogue(
        items=pq.read_table(folder / "items.parquet"), categories=pq.read_table(folder / "categories.parquet")
    )


def catalogue_digest(catalogue: Catalogue) -> str:
    """SHA-256 (hex) over the content of both tables, whatever the order of their rows."""
    digest = hashlib.sha256(b"probity/catalogue/v1\n")
    for table in (catalogue.items, catalogue.categories):
        ordered = table.sort_by([(name, "ascending") for name in table.column_names]).combine_chunks()
        for name in ordered.column_names:
            values = ordered.column(name).cast(pa.string()).to_pylist()
            for value in values:
                encoded = b"\x00" if value is None else b"\x01" + value.encode()
                digest.update(len(encoded).to_bytes(4, "big") + encoded)
    return digest.hexdigest()


def titles_of(catalogue: Catalogue) -> dict[str, str]:
    """Title by item id."""
    return dict(zip(catalogue.items["item"].to_pylist(), catalogue.items["title"].to_pylist(), strict=True))


ARTWORK, MARKET = "artwork", "market"
"""Attributes with a meaning for serving: the images that a title may be shown with, and where it may be shown."""


def available_in(catalogue: Catalogue, market: str) -> frozenset[str]:
    """Titles that may be shown in a market: those that it is named for, and those for which none is named.

    Raises:
        InvalidInput: no title of the catalogue names that market.
    """
    named = _labels(catalogue, MARKET)
    if not any(market in markets for markets in named.values()):
        msg = f"market: expected one that the catalogue names for some title, got {market!r}"
        raise InvalidInput(msg)
    items = catalogue.items["item"].to_pylist()
    return frozenset(item for item in items if item not in named or market in named[item])


def artworks_of(catalogue: Catalogue) -> dict[str, list[str]]:
    """The images of each title that has any."""
    return _labels(catalogue, ARTWORK)


def _labels(catalogue: Catalogue, attribute: str) -> dict[str, list[str]]:
    chosen = catalogue.categories.filter(pc.equal(catalogue.categories["attribute"], attribute))
    found: dict[str, list[str]] = {}
    for item, label in zip(chosen["item"].to_pylist(), chosen["category"].to_pylist(), strict=True):
        found.setdefault(item, []).append(label)
    return found
