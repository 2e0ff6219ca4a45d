"""The layouts of TREC, RecBole and LensKit, written as those tools write them."""

from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from audits.sources import (
    Source,
    count_popularity,
    read_groups,
    read_history,
    read_items,
    read_recommendations,
    read_relevance,
)
from audits.sources.errors import MalformedSource

RUN = "q1 Q0 doc-2 0 9.5 mine\nq1\tQ0  doc-1 1 9.5 mine\nq2 Q0 doc-1 0 -1e-3 mine\n"
"""Ranks from 0, and any white space between fields, as trec_eval takes it."""


def rows(table: pa.Table) -> set[tuple[object, ...]]:
    return set(zip(*(table[name].to_pylist() for name in table.column_names), strict=True))


def shown(place: Path | Source) -> set[tuple[object, ...]]:
    return rows(read_recommendations(place).lists.as_table())


def test_a_trec_run_is_lists_by_its_ranks(tmp_path: Path) -> None:
    path = tmp_path / "mine.run"
    path.write_text(RUN)

    assert shown(path) == {
        ("q1", "doc-2", 1),
        ("q1", "doc-1", 2),
        ("q2", "doc-1", 1),
    }
    assert read_recommendations(f"trec_run:{path}").lists.as_table().num_rows == 3


def test_by_its_scores_where_the_caller_says_so(tmp_path: Path) -> None:
    path = tmp_path / "mine.run"
    path.write_text(RUN)

    by_score = read_recommendations(Source(at=path, order="score")).lists.as_table()
    assert rows(by_score) == {("q1", "doc-1", 1), ("q1", "doc-2", 2), ("q2", "doc-1", 1)}


def test_a_run_whose_scores_contradict_its_ranks_is_refused_until_one_is_chosen(tmp_path: Path) -> None:
    path = tmp_path / "mine.run"
    path.write_text("q1 Q0 a 1 0.5 t\nq1 Q0 b 2 0.7 t\n")

    with pytest.raises(MalformedSource, match="line 2, column score: expected scores that fall with the rank"):
        read_recommendations(path)
    assert shown(Source(at=path, order="rank")) == {
        ("q1", "a", 1),
        ("q1", "b", 2),
    }


