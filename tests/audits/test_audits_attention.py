"""How much subjects look at a rank: closed forms, the text form, and what is refused."""

from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audits.attention import ATTENTION_MODELS, Attention
from audits.configuration import AuditConfig
from audits.errors import InvalidConfig
from audits.evidence import Evidence, evidence_from
from audits.run import run
from audits.tables import AuditInput

Build = Callable[..., AuditInput]

MEASURED = Attention("empirical", *(1.0 / rank for rank in range(1, 51)))
OF_EACH_MODEL = [MEASURED if model.slug == "empirical" else Attention(model.slug) for model in ATTENTION_MODELS]


def looking(build: Build, attention: Attention, targets: dict[str, list[str]] | None) -> Evidence:
    shown = {"s": ["a", "b", "c"], "t": ["a", "b", "c"]}
    config = AuditConfig(seed=1, model_digest="m", attention=attention)
    return evidence_from(build(shown, items=["a", "b", "c", "d"], targets=targets), config)


@pytest.mark.parametrize("attention", OF_EACH_MODEL, ids=lambda each: each.model)
def test_attention_is_positive_and_falls_with_rank_or_along_each_row(attention: Attention) -> None:
    weights = attention.weights(50)

    assert (weights > 0).all()
    if attention.model == "grid":
        weights = weights.reshape(10, 5)
        assert (weights[:, 1:] < weights[:, :-1]).all()
        assert (weights[1:] < weights[:-1]).all()
    else:
        assert (weights[1:] <= weights[:-1]).all()


@pytest.mark.parametrize(
    ("attention", "expected"),
    [
        (Attention("logarithmic"), [1.0, 0.6309297535714575, 0.5]),
        (Attention("clipped"), [1.0, 1.0, 0.6309297535714575]),
        (Attention("geometric"), [0.5, 0.25, 0.125]),
        (Attention("rbp", 0.8), [1.0, 0.8, 0.64]),
        (Attention("uniform"), [1.0, 1.0, 1.0]),
        (Attention("cascade", 0.8, 0.5), [1.0, 0.8, 0.64]),
        (Attention("err"), [1.0, 1.0, 1.0]),
        (Attention("grid", 2, 0.5, 0.9), [1.0, 0.9, 0.5]),
        (Attention("empirical", 0.7, 0.7, 0.1, 0.1), [0.7, 0.7, 0.1]),
    ],
)
def test_weights_are_those_of_the_formula(attention: Attention, expected: list[float]) -> None:
    assert attention.weights(3) == pytest.approx(expected, rel=1e-12)


def test_a_relevant_item_takes_attention_from_those_below_and_not_from_itself(build: Build) -> None:
    evidence = looking(build, Attention("cascade", 0.8, 0.5), {"s": ["a", "c"], "t": ["d"]})

    # a is relevant to s: half of the subjects stop there. c is relevant too, and nothing stands below it.
    assert evidence.looks[0] == pytest.approx([1.0, 0.4, 0.32])
    assert evidence.looks[1] == pytest.approx([1.0, 0.8, 0.64])


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(0, 4), min_size=1, max_size=6), st.sampled_from(["cascade", "err"]))
def test_what_stands_first_does_not_change_how_much_the_first_is_looked_at(grades: list[int], model: str) -> None:
    attention = Attention(model)
    relevant, irrelevant = (np.array([[first, *grades]], dtype=float) for first in (4, 0))

    assert attention.following(relevant, 4.0)[0, 0] == attention.following(irrelevant, 4.0)[0, 0] == 1.0
    assert attention.following(relevant, 4.0)[0, 1] < attention.following(irrelevant, 4.0)[0, 1]


def test_the_cascade_of_relevant_items_alone_has_its_closed_form() -> None:
    patience, stop, m = 0.85, 0.7, 6
    looks = Attention("cascade", patience, stop).following(np.ones((1, m)), 1.0)

    assert looks.sum() == pytest.approx((1 - (patience * (1 - stop)) ** m) / (1 - patience * (1 - stop)), rel=1e-12)


def test_err_stops_by_grade_against_the_largest_grade() -> None:
    looks = Attention("err", 0.9).following(np.array([[2.0, 1.0, 3.0, 0.0]]), 3.0)

    # Chances to stop (2^y - 1) / 2^3: 3/8, 1/8, 7/8.
    assert looks[0] == pytest.approx([1.0, 0.9 * 5 / 8, 0.81 * 5 / 8 * 7 / 8, 0.729 * 5 / 8 * 7 / 8 * 1 / 8])


def test_a_long_list_of_relevant_items_keeps_some_attention_at_every_rank() -> None:
    looks = Attention("cascade", 0.1, 0.999).following(np.ones((1, 200)), 1.0)

    assert (looks > 0).all()


@pytest.mark.parametrize(
    ("text", "attention"),
    [
        ("logarithmic", Attention()),
        ("rbp(0.9)", Attention("rbp", 0.9)),
        ("cascade(0.85,0.7)", Attention("cascade", 0.85, 0.7)),
        (" cascade ( 0.85 , 0.7 ) ", Attention("cascade", 0.85, 0.7)),
        ("cascade(0.9)", Attention("cascade", 0.9, 0.5)),
        ("grid(6,0.7,0.95)", Attention("grid", 6, 0.7, 0.95)),
        ("empirical(1,0.6,0.4)", Attention("empirical", 1.0, 0.6, 0.4)),
    ],
)
def test_a_text_names_a_model_and_its_numbers(text: str, attention: Attention) -> None:
    assert Attention.parse(text) == attention


