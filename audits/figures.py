"""The report's plots as inline SVG.

Text stays text (selectable, read aloud, drawn in the page's font), ids are made unique per figure, nothing is dated:
equal reports give equal pictures. Figures are narrow so that they stay readable on a phone.
"""

import io
import re
import textwrap
import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING

from audits.groupings import CROSSED
from audits.report import Measurement, Report
from audits.sensitivity import Band

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure

INK, MUTED, GRID = "#1c2733", "#5d6b79", "#dfe4ea"
SHOWN, PARITY, BELOW = "#1f5fa8", "#1c2733", "#b3401f"

MOST_ROWS = 24
"""More lines than a screen are read in the table."""

_WIDTH = 5.0
_LABEL = 22
_LABEL_LINE = 44


def exposure_figure(report: Report, attribute: str) -> str:
    """Exposure share of each category with its simultaneous interval, beside its share of the catalogue."""
    rows = sorted(report.select("exposure_share", attribute=attribute), key=lambda row: row.target or 0.0)
    rows = [row for row in rows if row.value is not None]
    figure = _figure(height=0.7 + 0.3 * len(rows))
    axes = figure.add_subplot()
    for place, row in enumerate(rows):
        below = _lies_below(row)
        axes.hlines(place, row.value or 0.0, row.target or 0.0, color=GRID, lw=1.6, zorder=1)
        _interval(axes, place, row, BELOW if below else SHOWN, marker="v" if below else "o")
        axes.plot(
            [row.target or 0.0],
            [place],
            marker="D",
            ms=5.5,
            mfc="white",
            mec=PARITY,
            mew=1.2,
            ls="none",
            zorder=4,
            clip_on=False,
        )
    _name_rows(axes, [_short(row.category or "") for row in rows])
    axes.set_xlim(left=0.0)
    _percent(axes.xaxis)
    axes.set_xlabel("share of attention (dot, with interval) and of the catalogue (diamond)")
    return _svg(figure, f"exposure-{attribute}", f"Exposure share by {attribute}")


def concentration_figure(report: Report) -> str:
    """Lorenz curve: how much of all attention the least shown part of the catalogue receives."""
    figure = _figure(height=3.4)
    axes = figure.add_subplot()
    at = [index / (len(report.lorenz) - 1) for index in range(len(report.lorenz))]
    axes.plot([0, 1], [0, 1], color=MUTED, lw=1, ls=(0, (4, 3)))
    axes.fill_between(at, list(report.lorenz), at, color=SHOWN, alpha=0.1, lw=0)
    axes.plot(at, list(report.lorenz), color=SHOWN, lw=2, solid_capstyle="round")
    axes.annotate("every title equally", (0.5, 0.5), (0.46, 0.56), color=MUTED, rotation=0, ha="right")
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1.01)
    axes.set_xlabel("part of the catalogue, least shown first")
    axes.set_ylabel("share of attention")
    _percent(axes.xaxis)
    _percent(axes.yaxis)
    return _svg(figure, "concentration", "Concentration of attention over the catalogue")


def quality_figure(report: Report, metric: str, title: str) -> str:
    """A quality figure for everyone and for each group, with simultaneous intervals."""
    rows = [row for row in report.select(metric) if row.value is not None]
    rows = [*reversed([row for row in rows if row.group is not None]), *[row for row in rows if row.group is None]]
    figure = _figure(height=0.7 + 0.32 * max(len(rows), 1))
    axes = figure.add_subplot()
    for place, row in enumerate(rows):
        _interval(axes, place, row, INK if row.group is None else SHOWN)
        if row.group is None:
            axes.axvline(row.value or 0.0, color=MUTED, lw=1, ls=(0, (4, 3)), zorder=1)
    _name_rows(axes, [_short("everyone" if row.group is None else _of_group(row.group)) for row in rows])
    axes.set_xlim(left=0.0)
    axes.set_xlabel(f"{title} (0 to 1, higher is better)")
    return _svg(figure, f"quality-{metric}", f"{title} by group")


def differences_figure(rows: Sequence[Measurement], key: str, label: str) -> str:
    """Differences to the baseline with their intervals; the line at 0 means no change."""
    shown = [row for row in rows if row.value is not None][:MOST_ROWS][::-1]
    figure = _figure(height=0.75 + 0.3 * max(len(shown), 1))
    axes = figure.add_subplot()
    axes.axvline(0.0, color=INK, lw=1.2, ls=(0, (4, 3)), zorder=1)
    for place, row in enumerate(shown):
        sure = row.low is not None and row.high is not None and (row.low > 0 or row.high < 0)
        _interval(axes, place, row, SHOWN if sure else MUTED)
    _name_rows(axes, [_short(row.category or _of_group(row.group or "all")) for row in shown])
    axes.margins(x=0.06)
    axes.set_xlabel("change against the baseline, with interval; grey: may be chance")
    return _svg(figure, key, label)


