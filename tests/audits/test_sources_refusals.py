"""What is wrong with a file is said with its place, its column and a shape, and never with what stood there."""

import gzip
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from audits.errors import AuditError, InvalidTable
from audits.sources import (
    Source,
    load,
    read_attention,
    read_groups,
    read_history,
    read_items,
    read_popularity,
    read_recommendations,
    read_relevance,
)
from audits.sources.errors import MalformedSource, MissingEngine, UnknownSource

SECRET = "anna.smith"  # noqa: S105 - a name, and no password
"""A subject. It must never be in a message."""

Read = Callable[[Path], object]


def said(read: Read, path: Path, error: type[Exception] = MalformedSource) -> str:
    """The message without its folder."""
    with pytest.raises(error) as refused:
        read(path)
    message = str(refused.value).replace(f"{path.parent}/", "")
    assert SECRET not in message
    return message


HEADED = "subject,item,rank\n"
ONE_LINE = f"{SECRET},a,1\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "f.csv, line 1: expected the names of the columns, got nothing"),
        (HEADED, "f.csv: recommendations: expected at least one row, got none"),
        (
            f"{SECRET},a,1\n{SECRET},b,2\n",
            (
                "f.csv: for recommendations expected the columns subject, item, rank or score, "
                "got 3 others; the first line has to name the columns"
            ),
        ),
        (
            f"subject,item\n{SECRET},a\n",
            (
                "f.csv: for recommendations expected the columns rank or score, "
                "got 2 others; the first line has to name the columns"
            ),
        ),
        ("item,item,subject,rank\n", "f.csv: for recommendations expected each column once, got 1 twice"),
        (
            f"user,user_id,item,rank\n1,{SECRET},a,1\n",
            ("f.csv: for recommendations expected one column for the subject, got user and user_id: say which"),
        ),
        (f"{HEADED}{ONE_LINE}{SECRET},b\n", "f.csv, line 3: expected 3 fields of UTF-8 text, got 2 fields"),
        (f"{HEADED}{ONE_LINE}\n{SECRET},b,2\n", "f.csv, line 3, column subject: expected a name, got nothing"),
        (
            f'{HEADED}"{SECRET},a,1\n',
            ("f.csv, line 2: expected 3 fields of UTF-8 text, got a quotation that does not end in its line"),
        ),
        (
            f'{HEADED}"{SECRET}\n",a,1\n',
            ("f.csv, line 2: expected 3 fields of UTF-8 text, got a quotation that does not end in its line"),
        ),
        (f"{HEADED}{SECRET},,1\n", "f.csv, line 2, column item: expected a name, got nothing"),
        (
            f"{HEADED}{SECRET},a,one\n{SECRET},b,two\n",
            (
                "f.csv, line 2, column rank: "
                "expected a whole number from 1, got 3 characters that are none (and so in 1 more rows)"
            ),
        ),
        (
            f"{HEADED}{SECRET},a,1.0\n",
            ("f.csv, line 2, column rank: expected a whole number from 1, got 3 characters that are none"),
        ),
        (f"{HEADED}{SECRET},a,0\n", "f.csv, line 2, column rank: expected a whole number from 1, got a lower one"),
        (
            f"{HEADED}{SECRET},a,99999999999999999999\n",
            ("f.csv, line 2, column rank: expected a whole number from 1, got 20 characters that are none"),
        ),
        (
            f"{HEADED}{ONE_LINE}{SECRET},b,3\n",
            ("f.csv: recommendations, column rank: expected ranks 1, 2, 3 … without a gap, got 3 for 2 in line 3"),
        ),
        (
            f"{HEADED}{ONE_LINE}{SECRET},b,1\n",
            ("f.csv: recommendations: expected each subject and rank once, got 1 repeated rows, first is line 3"),
        ),
        (
            f"{HEADED}{ONE_LINE}{SECRET},a,2\n",
            ("f.csv: recommendations: expected each subject and item once, got 1 repeated rows, first is line 3"),
        ),
        (
            f"subject,item,score\n{SECRET},a,nan\n",
            "f.csv, line 2, column score: expected a finite number, got infinity or none",
        ),
        (
            f"subject,item,score\n{SECRET},a,1e999\n",
            "f.csv, line 2, column score: expected a finite number, got infinity or none",
        ),
    ],
)
def test_lists_in_a_csv(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "f.csv"
    path.write_text(text)

    assert said(read_recommendations, path) == message


@pytest.mark.parametrize(
    ("read", "text", "message"),
    [
        (
            read_items,
            "item\na\n",
            ("f.csv: for items expected a column category, or a column for each attribute, got neither"),
        ),
        (
            read_items,
            "item,category\na,x\na,x\n",
            ("f.csv, line 3, column item: expected each item once for each of its categories, got one again"),
        ),
        (
            read_items,
            "item,category\na,\na,\n",
            ("f.csv, line 3, column item: expected each item once for each of its categories, got one again"),
        ),
        (
            read_items,
            "item,genre\na,x\na,y\n",
            ("f.csv, line 3, column item: expected each item once, with a column for each attribute, got one again"),
        ),
        (
            read_items,
            "item,category,weight\na,x,0\n",
            "f.csv, line 2, column weight: expected a positive number, got another",
        ),
        (
            read_items,
            "item,attribute,category\na,,x\n",
            "f.csv, line 2, column attribute: expected a name, got nothing",
        ),
        (
            read_history,
            f"subject,item,weight\n{SECRET},a,-1\n",
            "f.csv, line 2, column weight: expected a positive number, got another",
        ),
        (
            read_relevance,
            f"subject,item,grade\n{SECRET},a,0\n",
            "f.csv, line 2, column grade: expected a positive number, got another",
        ),
        (
            read_popularity,
            "item,count\na,-1\n",
            "f.csv, line 2, column count: expected a whole number from 0, got a lower one",
        ),
        (
            read_groups,
            f"subject,group\n{SECRET},a\nu,b\n{SECRET},b\n",
            "f.csv, line 4, column subject: expected each subject once for each attribute, got one again",
        ),
        (
            read_groups,
            f"subject,age\n{SECRET},old\n{SECRET},old\n",
            (
                "f.csv, line 3, column subject: "
                "expected each subject once, with a column for each attribute, got one again"
            ),
        ),
        (
            read_popularity,
            "item,count\na,1\na,1\n",
            "f.csv, line 3, column item: expected one count for each item, got one again",
        ),
        (
            read_relevance,
            f"subject,item,grade\n{SECRET},a,1\n{SECRET},a,2\n",
            "f.csv, line 3, column item: expected one grade for each subject and item, got one again",
        ),
        (
            read_groups,
            f"subject\n{SECRET}\n",
            ("f.csv: for groups expected a column group, or a column for each attribute, got neither"),
        ),
        (
            read_attention,
            "rank,weight\n1,1\n3,1\n",
            "f.csv, column rank: expected the ranks 1, 2, 3 … each once, got 2 others",
        ),
        (
            read_attention,
            "rank,weight\n1,0\n2,1\n",
            "f.csv, line 2, column weight: expected a positive number for rank 1, got 0",
        ),
        (
            read_attention,
            "rank,weight\n1,1\n2,-1\n",
            "f.csv, line 3, column weight: expected a number from 0, got a negative one",
        ),
    ],
)
def test_other_tables_in_a_csv(tmp_path: Path, read: Read, text: str, message: str) -> None:
    path = tmp_path / "f.csv"
    path.write_text(text)

    assert said(read, path) == message


def test_bytes_that_are_no_text_and_packed_files_that_break_off(tmp_path: Path) -> None:
    broken, torn, fake = tmp_path / "b.csv", tmp_path / "t.csv.gz", tmp_path / "f.csv.gz"
    broken.write_bytes(HEADED.encode() + b"\xff" + ONE_LINE.encode())
    torn.write_bytes(gzip.compress((HEADED + ONE_LINE * 9000).encode())[:-20])
    fake.write_text(HEADED + ONE_LINE)

    assert said(read_recommendations, broken) == (
        "b.csv, line 2: expected 3 fields of UTF-8 text, got bytes that are not UTF-8"
    )
    for path in (torn, fake):
        assert (
            said(read_recommendations, path)
            == f"{path.name}: expected a whole file, got one that is damaged or breaks off"
        )


READERS = (read_recommendations, read_items, read_history, read_relevance, read_groups, read_popularity, read_attention)
BEGINNINGS = {
    "csv": (b"subject,item,rank\n", b"subject,item,score\n", b"item,category,weight\n", b"subject,group\n", b""),
    "run": (b"q Q0 d 1 0.5 t\n", b""),
    "qrels": (b"q 0 d 1\n", b""),
    "inter": (b"user_id:token\titem_id:token\tscore:float\n", b"item_id:token\tclass:token_seq\n", b""),
    "parquet": (b"PAR1", b""),
    "csv.gz": (b"\x1f\x8b", b""),
}
lines = st.text("abuq019.,-+eE\t \"'\r\né\0:|#", max_size=60).map(str.encode) | st.binary(max_size=60)


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.sampled_from(sorted(BEGINNINGS)).flatmap(
        lambda kind: st.tuples(st.just(kind), st.sampled_from(BEGINNINGS[kind]))
    ),
    lines,
)
def test_whatever_bytes_a_file_holds_it_is_read_or_refused(
    tmp_path: Path, beginning: tuple[str, bytes], rest: bytes
) -> None:
    suffix, first = beginning
    path = tmp_path / f"f.{suffix}"
    path.write_bytes(first + rest)

    for read in READERS:
        with suppress(AuditError):
            read(path)