def test_a_models_own_parameters_go_without_saying() -> None:
    assert Attention("geometric", 0.5).text == "geometric"
    assert Attention.parse("geometric(0.50)") == Attention("geometric")
    assert Attention("geometric", 0.25).text == "geometric(0.25)"
    assert Attention("grid", 6).text == "grid(6,0.8,0.9)"


@given(st.floats(1e-12, 1.0, exclude_max=True), st.floats(1e-12, 1.0, exclude_max=True), st.integers(1, 99))
def test_the_text_form_loses_nothing(first: float, second: float, length: int) -> None:
    for attention in (
        Attention("rbp", first),
        Attention("cascade", first, second),
        Attention("grid", length, first, second),
        Attention("empirical", *sorted((first, second, float(length)), reverse=True)),
    ):
        assert Attention.parse(attention.text) == attention


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("linear", "expected one of logarithmic, clipped"),
        ("", "expected a name"),
        ("rbp(", "expected a name"),
        ("rbp()", "expected numbers between the brackets"),
        ("rbp(nan)", "expected numbers between the brackets"),
        ("rbp(-0.5)", "expected numbers between the brackets"),
        ("rbp(0.5;0.6)", "expected numbers between the brackets"),
        ("rbp(0.5,0.6)", "expected parameters g, got"),
        ("rbp(1)", "expected g between 0 and 1, got 1"),
        ("rbp(1e999)", "expected g between 0 and 1, got inf"),
        ("uniform(0.5)", "expected no parameter, got"),
        ("cascade(1.5)", "expected g above 0 and at most 1, got 1.5"),
        ("cascade(0.8,1)", "expected s between 0 and 1, got 1"),
        ("grid(2.5)", "expected row length a whole number, got 2.5"),
        ("grid(0)", "expected row length a whole number, got 0"),
        ("empirical", "expected positive weights that never grow with rank, got none"),
        ("empirical(1,0)", "expected positive weights that never grow with rank, got 1, 0"),
        ("empirical(0.5,0.6)", "expected positive weights that never grow with rank, got 0.5, 0.6"),
    ],
)
def test_refuses_a_text_that_names_no_attention(text: str, expected: str) -> None:
    with pytest.raises(InvalidConfig, match="attention") as refused:
        Attention.parse(text)

    assert expected in str(refused.value)


def test_measured_attention_is_read_by_rank_and_not_by_row() -> None:
    table = pa.table({"rank": [2, 1, 3], "weight": [0.5, 1.0, 0.25]})

    assert Attention.measured(table) == Attention("empirical", 1.0, 0.5, 0.25)


@pytest.mark.parametrize(
    "table",
    [
        pa.table({"rank": [1, 2], "attention": [1.0, 0.5]}),
        pa.table({"rank": ["one", "two"], "weight": [1.0, 0.5]}),
        pa.table({"rank": [1, 3], "weight": [1.0, 0.5]}),
        pa.table({"rank": [1, 1], "weight": [1.0, 0.5]}),
        pa.table({"rank": [0, 1], "weight": [1.0, 0.5]}),
        pa.table({"rank": [1, None], "weight": [1.0, 0.5]}),
        pa.table({"rank": [1, 2], "weight": [1.0, None]}),
        pa.table({"rank": [1, 2], "weight": [1.0, float("nan")]}),
        pa.table({"rank": [1, 2], "weight": [1.0, float("inf")]}),
        # A discount turned upside down: 1 / (1 / log2(rank + 1)).
        pa.table({"rank": [1, 2], "weight": [1.0, 1.585]}),
        pa.table({"rank": pa.array([], pa.int64()), "weight": pa.array([], pa.float64())}),
    ],
)
def test_refuses_measured_attention_that_is_no_falling_curve_over_all_ranks(table: pa.Table) -> None:
    with pytest.raises(InvalidConfig, match="attention empirical"):
        Attention.measured(table)


def test_refuses_lists_longer_than_what_was_measured(build: Build) -> None:
    with pytest.raises(InvalidConfig, match="expected a weight for each of 3 ranks, got 2"):
        looking(build, Attention("empirical", 1.0, 0.5), None)


def test_refuses_weights_that_vanish() -> None:
    with pytest.raises(InvalidConfig, match="expected attention at each of 400 ranks, got none from rank"):
        Attention("rbp", 0.1).weights(400)


def test_refuses_a_cascade_where_nobody_knows_what_is_relevant(build: Build) -> None:
    with pytest.raises(InvalidConfig, match=r"attention cascade\(0.9,0.5\): expected relevance"):
        looking(build, Attention("cascade", 0.9), None)


def test_an_audit_by_cascade_gives_less_exposure_below_what_is_relevant(build: Build) -> None:
    shown = {"s": ["a", "b"], "t": ["a", "b"]}
    given = build(shown, items=["a", "b"], genres={"a": ["doc"], "b": ["comedy"]}, targets={"s": ["a"]})
    config = AuditConfig(
        seed=1, model_digest="m", replicates=100, min_subjects=1, attention=Attention("cascade", 0.8, 0.5)
    )
    report = run(given, config=config)

    # s looks 1 and 0.8 * 0.5, t looks 1 and 0.8: documentaries have 2 of 3.2.
    (doc,) = report.select("exposure_share", category="doc")
    assert doc.value == pytest.approx(0.625)
    assert report.attention_formula.endswith("= 0.8, 0.5")
