"""What may be in a list, in which order, and that a list is the same however it is asked for."""

import subprocess
import sys
from datetime import datetime, timedelta, timezone
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recommender.artefact import write_artefact
from recommender.context import slot_of
from recommender.eligibility import Eligibility, ages_from
from recommender.errors import BadInteractions, BadModel, CorruptArtefact
from recommender.interactions import Interactions
from recommender.linear_model import LinearModel
from recommender.models import MODELS, get_kind
from recommender.models.kind import ModelKind
from recommender.ranking import best_of
from recommender.release import Release
from recommender.serving import Listed, Recommender
from tests.recommender.test_recommender_explanations import by_hand, histories, lifts

AGES = {"w": 0.0, "x": 12.0, "y": 16.0}


def test_titles_above_a_subjects_limit_or_without_a_level_are_not_shown_to_that_subject() -> None:
    eligible = Eligibility(levels=AGES, limits={"s0": 12.0, "s1": 16.0, "s2": np.inf})

    table = Recommender(by_hand()).recommend(histories("w", "w", "w"), 3, eligible=eligible)

    assert table.select(["subject", "item"]).to_pydict() == {
        "subject": ["s0", "s1", "s1", "s2", "s2", "s2"],
        "item": ["x", "x", "y", "x", "y", "z"],
    }


def test_a_subject_without_a_limit_is_refused_and_not_taken_for_an_adult() -> None:
    with pytest.raises(BadInteractions, match="got none for 1 of 2"):
        Recommender(by_hand()).recommend(
            histories("w", "x"), 1, eligible=Eligibility(levels=AGES, limits={"s0": np.inf})
        )


def test_ages_come_from_labels_and_a_label_of_another_kind_is_no_age() -> None:
    rows = [
        ("w", "maturity", "all"),
        ("x", "maturity", "7+"),
        ("x", "maturity", "12"),
        ("y", "maturity", "mature"),
        ("z", "genre", "16+"),
    ]
    table = pa.table(dict(zip(("item", "attribute", "category"), map(list, zip(*rows, strict=True)), strict=True)))

    assert ages_from(table) == {"w": 0.0, "x": 12.0}


def test_a_time_slot_reorders_a_list_and_a_model_that_knows_none_stays_as_it_is() -> None:
    lifted, plain = (Recommender(model) for model in (by_hand(slot_lifts=lifts(x=0.1)), by_hand()))

    assert [each.item for each in lifted.recommend_one(["w"], 3)] == ["x", "y", "z"]
    assert [each.item for each in lifted.recommend_one(["w"], 3, context=6)] == ["y", "z", "x"]
    assert plain.recommend_one(["w"], 3, context=6) == plain.recommend_one(["w"], 3)


@pytest.mark.parametrize("context", [-1, 8])
def test_refuses_a_time_slot_that_is_none(context: int) -> None:
    with pytest.raises(BadInteractions, match="from 0 to 7"):
        Recommender(by_hand()).recommend_one(["w"], 1, context=context)


def test_a_slot_is_the_part_of_the_day_where_the_moment_is_and_whether_it_is_weekend() -> None:
    here = timezone(timedelta(hours=2))

    # 2026-11-26 is a Thursday, 2026-11-28 a Saturday.
    assert slot_of(datetime(2026, 11, 26, 5, 59, tzinfo=here)) == 0
    assert slot_of(datetime(2026, 11, 26, 6, 0, tzinfo=here)) == 2
    assert slot_of(datetime(2026, 11, 28, 23, 59, tzinfo=here)) == 7


