"""What is published of an audit: every format marks what is withheld, and no format holds it."""

import csv
import json
from collections.abc import Callable

import pyarrow as pa
import pytest

from audits.configuration import AuditConfig
from audits.errors import CorruptReport, InvalidConfig
from audits.private_release import PrivateFigure, PrivateRelease
from audits.publication import Publication, disclosed, noised
from audits.publication_formats import FORMATS, cells, render
from audits.release_noise import Guarantee
from audits.report import Report
from audits.run import run
from audits.tables import AuditInput

Build = Callable[..., AuditInput]
MARK = "\N{MEDIUM SHADE} suppressed"


@pytest.fixture(scope="module")
def report(build: Build) -> Report:
    """Of 60 subjects 4 are young; one category has a name that formats could stumble on."""
    names = [f"u{n:02d}" for n in range(60)]
    given = build(
        {name: ["a", "b"] if n % 3 else ["b", "a"] for n, name in enumerate(names)},
        items=["a", "b"],
        genres={"a": ["=cmd|<b>"], "b": ["noir"]},
        targets={name: ["a"] for name in names},
        groups={name: "young" if n < 4 else "middle" if n < 30 else "old" for n, name in enumerate(names)},
    )
    assert given.subject_groups is not None
    attribute = pa.array(["age"] * given.subject_groups.num_rows)
    given = AuditInput(
        recommendations=given.recommendations,
        membership=given.membership,
        items=given.items,
        relevance=given.relevance,
        subject_groups=given.subject_groups.append_column("attribute", attribute),
    )
    config = AuditConfig(seed=1, model_digest="", replicates=100, min_subjects=1, metrics=("exposure_share", "ndcg"))
    return run(given, config=config)


@pytest.fixture(scope="module")
def published(report: Report) -> Publication:
    return disclosed([report], k=10, titles=["ease · abc"])


def test_the_small_group_and_the_one_that_would_give_it_away_share_one_marked_row(published: Publication) -> None:
    figures = [each for each in published.sections[0].figures if each.metric == "ndcg" and each.about != "all"]

    # 4 young by the rule, 26 middle-aged since all less the old less the middle-aged are the young.
    assert [(each.about, each.mark, each.subjects) for each in figures] == [
        ("age = old", "", 30),
        ("age = suppressed", "suppressed", 30),
    ]
    assert cells(figures[1])[1:] == ("age = suppressed", MARK, "–", "–", "30")
    assert published.suppressed == sum(each.mark == "suppressed" for each in published.sections[0].figures) > 0


@pytest.mark.parametrize("ending", FORMATS)
def test_every_format_states_the_rule_and_marks_rows_and_holds_no_suppressed_group(
    published: Publication, report: Report, ending: str
) -> None:
    text = render(published, ending).decode()

    assert any(row.group == "age = young" for row in report.measurements)
    assert "young" not in text
    assert "middle" not in text
    assert "fewer than 10 subjects is suppressed" in text
    assert text.count("suppressed") > published.suppressed
    assert render(published, ending) == render(published, ending)


def test_markdown_and_html_take_no_name_for_markup(published: Publication) -> None:
    markdown, page = render(published, ".md").decode(), render(published, ".html").decode()

    assert "genre = =cmd\\|&lt;b&gt;" in markdown
    assert "genre = =cmd|&lt;b&gt;" in page
    assert "<script" not in page
    assert page.count('<tr class="suppressed">') == published.suppressed
    assert markdown.count(MARK) == published.suppressed


def test_csv_is_one_table_below_comments_and_no_cell_is_a_formula(published: Publication) -> None:
    lines = render(published, ".csv").decode().splitlines()
    rows = list(csv.DictReader(line for line in lines if not line.startswith("#")))
    withheld = [row for row in rows if row["mark"] == "suppressed"]

    assert lines[0] == "# Audit of recommendations"
    assert len(rows) == len(published.sections[0].figures)
    assert {(row["value"], row["from"], row["to"]) for row in withheld} == {("", "", "")}
    assert not [cell for row in rows for cell in row.values() if cell.startswith(("=", "@"))]


def test_json_is_read_back_in_its_one_encoding_only(published: Publication) -> None:
    encoded = render(published, ".json")

    assert Publication.from_json(encoded) == published
    assert json.loads(encoded)["terms"][:2] == [["rule", "threshold"], ["at_least", "10"]]
    with pytest.raises(CorruptReport):
        Publication.from_json(encoded.replace(b'"v', b' "v', 1))


def test_audits_that_leave_together_say_so(report: Report) -> None:
    both = disclosed([report, report], k=10, titles=["first", "second"])

    assert [section.title for section in both.sections] == ["first", "second"]
    assert both.rule[-1] == "The 2 audits below were released together and hide the same groups."


def test_a_noisy_release_states_its_whole_guarantee_and_its_noise() -> None:
    promise = Guarantee(
        epsilon=1.0, delta=1e-6, unit="subject: all", neighbours="one more", mechanism="noise", accountant="sum"
    )
    figures = (
        PrivateFigure(
            metric="list_exposure_share",
            attribute="genre",
            category="noir",
            group=None,
            value=0.25,
            low=0.2,
            high=0.3,
            noise_error=0.01,
        ),
        PrivateFigure(
            metric="ndcg",
            attribute=None,
            category=None,
            group=None,
            value=None,
            low=None,
            high=None,
            noise_error=None,
        ),
    )
    found = noised(PrivateRelease(figures=figures, level=0.95, guarantee=promise), title="t", facts=[("Model", "m")])

    assert [cells(each)[1:] for each in found.sections[0].figures] == [
        ("genre = noir", "25.00%", "20.00%", "30.00%", "1.00%"),
        ("all", "not given: noise left no subjects to divide by", "–", "–", "–"),
    ]
    text = " ".join(found.rule)
    for part in ("(1, 1e-06)-differentially private", "subject: all", "one more", "noise", "Accountant: sum"):
        assert part in text
    assert Publication.from_json(render(found, ".json")) == found
    assert "| metric | of | value | from | to | noise |" in render(found, ".md").decode()


def test_refuses_an_ending_that_is_no_format(published: Publication) -> None:
    with pytest.raises(InvalidConfig, match=r"ends with one of \.html, \.md, \.csv, \.json, got '\.pdf'"):
        render(published, ".pdf")
