"""Bad tables are refused where they enter, by place and without naming a subject."""

import pyarrow as pa
import pytest

from audits.categories import attribute_of
from audits.configuration import AuditConfig
from audits.digest import inputs_digest
from audits.errors import InvalidConfig, InvalidTable, UnknownItem
from audits.evidence import ABSENT, evidence_from
from audits.tables import AuditInput, Membership, Recommendations

SECRET = "5e" * 16


def lists(rows: list[tuple[str | None, str | None, int]]) -> pa.Table:
    return pa.table(
        {
            "subject": [r[0] for r in rows],
            "item": [r[1] for r in rows],
            "rank": pa.array([r[2] for r in rows], pa.int32()),
        }
    )


NO_LABELS = Membership(pa.table({name: pa.array([], pa.string()) for name in ("item", "attribute", "category")}))


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        ([(SECRET, "a", 1), (SECRET, "b", 1)], "each subject and rank once, got 1 repeated rows, first is row 1"),
        ([(SECRET, "a", 1), (SECRET, "a", 2)], "each subject and item once"),
        ([(SECRET, "a", 1), (SECRET, "b", 3)], "got 3 for 2 in row 1"),
        ([(SECRET, "a", 0), (SECRET, "b", 1)], "got 0 for 1 in row 0"),
        ([], "at least one row"),
        ([(SECRET, None, 1)], "column item: expected a value, got null in 1 rows, first in row 0"),
    ],
)
def test_refuses_broken_lists_and_names_the_row_but_not_the_subject(
    rows: list[tuple[str | None, str | None, int]], says: str
) -> None:
    with pytest.raises(InvalidTable) as refused:
        Recommendations(lists(rows))

    assert says in str(refused.value)
    assert SECRET not in str(refused.value)


def test_refuses_ranks_that_are_not_whole_numbers() -> None:
    with pytest.raises(InvalidTable, match="column rank: expected whole numbers, got double"):
        Recommendations(pa.table({"subject": ["s"], "item": ["a"], "rank": [1.0]}))


def test_refuses_a_missing_column() -> None:
    with pytest.raises(InvalidTable, match="expected a column 'rank' once"):
        Recommendations(pa.table({"subject": ["s"], "item": ["a"]}))


def test_reads_large_and_dictionary_encoded_text() -> None:
    table = pa.table(
        {"subject": pa.array(["s"], pa.large_string()), "item": pa.array(["a"]).dictionary_encode(), "rank": [1]}
    )

    assert Recommendations(table).lists.names.to_pylist() == ["a"]


def test_names_in_one_piece_or_many_in_any_order_are_the_same_input() -> None:
    shown = Recommendations(lists([("s", "a", 1), ("t", "b", 1)]))
    rows = {"subject": ["t", "s", "u", "t"], "item": ["b", "a", "a", "a"]}
    whole = pa.table(rows)
    pieces = pa.concat_tables([pa.table({name: [column[at]] for name, column in rows.items()}) for at in (3, 2, 0, 1)])
    inputs = [
        AuditInput(recommendations=shown, membership=NO_LABELS, items=["a", "b"], history=each)
        for each in (whole, pieces, pieces.slice(0, 0))
    ]

    assert inputs_digest(inputs[0]) == inputs_digest(inputs[1]) != inputs_digest(inputs[2])
    counts = [evidence_from(each, AuditConfig(seed=1, model_digest="m")).history for each in inputs]
    assert [None if each is None else each.toarray().tolist() for each in counts] == [
        [[1.0, 0.0], [1.0, 1.0]],
        [[1.0, 0.0], [1.0, 1.0]],
        [[0.0, 0.0], [0.0, 0.0]],
    ]


def test_refuses_an_item_outside_the_catalogue_in_every_table() -> None:
    shown = Recommendations(lists([("s", "a", 1)]))
    with pytest.raises(UnknownItem, match="recommendations, column item"):
        AuditInput(recommendations=shown, membership=NO_LABELS, items=["b"])
    with pytest.raises(UnknownItem, match="membership, column item"):
        AuditInput(
            recommendations=shown,
            membership=Membership(pa.table({"item": ["z"], "attribute": ["g"], "category": ["c"]})),
            items=["a"],
        )
    with pytest.raises(UnknownItem, match="relevance, column item"):
        AuditInput(
            recommendations=shown,
            membership=NO_LABELS,
            items=["a"],
            relevance=pa.table({"subject": ["s"], "item": ["z"]}),
        )
    with pytest.raises(UnknownItem, match="popularity, column item"):
        AuditInput(
            recommendations=shown, membership=NO_LABELS, items=["a"], popularity=pa.table({"item": ["z"], "count": [1]})
        )


