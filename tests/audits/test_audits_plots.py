"""Pictures drawn by hand: well formed whatever names and numbers, and where they say things are."""

import re
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audits.plots import Line, Span, lines, spans
from audits.svg import MOST_ROWS

NUMBERS = st.floats(-1e6, 1e6)
SPANS = st.builds(
    lambda name, ends, sure: Span(name=name, low=ends[0], value=ends[1], high=ends[2], sure=sure),
    st.text(),
    st.tuples(NUMBERS, NUMBERS, NUMBERS).map(sorted),
    st.booleans(),
)


def numbers(picture: str, pattern: str) -> list[float]:
    return [float(found) for found in re.findall(pattern, picture)]


@given(rows=st.lists(SPANS, max_size=30), label=st.text(), limit=st.none() | st.floats(0.01, 10))
def test_any_names_and_numbers_give_a_picture_that_can_be_read(
    rows: list[Span], label: str, limit: float | None
) -> None:
    picture = str(spans(rows, label=label, limit=limit))

    if all(each.isprintable() for each in label):
        ET.fromstring(picture)  # noqa: S314 - our own picture
    assert picture.count('class="bar ') == min(len(rows), MOST_ROWS)
    assert all(0 <= x <= 420 for x in numbers(picture, r'x[12]="([-\d.]+)"'))


def test_a_figure_surely_off_parity_is_a_diamond_and_another_a_ring() -> None:
    rows = [
        Span(name="off", value=0.5, low=0.4, high=0.6, sure=True),
        Span(name="on", value=0.1, low=-0.1, high=0.3, sure=False),
    ]
    picture = str(spans(rows, label="two", limit=0.3))

    assert picture.index('class="dot sure"') < picture.index('class="dot open"')
    assert picture.count('class="limit"') == 2
    # Parity lies left of both, and the figure of 0.1 left of that of 0.5.
    (parity,) = numbers(picture, r'class="parity" x1="([\d.]+)"')
    (ring,) = numbers(picture, r'class="dot open" cx="([\d.]+)"')
    (diamond,) = numbers(picture, r'class="dot sure" points="([\d.]+),')
    assert parity < ring < diamond


def test_lines_rise_where_figures_do_and_bands_hold_them() -> None:
    line = Line(name="ours", values=(1.0, 2.0, 3.0), lows=(0.5, 1.5, 2.5), highs=(1.5, 2.5, 3.5))
    picture = str(lines([line], label="rounds", x_label="round"))
    points = re.findall(r'class="line s0" points="([^"]+)"', picture)[0].split()
    heights = [float(point.split(",")[1]) for point in points]

    assert len(points) == 3
    assert heights == sorted(heights, reverse=True)
    (band,) = re.findall(r'class="band s0" points="([^"]+)"', picture)
    edges = [float(point.split(",")[1]) for point in band.split()]
    assert all(edges[at] < heights[at] < edges[5 - at] for at in range(3))


@pytest.mark.parametrize("number", [0.0, 7.5])
def test_a_figure_that_never_moves_is_a_level_line(number: float) -> None:
    line = Line(name="ours", values=(number,) * 4, lows=(number,) * 4, highs=(number,) * 4)
    points, _ = re.findall(r'class="line s0" points="([^"]+)"', str(lines([line], label="", x_label="round")))

    assert len({point.split(",")[1] for point in points.split()}) == 1
