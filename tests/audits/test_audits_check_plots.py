"""Plots of rules: figures with intervals against limits, hundreds of them on one page."""

import math
import re
from dataclasses import replace
from xml.etree import ElementTree as ET

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from audits.check_plots import checks_plot
from audits.ruling import Check
from audits.svg import MOST_ROWS

MET = Check(
    rule="genres",
    about="genre = noir",
    standing="met",
    sentence="s",
    value=0.5,
    low=0.25,
    high=0.75,
    limits=(0.0, 1.0),
)
SVG = "{http://www.w3.org/2000/svg}"


def _drawn(*checks: Check, label: str = "genres") -> ET.Element:
    picture = checks_plot(checks, label)
    return ET.fromstring(str(picture).replace("<svg ", f'<svg xmlns="{SVG[1:-1]}" ', 1))  # noqa: S314 - our own output


def _of(root: ET.Element, tag: str, kind: str) -> list[ET.Element]:
    return [each for each in root.iter(SVG + tag) if each.get("class", "").split()[0] == kind]


def test_a_figure_stands_in_the_middle_of_its_interval_and_of_its_limits() -> None:
    root = _drawn(MET)
    (bar,) = _of(root, "line", "bar")
    floor, ceiling = (float(each.attrib["x1"]) for each in _of(root, "line", "limit"))

    # From 150 to 404 the picture is -0.06 to 1.06.
    assert (floor, ceiling) == (163.6, 390.4)
    assert (bar.attrib["x1"], bar.attrib["x2"]) == ("220.3", "333.7")
    assert [each.text for each in _of(root, "text", "name")] == ["noir"]
    assert [each.text for each in _of(root, "text", "tick")] == ["0.0", "0.5", "1.0"]
    assert [float(each.attrib["x"]) for each in _of(root, "text", "tick")] == [163.6, 277.0, 390.4]
    assert _of(root, "path", "mark")[0].attrib["d"].startswith("M272.0 20a5 5")


def test_each_standing_has_a_mark_of_its_own() -> None:
    checks = [replace(MET, standing=each) for each in ("failed", "undecided", "waived", "warning", "met")]
    marks = _of(_drawn(*checks), "path", "mark")

    assert [each.attrib["class"] for each in marks] == [
        "mark failed", "mark undecided", "mark waived", "mark warning", "mark met",
    ]  # fmt: skip
    shapes = {re.sub(r"^M\S+ \S+?(?=[la])", "", each.attrib["d"]) for each in marks}
    assert len(shapes) == 5


def test_what_has_no_finite_interval_is_left_out_and_more_than_a_screen_too() -> None:
    unknown = [replace(MET, low=None), replace(MET, high=math.inf), replace(MET, value=None)]
    many = [replace(MET, about=f"genre = g{each}") for each in range(MOST_ROWS + 6)]

    assert not checks_plot(unknown, "genres")
    assert not checks_plot([], "genres")
    assert len(_of(_drawn(*unknown, *many), "line", "bar")) == MOST_ROWS


def test_names_are_text_whatever_they_hold() -> None:
    harmful = replace(MET, about='genre = <script>"\x1b\x00&')
    root = _drawn(harmful, label='<b> "\x00')

    assert [each.text for each in _of(root, "text", "name")] == [
        '<script>"\N{REPLACEMENT CHARACTER}\N{REPLACEMENT CHARACTER}&'
    ]
    assert root.get("aria-label") == '<b> "\N{REPLACEMENT CHARACTER}'
    assert [each.text for each in _of(_drawn(replace(MET, about="n" * 40)), "text", "name")] == ["n" * 19 + "…"]


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(
        st.tuples(st.floats(-1e9, 1e9), st.floats(0, 1e9), st.floats(-1e9, 1e9, allow_subnormal=False)),
        min_size=1,
        max_size=5,
    )
)
def test_everything_lies_inside_the_picture_whatever_the_figures_are(rows: list[tuple[float, float, float]]) -> None:
    checks = [replace(MET, value=v, low=v - half, high=v + half, limits=(limit,)) for v, half, limit in rows]
    root = _drawn(*checks)
    places = [float(each.attrib[name]) for each in root.iter(SVG + "line") for name in ("x1", "x2")]

    assert all(150 <= place <= 404 for place in places)
    assert 1 <= len(_of(root, "text", "tick")) <= 5


@pytest.mark.parametrize(
    ("low", "high", "ticks"),
    [
        (0.0, 1.0, ["0.0", "0.5", "1.0"]),
        (-0.02, 0.03, ["\N{MINUS SIGN}0.02", "0.00", "0.02"]),
        (0.1, 0.1, ["0.05", "0.10", "0.15"]),
        (1e6, 3e6, ["1e+06", "2e+06", "3e+06"]),
        (0.0, 3e-7, ["0", "1e\N{MINUS SIGN}07", "2e\N{MINUS SIGN}07", "3e\N{MINUS SIGN}07"]),
    ],
)
def test_its_ticks_are_round_numbers(low: float, high: float, ticks: list[str]) -> None:
    root = _drawn(replace(MET, value=low, low=low, high=high, limits=()))

    assert [each.text for each in _of(root, "text", "tick")] == ticks


def test_a_rules_plot_takes_a_thousand_bytes_and_no_library() -> None:
    assert len(checks_plot([MET], "genres")) < 1200
