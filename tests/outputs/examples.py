"""Decisions to write in every format: an ordinary one, one of every standing, and one whose names are hostile."""

import json
from dataclasses import replace
from functools import cache
from pathlib import Path, PurePath
from typing import Any

from audits.report import Measurement, Report
from audits.verdict import Outcome
from governance.gate.decision import Decision, Finding
from governance.gate.outputs.decided import Decided, PolicySource
from governance.gate.waivers import AppliedWaiver, WaiverState
from governance.policy.loader import parse
from governance.policy.rules import FairnessPolicy, Level
from tests.governance.builders import measured, report

SCHEMAS = Path(__file__).parents[1] / "vectors" / "schemas"

HOSTILE = (
    "<script>alert(1)</script>",
    "a & b ]]> \"quoted\" 'single'",
    "\x1b[31mred\x1b[0m \x07 \x00 \x9b2J",
    "line\r\n::error::injected",
    "| pipe | `code` **bold** [link](javascript:alert(1)) @everyone #1",
    "%0A::warning::100%, a:b",
    "{0} {{1}} \\ \u202eright to left \ufffe \u2028",
    "\U0001d518nicode ☃ é",
    "",
)

POLICY = """\
# What the lists must keep to.
list_length: 20
attention: logarithmic
replicates: 1000
confidence: 0.95
seed: 20260101
max_unknown_share: 0.05
rules:
  - id: european-works
    metric: exposure_share
    attribute: origin
    category: european
    comparison: at_least
    limit: 0.30
    level: error
    rationale: "AVMSD Art. 13(1): a share, and prominence."
    approved_by: review board

  - metric: exposure_ratio
    id: every-genre-visible
    attribute: genre
    comparison: at_least
    limit: 0.40
    level: error
    rationale: No genre is hidden.
    approved_by: review board

  - id: popularity
    metric: popularity_lift
    comparison: at_most
    limit: 1.0
    level: warn
    rationale: Not only what is popular.
    approved_by: review board

  - id: equal-attention
    metric: exposure_gini
    comparison: at_most
    limit: 0.9
    level: "off"
    rationale: Not looked at yet.
    approved_by: review board
"""
LINES = {"european-works": 9, "every-genre-visible": 19, "popularity": 28, "equal-attention": 36}

WAIVER = AppliedWaiver(
    waiver="w-7",
    rule="every-genre-visible",
    about="genre = war",
    worst_value=0.25,
    owner="catalogue team",
    author="A. Author",
    approver="B. Board",
    reason="The licence for war films ends in spring.",
    expires_on="2027-03-31",
    state=WaiverState.USED,
)


@cache
def source(text: str = POLICY, path: str = "policies/fairness.yaml") -> PolicySource:
    return PolicySource(policy=parse(text.encode(), PurePath(path), FairnessPolicy).value, text=text, path=path)


def finding(
    rule: str, about: str, verdict: Outcome, *, level: Level = "error", value: float | None = 0.2, **more: object
) -> Finding:
    fields: dict[str, Any] = {
        "rule": rule,
        "level": level,
        "verdict": verdict,
        "about": about,
        "value": value,
        "low": None if value is None else value - 0.02,
        "high": None if value is None else value + 0.02,
        "limit": 0.3,
        "blocks": level == "error" and verdict is not Outcome.PASS,
        "sentence": f"The figure of {about} is {value}; the policy asks for at least 30 %.",
        "metric": "exposure_share",
        "comparison": "at_least",
        "n": 1000,
        **more,
    }
    return Finding(**fields)


WAIVED = "War films receive 20 %. Waived until 2027-03-31 by waiver w-7: B. Board approved it. The licence ends."

EVERY_STANDING = Decision(
    outcome=Outcome.FAIL,
    findings=(
        finding("every-genre-visible", "genre = drama", Outcome.PASS, value=0.5),
        finding("european-works", "origin = european", Outcome.FAIL),
        finding("every-genre-visible", "genre = noir", Outcome.INCONCLUSIVE, value=0.3, n_to_decide=12_345),
        finding("every-genre-visible", "genre = western", Outcome.FAIL, value=None),
        finding("every-genre-visible", "genre = war", Outcome.FAIL, blocks=False, waived_by="w-7", sentence=WAIVED),
        finding("popularity", "all titles", Outcome.FAIL, level="warn", value=1.5),
    ),
    not_applicable=("quality: the catalogue has no age to measure by.",),
    waivers=(WAIVER,),
    caveats=("Intervals describe other subjects like these.",),
    rests_on=(("waivers", "12" * 32),),
)
PASSED = Decision(
    outcome=Outcome.PASS,
    findings=(finding("european-works", "origin = european", Outcome.PASS, value=0.5),),
    not_applicable=(),
)
MEASURED = report(
    measured("exposure_share", 0.2, 0.18, 0.22, "origin", "european"),
    replace(measured("ndcg", 0.3, 0.28, 0.32), group="age = old"),
    replace(measured("awrf", 0.9, 0.88, 0.92), attribute="origin"),
)


def decided(decision: Decision = EVERY_STANDING, made: Report = MEASURED) -> Decided:
    return Decided(
        decision=decision,
        report=made,
        source=source(),
        title="Candidate 7",
        command="probity gate check --recommendations lists.csv --items items.csv",
        version="0.1.0",
    )


def hostile() -> Decided:
    """Every name in it, from category to policy path, is written by somebody who means harm."""
    findings = tuple(
        finding(f"rule {name}", f"genre = {name}", verdict, level=level, sentence=f"About {name}: {name}.")
        for name in HOSTILE
        for verdict, level in ((Outcome.FAIL, "error"), (Outcome.FAIL, "warn"), (Outcome.PASS, "error"))
    )
    waivers = tuple(
        replace(WAIVER, waiver=name, about=name, owner=name, approver=name, reason=name) for name in HOSTILE
    )
    found = Decision(
        outcome=Outcome.FAIL,
        findings=(*findings, replace(findings[0], blocks=False, waived_by=HOSTILE[0])),
        not_applicable=HOSTILE,
        waivers=waivers,
        caveats=HOSTILE,
    )
    made = report(*(measured("exposure_share", 0.2, 0.1, 0.3, "genre", name) for name in HOSTILE))
    return Decided(
        decision=found,
        report=replace(made, caveats=HOSTILE, differences=changes(*HOSTILE)),
        source=source(path="policies/ü & <b>,:%.yaml"),
        title=HOSTILE[0],
        command=HOSTILE[4],
        version="0.1.0",
    )


def changes(*categories: str) -> tuple[Measurement, ...]:
    return tuple(measured("exposure_share", 0.05, 0.01, 0.09, "genre", name) for name in categories)


def many(number: int, **more: object) -> Decided:
    """A decision with that many missed limits."""
    findings = tuple(
        finding("every-genre-visible", f"genre = g{index:05d}", Outcome.FAIL, **more) for index in range(number)
    )
    return decided(replace(EVERY_STANDING, findings=findings, waivers=()))


def schema(name: str) -> Any:  # noqa: ANN401 - JSON
    """A published schema, kept beside the vectors; its README says from where."""
    return json.loads((SCHEMAS / f"{name}.schema.json").read_text(encoding="utf-8"))
