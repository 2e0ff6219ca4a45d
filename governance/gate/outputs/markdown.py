"""The decision as Markdown: for a job's summary page, and for one comment under a merge request.

One summary line, then the worst first. A summary beyond a mebibyte is dropped as a whole by its host, and a comment
beyond 64 KB refused, so both are filled row by row up to the limit and say what was left out.
"""

import re
from collections.abc import Sequence
from typing import Final

from audits.metrics import METRICS
from audits.report import Measurement
from audits.verdict import Outcome
from governance.gate.decision import Finding
from governance.gate.outputs.decided import Decided
from governance.gate.outputs.plain_text import steadied
from governance.gate.outputs.standing import MARKS, Standing, standing, summary_line, worst_first

SUMMARY_BYTES: Final = 1_000_000
"""GitHub takes 1 MiB from one step; what else the step writes has the rest."""
COMMENT_BYTES: Final = 60_000
"""GitHub takes 65,536 characters."""
MARKER: Final = "<!-- probity-gate -->"
"""First line of a comment: whoever posts the next one finds the last by it and replaces it."""

_SIGNS = {Outcome.PASS: "✅", Outcome.FAIL: "❌", Outcome.INCONCLUSIVE: "❓"}
_SPECIAL = re.compile(r"([\\`*_\[\]#|~$])")
_ISSUE = re.compile(r"\b(GH-)(?=\d)", re.IGNORECASE)
_CHANGES_SHOWN = 12
_LONGEST_TEXT = 1_000


def render(decided: Decided) -> bytes:
    """The page of a job, at most 1,000,000 bytes of UTF-8."""
    return steadied(_render(decided, SUMMARY_BYTES)).encode(errors="replace")


def render_comment(decided: Decided) -> bytes:
    """A comment, at most 60,000 bytes, with the marker first."""
    head = f"{MARKER}\n"
    return steadied(head + _render(decided, COMMENT_BYTES - len(head))).encode(errors="replace")


def _render(decided: Decided, most: int) -> str:
    decision = decided.decision
    head = [
        f"## {_SIGNS[decision.outcome]} Probity gate: {decision.outcome} — {_escaped(decided.title)}",
        "",
        _escaped(summary_line(decision)),
        "",
    ]
    # What says where it comes from is kept whatever is cut, so it is counted first.
    foot = _foot(decided)
    room = most - _size(head) - _size(foot)
    body: list[str] = []
    for section in (
        _findings(decided),
        _waivers(decided),
        _notes("Not applicable", decision.not_applicable),
        _changes(decided),
        _met(decided),
        _notes("Limits of these figures", _caveats(decided)),
    ):
        taken = _fitted(section, room)
        room -= _size(taken)
        body += taken
    return "\n".join([*head, *body, *foot]) + "\n"


def _fitted(lines: Sequence[str], room: int) -> list[str]:
    """As many of the lines as fit with a sentence on those that do not; a section closes as it began."""
    if _size(lines) <= room:
        return list(lines)
    closing = ["", "</details>", ""] if any(line.startswith("<details>") for line in lines) else [""]
    left = "{} more lines are left out here: the decision's JSON has all."
    room -= _size([*closing, "", left.format(len(lines))])
    taken: list[str] = []
    for line in lines:
        room -= _size([line])
        if room < 0:
            break
        taken.append(line)
    if not taken:
        return [left.format(len(lines)), ""] if room + _size(lines[:1]) >= 0 else []
    return [*taken, "", left.format(len(lines) - len(taken)), *closing]


def _size(lines: Sequence[str]) -> int:
    return sum(len(line.encode(errors="replace")) + 1 for line in lines)


def _findings(decided: Decided) -> list[str]:
    shown = [each for each in worst_first(decided.decision.findings) if standing(each) is not Standing.MET]
    return [*_table(shown), ""] if shown else []


def _met(decided: Decided) -> list[str]:
    met = [each for each in decided.decision.findings if standing(each) is Standing.MET]
    if not met:
        return []
    return [f"<details><summary>What is met ({len(met)})</summary>", "", *_table(met), "", "</details>", ""]


def _table(findings: Sequence[Finding]) -> list[str]:
    lines = ["| | rule | what it found |", "|:-:|:--|:--|"]
    return lines + [_row(each) for each in findings]


def _row(finding: Finding) -> str:
    stands = standing(finding)
    return f"| {MARKS[stands]} {stands} | {_escaped(finding.rule)} | {_escaped(finding.sentence)} |"


