"""What every output is made from: a decision, the report it rests on, and the policy as it lies in a repository."""

import math
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path, PurePosixPath

from audits.report import Report
from governance.gate.decision import Decision, Finding
from governance.gate.waivers import AppliedWaiver
from governance.policy.loader import Loaded
from governance.policy.rules import FairnessPolicy, FairnessRule


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicySource:
    """A policy, its text, and its ``path`` as code hosts name files: relative to the root, with forward slashes."""

    policy: FairnessPolicy
    text: str
    path: str

    @property
    def sha256(self) -> str:
        """SHA-256 (hex) of the file's bytes."""
        return sha256(self.text.encode()).hexdigest()

    @property
    def lines(self) -> dict[str, int]:
        """Line on which each rule begins, from 1, by the rule's id."""
        return {rule.id: rule.line for rule in self.policy.rules if rule.line is not None}

    def find_rule(self, rule: str) -> FairnessRule | None:
        """The rule with this id; None for a finding about the audit as a whole."""
        return next((each for each in self.policy.rules if each.id == rule), None)


def policy_source(loaded: Loaded[FairnessPolicy], path: Path, *, root: Path) -> PolicySource:
    """A policy that was read from ``path``; named by its place below ``root``, or by its name where it lies elsewhere.

    Nothing outside the repository is told of: an absolute path would name a machine's folders.
    """
    place, top = path.resolve(), root.resolve()
    name = place.relative_to(top).as_posix() if place.is_relative_to(top) else PurePosixPath(place.name).as_posix()
    return PolicySource(policy=loaded.value, text=loaded.text, path=name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """A decision with all that it rests on.

    Attributes:
        title: what was judged, for people.
        command: what to run to get the same again, or empty. Outputs repeat both as they are, so whoever makes them
            leaves out passwords and the folders of a machine.
        version: of the software that decided.
    """

    decision: Decision
    report: Report
    source: PolicySource
    title: str = "Recommendations"
    command: str = ""
    version: str = ""

    @property
    def report_sha256(self) -> str:
        """SHA-256 (hex) of the report's JSON."""
        return sha256(self.report.to_json()).hexdigest()

    def find_waiver(self, finding: Finding) -> AppliedWaiver | None:
        """The waiver under which a finding does not block."""
        return next((each for each in self.decision.waivers if each.waiver == finding.waived_by), None)


def finite(number: float | None) -> float | None:
    """The number; None for what JSON has no number for."""
    return number if number is not None and math.isfinite(number) else None