def parquet(path: Path, **columns: object) -> Path:
    pq.write_table(pa.table(columns), path)
    return path


def test_parquet_whose_columns_have_drifted(tmp_path: Path) -> None:
    names, ranks = pa.array([SECRET]), pa.array([1])
    path = tmp_path / "f.parquet"
    cases = {
        "f.parquet: for recommendations expected the columns item, got subject, rank": {
            "subject": names, "rank": ranks
        },
        "f.parquet, column rank: expected whole numbers, got the type double": {
            "subject": names, "item": names, "rank": pa.array([1.0])
        },
        "f.parquet, column subject: expected text or whole numbers, got the type double": {
            "subject": pa.array([1.0]), "item": names, "rank": ranks
        },
        "f.parquet, row 1, column item: expected a name, got nothing": {
            "subject": names, "item": pa.array([None], pa.string()), "rank": ranks
        },
        "f.parquet, row 1, column rank: expected a whole number from 1, got nothing": {
            "subject": names, "item": names, "rank": pa.array([None], pa.int32())
        },
        "f.parquet, row 1, column rank: expected a whole number from 1, got a number beyond 2^62": {
            "subject": names, "item": names, "rank": pa.array([2**64 - 1], pa.uint64())
        },
    }  # fmt: skip
    for message, columns in cases.items():
        assert said(read_recommendations, parquet(path, **columns)) == message


