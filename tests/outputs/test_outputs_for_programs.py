"""What programs read: JSON, JUnit, SARIF, CycloneDX, each held against the schema that its readers know."""

import json
import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from xml.etree import ElementTree as ET

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from referencing import Registry, Resource

from audits.verdict import Outcome
from governance.gate.outputs import cyclonedx, decision_json, junit, sarif
from governance.gate.outputs.decided import Decided
from tests.governance.builders import measured, report
from tests.outputs.examples import (
    EVERY_STANDING,
    HOSTILE,
    LINES,
    PASSED,
    WAIVER,
    decided,
    finding,
    hostile,
    many,
    schema,
)

DECISIONS = {"plain": decided, "passed": lambda: decided(PASSED), "hostile": hostile, "many": lambda: many(30)}
each_decision = pytest.mark.parametrize("build", DECISIONS.values(), ids=DECISIONS)
Build = Callable[[], Decided]


def bom_validator() -> jsonschema.Draft7Validator:
    parts = {"spdx.SNAPSHOT.schema.json": "cyclonedx-spdx", "jsf-0.82.SNAPSHOT.schema.json": "cyclonedx-jsf-0.82"}
    known = [
        (f"http://cyclonedx.org/schema/{name}", Resource.from_contents(schema(file))) for name, file in parts.items()
    ]
    return jsonschema.Draft7Validator(schema("cyclonedx-bom-1.6"), registry=Registry().with_resources(known))


@each_decision
def test_the_json_obeys_its_shipped_schema(build: Build) -> None:
    validator = jsonschema.Draft202012Validator(decision_json.schema())
    validator.check_schema(decision_json.schema())

    assert list(validator.iter_errors(json.loads(decision_json.render(build())))) == []


@pytest.mark.parametrize(
    "change",
    [
        lambda found: found.pop("outcome"),
        lambda found: found.update(outcome="maybe"),
        lambda found: found["findings"][0].update(blocks=False),
        lambda found: found["findings"][3].update(waived_by=None),
        lambda found: found["findings"][0].pop("sentence"),
        lambda found: found["policy"].update(sha256="abc"),
        lambda found: found["waivers"][0].update(expires_on="soon"),
    ],
)
def test_the_schema_refuses_what_is_no_decision(change: Callable[[dict[str, Any]], object]) -> None:
    found = json.loads(decision_json.render(decided()))
    change(found)

    assert list(jsonschema.Draft202012Validator(decision_json.schema()).iter_errors(found))


def test_a_number_that_is_none_is_null_in_every_document() -> None:
    odd = finding("european-works", "origin = european", Outcome.FAIL, limit=math.nan, detectable=math.inf)
    given = decided(replace(EVERY_STANDING, findings=(odd,), waivers=(replace(WAIVER, worst_value=math.inf),)))

    found = json.loads(decision_json.render(given))
    assert found["findings"][0]["limit"] is None
    assert found["findings"][0]["detectable"] is None
    assert found["waivers"][0]["worst_value"] is None
    assert json.loads(sarif.render(given))["runs"][0]["results"][0]["properties"]["limit"] is None
    assert "Infinity" not in cyclonedx.render(given).decode()


@settings(max_examples=40, deadline=None)
@given(st.text(max_size=20), st.text(max_size=20))
def test_any_text_survives_json_and_stays_text_in_xml(rule: str, about: str) -> None:
    odd = finding(rule, about, Outcome.FAIL, sentence=about)
    given = decided(replace(EVERY_STANDING, findings=(odd,), waivers=()))

    assert json.loads(decision_json.render(given))["findings"][0]["about"] == about
    (case,) = [each for each in ET.fromstring(junit.render(given)).iter("testcase") if each.find("failure") is not None]  # noqa: S314 - ours
    assert len(case.get("name", "")) == len(f"{rule} ({about})")
    assert len(list(case)) == 1


def suites(build: Build) -> tuple[ET.Element, ET.Element]:
    root = ET.fromstring(junit.render(build()))  # noqa: S314 - our own output
    return root, root[0]


