"""The same sums by one Ibis expression: DuckDB, Spark and whatever else Ibis speaks give the same integers.

What each subject adds is made as Arrow rows (subject, place, value), one subject at a time and blind to all others, so
that any machine may make any part of them. All that is left to an engine is to add up integers, and that has one
result in every order and on every engine.
"""

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

if TYPE_CHECKING:
    import ibis.expr.types as ir
    from scipy.sparse import csr_matrix


def row_table(rows: "csr_matrix") -> pa.Table:
    """One Arrow row for each stored number: ``subject`` (row), ``place`` (column) and ``value``, all int64."""
    subjects = np.repeat(np.arange(rows.shape[0], dtype=np.int64), np.diff(rows.indptr))
    columns = {"subject": subjects, "place": rows.indices.astype(np.int64), "value": rows.data.astype(np.int64)}
    return pa.table({name: pa.array(values) for name, values in columns.items()})


def column_totals(rows: "ir.Table") -> "ir.Table":
    """Columns ``place``, ``total``: the sum of each place's values."""
    return rows.group_by("place").aggregate(total=rows.value.sum().cast("int64"))


def pair_totals(rows: "ir.Table") -> "ir.Table":
    """Columns ``place``, ``other``, ``total`` with place ≤ other: the sum of value · value over their subjects."""
    others = rows.select(subject=rows.subject, other=rows.place, factor=rows.value)
    pairs = rows.inner_join(others, [rows.subject == others.subject, rows.place <= others.other])
    products = pairs.select("place", "other", product=rows.value * others.factor)
    return products.group_by(["place", "other"]).aggregate(total=products["product"].sum().cast("int64"))


def relational_sums(rows: "csr_matrix", engine: Any) -> np.ndarray:  # noqa: ANN401 - an Ibis backend
    """Σ_u row_u by an Ibis backend: int64, shape (columns,)."""
    found = _answered(engine, column_totals, row_table(rows))
    totals = np.zeros(rows.shape[1], dtype=np.int64)
    totals[found["place"].to_numpy()] = found["total"].to_numpy()
    return totals


def relational_gram(rows: "csr_matrix", engine: Any) -> np.ndarray:  # noqa: ANN401 - an Ibis backend
    """Σ_u x_u x_uᵀ by an Ibis backend: int64, shape (columns, columns)."""
    found = _answered(engine, pair_totals, row_table(rows))
    gram = np.zeros((rows.shape[1], rows.shape[1]), dtype=np.int64)
    gram[found["place"].to_numpy(), found["other"].to_numpy()] = found["total"].to_numpy()
    return gram + np.triu(gram, 1).T


def _answered(engine: Any, question: Any, table: pa.Table) -> pa.Table:  # noqa: ANN401 - an Ibis backend and expression
    import ibis

    expression = question(ibis.memtable(table))
    if engine.name != "pyspark":
        return engine.to_pyarrow(expression)
    # Ibis would hand the rows to Spark and back by way of pandas.
    session = engine._session  # noqa: SLF001 - it has no other name
    session.createDataFrame(table).createOrReplaceTempView(_VIEW)
    try:
        expression = question(engine.table(_VIEW))
        return session.sql(str(engine.compile(expression))).toArrow()
    finally:
        session.catalog.dropTempView(_VIEW)


_VIEW = "probity_rows_of_subjects"
