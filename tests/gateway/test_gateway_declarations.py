"""What subjects declare of themselves: only what policy lists, only of those whom audits may read, and nothing else."""

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from governance.errors import PolicyError
from governance.policy.loader import load
from governance.policy.policies import load_policies
from governance.resources import policies_dir
from pseudonymisation.declarations import SPECIAL, Attribute, listed, require_attributes
from pseudonymisation.gateway.batch import Gateway, ingest_batch
from pseudonymisation.kernel import GatewayContext, process
from pseudonymisation.lake import Lake
from pseudonymisation.minimisation import MinimisationPolicy
from pseudonymisation.pseudonym import Pseudonym
from pseudonymisation.quality import verify_quality
from pseudonymisation.schema import DECLARATION, TIME, bucket_of

Consents = Any  # the class is in conftest.py, which tests cannot import
Line = Callable[..., bytes]
ANNA = Pseudonym("0001" + "0" * 28)
"""In the domain ``consent``, as the vault in memory makes it for the first subject of a batch."""


def declare(event: Line, attribute: object, group: object, **changes: object) -> bytes:
    return event(kind="declaration", attribute=attribute, group=group, **changes)


def test_a_declaration_becomes_a_row_for_audits_alone_cut_to_the_minute(
    event: Line, memory_context: GatewayContext
) -> None:
    outcome = process([declare(event, "age", "25-34")], memory_context)
    (row,) = outcome.tables["declaration"].to_pylist()

    assert row == {
        "event_id": row["event_id"],
        "subject": "0000" + "0" * 28,
        "bucket": 0,
        "at": datetime(2026, 2, 1, 10, 11, tzinfo=UTC),
        "attribute": "age",
        "group": "25-34",
        "purposes": ["exposure_audit"],
    }
    assert (outcome.unlisted, outcome.no_consent, outcome.fields_dropped) == (0, 0, {})


@pytest.mark.parametrize(
    ("attribute", "group"),
    [
        ("religion", "catholic"),
        ("age", "33"),
        ("age", "female"),
        ("Age", "25-34"),
        ("age", "25-34 "),
        ("gender", "anna.canary@example.org"),
        ("+4915112345678", "18-24"),
        ("", ""),
    ],
)
def test_what_policy_does_not_list_is_counted_and_kept_nowhere_not_even_in_quarantine(
    event: Line, gateway: Gateway, tmp_path: Path, attribute: str, group: str
) -> None:
    summary = ingest_batch([declare(event, attribute, group)], gateway, source="s")

    assert (summary.written, summary.dropped, summary.quarantined) == ({}, {"not listed": 1}, 0)
    assert summary.rejects == ()
    assert gateway.lake.count("declaration") == 0
    assert not (tmp_path / "identity" / "quarantine").exists()


@pytest.mark.parametrize(
    ("attribute", "group", "reason"),
    [
        (None, "25-34", "missing field"),
        ("age", None, "missing field"),
        ("age", 30, "wrong type"),
        (["age"], "25-34", "wrong type"),
        ("age", "x" * 65, "out of range"),
    ],
)
def test_a_malformed_declaration_is_rejected_like_any_line(
    event: Line, memory_context: GatewayContext, attribute: object, group: object, reason: str
) -> None:
    outcome = process([declare(event, attribute, group)], memory_context)

    assert outcome.tables == {}
    assert outcome.rejected_by_reason == {reason: 1}


def test_a_declaration_is_taken_back_by_the_group_that_every_attribute_has(
    event: Line, memory_context: GatewayContext
) -> None:
    outcome = process([declare(event, "gender", "unknown")], memory_context)

    assert outcome.tables["declaration"]["group"].to_pylist() == ["unknown"]


@pytest.mark.parametrize("purpose", ["exposure_audit", "model_training"])
def test_whoever_objects_to_audits_or_is_never_audited_has_no_declaration_stored(
    event: Line, memory_context: GatewayContext, consents: Consents, purpose: str
) -> None:
    consents.refused = {(ANNA, purpose)}
    lines = [
        declare(event, "age", "25-34"),
        declare(event, "age", "18-24", event_id="e-2", subject={"account_id": "ben"}),
        event(event_id="e-3"),
    ]
    outcome = process(lines, memory_context)

    assert outcome.tables["declaration"]["group"].to_pylist() == ["18-24"]
    assert outcome.no_consent == 1
    assert outcome.tables["rating"].num_rows == 1


