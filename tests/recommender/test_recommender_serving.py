import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recommender.accounting import no_guarantee
from recommender.errors import BadInteractions, BadPrices
from recommender.explanation import Reason
from recommender.interactions import Interactions, interactions_from
from recommender.linear_model import LinearModel, price_items
from recommender.models import MODELS
from recommender.models.kind import ModelKind
from recommender.release import Release
from recommender.serving import Recommender

every_kind = pytest.mark.parametrize("kind", MODELS, ids=lambda kind: kind.slug)

ITEMS = ("w", "x", "y", "z")


@pytest.fixture
def model() -> LinearModel:
    """Weights chosen so that every score can be worked by hand; a history of w alone is the vector (1, 0, 0, 0)."""
    weights = np.array([[0, 8, 4, 2], [8, 0, 1, 1], [4, 1, 0, 0], [2, 1, 0, 0]], dtype=np.float32)
    return LinearModel(
        kind="by hand",
        items=ITEMS,
        weights=weights,
        popularity=np.array([10.0, 5.0, 20.0, 0.0]),
        history_weights=np.array([3.0, 4.0, 1.0, 1.0]),
        release_digest="0" * 64,
        guarantee=no_guarantee("by hand"),
    )


def _histories(*histories: tuple[str, ...]) -> Interactions:
    subjects = [f"s{number}" for number in range(len(histories))]
    pairs = [(subject, item) for subject, held in zip(subjects, histories, strict=True) for item in held]
    table = {
        "subject": pa.array([p[0] for p in pairs], pa.string()),
        "item": pa.array([p[1] for p in pairs], pa.string()),
    }
    return interactions_from(pa.table(table), (*ITEMS, "unknown"), subjects=subjects)


def _genres(**genres: str) -> pa.Table:
    return pa.table({"item": list(genres), "category": list(genres.values())})


def test_scores_are_the_weighted_sum_over_a_history_of_norm_one(model: LinearModel) -> None:
    # w and x weigh 3 and 4, so 0.6 and 0.8 once scaled: y gets 0.6 · 4 + 0.8 · 1.
    scores = Recommender(model).scores(_histories(("w", "x")))

    assert scores == pytest.approx(np.array([[6.4, 4.8, 3.2, 2.0]]))
    assert scores.dtype == np.float32


def test_relative_scores_give_the_best_unwatched_title_one(model: LinearModel) -> None:
    scores = Recommender(model).scores(_histories(("w", "x")), relative=True)

    assert scores == pytest.approx(np.array([[2.0, 1.5, 1.0, 0.625]]))


def test_whoever_has_no_known_title_gets_what_is_popular(model: LinearModel) -> None:
    scores = Recommender(model).scores(_histories((), ("unknown",)))

    assert scores == pytest.approx(np.tile(model.popularity, (2, 1)))


def test_lists_are_ordered_ranked_and_typed(model: LinearModel) -> None:
    table = Recommender(model).recommend(_histories(("w",), ("z",)), 2)

    assert table.to_pydict() == {
        "subject": ["s0", "s0", "s1", "s1"],
        "item": ["x", "y", "w", "x"],
        "rank": [1, 2, 1, 2],
        "score": [8.0, 4.0, 2.0, 1.0],
    }
    assert table.schema.types == [pa.string(), pa.string(), pa.int32(), pa.float32()]


def test_only_available_titles_are_recommended(model: LinearModel) -> None:
    table = Recommender(model).recommend(_histories(("w",)), 4, available={"z", "y", "w"})

    assert table["item"].to_pylist() == ["y", "z"]


def test_a_list_is_shorter_when_nothing_is_left(model: LinearModel) -> None:
    table = Recommender(model).recommend(_histories(ITEMS, ("x", "y", "z")), 3)

    assert table.to_pydict()["subject"] == ["s1"]


def test_nobody_gets_an_empty_table_of_the_same_shape(model: LinearModel) -> None:
    nobody = _histories()

    assert Recommender(model).recommend(nobody, 3).num_rows == 0
    assert Recommender(model).scores(nobody).shape == (0, 4)


def test_refuses_a_list_of_nothing(model: LinearModel) -> None:
    with pytest.raises(BadInteractions):
        Recommender(model).recommend(_histories(("w",)), 0)


@every_kind
@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**32), k=st.integers(1, 40))
def test_never_recommends_what_was_watched_and_never_twice(
    kind: ModelKind, release: Release, population: Interactions, seed: int, k: int
) -> None:
    chosen = population.rows(np.random.default_rng(seed).choice(600, size=5, replace=False))
    table = Recommender(kind.fit(release)).recommend(chosen, k)

    pairs = list(zip(table["subject"].to_pylist(), table["item"].to_pylist(), strict=True))
    column = {item: number for number, item in enumerate(chosen.items)}
    watched = {(s, i) for n, s in enumerate(chosen.subjects) for i in chosen.items if chosen.matrix[n, column[i]]}
    assert not watched & set(pairs)
    assert len(set(pairs)) == len(pairs)


