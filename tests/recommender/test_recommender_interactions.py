import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recommender.bandit.evaluation import Log
from recommender.errors import BadInteractions, EmptyInteractions
from recommender.interactions import Interactions, capped, digest_of, interactions_from, ones
from recommender.ratings.table import Ratings
from recommender.split import fold_in, fold_in_each, hold_out

CATALOGUE = ("x", "y", "z")


def _table(*pairs: tuple[str | None, str | None]) -> pa.Table:
    subjects, items = zip(*pairs, strict=True) if pairs else ((), ())
    return pa.table({"subject": pa.array(subjects, pa.string()), "item": pa.array(items, pa.string())})


def test_reads_a_table_with_sorted_subjects_and_repeats_once() -> None:
    read = interactions_from(_table(("b", "z"), ("a", "x"), ("b", "z"), ("b", "x")), CATALOGUE)

    assert read.subjects == ("a", "b")
    assert read.matrix.toarray().tolist() == [[1, 0, 0], [1, 0, 1]]


def test_subjects_without_rows_keep_their_place_when_they_are_named() -> None:
    read = interactions_from(_table(("b", "y")), CATALOGUE, subjects=["c", "b"])

    assert read.subjects == ("c", "b")
    assert read.matrix.toarray().tolist() == [[0, 0, 0], [0, 1, 0]]


def test_says_how_many_rows_name_items_outside_the_catalogue_and_names_nobody() -> None:
    with pytest.raises(BadInteractions, match=r"^2 of 3 interactions name items that are not on the axis$"):
        interactions_from(_table(("secret-subject", "q"), ("b", "x"), ("b", "r")), CATALOGUE)


@pytest.mark.parametrize("table", [_table((None, "x")), _table(("a", None)), pa.table({"subject": ["a"]})])
def test_refuses_a_column_that_is_missing_or_has_nulls(table: pa.Table) -> None:
    with pytest.raises(BadInteractions, match="without nulls"):
        interactions_from(table, CATALOGUE)


def test_refuses_an_empty_table() -> None:
    with pytest.raises(EmptyInteractions):
        interactions_from(_table(), CATALOGUE)


def test_refuses_axes_that_repeat_or_do_not_fit() -> None:
    matrix = ones(np.array([0]), np.array([0]), (1, 2))
    for subjects, items in [(("a",), ("x", "x")), (("a", "b"), ("x", "y")), (("a",), ("x",))]:
        with pytest.raises(BadInteractions):
            Interactions(subjects, items, matrix)


def test_moves_histories_to_another_item_axis() -> None:
    read = interactions_from(_table(("a", "x"), ("a", "z"), ("b", "y")), CATALOGUE)

    assert read.on_items(("z", "w", "x")).matrix.toarray().tolist() == [[1, 0, 1], [0, 0, 0]]


def test_a_long_history_is_cut_to_the_cap_and_a_short_one_is_left(population: Interactions) -> None:
    cut = capped(population, 5)

    assert cut.lengths.max() == 5
    short = population.lengths <= 5
    assert (cut.matrix[short] != population.matrix[short]).nnz == 0
    assert (cut.matrix > population.matrix).nnz == 0


def test_which_items_stay_does_not_depend_on_anybody_else(population: Interactions) -> None:
    together = capped(population, 4)

    for row in (0, 17, 599):
        alone = capped(population.rows(np.array([row])), 4)
        assert (alone.matrix != together.matrix[row]).nnz == 0


def test_the_digest_is_blind_to_the_order_of_rows_and_columns(population: Interactions) -> None:
    shuffled = population.rows(np.random.default_rng(1).permutation(len(population.subjects)))
    turned = shuffled.on_items(tuple(reversed(population.items)))

    assert digest_of(turned) == digest_of(population)


def test_the_digest_sees_a_single_interaction_and_the_salt(population: Interactions) -> None:
    fewer = population.rows(np.arange(599))

    assert len({digest_of(population), digest_of(fewer), digest_of(population, salt=b"s")}) == 3


def test_the_digest_of_a_small_table_is_pinned() -> None:
    # By hand with hashlib: the tag, then lists of length-prefixed parts: salt and items, then each subject and columns.
    read = interactions_from(_table(("a", "x"), ("b", "z")), CATALOGUE)

    assert digest_of(read) == "023e7925b71a00e356eef9cfa48e0381bb34de28c001c38d3ed41d71bfa28c04"


