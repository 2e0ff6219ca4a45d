"""A report has one encoding, and its page stands alone."""

import json
import re
from collections.abc import Callable
from dataclasses import replace
from xml.etree import ElementTree as ET

import numpy as np
import pyarrow as pa
import pytest

from audits.configuration import AuditConfig
from audits.errors import CorruptReport
from audits.html import render
from audits.report import Report
from audits.run import run
from audits.tables import AuditInput

Build = Callable[..., AuditInput]
ITEMS = [f"i{j:02d}" for j in range(20)]


@pytest.fixture(scope="module")
def report(build: Build) -> Report:
    rng = np.random.default_rng(1)
    lists = {f"s{u:03d}": [ITEMS[j] for j in rng.permutation(20)[:5]] for u in range(120)}
    given = build(
        lists,
        items=ITEMS,
        genres={item: ["<script>alert(1)</script>", "A & B $x$"][: 1 + j % 2] for j, item in enumerate(ITEMS[:18])},
        targets={subject: [ITEMS[j] for j in rng.permutation(20)[:2]] for subject in lists},
        popularity={item: j + 1 for j, item in enumerate(ITEMS)},
        groups={subject: "new" if u % 2 else "old" for u, subject in enumerate(lists)},
    )
    return run(given, config=AuditConfig(seed=5, model_digest="model", replicates=200))


def test_encodes_and_decodes_to_the_same_bytes(report: Report) -> None:
    encoded = report.to_json()

    assert Report.from_json(encoded) == report
    assert Report.from_json(encoded).to_json() == encoded
    assert encoded.endswith(b"}\n")


def altered(report: Report, change: Callable[[dict], object]) -> bytes:
    raw = json.loads(report.to_json())
    change(raw)
    return (json.dumps(raw, sort_keys=True, separators=(",", ":"), ensure_ascii=False) + "\n").encode()


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda raw: raw.update(extra=1), "1 unknown"),
        (lambda raw: raw.pop("seed"), "missing \\['seed'\\]"),
        (lambda raw: raw.update(seed="5"), "Report.seed: expected int, got str"),
        (lambda raw: raw.update(seed=True), "Report.seed: expected int, got bool"),
        (lambda raw: raw.update(level=1), "Report.level: expected float, got int"),
        (lambda raw: raw["measurements"][0].update(value="0.5"), "measurements\\[0\\].value: expected float, got str"),
        (lambda raw: raw["measurements"][0].update(undefined="soon"), "measurements\\[0\\].undefined: expected one of"),
        (lambda raw: raw.update(caveats={}), "caveats: expected a list, got dict"),
        (lambda raw: raw.update(measurements=[3]), "measurements\\[0\\]: expected an object, got int"),
    ],
)
def test_refuses_any_other_shape(report: Report, change: Callable[[dict], object], says: str) -> None:
    with pytest.raises(CorruptReport, match=says):
        Report.from_json(altered(report, change))


@pytest.mark.parametrize(
    "damage",
    [
        lambda good: good + b" ",
        lambda good: good.replace(b'"seed":5', b'"seed": 5'),
        lambda good: good.replace(b'"seed":5', b'"seed":5,"seed":5'),
        lambda good: good.replace(b'"level":0.95', b'"level":NaN'),
        lambda good: good.replace(b'"level":0.95', b'"level":0.950'),
        lambda good: good[:-10],
        lambda _: b"\xff\xfe",
        lambda _: b"[" * 100_000,
    ],
)
def test_refuses_every_other_encoding(report: Report, damage: Callable[[bytes], bytes]) -> None:
    with pytest.raises(CorruptReport):
        Report.from_json(damage(report.to_json()))


def test_a_changed_input_changes_its_digest(build: Build) -> None:
    config = AuditConfig(seed=5, model_digest="model", replicates=100)
    one = run(build({"s": ["a", "b"]}, items=["a", "b"]), config=config)
    swapped = run(build({"s": ["b", "a"]}, items=["a", "b"]), config=config)
    joined = run(build({"s": ["ab"]}, items=["a", "ab", "b"]), config=config)

    assert len({one.inputs_digest, swapped.inputs_digest, joined.inputs_digest}) == 3


