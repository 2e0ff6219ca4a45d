"""in-toto test-result v0.1: what a test run found. Ours are audits, and the checks of our own predicates.

A test counts as failed when it keeps the model from shipping, also where it is merely inconclusive (its name then says
so): who gates on this alone must not be more lenient than our gate.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Literal, Self, cast

from governance.attest.reading import read_objects, read_text, read_texts
from governance.attest.resource import Resource, policies_among, read_resource
from governance.errors import BrokenProof
from governance.ledger.canonical import Json

Result = Literal["PASSED", "WARNED", "FAILED"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TestResult:
    """``configuration`` holds the policy and the settings of the run; ``url`` names the full report."""

    predicate_type: ClassVar[str] = "https://in-toto.io/attestation/test-result/v0.1"
    slug: ClassVar[str] = "test-result"
    is_verdict: ClassVar[bool] = True
    __test__: ClassVar[bool] = False  # not a test of ours, whatever its name

    result: Result
    configuration: tuple[Resource, ...]
    url: str | None = None
    passed: tuple[str, ...] = ()
    warned: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()

    def as_json(self) -> Mapping[str, Json]:
        """See `Predicate`."""
        url: dict[str, Json] = {} if self.url is None else {"url": self.url}
        return {
            "result": self.result,
            "configuration": [each.as_json() for each in self.configuration],
            "passedTests": list(self.passed),
            "warnedTests": list(self.warned),
            "failedTests": list(self.failed),
            **url,
        }

    @classmethod
    def read(cls, predicate: Mapping[str, Json]) -> Self:
        """See `Predicate`."""
        result = read_text(predicate, "result")
        if result not in {"PASSED", "WARNED", "FAILED"}:
            msg = "predicate: result: expected PASSED, WARNED or FAILED, got something else"
            raise BrokenProof(msg)
        return cls(
            result=cast("Result", result),
            configuration=tuple(read_resource(each) for each in read_objects(predicate, "configuration")),
            url=read_text(predicate, "url") if "url" in predicate else None,
            passed=read_texts(predicate, "passedTests"),
            warned=read_texts(predicate, "warnedTests"),
            failed=read_texts(predicate, "failedTests"),
        )

    @property
    def policies(self) -> Mapping[str, str]:
        """See `Predicate`."""
        return policies_among(self.configuration)

    @property
    def speaker(self) -> str | None:
        """The format has no place for it."""
        return None

    @property
    def moment(self) -> datetime | None:
        """The format has no place for it; the ledger's entry has the day."""
        return None

    @property
    def refusals(self) -> tuple[str, ...]:
        """See `Predicate`. A run that calls itself passed and lists a failure did not pass."""
        named = tuple(f"failed: {name}" for name in self.failed)
        return named or (("the result is FAILED",) if self.result == "FAILED" else ())
