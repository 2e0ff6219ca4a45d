"""Recall@20 against ε, one line a method, with a band of one standard deviation between seeds."""

import math
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.protocol.summary import WITHOUT_NOISE, Figure, Summary, named

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLOURS = ("#1f5fa8", "#b3401f", "#2f7d4f", "#6b3fa0", "#8a5a00", "#0e7c86", "#a8326b", "#5d6b79")
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
INK, MUTED, GRID = "#1c2733", "#5d6b79", "#dfe4ea"


def plot(path: Path, summary: Summary, ours: Collection[str], title: str) -> None:
    """Write an .svg or .png file. Methods without privacy are level lines."""
    import matplotlib as mpl
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure as Canvas

    figure = Canvas(figsize=(8.5, 5.2), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    finite = [epsilon for epsilon in summary.epsilons if math.isfinite(epsilon)]
    ends: list[tuple[float, str, str]] = []
    number = 0
    for method in summary.methods:
        at = [epsilon for epsilon in finite if (method, epsilon) in summary.recall]
        if at:
            look: dict[str, Any] = {"color": COLOURS[number % len(COLOURS)], "marker": MARKERS[number % len(MARKERS)]}
            look["ls"] = "-" if method in ours else "--"
            ends.append(
                (_line(axes, [summary.recall[method, epsilon] for epsilon in at], at, look), method, look["color"])
            )
            number += 1
        elif (method, WITHOUT_NOISE) in summary.recall:
            level = summary.recall[method, WITHOUT_NOISE].mean
            axes.axhline(level, color=MUTED, lw=1, ls=(0, (4, 3)), zorder=1)
            ends.append((level, method, MUTED))
    _name(axes, ends)
    _dress(axes, finite, title)
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": "probity"}):
        figure.savefig(path, dpi=160, metadata={"Date": None} if path.suffix == ".svg" else None)


def _line(axes: "Axes", figures: list[Figure], at: list[float], look: dict[str, Any]) -> float:
    mean = np.array([figure.mean for figure in figures])
    spread = np.nan_to_num(np.array([figure.deviation for figure in figures]))
    axes.fill_between(at, mean - spread, mean + spread, color=look["color"], alpha=0.13, lw=0)
    axes.plot(at, mean, lw=1.8, ms=5, **look)
    return float(mean[-1])


def _name(axes: "Axes", ends: list[tuple[float, str, str]]) -> None:
    """Names at the lines' ends, moved apart where they would lie on one another."""
    low, high = axes.get_ylim()
    gap, at = (high - low) / 28, -math.inf
    for level, method, colour in sorted(ends):
        at = max(level, at + gap)
        axes.annotate(method, (1.01, at), xycoords=("axes fraction", "data"), color=colour, fontsize=9, va="center")


def _dress(axes: "Axes", finite: list[float], title: str) -> None:
    axes.set_xscale("log")
    axes.set_xticks(finite, [named(epsilon) for epsilon in finite])
    axes.minorticks_off()
    axes.set_axisbelow(True)
    axes.grid(visible=True, axis="y", color=GRID, lw=0.8)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color(GRID)
    axes.tick_params(colors=INK, labelsize=10, length=0)
    axes.set_xlabel("ε (dashed lines: other methods; level lines: without privacy)", color=MUTED)
    axes.set_ylabel("Recall@20", color=MUTED)
    axes.set_title(title, color=INK, fontsize=11, loc="left")