def test_says_which_attributes_were_left_out(build: Build) -> None:
    given = build({"s": ["a"]}, items=["a", "b"], genres={"a": ["x"], "b": ["y"]})
    report = run(given, config=AuditConfig(seed=1, model_digest="m", replicates=100, max_categories=1))

    assert "Attributes not audited: genre." in report.caveats
    assert report.select("exposure_share") == ()


def test_marks_quality_as_conditional_unless_lists_were_random(build: Build) -> None:
    given = build({"s": ["a"]}, items=["a", "b"], targets={"s": ["a"]})
    usual = run(given, config=AuditConfig(seed=1, model_digest="m", replicates=100))
    randomised = run(given, config=AuditConfig(seed=1, model_digest="m", replicates=100, random_traffic=True))

    assert any("not from random lists" in caveat for caveat in usual.caveats)
    assert not any("not from random lists" in caveat for caveat in randomised.caveats)


def test_the_page_stands_alone_and_escapes_what_it_is_given(report: Report) -> None:
    page = render(report, title="Audit <1>", decision=["Refused: a < b & c."])

    assert "<script" not in page
    assert "Audit &lt;1&gt;" in page
    assert "Refused: a &lt; b &amp; c." in page
    assert "&lt;script&gt;alert(1)" in page
    assert not re.search(r"""(src|href|xlink:href)\s*=\s*["'](?!#)""", page)
    assert "@import" not in page
    assert not re.search(r"url\((?!#)", page)


def test_the_pages_pictures_are_well_formed_text_with_ids_of_their_own(report: Report) -> None:
    page = render(report, title="Audit")
    pictures = re.findall(r"<svg.*?</svg>", page, flags=re.DOTALL)
    ids = re.findall(r'\bid="([^"]+)"', page)

    assert len(pictures) >= 4
    assert len(pictures) == page.count("<svg")
    assert all(ET.fromstring(picture).get("viewBox") for picture in pictures)  # noqa: S314 - our own output
    assert len(set(ids)) == len(ids)
    # A dollar sign in a category is no formula, and a name stays readable text.
    assert "A &amp; B $x$" in pictures[0]


def test_a_picture_tells_the_groups_of_an_intersection_apart(build: Build) -> None:
    subjects = [f"s{number}" for number in range(40)]
    rows = [(s, "age", ("under-18", "56-plus")[n % 2]) for n, s in enumerate(subjects)]
    rows += [(s, "gender", ("female", "male")[n // 20]) for n, s in enumerate(subjects)]
    names = ("subject", "attribute", "group")
    table = pa.table({name: [row[place] for row in rows] for place, name in enumerate(names)})
    given = build({s: ["a"] for s in subjects}, items=["a", "b"], targets={s: ["a"] for s in subjects})
    given = replace(given, subject_groups=table)
    report = run(given, config=AuditConfig(seed=1, model_digest="m", replicates=100, intersections=2))
    pictures = "".join(re.findall(r"<svg.*?</svg>", render(report, title="Audit"), flags=re.DOTALL))

    for group in ("under-18 × female", "under-18 × male", "56-plus × female", "56-plus × male", "age = under-18"):
        assert f">{group}<" in pictures


def test_equal_reports_give_equal_pages(report: Report) -> None:
    assert render(report, title="Audit") == render(Report.from_json(report.to_json()), title="Audit")


def test_a_report_of_lists_alone_still_makes_a_page(build: Build) -> None:
    bare = run(build({"s": ["a"]}, items=["a", "b"]), config=AuditConfig(seed=1, model_digest="m", replicates=100))
    page = render(bare, title="Bare")

    assert "undefined (too few subjects)" in page
    assert "No held-out choices were given" in page