def test_a_folder_of_parquet_files_with_other_types_is_refused(tmp_path: Path) -> None:
    parquet(tmp_path / "a.parquet", subject=["u"], item=["a"], rank=[1])
    parquet(tmp_path / "b.parquet", subject=[7], item=["a"], rank=[1])

    with pytest.raises(MalformedSource, match="expected files of the same columns and types, got 2 that differ"):
        read_recommendations(tmp_path)


def test_damaged_parquet(tmp_path: Path) -> None:
    path = parquet(
        tmp_path / "f.parquet", subject=[SECRET] * 5000, item=[str(i) for i in range(5000)], rank=range(1, 5001)
    )
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])

    assert said(read_recommendations, path) == "f.parquet: expected a Parquet file, got one that is none, or is damaged"


@pytest.mark.parametrize(
    "place",
    [
        "",
        "nothing.csv",
        "folder.csv",
        "lists.xlsx",
        "mysql://anna:pw@host/db#t",
        "duckdb:///nothing.db#t",
        "duckdb:///nothing.db",
        "nothing.csv?viewer=subject",
        "nothing.csv?order=best",
        "nothing.csv?subject",
    ],
)
def test_a_place_where_nothing_can_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder.csv").mkdir()

    with pytest.raises(UnknownSource) as refused:
        read_recommendations(place)
    assert "anna" not in str(refused.value)
    assert "pw" not in str(refused.value)


def test_what_is_no_table_and_a_frame_with_a_hole_in_its_ranks() -> None:
    with pytest.raises(UnknownSource, match="a frame or an Ibis table, got dict"):
        read_recommendations({"subject": [SECRET]})
    with pytest.raises(MalformedSource, match="the given table, column rank: expected whole numbers, got the type"):
        read_recommendations(pd.DataFrame({"subject": [SECRET] * 2, "item": ["a", "b"], "rank": [1, None]}))
    with pytest.raises(MalformedSource, match="the given table, row 1, column item: expected a name, got nothing"):
        read_recommendations(pa.table({"subject": [SECRET] * 2, "item": ["a", None], "rank": [1, 2]}))


def test_a_column_that_the_caller_names_has_to_be_there(tmp_path: Path) -> None:
    path = parquet(tmp_path / "f.parquet", subject=["u"], item=["a"], rank=[1], price=[1.5])

    with pytest.raises(MalformedSource, match="expected a column place, as the caller says, got subject"):
        read_recommendations(Source(at=path, columns={"rank": "place"}))
    with pytest.raises(MalformedSource, match="expected the columns origin, as the caller says"):
        read_items(Source(at=path, attributes=("origin",)))
    with pytest.raises(MalformedSource, match="column price: expected names, got the type double"):
        read_items(Source(at=path, attributes=("price",)))


def test_items_that_are_not_listed(tmp_path: Path) -> None:
    (tmp_path / "items.csv").write_text("item,category\na,x\n")
    (tmp_path / "lists.csv").write_text(f"subject,item,rank\n{SECRET},a,1\n{SECRET},b,2\n")

    message = said(lambda path: load(recommendations=path, items=tmp_path / "items.csv"), tmp_path / "lists.csv")
    assert message == (
        "lists.csv, column item: expected items that items.csv lists, got 1 others of 2; "
        "list these too, without a category where none is known"
    )


def test_a_baseline_for_other_subjects(tmp_path: Path) -> None:
    (tmp_path / "items.csv").write_text("item,category\na,x\n")
    for name in ("u", "v"):
        (tmp_path / f"{name}.csv").write_text(f"subject,item,rank\n{name},a,1\n")

    with pytest.raises(InvalidTable, match="baseline, column subject"):
        load(recommendations=tmp_path / "u.csv", items=tmp_path / "items.csv", baseline=tmp_path / "v.csv")


def test_without_the_extra_an_engine_says_which_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "f.db").write_bytes(b"")
    monkeypatch.setitem(__import__("sys").modules, "ibis", None)

    with pytest.raises(MissingEngine, match=r"install Probity with its extra `tables`"):
        read_recommendations(f"duckdb://{tmp_path}/f.db#lists")
