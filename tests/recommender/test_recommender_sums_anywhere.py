"""The same integers wherever they are added up: dense or sparse, NumPy, torch, DuckDB or Spark."""

import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import ibis
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_matrix, random_array

from recommender import gram
from recommender.errors import BadMechanism
from recommender.fixed_point import column_sums, unit_rows
from recommender.gram import exact_gram, layout_for
from recommender.interactions import Interactions
from recommender.measurement import measure
from recommender.mechanism import Mechanism, Performance
from recommender.noise import NoiseSource

# Ibis calls what this DuckDB already calls by another name.
pytestmark = pytest.mark.filterwarnings("ignore:fetch_arrow_table:DeprecationWarning")

BITS = 16


def _rows(subjects: int, width: int, density: float, seed: int) -> csr_matrix:
    held = csr_matrix(random_array((subjects, width), density=density, rng=np.random.default_rng(seed)))
    held.sort_indices()
    return unit_rows(held, np.linspace(0.2, 3.0, width), bits=BITS)


@settings(deadline=None)
@given(st.integers(1, 40), st.integers(1, 12), st.floats(0, 1), st.integers(0, 1000))
def test_dense_and_sparse_layouts_agree_in_every_bit(subjects: int, width: int, density: float, seed: int) -> None:
    rows = _rows(subjects, width, density, seed)
    by_python = rows.toarray().astype(object)

    for layout in ("dense", "sparse", "auto"):
        found = exact_gram(rows, bits=BITS, performance=Performance(threads=1, layout=layout))  # type: ignore[arg-type]
        assert (found.astype(object) == by_python.T @ by_python).all()


def test_pairs_are_added_in_chunks_and_no_subject_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gram, "PAIRS_AT_ONCE", 10)
    rows = _rows(200, 15, 0.4, 1)
    seen: list[int] = []
    cumsum = torch.cumsum

    def noted(entries: torch.Tensor, axis: int) -> torch.Tensor:
        seen.append(len(entries))  # once a chunk, over its entries
        return cumsum(entries, axis)

    monkeypatch.setattr(torch, "cumsum", noted)

    found = exact_gram(rows, bits=BITS, performance=Performance(threads=1, layout="sparse"))

    assert (found == (rows.T @ rows).toarray()).all()
    assert sum(seen) == rows.nnz
    assert len(seen) > 50


def test_short_histories_are_added_pair_by_pair_and_long_ones_by_matrix_products() -> None:
    assert layout_for(_rows(100, 2000, 0.005, 1), Performance()) == "sparse"
    assert layout_for(_rows(100, 100, 0.5, 1), Performance()) == "dense"
    assert layout_for(_rows(100, 100, 0.5, 1), Performance(layout="sparse")) == "sparse"


@pytest.mark.parametrize("wrong", [{"device": "tpu"}, {"layout": "round"}])
def test_refuses_a_device_or_layout_that_there_is_not(wrong: dict[str, str]) -> None:
    with pytest.raises(BadMechanism, match="expected a device cpu or cuda"):
        Performance(**wrong)  # type: ignore[arg-type]


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_says_that_there_is_no_gpu() -> None:
    with pytest.raises(BadMechanism, match="no CUDA device here"):
        exact_gram(_rows(2, 2, 1.0, 1), bits=BITS, performance=Performance(device="cuda"))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device")
def test_a_gpu_gives_the_same_bits() -> None:
    rows = _rows(3000, 200, 0.05, 1)
    here = exact_gram(rows, bits=BITS, performance=Performance())

    for layout in ("dense", "sparse"):
        there = exact_gram(rows, bits=BITS, performance=Performance(device="cuda", layout=layout))  # type: ignore[arg-type]
        assert (there == here).all()


def test_duckdb_measures_the_same_release_as_torch(
    population: Interactions, mechanism: Mechanism, silence: NoiseSource
) -> None:
    engine = ibis.duckdb.connect()
    try:
        there = measure(population, mechanism, noise=silence, performance=Performance(engine=engine))
    finally:
        engine.disconnect()

    assert there.digest == measure(population, mechanism, noise=silence).digest


def test_duckdb_adds_up_an_empty_place_as_zero() -> None:
    rows = csr_matrix(([3], ([1], [2])), shape=(3, 4), dtype=np.int64)
    engine = ibis.duckdb.connect()
    try:
        totals = column_sums(rows, engine=engine)
        square = exact_gram(rows, bits=BITS, performance=Performance(engine=engine))
    finally:
        engine.disconnect()

    assert totals.tolist() == [0, 0, 3, 0]
    assert np.argwhere(square).tolist() == [[2, 2]]


SPARK = """
import sys
import ibis
import numpy as np
from pyspark.sql import SparkSession
from scipy.sparse import csr_matrix
from recommender.fixed_point import column_sums
from recommender.gram import exact_gram
from recommender.mechanism import Performance

with np.load(sys.argv[1]) as stored:
    rows = csr_matrix((stored["data"], stored["indices"], stored["indptr"]), shape=tuple(stored["shape"]))
session = SparkSession.builder.master("local[2]").config("spark.ui.enabled", "false").getOrCreate()
session.conf.set("spark.sql.shuffle.partitions", "2")
engine = ibis.pyspark.connect(session)
gram = exact_gram(rows, bits=16, performance=Performance(engine=engine))
sys.stdout.buffer.write(gram.tobytes() + column_sums(rows, engine=engine).tobytes())
"""


@pytest.mark.slow
@pytest.mark.spark
@pytest.mark.skipif(find_spec("pyspark") is None or shutil.which("java") is None, reason="pyspark or Java is not there")
def test_spark_adds_up_the_same_bits_by_the_same_expression(tmp_path: Path) -> None:
    rows = _rows(300, 25, 0.2, 1)
    np.savez(tmp_path / "rows.npz", data=rows.data, indices=rows.indices, indptr=rows.indptr, shape=rows.shape)
    done = subprocess.run([sys.executable, "-c", SPARK, f"{tmp_path}/rows.npz"], capture_output=True, check=False)
    here = exact_gram(rows, bits=BITS, performance=Performance())

    assert done.returncode == 0, done.stderr.decode()[-3000:]
    assert done.stdout == here.tobytes() + column_sums(rows).tobytes()
