"""Explanations against the scores that were served, also where prices and time slots had a part in them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_matrix

from recommender.accounting import Guarantee, no_guarantee
from recommender.autoencoder.artefact import Autoencoder
from recommender.autoencoder.mechanism import DeepMechanism
from recommender.explanation import Reason
from recommender.interactions import Interactions, ones
from recommender.linear_model import ItemPrices, LinearModel
from recommender.scoring import Scoring
from recommender.serving import Recommender

ITEMS = ("w", "x", "y", "z")
NO_PROMISE = no_guarantee("by hand")


def by_hand(**changes: object) -> LinearModel:
    """A history of w and x is (0.6, 0.8), so y has 0.6 · 4 + 0.8 · 1 = 3.2 and z 2."""
    model = LinearModel(
        kind="by hand",
        items=ITEMS,
        weights=np.array([[0, 8, 4, 2], [8, 0, 1, 1], [4, 1, 0, 0], [2, 1, 0, 0]], dtype=np.float32),
        popularity=np.array([10.0, 5.0, 20.0, 0.0]),
        history_weights=np.array([3.0, 4.0, 1.0, 1.0]),
        release_digest="0" * 64,
        guarantee=no_guarantee("by hand"),
    )
    return replace(model, **changes)  # type: ignore[arg-type] # attributes by name


def lifts(**of: float) -> np.ndarray:
    """Lifts of 1 but for the named titles, which have theirs in slot 6."""
    found = np.ones((4, 8), dtype=np.float32)
    for item, lift in of.items():
        found[ITEMS.index(item), 6] = lift
    return found


@dataclass(frozen=True)
class Whole:
    """A model that is no sum over titles: the score is the square of how many were watched, plus the column."""

    items: tuple[str, ...] = ITEMS
    kind: str = "whole"
    release_digest: str = "0" * 64
    digest: str = "1" * 64
    guarantee: Guarantee = NO_PROMISE
    prices: ItemPrices | None = None

    @property
    def popularity(self) -> np.ndarray:
        return np.arange(4.0)

    @property
    def history_weights(self) -> np.ndarray:
        return np.ones(4)

    def save(self, folder: Path) -> str:
        raise NotImplementedError(folder)

    def with_prices(self, prices: ItemPrices) -> "Whole":
        return replace(self, prices=prices)

    def raw_scores(self, known: csr_matrix) -> np.ndarray:
        watched = np.diff(known.indptr)[:, None] ** 2
        return (watched + np.arange(4)[None, :]).astype(np.float32)

    def amounts(self, row: csr_matrix, column: int) -> None:  # noqa: ARG002 - none for any
        return None


numbers = st.floats(-3, 3, width=32)


@st.composite
def models(draw: st.DrawFn) -> LinearModel:
    """Any linear model of four titles, with or without prices and lifts."""
    weights = np.array(draw(st.lists(numbers, min_size=16, max_size=16)), np.float32).reshape(4, 4)
    heavy = np.array(draw(st.lists(st.floats(0.1, 5), min_size=4, max_size=4)))
    lifted = draw(st.none() | st.lists(st.floats(0.25, 4, width=32), min_size=32, max_size=32))
    model = by_hand(
        weights=draw(st.sampled_from([weights, None])),
        history_weights=heavy,
        slot_lifts=None if lifted is None else np.array(lifted, np.float32).reshape(4, 8),
    )
    priced = draw(st.none() | st.lists(st.floats(-1, 1), min_size=2, max_size=2))
    memberships = np.array([[1, 0], [0.5, 0.5], [0, 1], [0, 0]])
    return model if priced is None else model.with_prices(ItemPrices("g", ("a", "b"), np.array(priced), memberships))


@st.composite
def autoencoders(draw: st.DrawFn) -> Autoencoder:
    """Any autoencoder of four titles and two tastes, with or without prices."""
    layer = st.lists(numbers, min_size=8, max_size=8)
    model = Autoencoder(
        items=ITEMS,
        encoder=np.array(draw(layer), np.float32).reshape(4, 2),
        decoder=np.array(draw(layer), np.float32).reshape(2, 4),
        popularity=np.array([10.0, 5.0, 20.0, 0.0]),
        history_weights=np.array(draw(st.lists(st.floats(0.1, 5), min_size=4, max_size=4))),
        release_digest="0" * 64,
        guarantee=NO_PROMISE,
        mechanism=DeepMechanism(noise_multiplier=1.0, max_grad_norm=1.0, sampling_rate=0.5, steps=1, delta=1e-6),
    )
    priced = draw(st.none() | st.lists(st.floats(-1, 1), min_size=2, max_size=2))
    memberships = np.array([[1, 0], [0.5, 0.5], [0, 1], [0, 0]])
    return model if priced is None else model.with_prices(ItemPrices("g", ("a", "b"), np.array(priced), memberships))


def histories(*held: Sequence[str]) -> Interactions:
    rows = [row for row, items in enumerate(held) for _ in items]
    columns = [ITEMS.index(item) for items in held for item in items]
    matrix = ones(np.array(rows, dtype=int), np.array(columns, dtype=int), (len(held), 4))
    return Interactions(tuple(f"s{n}" for n in range(len(held))), ITEMS, matrix)


@settings(max_examples=150, deadline=None)
@given(model=models(), history=st.sets(st.sampled_from(ITEMS)), context=st.none() | st.integers(0, 7))
def test_the_parts_of_every_explanation_add_up_to_the_score_that_was_served(
    model: LinearModel, history: set[str], context: int | None
) -> None:
    recommender = Recommender(model)
    served = recommender.scores(histories(sorted(history)), context=context)[0]
    for column, item in enumerate(ITEMS):
        why = recommender.explain(history, item, context=context)
        parts = [part.amount for part in why.parts]
        size = sum(map(abs, parts)) + abs(why.popularity) + abs(why.price) + 1e-6

        assert sum(parts) + why.popularity + why.price == pytest.approx(why.score, abs=1e-12 * size)
        assert why.score == pytest.approx(served[column], abs=1e-5 * size)
        assert {part.item for part in why.parts} == (history if why.reason is Reason.HISTORY else set())
        if abs(sum(parts)) > 1e-9:
            assert sum(part.share for part in why.parts) == pytest.approx(1.0, abs=1e-6 * size / abs(sum(parts)))


@settings(max_examples=150, deadline=None)
@given(model=autoencoders(), history=st.sets(st.sampled_from(ITEMS), min_size=1))
def test_an_autoencoders_score_is_divided_among_the_watched_titles_to_the_last_part(
    model: Autoencoder, history: set[str]
) -> None:
    recommender, held = Recommender(model), histories(sorted(history))
    served = recommender.scores(held)[0]
    scale = Scoring(model=model).scale_of(held.matrix)
    # What float32 may round off is relative to what is added up in the hidden layer, which may cancel out.
    layers = np.abs(model.encoder[held.matrix.indices]).sum(axis=0) @ np.abs(model.decoder)
    for column, item in enumerate(ITEMS):
        why = recommender.explain(history, item)
        parts = [part.amount for part in why.parts]
        size = scale * float(layers[column]) + abs(why.price) + 1e-6

        assert (why.reason, why.undivided, why.popularity) == (Reason.HISTORY, 0.0, 0.0)
        assert {part.item for part in why.parts} == history
        assert sum(parts) + why.price == pytest.approx(why.score, abs=1e-12 * size)
        assert why.score == pytest.approx(served[column], abs=1e-5 * size)


def test_an_autoencoders_parts_go_through_its_tastes() -> None:
    # w and x of weights 3 and 4 are (0.6, 0.8); w speaks for taste one, x for taste two, y hears 5 of one, 10 of two.
    model = Autoencoder(
        items=ITEMS,
        encoder=np.array([[1, 0], [0, 1], [0, 0], [0, 0]], np.float32),
        decoder=np.array([[0, 0, 5, 0], [0, 0, 10, 0]], np.float32),
        popularity=np.ones(4),
        history_weights=np.array([3.0, 4.0, 1.0, 1.0]),
        release_digest="0" * 64,
        guarantee=NO_PROMISE,
        mechanism=DeepMechanism(noise_multiplier=1.0, max_grad_norm=1.0, sampling_rate=0.5, steps=1, delta=1e-6),
    )

    why = Recommender(model).explain(["w", "x"], "y")

    assert [(part.item, part.amount) for part in why.parts] == [("x", pytest.approx(8)), ("w", pytest.approx(3))]
    assert why.score == pytest.approx(11)


def test_a_time_slot_multiplies_every_part_and_changes_no_share() -> None:
    recommender = Recommender(by_hand(slot_lifts=lifts(y=0.5)))

    evening, plain = (recommender.explain(["w", "x"], "y", context=context) for context in (6, None))

    assert (plain.score, evening.score, evening.lift) == (pytest.approx(3.2), pytest.approx(1.6), 0.5)
    assert [part.amount for part in evening.parts] == pytest.approx([1.2, 0.4])
    assert [part.share for part in evening.parts] == [part.share for part in plain.parts]


def test_a_price_is_added_after_the_lift_in_units_of_the_best_open_title() -> None:
    # In the evening y has 1.6 and z 2, so z is the best: y has 0.8 of it, and the price on top.
    model = by_hand(slot_lifts=lifts(y=0.5))
    prices = ItemPrices("g", ("a",), np.array([0.3]), np.array([[0.0], [0.0], [1.0], [0.0]]))

    why = Recommender(model.with_prices(prices)).explain(["w", "x"], "y", context=6)

    assert [part.amount for part in why.parts] == pytest.approx([0.6, 0.2])
    assert (why.price, why.score) == (0.3, pytest.approx(1.1))


def test_scores_too_small_for_a_unit_are_left_as_they_are() -> None:
    faint = by_hand(weights=np.full((4, 4), 1e-42, dtype=np.float32))
    prices = ItemPrices("g", ("a",), np.array([0.3]), np.array([[0.0], [0.0], [1.0], [0.0]]))

    assert Recommender(faint.with_prices(prices)).explain(["w"], "y").score == pytest.approx(0.3)


def test_a_model_that_is_no_sum_over_titles_says_so_and_still_adds_up() -> None:
    recommender = Recommender(Whole())
    (first, _) = recommender.recommend_one(["w", "x"], 2)

    why = recommender.explain(["w", "x"], first.item)

    assert (why.reason, why.parts, why.undivided, why.score) == (Reason.WHOLE_HISTORY, (), 7.0, 7.0)
    assert first.score == 7.0


@pytest.mark.parametrize(
    ("model", "history", "profiled", "reason"),
    [
        (by_hand(), ["w"], True, Reason.HISTORY),
        (by_hand(), [], True, Reason.NO_HISTORY),
        (by_hand(), ["film of 1931"], True, Reason.NO_KNOWN_HISTORY),
        (by_hand(), ["w"], False, Reason.NOT_PROFILED),
        (by_hand(weights=None), ["w"], True, Reason.SAME_FOR_ALL),
        (by_hand(weights=None), ["w"], False, Reason.NOT_PROFILED),
        (Whole(), ["w"], True, Reason.WHOLE_HISTORY),
        (Whole(), [], True, Reason.NO_HISTORY),
    ],
)
def test_the_reason_is_what_the_list_rests_on(
    model: LinearModel | Whole, history: list[str], reason: Reason, *, profiled: bool
) -> None:
    why = Recommender(model).explain(history, "y", profiled=profiled)

    assert why.reason is reason
    assert bool(why.parts) == (reason is Reason.HISTORY)


def test_who_is_not_profiled_has_no_history_in_the_explanation_at_all() -> None:
    why = Recommender(by_hand()).explain(["w", "film of 1931"], "y", profiled=False)

    assert (why.parts, why.ignored, why.popularity, why.score) == ((), (), 20.0, 20.0)
