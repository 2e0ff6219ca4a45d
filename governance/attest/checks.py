"""Checks of ours, told in the two generic shapes that other tools can gate on."""

from collections.abc import Mapping
from datetime import datetime

from governance.attest.predicates.test_result import TestResult
from governance.attest.predicates.verification_summary import VerificationSummary
from governance.attest.resource import Resource

Checks = Mapping[str, bool]
"""Whether each check held, by its name."""


def as_test_result(checks: Checks, *, configuration: tuple[Resource, ...]) -> TestResult:
    """The checks as a test run; one that did not hold fails it, and none at all does too."""
    failed = tuple(name for name, held in checks.items() if not held)
    return TestResult(
        result="PASSED" if checks and not failed else "FAILED",
        configuration=configuration,
        passed=tuple(name for name, held in checks.items() if held),
        failed=failed,
    )


def as_summary(
    checks: Checks,
    *,
    verifier: str,
    verified_at: datetime,
    resource: str,
    policy: Resource,
    inputs: tuple[Resource, ...],
    level: str,
) -> VerificationSummary:
    """The checks as a verification: ``level`` is reached if every one held, and there was one."""
    held = bool(checks) and all(checks.values())
    return VerificationSummary(
        verifier=verifier,
        verified_at=verified_at,
        resource=resource,
        policy=policy,
        inputs=inputs,
        result="PASSED" if held else "FAILED",
        levels=(level,) if held else (),
    )
