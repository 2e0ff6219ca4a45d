"""The tables of a check from CSV or Parquet files."""

from pathlib import Path

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from audits.errors import InvalidConfig
from audits.tables import AuditInput, Membership, Recommendations


def load(
    *,
    recommendations: Path,
    items: Path,
    relevance: Path | None = None,
    history: Path | None = None,
    popularity: Path | None = None,
    groups: Path | None = None,
    baseline: Path | None = None,
) -> AuditInput:
    """Every table of an audit, each from a file; the catalogue is all items that ``items`` lists."""
    membership = _read(items)
    if "attribute" not in membership.column_names:
        membership = membership.append_column("attribute", pa.array(["category"] * membership.num_rows))
    return AuditInput(
        recommendations=Recommendations(_read(recommendations)),
        membership=Membership(membership),
        items=sorted(set(membership["item"].to_pylist())),
        relevance=None if relevance is None else _read(relevance),
        history=None if history is None else _read(history),
        popularity=None if popularity is None else _read(popularity),
        subject_groups=None if groups is None else _read(groups),
        baseline=None if baseline is None else Recommendations(_read(baseline)),
    )


def _read(path: Path) -> pa.Table:
    if not path.is_file():
        msg = f"{path}: expected a table, got no such file"
        raise InvalidConfig(msg)
    if path.suffix == ".parquet":
        return pyarrow.parquet.read_table(path)
    types = {name: pa.string() for name in ("subject", "item", "category", "attribute", "group")}
    return pyarrow.csv.read_csv(path, convert_options=pyarrow.csv.ConvertOptions(column_types=types))