@each_decision
def test_the_xml_has_the_shape_that_ci_systems_read(build: Build) -> None:
    root, suite = suites(build)
    cases = suite.findall("testcase")

    assert (root.tag, suite.tag, len(root)) == ("testsuites", "testsuite", 1)
    assert [child.tag for child in suite] == ["properties", *["testcase"] * len(cases), "system-out"]
    for case in cases:
        assert set(case.attrib) <= {"name", "classname", "time", "file", "line"}
        assert {"name", "classname", "time"} <= set(case.attrib)
        assert [child.tag for child in case] in (["failure"], ["error"], ["skipped"], ["system-out"])
    for element in (root, suite):
        counted = {name: int(element.get(name, "-1")) for name in ("tests", "failures", "errors", "skipped")}
        assert counted == {
            "tests": len(cases),
            "failures": len(suite.findall("testcase/failure")),
            "errors": len(suite.findall("testcase/error")),
            "skipped": len(suite.findall("testcase/skipped")),
        }


def test_every_rule_is_a_test_case_and_says_how_it_went() -> None:
    _, suite = suites(decided)
    went = [(case.get("name"), case[0].tag, case[0].get("type")) for case in suite.findall("testcase")]

    assert went == [
        ("european-works (origin = european)", "failure", "limit missed"),
        ("every-genre-visible (genre = western)", "error", "no evidence"),
        ("every-genre-visible (genre = noir)", "error", "inconclusive"),
        ("every-genre-visible (genre = war)", "skipped", None),
        ("popularity (all titles)", "system-out", None),
        ("every-genre-visible (genre = drama)", "system-out", None),
        ("quality", "skipped", None),
        ("equal-attention", "skipped", None),
    ]
    assert suite.findall("testcase")[0].get("line") == str(LINES["european-works"])
    waived = suite.findall("testcase/skipped")[0].get("message", "")
    assert "waived by w-7: War films receive 20 %. Waived until 2027-03-31" in waived


def test_an_outcome_that_passes_has_no_failure_and_no_error() -> None:
    _, suite = suites(lambda: decided(PASSED))

    assert (suite.get("failures"), suite.get("errors")) == ("0", "0")


@each_decision
def test_the_sarif_obeys_the_published_schema(build: Build) -> None:
    published = jsonschema.Draft4Validator(schema("sarif-2.1.0"))

    assert list(published.iter_errors(json.loads(sarif.render(build())))) == []
    assert list(published.iter_errors(json.loads(sarif.render_with_suppressions(build())))) == []


def run_of(document: bytes) -> Any:  # noqa: ANN401 - JSON
    return json.loads(document)["runs"][0]


def test_the_published_sarif_schema_refuses_so_that_its_consent_means_something() -> None:
    found = json.loads(sarif.render(decided()))
    found["runs"][0]["results"][0]["level"] = "fatal"

    assert list(jsonschema.Draft4Validator(schema("sarif-2.1.0")).iter_errors(found))


def test_sarif_declares_every_rule_and_points_at_its_line() -> None:
    run = run_of(sarif.render(decided()))
    rules = run["tool"]["driver"]["rules"]

    assert [(each["id"], each["defaultConfiguration"]) for each in rules] == [
        ("european-works", {"enabled": True, "level": "error"}),
        ("every-genre-visible", {"enabled": True, "level": "error"}),
        ("popularity", {"enabled": True, "level": "warning"}),
        ("equal-attention", {"enabled": False, "level": "none"}),
    ]
    for result in run["results"]:
        place = result["locations"][0]["physicalLocation"]
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"]
        assert place["region"]["startLine"] == LINES[result["ruleId"]]
        assert place["artifactLocation"]["uri"] == "policies/fairness.yaml"
    assert [each["level"] for each in run["results"]] == ["error", "error", "error", "warning"]
    assert run["invocations"][0]["exitCode"] == 1


