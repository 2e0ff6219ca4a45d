"""The minimisation policy: what it refuses to be, and what its actions do."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from governance.errors import PolicyError
from governance.policy.loader import load
from governance.resources import policies_dir
from pseudonymisation.minimisation import FieldRule, MinimisationPolicy, PurposeRule, minimise
from pseudonymisation.schema import EVENT_KINDS, RATING, TIME
from pseudonymisation.vocabulary import public_words, vocabulary_of, words_of


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("line_bytes: 65536", "line_bytes: 10", "line_bytes outside 1024"),
        ("stars: {action: round, to: 0.5}", "stars: {action: round}", "takes a positive `to`"),
        ("stars: {action: round, to: 0.5}", "stars: {action: vocabulary}", "rating.stars: the action vocabulary"),
        ("unit: hour", "unit: fortnight", "one of minute, hour, day"),
        ("query: {action: vocabulary}", "query: {action: keep, unit: day}", "only it, takes a unit"),
        ("query: {action: vocabulary}", "query: {action: drop}", "needs search.query"),
        ("      search: [query]\n", "      search: [query, ip]\n", "needs search.ip"),
        ("    row: {action: keep}\n", "", "rules of browse"),
        ("quarantine: encrypt", "quarantine: keep", "one of drop, encrypt"),
    ],
)
def test_an_impossible_policy_is_refused_with_file_and_line(tmp_path: Path, old: str, new: str, said: str) -> None:
    text = (policies_dir() / "minimisation.yaml").read_text()
    path = tmp_path / "minimisation.yaml"
    path.write_text(text.replace(old, new, 1))
    assert text != path.read_text()

    with pytest.raises(PolicyError, match=r"minimisation\.yaml:\d+: ") as refusal:
        load(path, MinimisationPolicy)

    assert said in str(refusal.value)


def test_a_dropped_field_is_stored_for_nobody(policy: MinimisationPolicy) -> None:
    fields = dict(policy.fields) | {"rating": dict(policy.fields["rating"]) | {"stars": FieldRule("drop")}}
    silent = replace(policy, fields=fields, purposes={"model_training": PurposeRule({"rating": ("item",)})})
    columns = {
        "at": pa.array([datetime(2026, 1, 1, tzinfo=UTC)], TIME),
        "item": pa.array(["m1"]),
        "stars": pa.array([4.0], pa.float32()),
    }
    kept, dropped = minimise(RATING, columns, {"model_training": np.array([True])}, silent, frozenset())

    assert kept["stars"].to_pylist() == [None]
    assert dropped == {"rating.stars": 1}


def test_every_kind_and_field_of_the_registry_has_a_rule_in_the_shipped_policy(policy: MinimisationPolicy) -> None:
    ruled = {(kind, name) for kind, rules in policy.fields.items() for name in rules}

    assert ruled == {(kind.name, name) for kind in EVENT_KINDS for name in ["at", *(f.name for f in kind.fields)]}


def test_no_purpose_but_recommending_sees_searches(policy: MinimisationPolicy) -> None:
    assert policy.purposes_of("search") == ("personalised_recommendations",)


VOCABULARY = vocabulary_of(
    pa.table({"title": ["Sci-Fi Nights", "Amélie", "1984", "12345678 Days", None]}),
    pa.table({"category": ["film_noir", "director:Ines Vidal"]}),
)


@pytest.mark.parametrize(
    ("query", "kept"),
    [
        ("sci-fi nights", "sci-fi nights"),
        ("AMÉLIE?", "amélie"),
        ("film noir", "film noir"),
        ("ines.vidal@example.org", ""),
        ("ines@vidal", ""),
        ("1984", "1984"),
        ("1984 1984", ""),
        ("12345678 days", "days"),
        ("+49 151 1984", ""),
        ("my name is Carla Canary", ""),
    ],
)
def test_only_words_of_the_catalogue_pass(query: str, kept: str) -> None:
    assert public_words(query, VOCABULARY) == kept


@given(st.text(max_size=60))
def test_whatever_is_typed_what_passes_is_in_the_catalogue(query: str) -> None:
    kept = public_words(query, VOCABULARY)

    assert set(kept.split()) <= VOCABULARY
    assert public_words(kept, VOCABULARY) == kept
    assert "@" not in kept


@given(st.text(max_size=40))
def test_a_title_that_is_typed_as_it_stands_passes_whole(title: str) -> None:
    typed = [word for word in words_of(title) if "@" not in word and sum(map(str.isdigit, word)) == 0]
    vocabulary = vocabulary_of(pa.table({"title": [title]}), pa.table({"category": pa.array([], pa.string())}))

    assert public_words(" ".join(typed), vocabulary).split() == typed


def test_rounding_goes_to_the_nearest_multiple_and_time_to_the_start_of_its_unit(
    policy: MinimisationPolicy,
) -> None:
    columns = {
        "at": pa.array([datetime(2026, 1, 1, 23, 59, 59, 999_999, tzinfo=UTC)] * 3, TIME),
        "item": pa.array(["m1"] * 3),
        "stars": pa.array([0.5, 3.2, 4.8], pa.float32()),
    }
    kept, dropped = minimise(RATING, columns, {"model_training": np.array([True] * 3)}, policy, frozenset())

    assert kept["stars"].to_pylist() == [0.5, 3.0, 5.0]
    assert kept["at"][0].as_py() == datetime(2026, 1, 1, 23, 59, tzinfo=UTC)
    assert dropped == {}
