"""The decision as JSON, for programs: a stable shape with a schema, and equal bytes for equal input."""

import json
from importlib.resources import files
from typing import Any, Final

from governance.gate.decision import Finding
from governance.gate.outputs.decided import Decided, finite
from governance.gate.outputs.plain_text import encode_document
from governance.gate.outputs.standing import EXITS, counts, standing, summary_line, worst_first

SCHEMA: Final = "https://probity.example/schemas/gate-decision.v1.schema.json"
"""A name, not an address: the schema travels with the package."""
VERSION: Final = 1
"""Fields may be added under it; one that changes or goes asks for the next."""

_AUDIT = (
    "k",
    "attention",
    "attention_formula",
    "subjects",
    "subjects_with_targets",
    "items",
    "level",
    "replicates",
    "seed",
    "critical_value",
    "resampling",
)


def render(decided: Decided) -> bytes:
    """UTF-8 JSON, keys sorted, two spaces deep, one newline at the end. It holds no moment and no place of a machine.

    Guarantees:
      - equal decisions, reports and policies give equal bytes
      - every number is finite; what is not a number is null
    """
    return encode_document(_document(decided))


def schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) that every document obeys."""
    text = files("governance.gate.outputs") / "schemas" / "gate-decision.v1.schema.json"
    found: dict[str, Any] = json.loads(text.read_text(encoding="utf-8"))
    return found


def _document(decided: Decided) -> dict[str, object]:
    decision, report = decided.decision, decided.report
    return {
        "$schema": SCHEMA,
        "version": VERSION,
        "title": decided.title,
        "outcome": str(decision.outcome),
        "exit_code": EXITS[decision.outcome],
        "summary": summary_line(decision),
        "counts": {str(each): number for each, number in counts(decision).items()},
        "findings": [_finding(each) for each in worst_first(decision.findings)],
        "not_applicable": list(decision.not_applicable),
        "waivers": [
            {
                "waiver": each.waiver,
                "rule": each.rule,
                "about": each.about,
                "worst_value": finite(each.worst_value),
                "owner": each.owner,
                "author": each.author,
                "approver": each.approver,
                "reason": each.reason,
                "expires_on": each.expires_on,
                "state": str(each.state),
                "line": each.line,
            }
            for each in decision.waivers
        ],
        "caveats": [*decision.caveats, *(each for each in report.caveats if each not in decision.caveats)],
        "policy": {"path": decided.source.path, "sha256": decided.source.sha256},
        "report": {
            "sha256": decided.report_sha256,
            "inputs_sha256": report.inputs_digest,
            "model": report.model_digest,
        },
        "rests_on": [{"name": name, "sha256": digest} for name, digest in decision.rests_on],
        "audit": {name: getattr(report, name) for name in _AUDIT},
        "unknown_labels": [
            {"attribute": each.attribute, "catalogue": each.catalogue, "exposure": each.exposure}
            for each in report.unknown_labels
        ],
        "command": decided.command,
        "probity": decided.version,
    }


def _finding(finding: Finding) -> dict[str, object]:
    return {
        "rule": finding.rule,
        "level": finding.level,
        "metric": finding.metric,
        "about": finding.about,
        "comparison": finding.comparison,
        "limit": finite(finding.limit),
        "floor": finite(finding.floor),
        "ceiling": finite(finding.ceiling),
        "value": finite(finding.value),
        "low": finite(finding.low),
        "high": finite(finding.high),
        "n": finding.n,
        "detectable": finite(finding.detectable),
        "n_to_decide": finding.n_to_decide,
        "verdict": str(finding.verdict),
        "standing": str(standing(finding)),
        "blocks": finding.blocks,
        "waived_by": finding.waived_by,
        "line": finding.line,
        "sentence": finding.sentence,
    }
