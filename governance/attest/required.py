"""What must be there about each artefact: a statement that was left out does not show by itself. Pure.

What is required holds for every subject that was asked about. Where nobody named any, it holds for every model that the
statements name, and if they name none, for every artefact that they are about.
"""

from collections.abc import Sequence

from governance.attest.predicates.verification_summary import VerificationSummary
from governance.attest.verification import Expected, Finding, Status, Verified


def require_of_each(
    found: Sequence[Verified], expected: Expected, *, types: Sequence[str] = (), levels: Sequence[str] = ()
) -> list[Finding]:
    """A finding for each subject and each predicate type and level that it must have, and for what else it lacks.

    What else: a subject that was asked about has a statement at all, and one whose age or policy matters has a verdict
    that could answer.
    """
    findings = []
    for subject in expected.subjects or _named(found):
        about = [each for each in found if subject in each.subjects]
        findings += _lacking(subject, about, expected)
        findings += [_type(subject, about, each) for each in types]
        findings += [_level(subject, about, each) for each in levels]
    if not findings and (types or levels):
        msg = f"expected {', '.join([*types, *levels])}, found no statement about any artefact"
        return [Finding("required", Status.MISSING, msg)]
    return findings


def _named(found: Sequence[Verified]) -> tuple[str, ...]:
    models = dict.fromkeys(model for each in found for model in each.models)
    return tuple(models or dict.fromkeys(subject for each in found for subject in each.subjects))


def _lacking(subject: str, about: Sequence[Verified], expected: Expected) -> list[Finding]:
    if not about:
        return [Finding("required", Status.MISSING, f"{subject}: expected a statement about it, found none")]
    if expected.asks_of_verdicts and not any(each.is_verdict for each in about):
        msg = f"{subject}: expected a verdict whose age and policy can be judged, found none"
        return [Finding("required", Status.MISSING, msg)]
    return []


def _type(subject: str, about: Sequence[Verified], predicate_type: str) -> Finding:
    if any(each.predicate_type == predicate_type for each in about):
        return Finding("required", Status.HOLDS, f"{subject}: {predicate_type} is there")
    return Finding("required", Status.MISSING, f"{subject}: expected a statement of type {predicate_type}, found none")


def _level(subject: str, about: Sequence[Verified], level: str) -> Finding:
    reached = {level for each in about for level in each.levels}
    if level in reached:
        return Finding("level", Status.HOLDS, f"{subject}: {level} is reached")
    verified = any(each.predicate_type == VerificationSummary.predicate_type for each in about)
    absent = Status.REFUSED if verified else Status.MISSING
    return Finding("level", absent, f"{subject}: expected {level}, reached {', '.join(sorted(reached)) or 'none'}")