@given(st.datetimes(timezones=st.sampled_from([timezone(timedelta(hours=ahead)) for ahead in (-11, 0, 13)])))
def test_a_slot_is_that_of_the_hour_and_the_weekday_that_the_calendar_gives(moment: datetime) -> None:
    assert slot_of(moment) == 2 * (moment.hour // 6) + (moment.weekday() in {5, 6})


@pytest.mark.parametrize("bad", [np.ones((4, 7)), np.zeros((4, 8)), np.full((4, 8), np.nan)])
def test_refuses_lifts_that_are_not_one_positive_number_a_title_and_slot(bad: np.ndarray) -> None:
    with pytest.raises(BadModel, match="8 positive lifts"):
        by_hand(slot_lifts=bad.astype(np.float32))


def test_lifts_are_kept_in_the_artefact_and_a_model_without_them_keeps_its_digest(tmp_path: Path) -> None:
    lifted = by_hand(slot_lifts=lifts(x=0.25))

    back = Recommender.load(tmp_path / "lifted", lifted.save(tmp_path / "lifted")).model

    assert isinstance(back, LinearModel)
    assert back.slot_lifts is not None
    assert back.slot_lifts[1, 6] == 0.25
    # Computed before models could have lifts.
    assert by_hand().digest == "7eb0a5bbd20f544720a5c813f29ca413d3180738f37a585b5fc08bf5244750d1"


def test_a_recommender_is_loaded_by_digest_or_not_at_all(tmp_path: Path) -> None:
    digest = by_hand().save(tmp_path / "model")

    assert Recommender.load(tmp_path / "model", digest).recommend_one(["w"], 1) == (Listed("x", 1, 8.0),)
    with pytest.raises(CorruptArtefact, match="expected digest"):
        Recommender.load(tmp_path / "model", "0" * 64)


@pytest.mark.parametrize("description", [{"format": "probity/other/v1"}, {}, []])
def test_an_artefact_of_no_known_form_is_no_model(tmp_path: Path, description: dict[str, str]) -> None:
    digest = write_artefact(tmp_path / "other", description, {})

    with pytest.raises(CorruptArtefact, match="not a model in the format probity/linear-model/v1 or probity/"):
        Recommender.load(tmp_path / "other", digest)


@pytest.mark.parametrize("kind", MODELS, ids=lambda kind: kind.slug)
def test_a_list_is_the_same_to_the_last_bit_alone_and_in_any_batch(
    kind: ModelKind, release: Release, population: Interactions
) -> None:
    recommender = Recommender(kind.fit(release))
    table = recommender.recommend(population, 7)
    alone = [
        (subject, each.item, each.rank, each.score)
        for row, subject in enumerate(population.subjects)
        for each in recommender.recommend_one([population.items[c] for c in population.matrix[row].indices], 7)
    ]

    columns = [table[name].to_pylist() for name in table.column_names]
    assert list(zip(*columns, strict=True)) == alone
    assert Recommender(recommender.model, threads=1).recommend(population, 7) == table


@settings(max_examples=200, deadline=None)
@given(
    rows=st.integers(1, 8).flatmap(
        lambda width: st.lists(
            st.lists(st.sampled_from([-np.inf, -1.5, 0.0, 0.25, 2.0]), min_size=width, max_size=width), min_size=1
        )
    ),
    k=st.integers(1, 10),
)
def test_the_best_are_those_that_sorting_everything_gives(rows: list[list[float]], k: int) -> None:
    found = best_of(np.array(rows, dtype=np.float32), k)

    expected = [
        (row, column, rank, score)
        for row, scores in enumerate(rows)
        for rank, (score, column) in enumerate(sorted(((s, c) for c, s in enumerate(scores)), key=_best_first)[:k], 1)
        if score > -np.inf
    ]
    assert list(zip(found.rows, found.columns, found.ranks, found.scores, strict=True)) == expected


@given(
    drawn=st.integers(0, 2**32), width=st.integers(30, 200), k=st.integers(1, 4), values=st.sampled_from([2, 9, 10**6])
)
def test_the_best_are_found_among_many_titles_whether_equal_closed_or_side_by_side(
    drawn: int, width: int, k: int, values: int
) -> None:
    rng = np.random.default_rng(drawn)
    scores = rng.integers(0, values, (3, width)).astype(np.float32)
    scores[rng.random((3, width)) < rng.choice([0.0, 0.5, 0.99])] = -np.inf
    scores[2] = np.sort(scores[2])

    found = best_of(scores, k)

    order = np.argsort(-scores, axis=1, kind="stable")[:, :k]
    expected = [(row, column) for row in range(3) for column in order[row] if scores[row, column] > -np.inf]
    assert list(zip(found.rows, found.columns, strict=True)) == expected


def _best_first(entry: tuple[float, int]) -> tuple[float, int]:
    return -entry[0], entry[1]


def test_batches_of_thousands_of_titles_are_ranked_like_small_ones() -> None:
    scores = np.random.default_rng(2).integers(0, 50, (40, 3000)).astype(np.float32)

    found = best_of(scores, 20)

    assert (found.columns.reshape(40, 20) == np.argsort(-scores, axis=1, kind="stable")[:, :20]).all()


def test_serving_brings_neither_torch_nor_what_draws_noise() -> None:
    program = "import sys, recommender.serving; sys.exit(bool({'torch', 'opendp', 'opacus'} & set(sys.modules)))"

    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_a_model_of_ease_loads_as_what_it_was(release: Release, population: Interactions, tmp_path: Path) -> None:
    model = get_kind("ease").fit(release)

    back = Recommender.load(tmp_path / "ease", model.save(tmp_path / "ease"))

    assert back.recommend(population, 5) == Recommender(model).recommend(population, 5)
