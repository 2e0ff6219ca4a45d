"""The decision as JUnit XML, which every CI system shows: a test case for each figure that a rule asks about.

A missed limit is a ``failure``; what cannot be decided, or has no evidence, is an ``error``; what is waived, switched
off or not applicable is ``skipped``, with the reason; a warning passes, and says so in its output. Shape of the
common schema (Jenkins' xUnit plug-in, junit-10.xsd). No time of day, so equal decisions give equal bytes.
"""

import re
from xml.etree import ElementTree as ET

from audits.verdict import Outcome
from governance.gate.decision import Finding
from governance.gate.outputs.decided import Decided
from governance.gate.outputs.plain_text import steadied
from governance.gate.outputs.standing import Standing, name_of, standing, summary_line, worst_first

_NOT_XML = re.compile("[^\t\n\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 has no way to write."""


def render(decided: Decided) -> bytes:
    """UTF-8 XML. Names of strangers are text in it, whatever they hold; what XML cannot hold becomes U+FFFD."""
    suite = ET.Element("testsuite", name=_xml(f"Probity gate: {decided.title}"))
    properties = ET.SubElement(suite, "properties")
    for name, value in _properties(decided):
        ET.SubElement(properties, "property", name=name, value=_xml(value))
    lines = decided.source.lines
    for finding in worst_first(decided.decision.findings):
        line = finding.line or lines.get(finding.rule)
        _outcome(_case(suite, decided, name_of(finding), line), finding)
    for sentence in decided.decision.not_applicable:
        rule = sentence.partition(":")[0]
        _skip(_case(suite, decided, rule, lines.get(rule)), f"not applicable: {sentence}")
    for rule_off in decided.source.policy.rules:
        if rule_off.level == "off":
            _skip(_case(suite, decided, rule_off.id, lines.get(rule_off.id)), "the policy has this rule at level off")
    ET.SubElement(suite, "system-out").text = _xml(summary_line(decided.decision))
    root = ET.Element("testsuites", name="Probity gate")
    root.append(suite)
    for element in (suite, root):
        _count(element, suite)
    ET.indent(root)
    text = ET.tostring(root, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{text}\n'.encode()


def _outcome(case: ET.Element, finding: Finding) -> None:
    stands = standing(finding)
    if stands is Standing.WAIVED:
        _skip(case, f"waived by {finding.waived_by}: {finding.sentence}")
    elif stands is Standing.FAILED and finding.value is not None:
        missed = "limit missed" if finding.verdict == Outcome.FAIL else "inconclusive, which fails"
        _tell(case, "failure", missed, finding.sentence)
    elif stands in {Standing.FAILED, Standing.UNDECIDED}:
        kind = "no evidence" if finding.value is None else "inconclusive"
        _tell(case, "error", kind, finding.sentence)
    else:
        warning = "warning: " if stands is Standing.WARNED else ""
        ET.SubElement(case, "system-out").text = _xml(f"{warning}{finding.sentence}")


def _case(suite: ET.Element, decided: Decided, name: str, line: int | None) -> ET.Element:
    case = ET.SubElement(
        suite, "testcase", name=_xml(name), classname="probity.gate", time="0", file=_xml(decided.source.path)
    )
    if line is not None:
        case.set("line", str(line))
    return case


def _tell(case: ET.Element, tag: str, kind: str, sentence: str) -> None:
    # The text stands twice: some systems show the attribute, some the content.
    ET.SubElement(case, tag, type=kind, message=_xml(sentence)).text = _xml(sentence)


def _skip(case: ET.Element, why: str) -> None:
    ET.SubElement(case, "skipped", message=_xml(why))


def _count(element: ET.Element, suite: ET.Element) -> None:
    element.set("tests", str(len(suite.findall("testcase"))))
    for attribute, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        element.set(attribute, str(len(suite.findall(f"testcase/{tag}"))))
    element.set("time", "0")


def _properties(decided: Decided) -> list[tuple[str, str]]:
    return [
        ("outcome", str(decided.decision.outcome)),
        ("policy.path", decided.source.path),
        ("policy.sha256", decided.source.sha256),
        ("report.sha256", decided.report_sha256),
        ("inputs.sha256", decided.report.inputs_digest),
        *((f"{name}.sha256", digest) for name, digest in decided.decision.rests_on),
        ("probity.version", decided.version),
    ]


def _xml(text: str) -> str:
    return _NOT_XML.sub("\N{REPLACEMENT CHARACTER}", steadied(text))