def _waivers(decided: Decided) -> list[str]:
    waivers = decided.decision.waivers
    if not waivers:
        return []
    lines = [
        f"### Waivers ({len(waivers)})",
        "",
        "| waiver | for | state | until | owner | approved by | reason |",
        "|:--|:--|:--|:--|:--|:--|:--|",
    ]
    for each in waivers:
        told = f"{each.rule} ({each.about})"
        cells = [each.waiver, told, str(each.state), each.expires_on, each.owner, each.approver, each.reason]
        lines.append(f"| {' | '.join(_escaped(cell) for cell in cells)} |")
    return [*lines, ""]


def _changes(decided: Decided) -> list[str]:
    """What moved against the baseline beyond chance, the surest first."""
    moved = [row for row in decided.report.differences if _is_beyond_chance(row)]
    if not decided.report.differences:
        return []
    if not moved:
        return ["Against the baseline nothing changed beyond chance.", ""]
    moved.sort(key=_surprise, reverse=True)
    lines = [
        f"<details><summary>Against the baseline: {len(moved)} figures changed beyond chance</summary>",
        "",
        "| figure | of | change | interval |",
        "|:--|:--|--:|:--|",
    ]
    titles = {metric.slug: metric.title for metric in METRICS}
    for row in moved[:_CHANGES_SHOWN]:
        what = _escaped(titles.get(row.metric, row.metric))
        lines.append(f"| {what} | {_escaped(_about(row))} | {row.value:+.4g} | {row.low:+.4g} to {row.high:+.4g} |")
    if len(moved) > _CHANGES_SHOWN:
        lines += ["", f"{len(moved) - _CHANGES_SHOWN} more are in the report."]
    return [*lines, "", "</details>", ""]


def _is_beyond_chance(row: Measurement) -> bool:
    return row.low is not None and row.high is not None and (row.low > 0 or row.high < 0)


def _surprise(row: Measurement) -> float:
    return abs(row.value or 0.0) / (row.standard_error or 1e-12)


def _about(row: Measurement) -> str:
    of_titles = None if row.attribute is None else f"all by {row.attribute}"
    if row.category is not None:
        of_titles = f"{row.attribute} = {row.category}"
    return ", ".join(each for each in (of_titles, row.group) if each is not None) or "all"


def _notes(title: str, sentences: Sequence[str]) -> list[str]:
    if not sentences:
        return []
    head = [f"<details><summary>{title} ({len(sentences)})</summary>", ""]
    return [*head, *(f"* {_escaped(each)}" for each in sentences), "", "</details>", ""]


def _caveats(decided: Decided) -> list[str]:
    ours = decided.decision.caveats
    return [*ours, *(each for each in decided.report.caveats if each not in ours)]


def _foot(decided: Decided) -> list[str]:
    report, source = decided.report, decided.source
    measured = (
        f"{report.subjects:,} subjects, lists of {report.k}, {_escaped(report.attention)} attention, "
        f"{report.replicates:,} resamples of subjects, seed {report.seed}; "
        f"intervals hold together at {report.level:.0%}."
    )
    rests_on = (
        f"Policy {_code(source.path)} {_code(source.sha256[:12])}, report {_code(decided.report_sha256[:12])}, "
        f"inputs {_code(report.inputs_digest[:12])}."
    )
    lines = [measured, "", rests_on]
    if decided.command:
        lines += ["", f"Again: {_code(decided.command)}"]
    return lines


def _escaped(text: str) -> str:
    """Text as text: no markup, no table cell, no mention of a person, no link and no reference to an issue."""
    flat = steadied(" ".join(text.split()))
    flat = flat if len(flat) <= _LONGEST_TEXT else f"{flat[: _LONGEST_TEXT - 1]}…"
    flat = flat.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    flat = _SPECIAL.sub(r"\\\1", flat)
    # A zero-width space: the host looks for these in the rendered text, where a backslash is gone.
    for sign in ("@", "#", "://", "www."):
        flat = flat.replace(sign, f"{sign[0]}\N{ZERO WIDTH SPACE}{sign[1:]}")
    return _ISSUE.sub("\\1\N{ZERO WIDTH SPACE}", flat)


def _code(text: str) -> str:
    flat = steadied(" ".join(text.split()))[:_LONGEST_TEXT]
    longest = max((len(run) for run in re.findall("`+", flat)), default=0)
    fence = "`" * (longest + 1)
    edge = " " if longest else ""
    return f"{fence}{edge}{flat}{edge}{fence}"