def test_sarif_leaves_out_what_is_waived_or_keeps_it_with_its_reason() -> None:
    plain, kept = run_of(sarif.render(decided())), run_of(sarif.render_with_suppressions(decided()))

    assert not any("suppressions" in each or "war" in each["properties"]["about"] for each in plain["results"])
    (waived,) = [each for each in kept["results"] if "suppressions" in each]
    assert waived["suppressions"][0]["justification"] == "The licence for war films ends in spring."
    assert waived["suppressions"][0]["properties"]["expiresOn"] == "2027-03-31"


def test_a_fingerprint_stays_while_figures_move_and_parts_what_one_line_asks() -> None:
    def prints(build: Decided) -> list[str]:
        return [
            each["partialFingerprints"]["primaryLocationLineHash"] for each in run_of(sarif.render(build))["results"]
        ]

    assert prints(many(3)) == prints(many(3, value=0.1, sentence="moved"))
    assert len(set(prints(many(50)))) == 50


def test_sarif_stops_at_what_its_host_shows_and_says_what_it_left_out() -> None:
    run = run_of(sarif.render(many(5_003)))

    assert len(run["results"]) == 5_000
    assert "3 further results" in run["invocations"][0]["toolExecutionNotifications"][0]["message"]["text"]


def test_names_are_no_placeholders_no_links_and_no_uri_in_sarif() -> None:
    run = run_of(sarif.render(hostile()))
    texts = " ".join(each["message"]["text"] for each in run["results"])

    assert "[link](" not in texts
    assert "{{0}}" in texts
    assert run["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"].isascii()


@each_decision
def test_the_model_card_obeys_the_published_schema(build: Build) -> None:
    assert list(bom_validator().iter_errors(json.loads(cyclonedx.render(build())))) == []


def test_the_published_bom_schema_refuses_so_that_its_consent_means_something() -> None:
    found = json.loads(cyclonedx.render(decided()))
    found["metadata"]["component"]["modelCard"]["quantitativeAnalysis"]["performanceMetrics"][0]["value"] = 0.2

    assert list(bom_validator().iter_errors(found))


def test_the_model_card_gives_each_figure_with_its_slice_and_the_bounds_of_its_interval() -> None:
    component = json.loads(cyclonedx.render(decided()))["metadata"]["component"]
    card = component["modelCard"]

    assert component["type"] == "machine-learning-model"
    assert card["quantitativeAnalysis"]["performanceMetrics"][0] == {
        "type": "exposure_share",
        "value": "0.2",
        "slice": "origin = european",
        "confidenceInterval": {"lowerBound": "0.18", "upperBound": "0.22"},
    }
    slices = [each["slice"] for each in card["quantitativeAnalysis"]["performanceMetrics"]]
    assert slices == ["origin = european", "age = old", "all by origin"]
    groups = [each["groupAtRisk"] for each in card["considerations"]["fairnessAssessments"]]
    assert groups == ["origin = european", "genre = western", "genre = noir", "genre = war", "genre = drama"]
    assert "review board" in card["considerations"]["fairnessAssessments"][0]["mitigationStrategy"]
    assert "2027-03-31" in card["considerations"]["ethicalConsiderations"][0]["mitigationStrategy"]


def test_the_serial_number_names_the_content() -> None:
    other = decided(made=report(measured("exposure_share", 0.21, 0.18, 0.22, "origin", "european")))
    one, two = (json.loads(cyclonedx.render(each))["serialNumber"] for each in (decided(), other))

    assert one != two
    assert one.startswith("urn:uuid:")


def test_two_decisions_on_one_report_have_two_serial_numbers() -> None:
    one, two = (json.loads(cyclonedx.render(decided(each)))["serialNumber"] for each in (EVERY_STANDING, PASSED))

    assert one != two


def test_hostile_names_are_all_there_in_json() -> None:
    found = json.loads(decision_json.render(hostile()))

    assert [each["owner"] for each in found["waivers"]] == list(HOSTILE)
