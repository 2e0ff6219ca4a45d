"""The data-quality suite: Great Expectations generated from the schema and the policy, run on each pseudonymised batch.

It checks the gateway itself: rows that break a rule were already rejected one by one, so a failure here means that the
gateway is wrong, and the whole batch is stopped before anything is written.
"""

import logging
import re
import threading
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from pseudonymisation.declarations import listed_pairs
from pseudonymisation.minimisation import MinimisationPolicy
from pseudonymisation.schema import BUCKETS, DECLARATION, KIND_BY_NAME, EventKind

_UNITS_US = {"minute": 60_000_000, "hour": 3_600_000_000, "day": 86_400_000_000}
_NEVER_NULL = ("event_id", "subject", "bucket", "at", "purposes")
_HEX_32 = "^[0-9a-f]{32}$"
_IDENTIFIER_LIKE = r"@|\d{5,}"
"""What no stored search may contain: an at sign, or a run of digits that is longer than a year."""

# Great Expectations keeps process-wide registries while it computes; two threads of the HTTP gateway must not meet in
# them.
_ONE_AT_A_TIME = threading.Lock()


@dataclass(frozen=True, slots=True)
class FailedExpectation:
    """One expectation that did not hold: how many values broke it. No value is kept."""

    kind: str
    expectation: str
    column: str
    unexpected: int


@dataclass(frozen=True, slots=True)
class QualityResult:
    """What the suite found in a batch."""

    success: bool
    expectations: int
    failed: tuple[FailedExpectation, ...]


def verify_quality(tables: Mapping[str, pa.Table], policy: MinimisationPolicy) -> QualityResult:
    """Run the suite of each kind on its table (schema of ``schema.EVENT_KINDS``).

    Guarantees:
      - nothing is sent anywhere; the context lives in memory
      - the result holds counts, no values
    """
    evaluated, failed = 0, []
    for name, table in tables.items():
        kind = KIND_BY_NAME[name]
        with _ONE_AT_A_TIME, warnings.catch_warnings():
            # Great Expectations imports and calls what pandas and Python deprecate; that is not ours to see in every
            # batch.
            warnings.simplefilter("ignore")
            results = _validate(_frame(table, kind, policy), kind, policy)
        evaluated += len(results)
        failed += [_failure(name, result) for result in results if not result.success]
    return QualityResult(success=not failed, expectations=evaluated, failed=tuple(failed))


def expectations_of(kind: EventKind, policy: MinimisationPolicy) -> list[Any]:
    """The suite of one kind, from its schema and the policy's rules."""
    import great_expectations.expectations

    gxe: Any = great_expectations.expectations
    purposes = "|".join(re.escape(slug) for slug in sorted(policy.purposes_of(kind.name)))
    rules = policy.fields[kind.name]
    suite = [
        gxe.ExpectTableColumnsToMatchSet(column_set=_columns(kind), exact_match=True),
        *(gxe.ExpectColumnValuesToNotBeNull(column=name) for name in _NEVER_NULL),
        gxe.ExpectColumnValuesToBeUnique(column="event_id"),
        gxe.ExpectColumnValuesToMatchRegex(column="event_id", regex=_HEX_32),
        gxe.ExpectColumnValuesToMatchRegex(column="subject", regex=_HEX_32),
        gxe.ExpectColumnValuesToBeBetween(column="bucket", min_value=0, max_value=BUCKETS - 1),
        gxe.ExpectColumnValuesToMatchRegex(column="purposes", regex=f"^(?:{purposes})(?: (?:{purposes}))*$"),
        gxe.ExpectColumnValuesToBeInSet(column="at_beyond_unit", value_set=[0]),
    ]
    for field in kind.fields:
        if rules[field.name].action == "drop":
            suite.append(gxe.ExpectColumnValuesToBeNull(column=field.name))
        elif field.type in ("number", "whole"):
            bounds = {"min_value": 0 if field.above else field.low, "max_value": field.high}
            suite.append(gxe.ExpectColumnValuesToBeBetween(column=field.name, **bounds))
        elif rules[field.name].action == "vocabulary":
            suite.append(gxe.ExpectColumnValuesToNotMatchRegex(column=field.name, regex=_IDENTIFIER_LIKE))
    if kind.entire:
        suite += [gxe.ExpectColumnValuesToNotBeNull(column=field.name) for field in kind.fields]
    if kind is DECLARATION:
        pairs = listed_pairs(policy.attributes)
        suite.append(gxe.ExpectColumnPairValuesToBeInSet(column_A="attribute", column_B="group", value_pairs_set=pairs))
    return suite


def _columns(kind: EventKind) -> list[str]:
    return [*kind.schema.names, "at_beyond_unit"]


def _frame(table: pa.Table, kind: EventKind, policy: MinimisationPolicy) -> pd.DataFrame:
    """The table as pandas, lists joined, and how far each time lies beyond its policy's unit in microseconds."""
    unit = _UNITS_US.get(policy.fields[kind.name]["at"].unit or "", 1)
    times = pc.cast(table["at"], pa.int64())
    beyond = pc.subtract(times, pc.multiply(pc.divide(times, unit), unit))
    joined = pc.binary_join(table["purposes"], " ")
    position = table.schema.get_field_index("purposes")
    frame: pd.DataFrame = (
        table.set_column(position, "purposes", joined).append_column("at_beyond_unit", beyond).to_pandas()
    )
    return frame


def _validate(frame: pd.DataFrame, kind: EventKind, policy: MinimisationPolicy) -> list[Any]:
    import great_expectations as gx

    definition = _whole_frame()
    batch = definition.get_batch(batch_parameters={"dataframe": frame})
    suite = gx.ExpectationSuite(name=f"{kind.name} events", expectations=expectations_of(kind, policy))
    counts_only = {"result_format": "BASIC", "partial_unexpected_count": 0}
    return list(batch.validate(suite, result_format=counts_only).results)


@cache
def _whole_frame() -> Any:  # noqa: ANN401 - Great Expectations has no types that we could name
    """A batch definition in an in-memory context: no project folder, no progress bars on the terminal."""
    import great_expectations as gx
    from great_expectations.data_context.types.base import ProgressBarsConfig

    logging.getLogger("great_expectations").setLevel(logging.WARNING)
    context = gx.get_context(mode="ephemeral")
    context.enable_analytics(enable=False)
    context.variables.progress_bars = ProgressBarsConfig(globally=False)
    source = context.data_sources.add_pandas("gateway")
    return source.add_dataframe_asset("events").add_batch_definition_whole_dataframe("batch")


def _failure(kind: str, result: Any) -> FailedExpectation:  # noqa: ANN401 - see _whole_frame
    config = result.expectation_config
    # An expectation that could not be computed counts as failed, too: its result has no count.
    unexpected = int((result.result or {}).get("unexpected_count") or 0)
    return FailedExpectation(kind, config.type, str(config.kwargs.get("column", "table")), unexpected)
