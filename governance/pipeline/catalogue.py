"""The public catalogue of a home: items and categories as Parquet."""

import hashlib
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from governance.errors import ConfigurationError
from pseudonymisation.sources.source import Catalogue


def save_catalogue(folder: Path, catalogue: Catalogue) -> str:
    """Replace the home's catalogue; returns its digest. A crash leaves the old or the new one of each file."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, table in (("items", catalogue.items), ("categories", catalogue.categories)):
        unfinished = folder / f".{name}.parquet.new"
        pq.write_table(table, unfinished)
        unfinished.replace(folder / f"{name}.parquet")
    return catalogue_digest(catalogue)


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