def test_hold_out_keeps_every_subject_on_its_side_when_others_come() -> None:
    names = [f"{n:032x}" for n in range(2000)]
    kept, held = hold_out(names[:1000], 0.2, salt=b"audit")
    more_kept, more_held = hold_out(names, 0.2, salt=b"audit")

    assert set(kept) <= set(more_kept)
    assert set(held) <= set(more_held)
    assert set(more_kept) | set(more_held) == set(names)
    assert 330 < len(more_held) < 470  # 400 expected, within four standard deviations


def test_another_salt_holds_out_other_subjects() -> None:
    names = [f"{n:032x}" for n in range(500)]

    assert hold_out(names, 0.5, salt=b"one")[1] != hold_out(names, 0.5, salt=b"two")[1]


@pytest.mark.parametrize(("share", "held"), [(0.0, 0), (1.0, 50)])
def test_hold_out_can_take_nobody_or_everybody(share: float, held: int) -> None:
    assert len(hold_out([str(n) for n in range(50)], share, salt=b"")[1]) == held


def test_refuses_a_share_outside_the_unit_interval() -> None:
    with pytest.raises(BadInteractions):
        hold_out(["a"], 1.1, salt=b"")


@given(st.lists(st.integers(0, 30), min_size=1, max_size=12), st.floats(0, 1), st.integers(0, 2**32))
def test_fold_in_parts_each_history_in_two(lengths: list[int], share: float, seed: int) -> None:
    rows = np.repeat(np.arange(len(lengths)), lengths)
    columns = np.concatenate([np.arange(length) for length in lengths])
    people = Interactions(
        tuple(map(str, range(len(lengths)))), tuple(map(str, range(31))), ones(rows, columns, (len(lengths), 31))
    )

    shown, targets = fold_in(people, share, rng=np.random.default_rng(seed))

    assert (shown.matrix + targets.matrix != people.matrix).nnz == 0
    assert shown.matrix.multiply(targets.matrix).nnz == 0
    for length, visible, hidden in zip(lengths, shown.lengths, targets.lengths, strict=True):
        assert visible >= min(length, 1)
        assert hidden >= (length >= 2)


def test_a_history_folded_in_by_itself_is_split_the_same_whoever_else_is_there() -> None:
    axis = tuple(f"i{n}" for n in range(9))
    matrix = ones(np.repeat(np.arange(3), 9), np.tile(np.arange(9), 3), (3, 9))
    all_three = fold_in_each(Interactions(("a", "b", "c"), axis, matrix), salt=b"1")
    without = fold_in_each(Interactions(("a", "c"), axis, matrix[[0, 2]]), salt=b"1")
    other = fold_in_each(Interactions(("a", "b", "c"), axis, matrix), salt=b"2")

    for part, less in zip(all_three, without, strict=True):
        assert (part.matrix[[0, 2]] != less.matrix).nnz == 0
    assert all_three[0].lengths.tolist() == [7, 7, 7]
    assert (all_three[0].matrix != other[0].matrix).nnz > 0
    assert (all_three[0].matrix[0] != all_three[0].matrix[1]).nnz > 0


def test_fold_in_shows_four_fifths_by_default() -> None:
    people = Interactions(("a",), tuple(map(str, range(50))), ones(np.zeros(50, int), np.arange(50), (1, 50)))

    shown, targets = fold_in(people, rng=np.random.default_rng(0))

    assert (shown.lengths.tolist(), targets.lengths.tolist()) == ([40], [10])


def test_neither_subjects_nor_what_they_did_are_printed() -> None:
    held = interactions_from(_table(("ada", "a"), ("bob", "b")), ["a", "b", "c"])
    rated = Ratings(held, np.array([1.5, 4.5]), 1.0, 5.0)
    columns = {name: np.array([0.5, 0.5]) for name in ("rewards", "propensities", "target")}
    log = Log(subjects=np.array(["ada", "bob"]), unsupported=np.zeros(2), **columns)

    assert repr(held) == "Interactions(2 subjects, 3 items, 2 stored)"
    assert repr(rated) == "Ratings(Interactions(2 subjects, 3 items, 2 stored), 1 to 5)"
    assert repr(log) == "Log(2 slots)"
