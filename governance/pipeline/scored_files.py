"""Files in, prices out: what `probity mitigate --scores` reads and writes."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from audits.mitigation_page import render_mitigation
from audits.mitigation_report import MitigationReport
from audits.scores import score_matrix
from audits.tables import Membership
from governance.errors import InvalidInput
from governance.pipeline.pricing import Priced, Told, price_scores
from governance.policy.loader import load
from governance.policy.rules import FairnessPolicy
from pseudonymisation.durable import write_atomically
from recommender.price_file import price_file_bytes, price_file_digest

Progress = Callable[[int, int], None]

TITLE = "Exposure prices"
_NAMES = ("subject", "item", "attribute", "category", "group")


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoredFiles:
    """Where everything lies; all but the first three are optional.

    Attributes:
        scores: ``subject``, ``item``, ``score``.
        items: ``item``, ``category`` and optionally ``attribute``, ``weight``; every item once at least.
        policy: whose exposure rules should hold.
        groups: ``subject``, ``group`` and optionally ``attribute``.
        history: ``subject``, ``item``: what is never shown again.
        relevance: ``subject``, ``item``: what subjects went on to choose.
    """

    scores: Path
    items: Path
    policy: Path
    groups: Path | None = None
    history: Path | None = None
    relevance: Path | None = None


def price_files(
    files: ScoredFiles, *, relative: bool = False, held_out_share: float = 0.3, progress: Progress | None = None
) -> Priced:
    """Fit prices for scores in files, and measure them on subjects kept aside.

    ``relative`` scales each subject's best score to 1, the unit in which Probity's own models take prices.

    Raises:
        InvalidInput: a file that cannot be read as CSV or Parquet, or lacks a column.
        PolicyError: the policy cannot be used.
        And all that ``price_scores`` raises.
    """
    policy = load(files.policy, FairnessPolicy)
    labels = _read(files.items, ("item", "category"), ("attribute", "weight"))
    if "attribute" not in labels.column_names:
        labels = labels.append_column("attribute", pa.array(["category"] * labels.num_rows, pa.string()))
    membership = Membership(labels)
    history = _optional(files.history, ("subject", "item"))
    items = sorted(set(membership.table["item"].to_pylist()))
    scores = score_matrix(_read(files.scores, ("subject", "item", "score")), items, history=history)
    told = Told(
        groups=_optional(files.groups, ("subject", "group"), ("attribute",)),
        history=history,
        relevance=_optional(files.relevance, ("subject", "item")),
    )
    return price_scores(
        scores.relative() if relative else scores,
        membership,
        policy,
        {"scores": _digest(files.scores), "items": _digest(files.items)},
        unit="relative score" if relative else "score",
        told=told,
        held_out_share=held_out_share,
        progress=progress,
    )


def write_prices(priced: Priced, path: Path) -> str:
    """Write the price file, JSON or YAML by its name; returns the SHA-256 of its bytes.

    Raises:
        BadPrices: another ending.
        InvalidInput: the folder does not exist.
    """
    content = price_file_bytes(priced.file, path.name)
    _write(path, content)
    return price_file_digest(content)


def write_report(report: MitigationReport, path: Path, *, title: str = TITLE) -> None:
    """Write the report, as JSON or as a page by the file's name.

    Raises:
        InvalidInput: another ending, or the folder does not exist.
    """
    if path.suffix not in {".json", ".html"}:
        msg = f"{path.name}: expected a report's name that ends in .json or .html"
        raise InvalidInput(msg)
    as_page = path.suffix == ".html"
    _write(path, render_mitigation(report, title=title).encode() if as_page else report.to_json())


def _write(path: Path, content: bytes) -> None:
    if not path.parent.is_dir():
        msg = f"{path}: expected a folder that exists"
        raise InvalidInput(msg)
    write_atomically(path, content, mode=0o644)


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _optional(path: Path | None, required: tuple[str, ...], optional: tuple[str, ...] = ()) -> pa.Table | None:
    return None if path is None else _read(path, required, optional)


def _read(path: Path, required: tuple[str, ...], optional: tuple[str, ...] = ()) -> pa.Table:
    """These columns of a CSV or Parquet file; names are text, whatever they look like."""
    try:
        if path.suffix == ".parquet":
            table = pa.parquet.read_table(path)
        else:
            types = dict.fromkeys(_NAMES, pa.string())
            options = pa.csv.ConvertOptions(column_types=types, strings_can_be_null=True, null_values=[""])
            table = pa.csv.read_csv(path, convert_options=options)
    except (pa.ArrowException, OSError) as cause:
        reason = cause.strerror if isinstance(cause, OSError) and cause.strerror else "no such table"
        msg = f"{path.name}: expected CSV or Parquet with the columns {', '.join(required)}, got {reason}"
        raise InvalidInput(msg) from cause
    missing = [column for column in required if table.schema.get_field_index(column) < 0]
    if missing:
        msg = f"{path.name}: expected the columns {', '.join(required)} once, missing {', '.join(missing)}"
        raise InvalidInput(msg)
    kept = [*required, *(column for column in optional if column in table.column_names)]
    table = table.select(kept)
    for column in kept:
        if table[column].null_count:
            msg = f"{path.name}, column {column}: expected a value in every row, got {table[column].null_count} without"
            raise InvalidInput(msg)
        if column in _NAMES:
            table = table.set_column(table.column_names.index(column), column, table[column].cast(pa.string()))
    return table
