"""The data-quality suite: it passes what the kernel makes, and stops what the kernel must never make."""

import socket
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pytest

from pseudonymisation.kernel import GatewayContext, process
from pseudonymisation.minimisation import MinimisationPolicy
from pseudonymisation.quality import FailedExpectation, verify_quality
from pseudonymisation.schema import TIME

Anything = Any

Line = Callable[..., bytes]


@pytest.fixture
def tables(event: Line, memory_context: GatewayContext) -> dict[str, pa.Table]:
    """One row of each kind, as the kernel makes them."""
    lines = [
        event(),
        event(event_id="e-2", kind="view", item="m1", seconds=3, duration=9),
        event(event_id="e-3", kind="search", query="quiet harbour"),
        event(event_id="e-4", kind="browse", item="m2", row=1, position=2),
        event(event_id="e-5", kind="declaration", attribute="age", group="25-34"),
    ]
    return dict(process(lines, memory_context).tables)


def test_what_the_kernel_makes_passes_without_opening_a_connection(
    tables: dict[str, pa.Table], policy: MinimisationPolicy, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_network(*_: Anything) -> None:
        pytest.fail("a connection was opened")

    monkeypatch.setattr(socket.socket, "connect", no_network)
    result = verify_quality(tables, policy)

    assert result.success
    assert set(tables) == {"view", "search", "browse", "rating", "declaration"}
    assert result.expectations == 69


def test_nothing_is_printed_while_it_runs(
    tables: dict[str, pa.Table], policy: MinimisationPolicy, capfd: pytest.CaptureFixture[str]
) -> None:
    verify_quality(tables, policy)

    assert capfd.readouterr() == ("", "")


def replaced(table: pa.Table, column: str, values: pa.Array) -> pa.Table:
    return table.set_column(table.schema.get_field_index(column), column, values)


@pytest.mark.parametrize(
    ("place", "value", "broken"),
    [
        (("rating", "subject"), pa.array(["anna@example.org"]), "expect_column_values_to_match_regex"),
        (("rating", "event_id"), pa.array(["raw-id-7"]), "expect_column_values_to_match_regex"),
        (("rating", "stars"), pa.array([9.0], pa.float32()), "expect_column_values_to_be_between"),
        (("rating", "bucket"), pa.array([16], pa.int16()), "expect_column_values_to_be_between"),
        (("search", "query"), pa.array(["anna@example.org"]), "expect_column_values_to_not_match_regex"),
        (("search", "query"), pa.array(["call 015112345678"]), "expect_column_values_to_not_match_regex"),
        (("search", "purposes"), pa.array([["partner_sharing"]]), "expect_column_values_to_match_regex"),
        (("search", "purposes"), pa.array([[]], pa.list_(pa.string())), "expect_column_values_to_match_regex"),
    ],
)
def test_a_row_that_breaks_a_promise_fails_the_batch_by_count_and_not_by_value(
    tables: dict[str, pa.Table], policy: MinimisationPolicy, place: tuple[str, str], value: pa.Array, broken: str
) -> None:
    kind, column = place
    result = verify_quality(tables | {kind: replaced(tables[kind], column, value)}, policy)

    assert not result.success
    assert result.failed == (FailedExpectation(kind, broken, column, 1),)
    assert "anna" not in repr(result)


def test_a_time_that_was_not_shortened_fails(tables: dict[str, pa.Table], policy: MinimisationPolicy) -> None:
    precise = pa.array([datetime(2026, 2, 1, 10, 11, tzinfo=UTC)], TIME)
    result = verify_quality({"search": replaced(tables["search"], "at", precise)}, policy)

    assert [failed.column for failed in result.failed] == ["at_beyond_unit"]


def test_doubled_ids_and_foreign_columns_fail(tables: dict[str, pa.Table], policy: MinimisationPolicy) -> None:
    doubled = pa.concat_tables([tables["rating"], tables["rating"]]).append_column("email", pa.array(["x", "y"]))
    result = verify_quality({"rating": doubled}, policy)

    assert {(failed.expectation, failed.column, failed.unexpected) for failed in result.failed} == {
        ("expect_column_values_to_be_unique", "event_id", 2),
        ("expect_table_columns_to_match_set", "table", 0),
    }