def sensitivity_figure(rows: Sequence[tuple[Measurement, Band]], key: str, label: str) -> str:
    """Each figure with its interval, and behind it how far it moves between attention models."""
    shown = rows[:MOST_ROWS][::-1]
    figure = _figure(height=0.75 + 0.3 * max(len(shown), 1))
    axes = figure.add_subplot()
    for place, (row, band) in enumerate(shown):
        axes.plot([band.low, band.high], [place, place], color=MUTED, lw=1.2, marker="|", ms=9, zorder=1)
        _interval(axes, place, row, SHOWN)
    _name_rows(axes, [_short(row.category or _of_group(row.group or "all")) for row, _ in shown])
    axes.margins(x=0.06)
    axes.set_xlabel("figure with interval; thin: from the lowest model to the highest")
    return _svg(figure, key, label)


def _lies_below(row: Measurement) -> bool:
    """Whether the whole interval lies below the catalogue share."""
    return row.high is not None and row.target is not None and row.high < row.target


def _interval(axes: "Axes", place: int, row: Measurement, colour: str, marker: str = "o") -> None:
    axes.hlines(place, row.low or 0.0, row.high or 0.0, color=colour, lw=3.2, alpha=0.4, zorder=2)
    axes.plot([row.value or 0.0], [place], marker=marker, ms=6, color=colour, ls="none", zorder=3, clip_on=False)


def _figure(height: float) -> "Figure":
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    figure = Figure(figsize=(_WIDTH, height), layout="constrained")
    FigureCanvasSVG(figure)
    return figure


def _name_rows(axes: "Axes", names: Sequence[str]) -> None:
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(-0.6, len(names) - 0.4)
    axes.tick_params(axis="y", length=0, pad=9)


def _percent(axis: "Axis") -> None:
    from matplotlib.ticker import PercentFormatter

    axis.set_major_formatter(PercentFormatter(xmax=1.0, decimals=None))


def _svg(figure: "Figure", key: str, label: str) -> str:
    """The figure as one <svg> element whose ids begin with ``key``."""
    import matplotlib as mpl

    _dress(figure)
    out = io.StringIO()
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": key}), warnings.catch_warnings():
        # Whoever reads the page draws the text, with fonts that know more alphabets than the one it is measured in.
        warnings.filterwarnings("ignore", message="Glyph", category=UserWarning)
        figure.savefig(
            out, format="svg", transparent=True, metadata={"Date": None, "Creator": None, "Format": None, "Type": None}
        )
    svg = out.getvalue()
    svg = svg[svg.index("<svg") :]
    prefix = re.sub(r"[^A-Za-z0-9]+", "-", key)
    svg = re.sub(r'\bid="', f'id="{prefix}-', svg)
    svg = re.sub(r"url\(#", f"url(#{prefix}-", svg)
    svg = re.sub(r'href="#', f'href="#{prefix}-', svg)
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = re.sub(r'(<svg[^>]*?) width="[^"]*"', r"\1", svg, count=1)
    svg = re.sub(r'(<svg[^>]*?) height="[^"]*"', r"\1", svg, count=1)
    return svg.replace("<svg", f'<svg role="img" aria-label="{_attribute(label)}"', 1)


def _dress(figure: "Figure") -> None:
    from matplotlib.ticker import MaxNLocator

    for axes in figure.axes:
        # What a narrow picture has no room for would be cut off, or run into what is beside it.
        axes.set_xlabel(textwrap.fill(axes.get_xlabel(), _LABEL_LINE))
        axes.xaxis.set_major_locator(MaxNLocator(nbins=5))
        axes.set_axisbelow(True)
        axes.grid(visible=True, axis="x", color=GRID, lw=0.8)
        for side in ("top", "right", "left"):
            axes.spines[side].set_visible(False)
        axes.spines["bottom"].set_color(GRID)
        axes.tick_params(axis="both", colors=INK, labelsize=10, length=0)
        axes.xaxis.label.set(color=MUTED, fontsize=10)
        axes.yaxis.label.set(color=MUTED, fontsize=10)


def _of_group(group: str) -> str:
    """A group's label; of an intersection its groups alone, which a name cut short would hide."""
    crossed = group.partition(" = ")[2]
    return crossed if CROSSED in crossed else group


def _short(name: str) -> str:
    name = "".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in name)
    # A dollar sign would start a formula.
    return (name if len(name) <= _LABEL else name[: _LABEL - 1] + "…").replace("$", r"\$")


def _attribute(text: str) -> str:
    plain = "".join(each if each.isprintable() else " " for each in text)
    return plain.replace("&", "&amp;").replace("<", "&lt;").replace('"', "&quot;")