@every_kind
def test_batches_do_not_show(
    kind: ModelKind, release: Release, population: Interactions, monkeypatch: pytest.MonkeyPatch
) -> None:
    recommender = Recommender(kind.fit(release))
    whole = recommender.recommend(population, 5)
    seen: list[tuple[int, int]] = []
    monkeypatch.setattr("recommender.serving._BATCH", 250)

    assert recommender.recommend(population, 5, progress=lambda *step: seen.append(step)) == whole
    assert seen == [(250, 600), (500, 600), (600, 600)]


@every_kind
def test_an_explanation_adds_up_to_the_score_that_was_served(
    kind: ModelKind, release: Release, population: Interactions
) -> None:
    plain = kind.fit(release)
    prices = price_items(
        plain.items, _genres(**dict.fromkeys(plain.items[::2], "odd")), {"odd": 0.25}, attribute="parity"
    )
    for recommender in (Recommender(plain), Recommender(plain.with_prices(prices))):
        for row in (0, 1):
            person = population.rows(np.array([row]))
            history = [item for item, held in zip(person.items, person.matrix.toarray()[0], strict=True) if held]
            for served in recommender.recommend(person, 5).to_pylist():
                why = recommender.explain(history, served["item"])
                assert why.score == pytest.approx(served["score"], rel=1e-4, abs=1e-6)
                assert sum(part.amount for part in why.parts) + why.popularity + why.price == pytest.approx(why.score)
                assert set(history) == {part.item for part in why.parts} | set(why.ignored) or not why.parts


def test_an_explanation_names_each_share_the_price_and_what_it_left_out(model: LinearModel) -> None:
    prices = price_items(
        ITEMS, _genres(y="documentary", z="drama"), {"documentary": 0.06, "drama": -0.1}, attribute="genre"
    )

    why = Recommender(model.with_prices(prices)).explain(["w", "x", "film of 1931"], "y")

    assert [(part.item, part.amount, part.share) for part in why.parts] == [
        ("w", pytest.approx(0.75), pytest.approx(0.75)),
        ("x", pytest.approx(0.25), pytest.approx(0.25)),
    ]
    assert why.by_category == (("documentary", 0.06),)
    assert why.score == pytest.approx(1.06)
    assert why.ignored == ("film of 1931",)
    assert why.reason is Reason.HISTORY


def test_an_explanation_without_known_history_says_so(model: LinearModel) -> None:
    why = Recommender(model).explain(["film of 1931"], "y")

    assert (why.reason, why.parts, why.popularity, why.score) == (Reason.NO_KNOWN_HISTORY, (), 20.0, 20.0)


def test_an_explanation_of_the_common_list_says_that_it_uses_nothing(release: Release) -> None:
    popular = Recommender(MODELS[0].fit(release))

    assert popular.explain([release.items[0]], release.items[1]).reason is Reason.SAME_FOR_ALL


def test_refuses_to_explain_a_title_that_is_never_recommended(model: LinearModel) -> None:
    with pytest.raises(BadInteractions, match="stand out of the noise"):
        Recommender(model).explain(["w"], "film of 1931")


def test_prices_are_added_to_relative_scores(model: LinearModel) -> None:
    prices = price_items(ITEMS, _genres(z="drama"), {"drama": 0.9}, attribute="genre")
    recommender = Recommender(model.with_prices(prices))

    assert recommender.scores(_histories(("w",))) == pytest.approx(np.array([[0, 1, 0.5, 0.25 + 0.9]]))
    assert recommender.recommend(_histories(("w",)), 1)["item"].to_pylist() == ["z"]


def test_a_membership_can_carry_part_of_a_price() -> None:
    table = _genres(x="drama", y="drama").append_column("weight", pa.array([0.5, 1.0]))

    assert price_items(ITEMS, table, {"drama": 0.2}, attribute="genre").per_item.tolist() == [0.0, 0.1, 0.2, 0.0]


def test_refuses_a_price_on_a_category_that_no_title_has() -> None:
    with pytest.raises(BadPrices, match="1 of 2 priced categories"):
        price_items(ITEMS, _genres(x="drama"), {"drama": 0.1, "opera": 0.1}, attribute="genre")


@pytest.mark.parametrize("price", [np.nan, np.inf])
def test_refuses_a_price_that_is_no_number(model: LinearModel, price: float) -> None:
    with pytest.raises(BadPrices, match="not a finite number"):
        model.with_prices(price_items(ITEMS, _genres(x="drama"), {"drama": price}, attribute="genre"))


def test_refuses_prices_for_another_model(model: LinearModel) -> None:
    with pytest.raises(BadPrices, match="prices cover 2 titles"):
        model.with_prices(price_items(("w", "x"), _genres(x="drama"), {"drama": 0.1}, attribute="genre"))
