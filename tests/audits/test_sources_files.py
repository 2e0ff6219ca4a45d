"""Files of any recommender as an audit's tables; each value by hand."""

import csv
import gzip
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from audits.sources import (
    FORMATS,
    Source,
    count_popularity,
    load,
    read_attention,
    read_groups,
    read_history,
    read_items,
    read_popularity,
    read_recommendations,
    read_relevance,
)
from audits.sources.lists import ranks
from audits.tables import Membership, Recommendations

Write = Callable[[str, str], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def written(name: str, text: str) -> Path:
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return path

    return written


def lists(found: Recommendations) -> dict[str, list[str]]:
    """Each subject's items by rank."""
    table = found.lists.as_table()
    shown: dict[str, list[str]] = {}
    for subject, item in zip(table["subject"].to_pylist(), table["item"].to_pylist(), strict=True):
        shown.setdefault(subject, []).append(item)
    return shown


def labels(found: Membership) -> set[tuple[str, ...]]:
    return set(zip(*(found.table[name].to_pylist() for name in ("item", "attribute", "category")), strict=True))


def test_a_csv_with_ranks_is_lists(write: Write) -> None:
    path = write("lists.csv", "subject,item,rank,source\nu1,b,2,x\nu2,a,1,x\nu1,a,1,x\n")

    assert lists(read_recommendations(path)) == {"u1": ["a", "b"], "u2": ["a"]}


def test_without_ranks_the_highest_score_is_first_and_equal_ones_stand_in_byte_order(write: Write) -> None:
    path = write("lists.csv", "user_id,item_id,score\nu,b,0.5\nu,B,.5\nu,é,5e-1\nu,a,0.5\nu,z,1\nu,-,-0.0\nu,!,0\n")

    assert lists(read_recommendations(path)) == {"u": ["z", "B", "a", "b", "é", "!", "-"]}


def test_other_names_of_columns_are_the_callers_to_say(write: Write) -> None:
    path = write("lists.tsv", 'session\tsku\tplace\n"s 1"\ta\t1\n')

    found = read_recommendations(Source(at=path, columns={"subject": "session", "item": "sku", "rank": "place"}))

    assert lists(found) == {"s 1": ["a"]}


def test_the_same_can_be_said_behind_a_path(write: Write) -> None:
    path = write("shown.txt", "sku\tviewer\tscore\trank\na\tu\t1\t1\nb\tu\t2\t2\n")
    odd = write("what?subject=sku.csv", "subject,item,rank\nu,a,1\n")

    found = read_recommendations(f"tsv:{path}?subject=viewer&item=sku&order=score")
    assert lists(found) == {"u": ["b", "a"]}
    assert lists(read_recommendations(str(odd))) == {"u": ["a"]}
    wide = read_items(f"{write('i.csv', 'item,genre,origin')}?attributes=origin")
    assert wide[0].table.num_rows == 0


def test_a_packed_file_with_a_byte_order_mark_and_windows_lines_is_the_same(tmp_path: Path) -> None:
    path = tmp_path / "lists.csv.gz"
    path.write_bytes(gzip.compress("\ufeffsubject,item,rank\r\nu1,a,1\r\n".encode()))

    assert lists(read_recommendations(path)) == {"u1": ["a"]}


def test_parquet_takes_whole_numbers_and_dictionaries_as_names_and_reads_folders(tmp_path: Path) -> None:
    items = pa.array(["a", "b"]).dictionary_encode()
    for part, subject in (("x", 1), ("y", 2)):
        table = pa.table({"user": [subject] * 2, "item": items, "rank": pa.array([1, 2], pa.int8()), "why": [b"", b""]})
        pq.write_table(table, tmp_path / f"{part}.parquet")

    assert lists(read_recommendations(tmp_path)) == {"1": ["a", "b"], "2": ["a", "b"]}


def test_frames_in_memory_are_places_too() -> None:
    columns = {"user_id": ["u", "u"], "item_id": [7, 8], "score": [0.5, 0.75]}

    for frame in (pa.table(columns), pd.DataFrame(columns)):
        assert lists(read_recommendations(frame)) == {"u": ["8", "7"]}
    labelled = read_items(Source(at=pd.DataFrame({"sku": ["a"], "genre": ["x|y"]}), columns={"item": "sku"}))
    assert labels(labelled[0]) == {("a", "genre", "x"), ("a", "genre", "y")}


def test_items_one_row_for_each_category(write: Write) -> None:
    membership, items = read_items(write("items.csv", "item,category\nb,drama\na,news\nb,comedy\nc,\n"))

    assert items == ("a", "b", "c")
    assert labels(membership) == {("b", "category", "drama"), ("b", "category", "comedy"), ("a", "category", "news")}


def test_items_of_several_attributes_with_soft_membership(write: Write) -> None:
    text = "item,attribute,category,weight\na,genre,drama,3\na,genre,news,1\na,origin,dk,1\n"
    membership, _ = read_items(write("items.csv", text))

    assert membership.attributes == ("genre", "origin")
    assert membership.table["weight"].to_pylist() == [3.0, 1.0, 1.0]


def test_items_one_row_each_with_a_column_for_each_attribute(write: Write) -> None:
    path = write("items.csv", "item,genre,origin\na,drama| news |drama,dk\nb,,us\n")

    assert labels(read_items(path)[0]) == {
        ("a", "genre", "drama"), ("a", "genre", "news"), ("a", "origin", "dk"), ("b", "origin", "us")
    }  # fmt: skip
    assert read_items(Source(at=path, attributes=("origin",)))[0].attributes == ("origin",)


def test_of_a_wide_parquet_what_measures_is_no_attribute(tmp_path: Path) -> None:
    table = pa.table({"item": ["a"], "genre": [["drama", "news"]], "price": [1.5], "new": [True], "year": [1999]})
    pq.write_table(table, tmp_path / "items.parquet")

    assert labels(read_items(tmp_path / "items.parquet")[0]) == {
        ("a", "genre", "drama"), ("a", "genre", "news"), ("a", "new", "true"), ("a", "year", "1999")
    }  # fmt: skip


def test_interactions_are_history_once_for_each_pair_and_popularity_by_their_number(write: Write) -> None:
    path = write("clicks.csv", "subject,item\nu1,a\nu1,a\nu2,a\nu2,b\n")

    assert sorted(read_history(path).to_pylist(), key=str) == [
        {"subject": "u1", "item": "a", "weight": 2.0},
        {"subject": "u2", "item": "a", "weight": 1.0},
        {"subject": "u2", "item": "b", "weight": 1.0},
    ]
    assert sorted(count_popularity(path).to_pylist(), key=str) == [{"item": "a", "count": 3}, {"item": "b", "count": 1}]


def test_weights_of_a_pair_add_up(write: Write) -> None:
    path = write("clicks.csv", "subject,item,weight\nu1,a,0.5\nu1,a,2\n")

    assert read_history(path).to_pylist() == [{"subject": "u1", "item": "a", "weight": 2.5}]


def test_popularity_relevance_groups_and_attention(write: Write) -> None:
    assert read_popularity(write("p.csv", "item,count\na,7\n")).to_pylist() == [{"item": "a", "count": 7}]
    assert read_relevance(write("r.csv", "subject,item\nu,a\nu,a\n")).to_pylist() == [{"subject": "u", "item": "a"}]
    assert read_relevance(write("g.csv", "subject,item,grade\nu,a,2\n"))["grade"].to_pylist() == [2.0]
    assert read_attention(write("a.csv", "rank,weight\n3,0\n1,1\n2,0.25\n")) == (1.0, 0.25, 0.0)


def test_groups_long_or_wide_and_nobody_is_in_the_group_of_an_empty_cell(write: Write) -> None:
    assert read_groups(write("l.csv", "subject,group\nu,old\nv,\n")).to_pylist() == [{"subject": "u", "group": "old"}]
    wide = read_groups(write("w.csv", "subject,age,gender\nu,old,f\nv,,m\n"))

    assert sorted(zip(*(wide[name].to_pylist() for name in ("subject", "attribute", "group")), strict=True)) == [
        ("u", "age", "old"), ("u", "gender", "f"), ("v", "gender", "m")
    ]  # fmt: skip


def test_loading_counts_popularity_and_lists_the_catalogue(write: Write) -> None:
    told: list[str] = []
    given = load(
        recommendations=write("lists.csv", "subject,item,rank\nu,a,1\n"),
        items=write("items.csv", "item,category\na,x\nb,y\n"),
        history=write("clicks.csv", "subject,item\nu,b\nu,b\n"),
        groups=write("groups.csv", "subject,group\nu,old\n"),
        progress=lambda what: lambda done, total: told.append(f"{what} {done == total}"),
    )

    assert given.items == ("a", "b")
    assert given.popularity is not None
    assert given.popularity.to_pylist() == [{"item": "b", "count": 2}]
    assert [word.split()[0] for word in told] == ["items", "recommendations", "history", "popularity", "groups"]


def test_an_unlisted_item_is_unknown_where_that_is_allowed(write: Write) -> None:
    given = load(
        recommendations=write("lists.csv", "subject,item,rank\nu,new,1\n"),
        items=write("items.csv", "item,category\na,x\n"),
        allow_unlisted=True,
    )

    assert given.items == ("a", "new")
    assert labels(given.membership) == {("a", "category", "x")}


def test_formats_are_told_apart_by_slug_and_suffix() -> None:
    suffixes = [suffix for each in FORMATS for suffix in each.suffixes]

    assert len(set(suffixes)) == len(suffixes)
    assert len({each.slug for each in FORMATS}) == len(FORMATS)


names = st.text(st.characters(codec="utf-8", exclude_characters="\r\n\0"), min_size=1, max_size=6)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(names, names), min_size=1, max_size=8, unique=True), st.sampled_from([",", "\t"]))
def test_any_names_come_back_from_a_file_as_they_were(tmp_path: Path, pairs: list[tuple[str, str]], comma: str) -> None:
    path = tmp_path / ("f.csv" if comma == "," else "f.tsv")
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, delimiter=comma).writerows([("item", "category"), *pairs])

    membership, items = read_items(path)

    assert {(item, category) for item, _, category in labels(membership)} == set(pairs)
    assert items == tuple(sorted({item for item, _ in pairs}))


scores = st.floats(allow_nan=False, allow_infinity=False, width=16)
shown = st.lists(
    st.tuples(st.sampled_from("uvw"), st.text(max_size=3), scores), min_size=1, unique_by=lambda row: row[:2]
)


@settings(max_examples=60, deadline=None)
@given(shown)
def test_ranks_are_those_of_sorting_in_python(rows: list[tuple[str, str, float]]) -> None:
    columns = (pa.chunked_array([pa.array([row[index] for row in rows])]) for index in range(3))

    found = dict(zip([row[:2] for row in rows], ranks(*columns).tolist(), strict=True))

    for subject in "uvw":
        mine = sorted((row for row in rows if row[0] == subject), key=lambda row: (-row[2], row[1].encode()))
        assert [found[row[:2]] for row in mine] == list(range(1, len(mine) + 1))
