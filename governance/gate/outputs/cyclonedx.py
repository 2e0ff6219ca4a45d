"""The audited model as a CycloneDX 1.6 ML-BOM: a component with a model card that holds the figures and the decision.

Figures are ``quantitativeAnalysis.performanceMetrics``, each with its slice and the bounds of its simultaneous
interval; what rules ask about a category or a group becomes a ``fairnessAssessment``. No moment and a serial number
that follows from content: equal decisions give equal bytes.
"""

import re
from hashlib import sha256
from typing import Any, Final
from uuid import UUID, uuid5

from audits.report import Measurement
from governance.gate.decision import Finding
from governance.gate.outputs import decision_json
from governance.gate.outputs.decided import Decided
from governance.gate.outputs.plain_text import encode_document
from governance.gate.outputs.standing import Standing, standing, summary_line, worst_first
from governance.gate.waivers import AppliedWaiver

SCHEMA: Final = "http://cyclonedx.org/schema/bom-1.6.schema.json"
_SPACE: Final = UUID("6f1d1a0e-1f0a-4e0c-9f3c-5b7c6f1f2a11")
_SHA256 = re.compile(r"[0-9a-f]{64}", re.ASCII)
_NOBODY = "all titles"

_WORDS = {
    Standing.FAILED: "The rule is not met, and the model may not ship.",
    Standing.UNDECIDED: "The audit does not decide whether the rule is met, and the model may not ship.",
    Standing.WAIVED: "The rule is not met; an approved waiver lets the model ship until it expires.",
    Standing.WARNED: "The rule is not met; it is a warning and does not keep the model from shipping.",
    Standing.MET: "The rule is met.",
}


def render(decided: Decided) -> bytes:
    """JSON, keys sorted, one newline at the end."""
    report = decided.report
    document = {
        "$schema": SCHEMA,
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid5(_SPACE, sha256(decision_json.render(decided)).hexdigest())}",
        "version": 1,
        "metadata": {
            "tools": {
                "components": [
                    {"type": "application", "name": "probity", "version": decided.version or "unreleased"},
                ]
            },
            "component": _model(decided),
        },
        "components": [
            {
                "type": "data",
                "bom-ref": "audit-inputs",
                "name": "What the audit read",
                "hashes": _hashes(report.inputs_digest),
                "data": [{"type": "dataset", "name": "lists, catalogue and what else was given"}],
            }
        ],
    }
    return encode_document(document)


def _model(decided: Decided) -> dict[str, Any]:
    digest = decided.report.model_digest
    component: dict[str, Any] = {
        "type": "machine-learning-model",
        "bom-ref": "model",
        "name": decided.title,
        "version": digest[:64] or "unknown",
        "modelCard": _card(decided),
    }
    if _hashes(digest):
        component["hashes"] = _hashes(digest)
    return component


def _card(decided: Decided) -> dict[str, Any]:
    report, decision = decided.report, decided.decision
    shown = [_metric(row) for row in report.measurements if row.value is not None]
    shown += [_metric(row, "change against the baseline: ") for row in report.differences if row.value is not None]
    caveats = [*decision.caveats, *(each for each in report.caveats if each not in decision.caveats)]
    return {
        "modelParameters": {"task": "recommendation", "datasets": [{"ref": "audit-inputs"}]},
        "quantitativeAnalysis": {"performanceMetrics": shown},
        "considerations": {
            "technicalLimitations": caveats,
            "ethicalConsiderations": [
                {"name": f"Waiver of {each.rule} ({each.about}), {each.state}", "mitigationStrategy": _excepted(each)}
                for each in decision.waivers
            ],
            "fairnessAssessments": [
                _assessment(decided, each) for each in worst_first(decision.findings) if each.about != _NOBODY
            ],
        },
        "properties": [{"name": f"probity:{name}", "value": value} for name, value in _properties(decided)],
    }


def _metric(row: Measurement, prefix: str = "") -> dict[str, Any]:
    of_titles = None if row.attribute is None else f"all by {row.attribute}"
    if row.category is not None:
        of_titles = f"{row.attribute} = {row.category}"
    slices = (of_titles, row.group)
    return {
        "type": f"{prefix}{row.metric}",
        "value": _number(row.value),
        "slice": "; ".join(each for each in slices if each is not None) or "all",
        "confidenceInterval": {"lowerBound": _number(row.low), "upperBound": _number(row.high)},
    }


def _assessment(decided: Decided, finding: Finding) -> dict[str, str]:
    rule = decided.source.find_rule(finding.rule)
    why = "" if rule is None else f" Rule {rule.id}, approved by {rule.approved_by}: {rule.rationale.strip()}"
    return {
        "groupAtRisk": finding.about,
        "harms": finding.sentence,
        "mitigationStrategy": f"{_WORDS[standing(finding)]}{why}",
    }


def _excepted(waiver: AppliedWaiver) -> str:
    who = f"owner {waiver.owner}, approved by {waiver.approver}"
    return f"{waiver.reason} ({who}, tolerates {waiver.worst_value:g}, until {waiver.expires_on})"


def _properties(decided: Decided) -> list[tuple[str, str]]:
    report = decided.report
    return [
        ("decision:outcome", str(decided.decision.outcome)),
        ("decision:summary", summary_line(decided.decision)),
        ("policy:path", decided.source.path),
        ("policy:sha256", decided.source.sha256),
        ("report:sha256", decided.report_sha256),
        *((f"{name.replace(' ', '-')}:sha256", digest) for name, digest in decided.decision.rests_on),
        ("attention", f"{report.attention}: {report.attention_formula}, ranks 1 to {report.k}"),
        ("subjects", str(report.subjects)),
        ("intervals", f"simultaneous at {report.level:g}, {report.replicates} resamples of {report.resampling}"),
        ("command", decided.command),
    ]


def _hashes(digest: str) -> list[dict[str, str]]:
    return [{"alg": "SHA-256", "content": digest}] if _SHA256.fullmatch(digest) else []


def _number(number: float | None) -> str:
    return "" if number is None else f"{number:.10g}"