def test_trec_judgements_are_relevance_and_a_grade_of_zero_is_none(tmp_path: Path) -> None:
    path = tmp_path / "test.qrels"
    path.write_text("q1 0 a 2\nq1 0 b 0\nq1 0 c -1\nq2 0 a 1\n")

    assert rows(read_relevance(path)) == {("q1", "a", 2.0), ("q2", "a", 1.0)}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("q1 Q0 a 1 0.5 t\nq1 Q0 b 2 0.4\n", r"line 2: expected the 6 fields .* got 5 fields"),
        ("q1 Q0 a 1 0.5 t\n\n", r"line 2: expected the 6 fields .* got an empty line"),
        ("q1 Q0 a first 0.5 t\n", r"line 1, column rank: expected a whole number from 0, got 5 characters"),
        ("q1 Q0 a 1 best t\n", r"line 1, column score: expected a number, got 4 characters"),
        ("q1 Q0 a 1 0.5 t\nq1 Q0 b 3 0.4 t\n", r"got 3 for 2 in line 2"),
        ("", r"recommendations: expected at least one row"),
    ],
)
def test_a_broken_run_is_refused_with_its_line(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "mine.run"
    path.write_text(text)

    with pytest.raises(MalformedSource, match=said):
        read_recommendations(path)


def test_recboles_atomic_files_carry_types_in_their_headings(tmp_path: Path) -> None:
    (tmp_path / "ml.inter").write_text(
        "user_id:token\titem_id:token\trating:float\ttimestamp:float\n1\t10\t5\t8\n1\t10\t4\t9\n2\t20\t3\t7\n"
    )
    (tmp_path / "ml.item").write_text(
        "item_id:token\tclass:token_seq\tcountry:token\tbudget:float\n10\tDrama War\tdk\t1.5\n20\t\tus\t2\n"
    )
    (tmp_path / "ml.user").write_text("user_id:token\tage:token\tgender:token\n1\told\tF\n2\tyoung\tM\n")

    assert rows(read_history(tmp_path / "ml.inter")) == {("1", "10", 2.0), ("2", "20", 1.0)}
    assert rows(count_popularity(tmp_path / "ml.inter")) == {("10", 2), ("20", 1)}
    assert rows(read_items(tmp_path / "ml.item")[0].table) == {
        ("10", "class", "Drama"), ("10", "class", "War"), ("10", "country", "dk"), ("20", "country", "us")
    }  # fmt: skip
    assert ("1", "gender", "F") in rows(read_groups(tmp_path / "ml.user").select(["subject", "attribute", "group"]))


def test_recboles_lists_of_categories_are_one_each_also_where_the_column_is_called_category(tmp_path: Path) -> None:
    (tmp_path / "ml.item").write_text("item_id:token\tcategory:token_seq\n10\tDrama War\n20\t\n")
    membership, items = read_items(tmp_path / "ml.item")

    assert rows(membership.table) == {("10", "category", "Drama"), ("10", "category", "War")}
    assert items == ("10", "20")


def test_lists_saved_as_an_atomic_file_are_ranked_by_rank_or_score(tmp_path: Path) -> None:
    (tmp_path / "score.inter").write_text("user_id:token\titem_id:token\tscore:float\n1\t10\t.1\n1\t20\t.2\n")
    (tmp_path / "rank.inter").write_text("user_id:token\titem_id:token\trank:float\n1\t10\t2.0\n1\t20\t1.0\n")

    for name in ("score", "rank"):
        assert shown(tmp_path / f"{name}.inter") == {
            ("1", "20", 1),
            ("1", "10", 2),
        }


@pytest.mark.parametrize("heading", ["user_id\titem_id", "user_id:token\titem_id:text", "user_id:token\tuser_id:float"])
def test_a_heading_without_recboles_types_is_refused(tmp_path: Path, heading: str) -> None:
    (tmp_path / "ml.inter").write_text(f"{heading}\n1\t2\n")

    with pytest.raises(MalformedSource, match="line 1: expected columns like user_id:token"):
        read_history(tmp_path / "ml.inter")


ENTRY = pa.struct([("item_id", pa.int64()), ("rank", pa.int32()), ("score", pa.float32())])


def collection(*lists: list[tuple[int, int, float]]) -> pa.Table:
    """What LensKit writes in its native layout: one row a list, the last field a list of structures."""
    entries = [[dict(zip(("item_id", "rank", "score"), entry, strict=True)) for entry in shown] for shown in lists]
    keys = {"user_id": list(range(1, len(lists) + 1)), "run": ["r"] * len(lists)}
    return pa.table({**keys, "items": pa.array(entries, pa.list_(ENTRY))})


def test_lenskits_collections_are_read_in_both_layouts(tmp_path: Path) -> None:
    native = collection([(7, 1, 0.5), (8, 2, 0.25)], [], [(8, 1, 0.125)])
    pq.write_table(native, tmp_path / "native.parquet", row_group_size=2)
    flat = pa.table({"user_id": [1, 1, 3], "item_id": [7, 8, 8], "score": [0.5, 0.25, 0.125], "rank": [1, 2, 1]})
    pq.write_table(flat, tmp_path / "flat.parquet")

    expected = {("1", "7", 1), ("1", "8", 2), ("3", "8", 1)}
    assert shown(tmp_path / "native.parquet") == expected
    assert shown(tmp_path / "flat.parquet") == expected


def test_a_fault_in_a_collection_is_said_with_the_row_of_its_list(tmp_path: Path) -> None:
    table = collection([(7, 1, 0.5)], [(8, 1, 0.5), (8, 2, 0.25)])
    pq.write_table(table, tmp_path / "native.parquet")

    with pytest.raises(MalformedSource, match="each subject and item once, got 1 repeated rows, first is row 2"):
        read_recommendations(tmp_path / "native.parquet")


def test_a_list_without_an_order_is_no_recommendation(tmp_path: Path) -> None:
    items = pa.array([[{"item_id": 7}]], pa.list_(pa.struct([("item_id", pa.int64())])))
    pq.write_table(pa.table({"user_id": [1], "items": items}), tmp_path / "bag.parquet")

    with pytest.raises(MalformedSource, match="expected the columns rank or score, got user_id, item_id"):
        read_recommendations(tmp_path / "bag.parquet")
    assert pc.count(items).as_py() == 1