def test_a_batch_without_declarations_asks_nobody_about_audits(event: Line, memory_context: GatewayContext) -> None:
    asked: list[str] = []

    class Asked:
        def allowed(self, purpose: str, subjects: list[Pseudonym]) -> list[bool]:
            asked.append(purpose)
            return [True] * len(subjects)

    process([event()], replace(memory_context, consents=Asked()))
    process([declare(event, "age", "18-24")], replace(memory_context, consents=Asked()))

    assert asked == ["personalised_recommendations", "model_training", "model_training", "exposure_audit"]


@given(st.lists(st.tuples(st.text(max_size=8), st.text(max_size=8) | st.sampled_from(["a", "b", "unknown"]))))
def test_whatever_is_declared_what_passes_is_on_the_list(pairs: list[tuple[str, str]]) -> None:
    attributes = {"age": Attribute(groups=("a", "b"), ground="LIA")}
    asked = [("age", group) for _, group in pairs] + pairs
    columns = {
        name: pa.array([pair[place] for pair in asked], pa.string())
        for place, name in enumerate(("attribute", "group"))
    }
    kept = listed(columns, attributes)

    found = list(zip(kept["attribute"].to_pylist(), kept["group"].to_pylist(), strict=True))
    expected = [pair if pair in {("age", "a"), ("age", "b"), ("age", "unknown")} else (None, None) for pair in asked]
    assert found == expected


def test_the_suite_stops_a_declaration_that_the_kernel_must_never_make(
    event: Line, memory_context: GatewayContext, policy: MinimisationPolicy
) -> None:
    (table,) = process([declare(event, "age", "25-34")], memory_context).tables.values()
    good = verify_quality({"declaration": table}, policy)
    wrong = table.set_column(table.schema.get_field_index("group"), "group", pa.array(["female"]))
    bad = verify_quality({"declaration": wrong}, policy)

    assert good.success
    assert [failed.expectation for failed in bad.failed] == ["expect_column_pair_values_to_be_in_set"]


def _edited(tmp_path: Path, *changes: tuple[str, str], file: str = "minimisation.yaml") -> Path:
    text = (policies_dir() / file).read_text()
    for old, new in changes:
        assert old in text
        text = text.replace(old, new, 1)
    (tmp_path / file).write_text(text)
    return tmp_path / file


LIA = "    ground: LIA-2026-01 (exposure audits)\n"


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("  gender:\n    ground", "  religion:\n    ground", "special_ground"),
        ("  gender:\n    ground", "  Gender:\n    ground", "'Gender', which is no name"),
        ("  gender:\n    ground", "  activity:\n    ground", "'activity', which is no name"),
        ("[female, male, nonbinary]", "[female]", "two or more"),
        ("[female, male, nonbinary]", "[female, male, female]", "distinct"),
        ("[female, male, nonbinary]", "[female, male, unknown]", "'unknown'"),
        ("[female, male, nonbinary]", "[female, male, Anna Canary]", "'Anna Canary'"),
        (LIA, "", "the key 'ground'"),
        (LIA, "    ground: ' '\n", "ground ''"),
        ("group: {action: listed}", "group: {action: keep}", "declaration.group: the action keep"),
        ("query: {action: vocabulary}", "query: {action: listed}", "search.query: the action listed"),
        ("declaration: [attribute, group]", "declaration: [attribute]", "needs a part of declaration"),
        ("only_with: model_training", "only_with: nothing", "only_with nothing"),
        ("only_with: model_training", "only_with: exposure_audit", "only_with exposure_audit"),
    ],
)
def test_a_policy_that_would_let_anything_else_in_is_refused(tmp_path: Path, old: str, new: str, said: str) -> None:
    with pytest.raises(PolicyError, match=r"minimisation\.yaml:\d+: ") as refusal:
        load(_edited(tmp_path, (old, new)), MinimisationPolicy)

    assert said in str(refusal.value)


def test_a_special_category_is_let_in_by_whoever_says_on_which_ground() -> None:
    attribute = Attribute(groups=("a", "b"), ground="LIA")

    for name in sorted(SPECIAL):
        with pytest.raises(ValueError, match=r"GDPR Art\. 9\(2\)"):
            require_attributes({name: attribute})
        require_attributes({name: replace(attribute, special_ground="explicit consent, Art. 9(2)(a)")})
    with pytest.raises(ValueError, match="special_ground ''"):
        replace(attribute, special_ground="  ")


def test_the_shipped_policy_lists_no_special_category(policy: MinimisationPolicy) -> None:
    assert set(policy.attributes) == {"age", "gender"}
    assert policy.purposes_of(DECLARATION.name) == ("exposure_audit",)


