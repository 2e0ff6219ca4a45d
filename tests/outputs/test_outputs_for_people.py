"""Markdown and annotations: worst first, within the limits of their hosts, and no name speaks for us."""

import re
from dataclasses import replace

import pytest

from audits.verdict import Outcome
from governance.gate.outputs import annotations, markdown
from governance.gate.outputs.decided import Decided
from tests.outputs.examples import EVERY_STANDING, MEASURED, PASSED, changes, decided, finding, hostile, many


def commands(given: Decided) -> list[str]:
    return annotations.render(given).decode().splitlines()


def test_annotations_point_at_the_rules_line_and_begin_with_the_decision() -> None:
    lines = commands(decided())

    assert lines[0].startswith("::notice title=Probity gate::Gate: fail, may not ship.")
    assert lines[1] == (
        "::error file=policies/fairness.yaml,line=9,title=european-works (origin = european)::"
        "The figure of origin = european is 0.2; the policy asks for at least 30 %25."
    )
    assert [line.split(" ")[0] for line in lines[1:]] == ["::error"] * 3 + ["::warning"] * 2


@pytest.mark.parametrize(("number", "left"), [(10, None), (11, 1), (400, 390)])
def test_no_more_annotations_than_a_step_shows_and_the_rest_is_counted(number: int, left: int | None) -> None:
    lines = commands(many(number))

    assert sum(line.startswith("::error") for line in lines) == 10
    assert (f"{left} more are not shown here" in lines[0]) == (left is not None)


def test_ten_warnings_are_told_beside_ten_errors() -> None:
    findings = [finding("popularity", f"g{index}", Outcome.FAIL, level="warn") for index in range(30)]
    findings += [finding("every-genre-visible", f"g{index}", Outcome.FAIL) for index in range(30)]
    lines = commands(decided(replace(EVERY_STANDING, findings=tuple(findings))))

    assert [line.split(" ")[0] for line in lines] == ["::notice"] + ["::error"] * 10 + ["::warning"] * 10
    assert "40 more are not shown here" in lines[0]


def test_no_name_begins_a_command_or_a_property_of_its_own() -> None:
    for line in commands(hostile()):
        assert re.fullmatch(r"::(notice|error|warning) [^\r\n]*", line)
        head, _, message = line[2:].partition("::")
        properties = dict(each.partition("=")[::2] for each in head.split(" ", 1)[1].split(","))
        assert set(properties) <= {"file", "line", "title"}
        assert not re.search(r"%(?!25|0D|0A|3A|2C)", head + message)
        assert properties.get("file", "policies/ü & <b>%2C%3A%25.yaml") == "policies/ü & <b>%2C%3A%25.yaml"


def page(given: Decided) -> str:
    return markdown.render(given).decode()


def test_the_summary_page_begins_with_the_outcome_and_has_the_worst_first() -> None:
    lines = page(decided()).splitlines()

    assert lines[0] == "## ❌ Probity gate: fail — Candidate 7"
    assert lines[2].startswith("Gate: fail, may not ship. 2 failed, 1 undecided")
    rows = [line for line in lines if line.startswith("| ") and "standing" not in line]
    assert [row.split()[2] for row in rows[:6]] == ["rule", "failed", "failed", "undecided", "waived", "warning"]
    assert "Again: `probity gate check --recommendations lists.csv --items items.csv`" in lines
    assert "### Waivers (1)" in lines


def test_an_outcome_that_passes_says_so_first() -> None:
    assert page(decided(PASSED)).startswith("## ✅ Probity gate: pass")
    assert "Waivers" not in page(decided(PASSED))


def test_what_changed_against_the_baseline_is_told_and_what_did_not_is_said() -> None:
    sure = replace(MEASURED, differences=changes("noir"))
    unsure = replace(MEASURED, differences=(replace(changes("noir")[0], low=-0.01),))

    assert "| Exposure share | genre = noir | +0.05 | +0.01 to +0.09 |" in page(decided(made=sure))
    assert "nothing changed beyond chance" in page(decided(made=unsure))
    assert "baseline" not in page(decided()).replace("gate check", "")


@pytest.mark.parametrize("number", [100, 1_000, 20_000])
def test_a_page_fits_its_host_and_says_what_was_left_out(number: int) -> None:
    given = many(number)
    summary, comment = markdown.render(given), markdown.render_comment(given)

    assert len(summary) <= 1_000_000
    assert len(comment) <= 60_000
    for found in (summary.decode(), comment.decode()):
        shown = found.count("✗ failed")
        left = re.search(r"(\d+) more lines are left out here", found)
        assert shown + (int(left[1]) if left else 0) == number + (1 if left else 0)  # the blank line after the table
        assert found.endswith("`probity gate check --recommendations lists.csv --items items.csv`\n")
        assert found.count("<details>") == found.count("</details>")
    assert ("left out" in comment.decode()) == (number >= 1_000)


def test_signs_that_are_replaced_by_longer_ones_do_not_burst_the_page() -> None:
    given = many(1_000, sentence="\x01" * 900)

    assert len(markdown.render(given)) <= 1_000_000
    assert len(markdown.render_comment(given)) <= 60_000


def test_the_number_of_an_issue_makes_no_link() -> None:
    text = page(decided(replace(EVERY_STANDING, findings=(finding("GH-12", "a", Outcome.FAIL, sentence="gh-7"),))))

    assert "GH-\N{ZERO WIDTH SPACE}12" in text
    assert "gh-\N{ZERO WIDTH SPACE}7" in text


def test_a_single_sentence_without_end_is_cut() -> None:
    endless = decided(replace(EVERY_STANDING, findings=(finding("r", "a", Outcome.FAIL, sentence="x" * 2_000_000),)))

    assert len(markdown.render(endless)) < 10_000


def test_a_comment_begins_with_what_the_next_one_finds_it_by() -> None:
    text = markdown.render_comment(decided()).decode()

    assert text.splitlines()[0] == "<!-- probity-gate -->"
    assert text.count("<!-- probity-gate -->") == 1


def test_no_name_is_markup_a_mention_or_a_link() -> None:
    text = page(hostile())
    without_code = re.sub(r"(`+).*?\1", "", text)

    assert "<script" not in text
    assert not re.search(r"@\w", without_code)
    assert not re.search(r"(?<!\\)\[link", without_code)
    assert "**bold**" not in without_code
    assert "\n::error" not in text
    for row in (line for line in text.splitlines() if line.startswith("| ✗")):
        assert len(re.findall(r"(?<!\\)\|", row)) == 4
