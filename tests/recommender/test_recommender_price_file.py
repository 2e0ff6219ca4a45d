"""Price files: what was written is read, served as it says, and nothing else is."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recommender.accounting import no_guarantee
from recommender.errors import BadPrices, CorruptArtefact
from recommender.interactions import interactions_from
from recommender.linear_model import LinearModel
from recommender.price_file import (
    MOST_BYTES,
    CategoryPrice,
    Certificate,
    Controller,
    PriceFile,
    load_prices,
    price_file_bytes,
    price_file_digest,
    prices_from_bytes,
)
from recommender.serving import Recommender

DIGEST = "ab" * 32
PROOF = Certificate(
    subjects=1500, unconstrained_utility=0.8, utility=0.75, bound=0.75, gap=0.0, largest_violation=0.0001
)
DOCUMENTARY = CategoryPrice(attribute="genre", category="documentary", price=0.06, floor=0.02, ceiling=1.0)
EXAMPLE = PriceFile(
    unit="relative score",
    list_length=20,
    attention="logarithmic",
    prices=(DOCUMENTARY, CategoryPrice(attribute="genre", category="unknown", price=-0.1, floor=0.0, ceiling=0.05)),
    certificate=PROOF,
    policy=DIGEST,
    inputs=(("items", DIGEST), ("scores", DIGEST)),
)
ITEMS = ("w", "x", "y", "z")
LABELS = pa.table(
    {
        "item": ["w", "x", "x", "y", "elsewhere"],
        "attribute": ["genre"] * 5,
        "category": ["drama", "drama", "documentary", "documentary", "documentary"],
    }
)


def model() -> LinearModel:
    return LinearModel(
        kind="by hand",
        items=ITEMS,
        weights=np.array([[0, 8, 4, 2], [8, 0, 1, 1], [4, 1, 0, 0], [2, 1, 0, 0]], dtype=np.float32),
        popularity=np.array([10.0, 5.0, 20.0, 0.0]),
        history_weights=np.ones(4),
        release_digest="0" * 64,
        guarantee=no_guarantee("by hand"),
    )


@pytest.mark.parametrize("name", ["prices.json", "prices.yaml", "prices.yml"])
def test_a_file_reads_back_as_what_was_written_and_people_can_read_it(tmp_path: Path, name: str) -> None:
    content = price_file_bytes(EXAMPLE, name)
    (tmp_path / name).write_bytes(content)

    assert load_prices(tmp_path / name, expected_digest=price_file_digest(content)) == EXAMPLE
    assert "documentary" in content.decode()
    assert "0.06" in content.decode()
    assert len(content) < 1500


numbers = st.floats(allow_nan=False, allow_infinity=False)
shares = st.floats(0, 1)


@st.composite
def price_files(draw: st.DrawFn) -> PriceFile:
    text = st.text(st.characters(exclude_categories=["C", "Zl", "Zp"]), min_size=1, max_size=30).filter(str.strip)
    names = draw(st.lists(st.tuples(text, text), min_size=1, max_size=4, unique=True))
    bound, utility = draw(st.floats(0.01, 10)), draw(st.floats(0, 10))
    return PriceFile(
        unit=draw(st.sampled_from(["score", "relative score"])),
        list_length=draw(st.integers(1, 10**6)),
        attention=draw(text),
        prices=tuple(
            CategoryPrice(attribute=a, category=c, price=draw(numbers), floor=min(pair), ceiling=max(pair))
            for a, c in names
            for pair in [(draw(shares), draw(shares))]
        ),
        certificate=replace(PROOF, bound=bound, utility=utility, gap=(bound - utility) / bound),
        policy=DIGEST,
        inputs=tuple(sorted(draw(st.dictionaries(st.sampled_from(["scores", "items"]), st.just(DIGEST))).items())),
    )


@pytest.mark.parametrize("start", list("?:-#,[]{}&*!|>'\"%@`=~0"))
def test_a_name_that_starts_with_what_yaml_gives_a_meaning_reads_back(start: str) -> None:
    for name in (start, f"{start}0", f"{start} 0"):
        prices = replace(EXAMPLE, attention=name)

        assert prices_from_bytes(price_file_bytes(prices, "p.yaml"), "p.yaml") == prices


@settings(max_examples=40, deadline=None)
@given(price_files(), st.sampled_from(["p.json", "p.yaml"]))
def test_whatever_prices_say_they_say_in_one_encoding(prices: PriceFile, name: str) -> None:
    content = price_file_bytes(prices, name)

    assert prices_from_bytes(content, name) == prices
    assert price_file_bytes(prices_from_bytes(content, name), name) == content


@pytest.mark.parametrize(
    ("name", "digest"),
    [
        ("p.json", "c8e45d26ac05781240ef91ea2a2f6025b1fb249a753b1cfd6272acc9f616b913"),
        ("p.yaml", "19828bf921a503c596828d9c55c9431301904df7cfa33d9cdaceb9207502300d"),
    ],
)
def test_prices_that_nothing_corrects_are_the_bytes_they_were_before_controllers_came(name: str, digest: str) -> None:
    # The digests are of what was written by the last program that knew no controllers.
    assert price_file_digest(price_file_bytes(EXAMPLE, name)) == digest


CONTROLLED = replace(EXAMPLE, controller=Controller(name="owed", gain=0.05))


@pytest.mark.parametrize("name", ["p.json", "p.yaml"])
@pytest.mark.parametrize("gain", [0.05, 1e-7, 250.0])
def test_a_controller_is_read_back_with_the_prices_it_corrects(name: str, gain: float) -> None:
    prices = replace(EXAMPLE, controller=Controller(name="penalty", gain=gain))
    content = price_file_bytes(prices, name)

    assert prices_from_bytes(content, name) == prices
    assert "penalty" in content.decode()


@pytest.mark.parametrize("name", ["p.json", "p.yaml"])
@pytest.mark.parametrize(
    "change", [("0.05", "0.050"), ("0.05", "0.0"), ("0.05", "1"), ("owed", "magic"), ("owed", "''"), ("gain", "gains")]
)
def test_a_controller_that_was_edited_is_refused(name: str, change: tuple[str, str]) -> None:
    before, after = price_file_bytes(CONTROLLED, name).decode().split("controller", 1)
    edited = before + "controller" + after.replace(*change, 1)
    with pytest.raises((CorruptArtefact, BadPrices)):
        prices_from_bytes(edited.encode(), name)


def test_a_controller_belongs_to_its_version_and_to_no_other() -> None:
    content = price_file_bytes(CONTROLLED, "p.json")
    with pytest.raises(CorruptArtefact, match="expected the keys"):
        prices_from_bytes(content.replace(b'"version": 2', b'"version": 1'), "p.json")


def test_prices_that_a_controller_corrects_are_put_on_no_model() -> None:
    with pytest.raises(BadPrices, match="served as they are, got the controller owed"):
        CONTROLLED.on(model(), LABELS)


@settings(max_examples=80, deadline=None)
@given(st.sampled_from(["p.json", "p.yaml"]), st.data())
def test_a_file_with_a_changed_byte_is_refused_or_says_something_else(name: str, data: st.DataObject) -> None:
    content = bytearray(price_file_bytes(EXAMPLE, name))
    place = data.draw(st.integers(0, len(content) - 1))
    content[place] = data.draw(st.integers(0, 255).filter(lambda byte: byte != content[place]))
    try:
        changed = prices_from_bytes(bytes(content), name)
    except (CorruptArtefact, BadPrices):
        return
    assert changed != EXAMPLE


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=200), st.sampled_from(["p.json", "p.yaml"]))
def test_bytes_that_are_no_prices_are_refused(content: bytes, name: str) -> None:
    with pytest.raises((CorruptArtefact, BadPrices)):
        prices_from_bytes(content, name)


def plain(**changes: Any) -> bytes:  # noqa: ANN401 - any JSON
    document = json.loads(price_file_bytes(EXAMPLE, "p.json"))
    return (json.dumps(document | changes, indent=2) + "\n").encode()


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (plain(format="probity/prices2"), "expected a file in the format probity/prices"),
        (plain(version=3), "expected version 1 or 2"),
        (plain(version=2), "expected the keys attention, certificate, controller"),
        (plain(version=True), "expected a file in the format"),
        (plain(more=1), "expected the keys"),
        (plain(prices={}), "prices: expected list, got dict"),
        (plain(prices=[1]), r"prices\[0\]: expected the keys"),
        (plain(list_length="20"), "list_length: expected int, got str"),
        (plain(inputs={"items": 1}), "expected digests by name"),
        (plain(certificate=[]), "certificate: expected the keys"),
        (b"null\n", "expected a file in the format"),
        (b"[" * 100_000, "expected JSON"),
        (price_file_bytes(EXAMPLE, "p.json")[:-1], "the one encoding"),
        (price_file_bytes(EXAMPLE, "p.json") + b" ", "the one encoding"),
        (price_file_bytes(EXAMPLE, "p.json").replace(b'"unit"', b'"unit": "score",\n  "unit"'), "the one encoding"),
        (b"x" * (MOST_BYTES + 1), "at most 1048576 bytes"),
    ],
    ids=lambda each: each if isinstance(each, str) else "",
)
def test_another_format_shape_or_encoding_is_refused(content: bytes, says: str) -> None:
    with pytest.raises(CorruptArtefact, match=says):
        prices_from_bytes(content, "p.json")


@pytest.mark.parametrize(
    "content",
    [
        b"a: &a [x, x]\nb: &b [*a, *a]\nc: &c [*b, *b]\nformat: probity/prices\nversion: 1\n",
        b"!!python/object/apply:os.system ['true']\n",
        b"format: probity/prices\nformat: probity/prices\nversion: 1\n",
        b"? [a]\n: b\n",
        b"{" * 100_000,
        b"format: " + b"[" * 100_000,
        b"- " * 100_000,
        b"--- 1\n--- 2\n",
    ],
)
def test_yaml_that_does_more_than_say_prices_is_refused(content: bytes) -> None:
    with pytest.raises(CorruptArtefact):
        prices_from_bytes(content, "p.yaml")


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"prices": ()}, "at least one price"),
        ({"prices": (DOCUMENTARY, DOCUMENTARY)}, "each category once"),
        ({"prices": (replace(DOCUMENTARY, price=float("nan")),)}, "finite prices"),
        ({"prices": (replace(DOCUMENTARY, floor=0.5, ceiling=0.4),)}, "floor <= ceiling"),
        ({"prices": (replace(DOCUMENTARY, category=" "),)}, "names of categories"),
        ({"prices": (replace(DOCUMENTARY, category="\ud800"),)}, "names of categories"),
        ({"prices": (replace(DOCUMENTARY, category="a\nb: c"),)}, "names of categories"),
        ({"prices": (replace(DOCUMENTARY, attribute="\u202egenre"),)}, "names of categories"),
        ({"inputs": (("a b", DIGEST),)}, "names of small letters"),
        ({"unit": "stars"}, "a unit among"),
        ({"list_length": 0}, "at least one item"),
        ({"policy": "ab"}, "the policy's SHA-256"),
        ({"inputs": (("items", "AB" * 32),)}, "SHA-256 in hex of the inputs"),
        ({"certificate": replace(PROOF, gap=0.1)}, "a gap that follows"),
        ({"certificate": replace(PROOF, bound=float("inf"))}, "finite numbers"),
        ({"certificate": replace(PROOF, subjects=0)}, "at least one subject"),
    ],
)
def test_numbers_and_names_that_no_fit_writes_are_refused(changes: dict[str, Any], says: str) -> None:
    with pytest.raises(BadPrices, match=says):
        replace(EXAMPLE, **changes)


def test_a_file_that_is_not_the_recorded_one_or_absent_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "prices.json"
    with pytest.raises(CorruptArtefact, match="cannot be read as prices"):
        load_prices(path, expected_digest=None)
    path.write_bytes(price_file_bytes(EXAMPLE, path.name))
    with pytest.raises(CorruptArtefact, match=f"expected digest {DIGEST}"):
        load_prices(path, expected_digest=DIGEST)
    with pytest.raises(BadPrices, match=r"ends in \.json"):
        prices_from_bytes(b"{}", "prices.txt")


def test_served_with_a_file_each_item_gains_its_categories_prices_and_unlabelled_ones_that_of_unknown() -> None:
    # x is half documentary, y whole, z has no genre; w is drama and has no price.
    priced = EXAMPLE.on(model(), LABELS)

    assert priced.prices is not None
    assert priced.prices.per_item == pytest.approx([0.0, 0.03, 0.06, -0.1])


def test_an_explanation_says_exactly_what_the_file_added() -> None:
    priced, unpriced = Recommender(EXAMPLE.on(model(), LABELS)), Recommender(model())
    someone = interactions_from(pa.table({"subject": ["s"], "item": ["w"]}), ITEMS, subjects=["s"])
    before = unpriced.scores(someone, relative=True)[0]
    after = priced.scores(someone)[0]
    for place, item in enumerate(ITEMS[1:], start=1):
        why = priced.explain(["w"], item)

        assert why.score == pytest.approx(float(after[place]), abs=1e-6)
        assert why.price == pytest.approx(float(after[place]) - float(before[place]), abs=1e-6)
        assert sum(amount for _, amount in why.by_category) == pytest.approx(why.price)
        assert why.price_share == pytest.approx(why.price / why.score)
    assert priced.explain(["w"], "y").by_category == (("genre=documentary", 0.06),)


def test_prices_for_another_catalogue_or_in_another_unit_are_not_served() -> None:
    with pytest.raises(BadPrices, match="1 of 2 priced categories"):
        EXAMPLE.on(model(), LABELS.slice(0, 1))
    with pytest.raises(BadPrices, match="units of a relative score"):
        replace(EXAMPLE, unit="score").on(model(), LABELS)
