"""The same tables in DuckDB, PostgreSQL, a Delta folder and Spark give the same audit as their files."""

import shutil
import subprocess
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import duckdb
import ibis
import numpy as np
import psycopg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import write_deltalake

from audits.configuration import AuditConfig
from audits.run import run
from audits.sources import Source, load, read_recommendations
from audits.sources.engines import _opened
from audits.sources.errors import MalformedSource, UnknownSource

# Ibis calls what this DuckDB already calls by another name.
pytestmark = pytest.mark.filterwarnings("ignore:fetch_arrow_table:DeprecationWarning")

SUBJECTS, ITEMS = 60, 25


def scored() -> pa.Table:
    """Lists without ranks, in which many scores tie and names differ in case and accents."""
    rng = np.random.default_rng(7)
    names = [f"{'aBé_'[index % 4]}{index}" for index in range(ITEMS)]
    rows = [
        (f"s{subject}", names[item], float(rng.integers(0, 3)) / 2 - 0.5)
        for subject in range(SUBJECTS)
        for item in rng.permutation(ITEMS)[:8]
    ]
    return pa.table({"user_id": [r[0] for r in rows], "item_id": [r[1] for r in rows], "score": [r[2] for r in rows]})


def interactions() -> pa.Table:
    rng = np.random.default_rng(8)
    lists = scored()
    rows = rng.integers(0, lists.num_rows, 900)
    return lists.select(["user_id", "item_id"]).take(rows)


def catalogue() -> pa.Table:
    names = sorted(set(scored()["item_id"].to_pylist()))
    genres = [["drama", "comedy|drama", ""][index % 3] for index in range(len(names))]
    return pa.table(
        {"item": names, "genre": genres, "year": [1990 + i % 3 for i in range(len(names))], "price": [1.5] * len(names)}
    )


TABLES = {"lists": scored, "clicks": interactions, "titles": catalogue}

Place = Callable[[str], Any]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Place:
    folder = tmp_path_factory.mktemp("files")
    for name, table in TABLES.items():
        pq.write_table(table(), folder / f"{name}.parquet", row_group_size=100)
    return lambda name: folder / f"{name}.parquet"


@pytest.fixture(scope="module")
def in_duckdb(tmp_path_factory: pytest.TempPathFactory) -> Place:
    path = tmp_path_factory.mktemp("duckdb") / "lake.db"
    with duckdb.connect(str(path)) as connection:
        for name, build in TABLES.items():
            connection.register("given", build())
            connection.sql("select * from given").create(name)
    return lambda name: f"duckdb://{path}#{name}"


@pytest.fixture
def in_postgresql(postgres_url: str) -> Place:
    url = postgres_url.replace("+psycopg", "")
    kinds = {pa.string(): "varchar(40)", pa.float64(): "double precision", pa.int64(): "int"}
    with psycopg.connect(url) as connection:
        # A language's order puts a before B, and bytes put B before a.
        connection.execute("create collation words (provider = icu, locale = 'en-US')")
        connection.execute("create schema service")
        for name, build in TABLES.items():
            table = build()
            columns = ", ".join(f"{field.name} {kinds[field.type]}" for field in table.schema)
            columns = columns.replace("varchar(40)", "varchar(40) collate words")
            connection.execute(f"create table service.{name} ({columns})")
            marks = ", ".join(["%s"] * table.num_columns)
            rows = list(zip(*table.to_pydict().values(), strict=True))
            connection.cursor().executemany(f"insert into service.{name} values ({marks})", rows)  # noqa: S608 - ours
    return lambda name: f"{url}#service.{name}"


@pytest.fixture(scope="module")
def in_delta(tmp_path_factory: pytest.TempPathFactory) -> Place:
    folder = tmp_path_factory.mktemp("delta")
    for name, build in TABLES.items():
        table = build()
        days = pa.array([f"2026-0{index % 3 + 1} é" for index in range(table.num_rows)])
        write_deltalake(str(folder / name), table.append_column("day", days), partition_by=["day"])
    return lambda name: folder / name


def audited(place: Place) -> bytes:
    titles = Source(at=place("titles"), attributes=("genre", "year"))
    given = load(recommendations=place("lists"), items=titles, history=place("clicks"))
    return run(given, config=AuditConfig(seed=1, model_digest="m", k=5, replicates=100, min_subjects=1)).to_json()


def test_duckdb_gives_the_same_audit_as_files(files: Place, in_duckdb: Place) -> None:
    assert audited(in_duckdb) == audited(files)


@pytest.mark.postgres
def test_postgresql_gives_the_same_audit_as_files(files: Place, in_postgresql: Place) -> None:
    assert audited(in_postgresql) == audited(files)


def test_a_delta_folder_gives_the_same_audit_as_files(files: Place, in_delta: Place) -> None:
    assert audited(in_delta) == audited(files)


