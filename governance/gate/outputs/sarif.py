"""The decision as SARIF 2.1.0, so that a code host shows each finding at the rule's line in the policy.

Every rule of the policy is declared, also where it found nothing: a rule that vanished would look fixed. What is
waived is left out, because hosts differ in whether they honour a suppression; `render_with_suppressions` keeps it, for
tools that do.
"""

import re
from hashlib import sha256
from typing import Any, Final
from urllib.parse import quote

from audits.metrics import METRICS
from governance.gate.decision import Finding
from governance.gate.outputs.decided import Decided, finite
from governance.gate.outputs.plain_text import encode_document
from governance.gate.outputs.standing import EXITS, Standing, standing, worst_first
from governance.gate.sentences import limit_in_words
from governance.policy.rules import FairnessRule

SCHEMA: Final = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
MOST_RESULTS: Final = 5_000
"""GitHub shows no more of one run; the worst come first, and a notification counts the rest."""

_LEVELS = {
    Standing.FAILED: "error",
    Standing.UNDECIDED: "error",
    Standing.WAIVED: "note",
    Standing.WARNED: "warning",
}
_LINK = re.compile(r"\[([^\[\]]*)\]\(")


def render(decided: Decided) -> bytes:
    """What keeps the model from shipping, and what is warned of; nothing that is waived."""
    return _render(decided, suppressed=False)


def render_with_suppressions(decided: Decided) -> bytes:
    """The same, with waived findings as results that an accepted suppression explains."""
    return _render(decided, suppressed=True)


def _render(decided: Decided, *, suppressed: bool) -> bytes:
    told = [each for each in worst_first(decided.decision.findings) if standing(each) in _LEVELS]
    told = [each for each in told if suppressed or standing(each) is not Standing.WAIVED]
    ids = _rule_ids(decided)
    driver = {
        "name": "Probity gate",
        "version": decided.version or "unreleased",
        "rules": [_rule(decided, each) for each in ids],
    }
    run = {
        "tool": {"driver": driver},
        "invocations": [_invocation(decided, left=max(0, len(told) - MOST_RESULTS))],
        "automationDetails": {"id": "probity-gate/"},
        "originalUriBaseIds": {"%SRCROOT%": {"description": {"text": "The root of the repository."}}},
        "columnKind": "utf16CodeUnits",
        "results": _results(decided, told[:MOST_RESULTS], ids),
        "properties": {
            "outcome": str(decided.decision.outcome),
            "policySha256": decided.source.sha256,
            "reportSha256": decided.report_sha256,
        },
    }
    return encode_document({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]})


def _rule_ids(decided: Decided) -> list[str]:
    ours = [rule.id for rule in decided.source.policy.rules]
    return ours + sorted({each.rule for each in decided.decision.findings} - set(ours))


def _rule(decided: Decided, rule_id: str) -> dict[str, Any]:
    rule = decided.source.find_rule(rule_id)
    if rule is None:
        return {"id": rule_id, "shortDescription": {"text": "The audit is what the policy asks for."}}
    asked = f"The policy asks for {limit_in_words(rule)}."
    return {
        "id": rule_id,
        "shortDescription": {"text": _text(_short(rule))},
        "fullDescription": {"text": _text(f"{asked} {rule.rationale.strip()}")},
        "help": {"text": _text(f"{asked} Why: {rule.rationale.strip()} Approved by {rule.approved_by}.")},
        "defaultConfiguration": {
            "enabled": rule.level != "off",
            "level": {"error": "error", "warn": "warning", "off": "none"}[rule.level],
        },
        "properties": {"metric": rule.metric, "tags": ["fairness", rule.metric]},
    }


def _short(rule: FairnessRule) -> str:
    title = next((metric.title for metric in METRICS if metric.slug == rule.metric), rule.metric)
    where = "" if rule.attribute is None else f" by {rule.attribute}"
    return f"{title}{where}: {limit_in_words(rule)}"


def _results(decided: Decided, told: list[Finding], ids: list[str]) -> list[dict[str, Any]]:
    places = decided.source.lines
    return [_result(decided, each, ids.index(each.rule), each.line or places.get(each.rule, 1)) for each in told]


def _result(decided: Decided, finding: Finding, index: int, line: int) -> dict[str, Any]:
    told: dict[str, Any] = {
        "ruleId": finding.rule,
        "ruleIndex": index,
        "kind": "fail",
        "level": _LEVELS[standing(finding)],
        "message": {"text": _text(finding.sentence)},
        "locations": [
            {
                "physicalLocation": {
                    "artifactLocation": {"uri": quote(decided.source.path), "uriBaseId": "%SRCROOT%"},
                    "region": {"startLine": line},
                }
            }
        ],
        "partialFingerprints": _fingerprints(finding),
        "properties": {
            "about": finding.about,
            "verdict": str(finding.verdict),
            "value": finite(finding.value),
            "low": finite(finding.low),
            "high": finite(finding.high),
            "limit": finite(finding.limit),
            "subjects": finding.n,
        },
    }
    waiver = decided.find_waiver(finding)
    if standing(finding) is Standing.WAIVED and waiver is not None:
        told["suppressions"] = [
            {
                "kind": "external",
                "status": "accepted",
                "justification": waiver.reason,
                # Expiry is not in the standard.
                "properties": {
                    "waiver": waiver.waiver,
                    "owner": waiver.owner,
                    "approver": waiver.approver,
                    "expiresOn": waiver.expires_on,
                },
            }
        ]
    return told


def _fingerprints(finding: Finding) -> dict[str, str]:
    """What stays the same while the figures move: the rule, and what it was asked of.

    GitHub tells alerts apart by the hash of the line alone unless it finds one here, and would take all categories that
    one rule asks about for the same alert.
    """
    parts = (each.encode(errors="surrogatepass") for each in (finding.rule, finding.about))
    digest = sha256(b"".join(len(each).to_bytes(8, "big") + each for each in parts)).hexdigest()
    return {"probityFinding/v1": digest, "primaryLocationLineHash": f"{digest[:16]}:1"}


def _invocation(decided: Decided, *, left: int) -> dict[str, Any]:
    told: dict[str, Any] = {"executionSuccessful": True, "exitCode": EXITS[decided.decision.outcome]}
    if decided.command:
        told["commandLine"] = decided.command
    if left:
        words = f"{left} further results are left out, the least bad; the decision's JSON has all."
        told["toolExecutionNotifications"] = [{"level": "warning", "message": {"text": words}}]
    return told


def _text(text: str) -> str:
    """A plain text message (section 3.11): braces would be placeholders, and ``[a](b)`` a link."""
    return _LINK.sub(r"\\[\1\\](", text.replace("{", "{{").replace("}", "}}"))