def test_refuses_a_category_given_twice_or_without_a_name() -> None:
    with pytest.raises(InvalidTable, match="each item and attribute and category once"):
        Membership(pa.table({"item": ["a", "a"], "attribute": ["g", "g"], "category": ["c", "c"]}))
    with pytest.raises(InvalidTable, match="column category: expected a name, got an empty one"):
        Membership(pa.table({"item": ["a"], "attribute": ["g"], "category": [""]}))


def test_refuses_negative_counts_a_second_group_and_a_catalogue_with_repeats() -> None:
    shown = Recommendations(lists([("s", "a", 1)]))
    with pytest.raises(InvalidTable, match="popularity, column count: expected 0 or more"):
        AuditInput(
            recommendations=shown,
            membership=NO_LABELS,
            items=["a"],
            popularity=pa.table({"item": ["a"], "count": [-1]}),
        )
    with pytest.raises(InvalidTable, match="subject_groups: expected each subject once"):
        AuditInput(
            recommendations=shown,
            membership=NO_LABELS,
            items=["a"],
            subject_groups=pa.table({"subject": ["s", "s"], "group": ["x", "y"]}),
        )
    with pytest.raises(InvalidTable, match="expected distinct items"):
        AuditInput(recommendations=shown, membership=NO_LABELS, items=["a", "a"])


def test_refuses_settings_out_of_range() -> None:
    with pytest.raises(InvalidConfig, match="replicates: expected 100 or more, got 5"):
        AuditConfig(seed=1, model_digest="m", replicates=5)


def test_a_category_can_have_a_part_of_an_item() -> None:
    labels = {"item": ["a", "a", "b"], "attribute": ["g"] * 3, "category": ["x", "y", "x"], "weight": [3, 1, 5]}
    found = attribute_of(Membership(pa.table(labels)), ["a", "b", "c"], "g")

    assert found.categories == ("x", "y", "unknown")
    assert found.shares.tolist() == [[0.75, 0.25, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]


@pytest.mark.parametrize("weight", [0.0, -1.0, float("nan"), float("inf")])
def test_refuses_a_weight_that_is_no_positive_number(weight: float) -> None:
    with pytest.raises(InvalidTable, match=r"membership, column weight: expected a positive number.* first in row 1"):
        Membership(pa.table({"item": ["a", "b"], "attribute": ["g"] * 2, "category": ["x"] * 2, "weight": [1, weight]}))


def test_refuses_a_baseline_of_other_subjects() -> None:
    with pytest.raises(InvalidTable, match="expected the subjects of the lists, got 1 others, missing 1"):
        AuditInput(
            recommendations=Recommendations(lists([("s", "a", 1), ("t", "a", 1)])),
            membership=NO_LABELS,
            items=["a"],
            baseline=Recommendations(lists([("s", "a", 1), ("u", "a", 1)])),
        )


def test_weights_whose_sum_no_number_holds_still_divide_a_title() -> None:
    labels = {"item": ["a", "a"], "attribute": ["g"] * 2, "category": ["x", "y"], "weight": [1.5e308, 1.5e308]}

    assert attribute_of(Membership(pa.table(labels)), ["a"], "g").shares.tolist() == [[0.5, 0.5]]


def test_subjects_are_divided_by_each_attribute_of_theirs() -> None:
    groups = {"subject": ["s", "s", "t"], "attribute": ["age", "region", "age"], "group": ["old", "north", "young"]}
    given = AuditInput(
        recommendations=Recommendations(lists([("s", "a", 1), ("t", "a", 1), ("u", "a", 1)])),
        membership=NO_LABELS,
        items=["a"],
        subject_groups=pa.table(groups),
    )
    age, region = evidence_from(given, AuditConfig(seed=1, model_digest="", min_subjects=1)).groupings

    assert (age.labels, age.codes.tolist()) == (("age = old", "age = young"), [0, 1, ABSENT])
    assert (region.labels, region.codes.tolist()) == (("region = north",), [0, ABSENT, ABSENT])