@pytest.mark.postgres
def test_postgresql_is_only_read_even_by_who_may_write(in_postgresql: Place) -> None:
    url, _, table = in_postgresql("lists").partition("#")
    source = Source(at=f"{url}#{table}")

    with _opened(source) as relation:
        engine = relation.get_backend()
        with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
            engine.con.execute("delete from service.lists")


def test_an_ibis_table_of_any_engine_is_a_place(files: Place) -> None:
    table = ibis.duckdb.connect().read_parquet(files("lists"))
    few = table.filter(table.user_id == "s1")

    assert read_recommendations(few).lists.as_table().num_rows == 8


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("select 's' subject, 'a' item", "expected the columns rank or score, got subject, item"),
        (
            "select 's' subject, 'a' item, 1.5::double as rank",
            "column rank: expected whole numbers, got the type float64",
        ),
        ("select 1.5::double subject, 'a' item, 1 as rank", "column subject: expected text or whole numbers"),
        ("select 's' subject, 'a' item, 'x' score", "column score: expected numbers, got the type string"),
        ("select 's' subject, 'a' item, null::int as rank", "column rank: expected a whole number from 1, got nothing"),
        ("select 's' subject, 'a' item, 'nan'::double score", "column score: expected a finite number"),
        ("select 's' subject, 'a' item, null::double score", "column score: expected a number, got nothing"),
        ("select null::text subject, 'a' item, 1 as rank", "column subject: expected a name, got nothing"),
        ("select 's' subject, 'a' item, 2 as rank", "got 2 for 1 in one of its rows"),
    ],
)
def test_a_table_that_has_drifted_is_refused(tmp_path: Path, query: str, said: str) -> None:
    path = tmp_path / "lake.db"
    with duckdb.connect(str(path)) as connection:
        connection.execute(f"create table lists as {query}")

    with pytest.raises(MalformedSource, match=said):
        read_recommendations(f"duckdb://{path}#lists")


def test_a_table_that_is_not_there_and_a_file_that_is_no_database(tmp_path: Path) -> None:
    path, other = tmp_path / "lake.db", tmp_path / "other.db"
    duckdb.connect(str(path)).close()
    other.write_bytes(b"no database" * 1000)

    for place in (f"duckdb://{path}#lists", f"duckdb://{other}#lists"):
        with pytest.raises(UnknownSource, match="expected a table that can be read"):
            read_recommendations(place)


def test_a_view_in_somebodys_database_reads_no_other_file(tmp_path: Path) -> None:
    path, other = tmp_path / "lake.db", tmp_path / "other.csv"
    other.write_text("subject,item,rank\nu,a,1\n")
    with duckdb.connect(str(path)) as connection:
        connection.execute(f"create view lists as select * from read_csv('{other}')")  # noqa: S608 - a view of ours

    with pytest.raises(UnknownSource, match="PermissionException"):
        read_recommendations(f"duckdb://{path}#lists")


def test_a_server_that_does_not_answer_is_named_without_its_password(tmp_path: Path) -> None:
    with pytest.raises(UnknownSource) as refused:
        read_recommendations(f"postgresql://anna:pw@/db?host={tmp_path}&password=pw2#lists")

    assert "expected a table that can be read, got OperationalError" in str(refused.value)
    for secret in ("anna", "pw"):
        assert secret not in str(refused.value)


SPARK = """
import sys
import ibis
from pyspark.sql import SparkSession
from audits.configuration import AuditConfig
from audits.run import run
from audits.sources import Source, load

folder, delta = sys.argv[1:]
session = SparkSession.builder.master("local[2]").config("spark.ui.enabled", "false").getOrCreate()
session.conf.set("spark.sql.shuffle.partitions", "2")
session.read.parquet(f"{folder}/lists.parquet").createOrReplaceTempView("lists")
engine = ibis.pyspark.connect(session)
given = load(
    recommendations="spark://#lists",
    items=Source(at=engine.read_parquet(f"{folder}/titles.parquet"), attributes=("genre", "year")),
    history=f"spark://{delta}/clicks",
)
config = AuditConfig(seed=1, model_digest="m", k=5, replicates=100, min_subjects=1)
sys.stdout.buffer.write(run(given, config=config).to_json())
"""


@pytest.mark.slow
@pytest.mark.spark
@pytest.mark.skipif(find_spec("pyspark") is None or shutil.which("java") is None, reason="pyspark or Java is not there")
def test_spark_gives_the_same_audit_as_files_by_the_same_expression(files: Place, in_delta: Place) -> None:
    folders = str(files("lists").parent), str(in_delta("lists").parent)
    done = subprocess.run([sys.executable, "-c", SPARK, *folders], capture_output=True, check=False)

    assert done.returncode == 0, done.stderr.decode()[-3000:]
    assert done.stdout == audited(files)
