"""The same integers wherever they are added up: dense or sparse, NumPy, torch, DuckDB or Spark."""

import pickle
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import ibis
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_matrix, random_array

from recommender import gram
from recommender.errors import BadMechanism
from recommender.features import CatalogueFeatures
from recommender.fixed_point import column_sums, unit_rows
from recommender.gram import exact_gram, layout_for
from recommender.interactions import Interactions
from recommender.measurement import measure
from recommender.mechanism import Performance, plan
from recommender.release import Release
from tests.recommender.seeded import SeededNoise

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


@pytest.fixture(scope="module")
def duckdb() -> Iterator[Any]:
    engine = ibis.duckdb.connect()
    yield engine
    engine.disconnect()


SHARES = (("trending", 0.05), ("time_slots", 0.05), ("transitions", 0.1), ("categories", 0.05))


def measured_by(
    performance: Performance, population: Interactions, features: CatalogueFeatures, *, through_lens: bool
) -> Release:
    """A release with every signal and with noise that is the same in every run; along some ten directions, or all."""
    dated = replace(population, times=1_790_000_000 + 7200 * np.arange(population.matrix.nnz, dtype=np.int64))
    return measure(
        dated,
        plan(0.8, 1e-6, shares=SHARES, through_lens=through_lens),
        noise=SeededNoise(np.random.default_rng(3)),
        as_of=int(dated.times.max()),  # type: ignore[union-attr] - given above
        features=features,
        performance=performance,
    )


with_a_lens_and_without = pytest.mark.parametrize("through_lens", [True, False], ids=["lens", "no lens"])


@with_a_lens_and_without
def test_the_whole_release_is_the_same_dense_sparse_and_by_duckdb(
    duckdb: Any,  # noqa: ANN401 - an Ibis backend
    population: Interactions,
    features: CatalogueFeatures,
    *,
    through_lens: bool,
) -> None:
    there = measured_by(Performance(engine=duckdb), population, features, through_lens=through_lens)
    dense, sparse = (
        measured_by(Performance(threads=1, layout=layout), population, features, through_lens=through_lens)
        for layout in ("dense", "sparse")
    )

    assert (dense.lens is not None) == through_lens
    assert {dense.digest, sparse.digest} == {there.digest}


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device")
@with_a_lens_and_without
def test_the_whole_release_is_the_same_on_a_gpu(
    population: Interactions, features: CatalogueFeatures, *, through_lens: bool
) -> None:
    here = measured_by(Performance(), population, features, through_lens=through_lens)

    for layout in ("dense", "sparse"):
        there = measured_by(Performance(device="cuda", layout=layout), population, features, through_lens=through_lens)
        assert there.digest == here.digest


@with_a_lens_and_without
def test_an_engine_adds_up_every_sum_of_a_release(
    duckdb: Any,  # noqa: ANN401 - an Ibis backend
    population: Interactions,
    features: CatalogueFeatures,
    monkeypatch: pytest.MonkeyPatch,
    *,
    through_lens: bool,
) -> None:
    def refuse(*_: object, **__: object) -> None:
        msg = "torch added something up"
        raise AssertionError(msg)

    monkeypatch.setattr(gram, "_dense", refuse)
    monkeypatch.setattr(gram, "_sparse", refuse)
    assert measured_by(Performance(engine=duckdb), population, features, through_lens=through_lens).gram.any()


@settings(deadline=None, max_examples=15)
@given(held=st.lists(st.lists(st.integers(-(2**15), 2**15), min_size=3, max_size=3), max_size=8))
def test_an_engine_adds_up_products_of_either_sign(duckdb: Any, held: list[list[int]]) -> None:  # noqa: ANN401 - an Ibis backend
    rows = np.array(held, dtype=np.int64).reshape(-1, 3)
    found = exact_gram(csr_matrix(rows), bits=BITS, performance=Performance(engine=duckdb))

    by_python = rows.astype(object)
    assert (found.astype(object) == by_python.T @ by_python).all()


def test_duckdb_adds_up_an_empty_place_as_zero(duckdb: Any) -> None:  # noqa: ANN401 - an Ibis backend
    rows = csr_matrix(([3], ([1], [2])), shape=(3, 4), dtype=np.int64)
    totals = column_sums(rows, engine=duckdb)
    square = exact_gram(rows, bits=BITS, performance=Performance(engine=duckdb))

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

SPARK_RELEASE = """
import pickle
import sys
import ibis
from pyspark.sql import SparkSession
from recommender.mechanism import Performance
from tests.recommender.test_recommender_sums_anywhere import measured_by

population, features = pickle.load(open(sys.argv[1], "rb"))
session = SparkSession.builder.master("local[2]").config("spark.ui.enabled", "false").getOrCreate()
session.conf.set("spark.sql.shuffle.partitions", "2")
speed = Performance(engine=ibis.pyspark.connect(session))
for through_lens in (True, False):
    print("digest", measured_by(speed, population, features, through_lens=through_lens).digest)
"""

only_with_spark = pytest.mark.skipif(
    find_spec("pyspark") is None or shutil.which("java") is None, reason="pyspark or Java is not there"
)


@pytest.mark.slow
@pytest.mark.spark
@only_with_spark
def test_spark_adds_up_the_same_bits_by_the_same_expression(tmp_path: Path) -> None:
    rows = _rows(300, 25, 0.2, 1)
    np.savez(tmp_path / "rows.npz", data=rows.data, indices=rows.indices, indptr=rows.indptr, shape=rows.shape)
    done = subprocess.run([sys.executable, "-c", SPARK, f"{tmp_path}/rows.npz"], capture_output=True, check=False)
    here = exact_gram(rows, bits=BITS, performance=Performance())

    assert done.returncode == 0, done.stderr.decode()[-3000:]
    assert done.stdout == here.tobytes() + column_sums(rows).tobytes()


@pytest.mark.slow
@pytest.mark.spark
@only_with_spark
def test_spark_measures_the_same_release(tmp_path: Path, population: Interactions, features: CatalogueFeatures) -> None:
    (tmp_path / "population").write_bytes(pickle.dumps((population, features)))
    command = [sys.executable, "-c", SPARK_RELEASE, f"{tmp_path}/population"]
    done = subprocess.run(command, capture_output=True, check=False, text=True)
    here = [measured_by(Performance(), population, features, through_lens=lens).digest for lens in (True, False)]

    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.split() == ["digest", here[0], "digest", here[1]]