def test_declarations_may_be_stored_for_nothing_but_audits(tmp_path: Path) -> None:
    for path in policies_dir().iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    load_policies(tmp_path)
    _edited(
        tmp_path,
        ("      rating: [item, stars]\n", "      rating: [item, stars]\n      declaration: [attribute, group]\n"),
    )

    with pytest.raises(PolicyError, match=r"exposure_audit alone, .* got personalised_recommendations"):
        load_policies(tmp_path)


def test_the_same_declaration_again_adds_nothing(event: Line, gateway: Gateway) -> None:
    line = declare(event, "age", "25-34")
    first, again = (ingest_batch([line], gateway, source=source) for source in ("one", "two"))

    assert (first.written, again.written, again.duplicates) == ({"declaration": 1}, {"declaration": 0}, 1)
    assert json.loads(line)["subject"] == {"account_id": "anna"}


# What was replaced

ANNAS, BENS = Pseudonym("a7" + "1" * 30), Pseudonym("07" + "2" * 30)
_ROW = st.tuples(st.sampled_from([ANNAS, BENS]), st.sampled_from(["age", "gender"]), st.integers(0, 3))


def stored(lake: Lake, rows: Sequence[tuple[Pseudonym, str, int]], batch: int = 0) -> None:
    columns = {
        "event_id": [f"{batch}-{number}" for number in range(len(rows))],
        "subject": [subject for subject, _, _ in rows],
        "bucket": [bucket_of(subject) for subject, _, _ in rows],
        "at": pa.array([datetime(2026, 3, 1, 12, minute, tzinfo=UTC) for _, _, minute in rows], TIME),
        "attribute": [attribute for _, attribute, _ in rows],
        "group": [f"group-{batch}-{number}-of-them" for number in range(len(rows))],
        "purposes": [["exposure_audit"]] * len(rows),
    }
    lake.append({"declaration": pa.table(columns, schema=DECLARATION.schema)}, batch_id=f"b{batch}")


@settings(max_examples=25, deadline=None)
@given(st.lists(st.lists(_ROW, min_size=1, max_size=5), min_size=1, max_size=3))
def test_exactly_what_a_later_declaration_of_the_attribute_replaces_goes(
    batches: list[list[tuple[Pseudonym, str, int]]],
) -> None:
    rows = [row for batch in batches for row in batch]
    newest = {key: max(at for *other, at in rows if tuple(other) == key) for key in {row[:2] for row in rows}}
    kept = sorted(row for row in rows if row[2] == newest[row[:2]])
    with TemporaryDirectory() as root:
        lake = Lake(root)
        for number, batch in enumerate(batches):
            stored(lake, batch, number)
        named = len(lake.superseded("declaration", by=("attribute",)))
        first, again = (lake.expire_superseded("declaration", by=("attribute",)) for _ in range(2))
        left = lake.scan("declaration", columns=["subject", "attribute", "at"]).to_pylist()

    assert sorted((row["subject"], row["attribute"], row["at"].minute) for row in left) == kept
    assert (named, first.rows, again.rows) == (len(rows) - len(kept), len(rows) - len(kept), 0)


def test_no_byte_of_a_replaced_declaration_stays(tmp_path: Path) -> None:
    lake = Lake(str(tmp_path))
    stored(lake, [(ANNAS, "age", 1), (BENS, "age", 2), (ANNAS, "age", 3)])
    young = datetime(2026, 3, 1, 12, 2, tzinfo=UTC)

    assert lake.superseded("declaration", by=("attribute",), since=young).to_pylist() == []
    assert lake.superseded("declaration", by=("attribute",)).to_pylist() == ["0-0"]
    lake.expire_superseded("declaration", by=("attribute",))
    assert lake.scan("declaration", columns=["group"])["group"].to_pylist() == [
        "group-0-1-of-them",
        "group-0-2-of-them",
    ]
    written = str([pq.read_table(path, partitioning=None).to_pydict() for path in tmp_path.rglob("*.parquet")])
    assert "group-0-1-of-them" in written
    assert "group-0-0-of-them" not in written


def test_where_nothing_was_ever_declared_nothing_is_replaced(tmp_path: Path) -> None:
    lake = Lake(str(tmp_path))

    assert lake.superseded("declaration", by=("attribute",)).to_pylist() == []
    assert lake.expire_superseded("declaration", by=("attribute",)).rows == 0
