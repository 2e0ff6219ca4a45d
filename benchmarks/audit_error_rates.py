"""How often the gate's verdicts are wrong, by simulation, and how often they find a difference of a given size.

    python benchmarks/audit_error_rates.py [--trials 400] [--replicates 500] [--blocks 250] [--plot error-rates.svg]

A model is fair: every subject's quality comes from one distribution, whatever the group. It fails falsely if any
group's gap from all others is certified (the whole simultaneous interval beyond 0: tolerance 0, the strictest gate
there is). Beside it stands the usual gate: rows resampled, the lower end of "largest mean less smallest" above 0 or
above 0.02. Coverage is of intervals of one figure; power is the rate at which a group that is worse by an effect fails.

``--blocks`` resamples so many random blocks instead of subjects, as audits of very many subjects do: in every design
with at least four times as many subjects.
"""

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from math import sqrt
from pathlib import Path
from types import SimpleNamespace

import numpy as np
from numpy.typing import NDArray

from audits.blocks import BLOCKS
from audits.bootstrap import Intervals, Resampling, intervals
from audits.evidence import Grouping
from audits.quality import Quality, gap_by_group
from audits.statistics import Cell, ratios

Floats = NDArray[np.float64]
Draw = Callable[[np.random.Generator, int], Floats]

DESIGNS = {
    "equal: 2 x 1000": [1000, 1000],
    "equal: 8 x 200": [200] * 8,
    "unequal: 700, 250, 50": [700, 250, 50],
    "tiny: 700, 250, 50, 30, 20, 10": [700, 250, 50, 30, 20, 10],
    "many tiny: 400 and 10 x 10": [400] + [10] * 10,
}
QUALITIES: dict[str, tuple[float, Draw]] = {
    "normal": (0.3, lambda rng, n: rng.normal(0.3, 0.2, size=n)),
    "hit or miss": (0.3, lambda rng, n: (rng.random(n) < 0.3).astype(np.float64)),  # noqa: PLR2004 - the mean beside it
    "skewed": (0.25, lambda rng, n: rng.beta(0.3, 0.9, size=n)),
}
EFFECTS = (0.0, 0.02, 0.04, 0.06, 0.08, 0.1, 0.12)
MARGIN = 0.02


@dataclass(frozen=True)
class Rate:
    """A share of trials with its Monte-Carlo standard error."""

    share: float
    error: float

    def __str__(self) -> str:
        """As printed."""
        return f"{100 * self.share:5.1f} ± {100 * self.error:.1f} %"


def rate(happened: Sequence[bool]) -> Rate:
    """How often."""
    share = float(np.mean(happened))
    return Rate(share, sqrt(max(share * (1 - share), 1 / len(happened) / 4) / len(happened)))


def gaps(values: Floats, sizes: Sequence[int], resampling: Resampling) -> Intervals:
    """Intervals of every group's gap from all others."""
    codes = np.repeat(np.arange(len(sizes)), sizes)
    names = tuple(f"g{at}" for at in range(len(sizes)))
    grouping = Grouping(attribute="group", groups=names, codes=codes, merged=0)
    evidence = SimpleNamespace(groupings=(grouping,), subjects=codes.size)
    quality = Quality(values=values, counted=np.ones(codes.size, dtype=bool))
    return intervals([gap_by_group(quality, evidence)], resampling, order=np.arange(codes.size))


def spread_is_certified(values: Floats, sizes: Sequence[int], rng: np.random.Generator, above: float) -> bool:
    """The usual gate: does the row bootstrap of "largest less smallest group mean" stay above a tolerance?"""
    codes = np.repeat(np.arange(len(sizes)), sizes)
    rows = rng.integers(0, values.size, size=(200, values.size))
    spreads = []
    for row in rows:
        counts = np.bincount(codes[row], minlength=len(sizes))
        means = np.bincount(codes[row], weights=values[row], minlength=len(sizes))[counts > 0] / counts[counts > 0]
        spreads.append(means.max() - means.min())
    return bool(np.quantile(spreads, 0.025) > above)


def false_fails(trials: int, resampling: Resampling) -> dict[str, list[Rate]]:
    """Per design: false fails for each kind of quality, then the usual gate's at tolerance 0 and 0.02."""
    found: dict[str, list[Rate]] = {}
    for design, sizes in DESIGNS.items():
        rates = []
        for kind, (_, draw) in QUALITIES.items():
            rng = np.random.default_rng(len(kind))
            fails = []
            for trial in range(trials):
                each = gaps(draw(rng, sum(sizes)), sizes, replace(resampling, seed=trial))
                fails.append(bool((np.abs(each.values) > each.half_widths)[each.defined].any()))
            rates.append(rate(fails))
        rng = np.random.default_rng(7)
        fewer = max(40, trials // 10)
        usual = [QUALITIES["normal"][1](rng, sum(sizes)) for _ in range(fewer)]
        rates += [rate([spread_is_certified(v, sizes, rng, above) for v in usual]) for above in (0.0, MARGIN)]
        found[design] = rates
        print(f"{design:<34}" + "  ".join(map(str, rates)), flush=True)
    return found


def coverage(trials: int, resampling: Resampling) -> dict[str, Rate]:
    """Coverage of 95 % intervals of one figure: a mean for each kind of quality, and an exposure share."""
    found = {}
    for kind, (truth, draw) in QUALITIES.items():
        rng = np.random.default_rng(11)
        hits = [
            _covers(draw(rng, 400)[:, None], np.ones((400, 1)), truth, replace(resampling, seed=at))
            for at in range(trials)
        ]
        found[f"mean of 400, {kind}"] = rate(hits)
    rng, hits = np.random.default_rng(12), []
    for trial in range(trials):
        taste = rng.beta(0.9, 2.1, size=400)
        shown = rng.integers(5, 11, size=400).astype(np.float64)
        hits.append(
            _covers(
                rng.binomial(shown.astype(int), taste)[:, None], shown[:, None], 0.3, replace(resampling, seed=trial)
            )
        )
    found["exposure share, 400 lists of 5 to 10"] = rate(hits)
    for name, each in found.items():
        print(f"{name:<44}{each}", flush=True)
    return found


def _covers(top: Floats, bottom: Floats, truth: float, resampling: Resampling) -> bool:
    statistic = ratios([Cell(n=top.shape[0], span=1.0)], top.astype(np.float64), bottom)
    found = intervals([statistic], resampling)
    return bool(abs(found.values[0] - truth) <= found.half_widths[0])


def power(trials: int, resampling: Resampling) -> dict[str, list[Rate]]:
    """How often the last group fails where it is worse by each effect."""
    found: dict[str, list[Rate]] = {}
    for design in ("equal: 8 x 200", "unequal: 700, 250, 50"):
        sizes = DESIGNS[design]
        rates = []
        for effect in EFFECTS:
            rng, fails = np.random.default_rng(13), []
            for trial in range(trials):
                values = rng.normal(0.3, 0.2, size=sum(sizes))
                values[-sizes[-1] :] -= effect
                each = gaps(values, sizes, replace(resampling, seed=trial))
                fails.append(bool(each.values[-1] + each.half_widths[-1] < 0.0))
            rates.append(rate(fails))
        found[design] = rates
        print(f"{design:<34}" + "  ".join(map(str, rates)), flush=True)
    return found


def plot(path: Path, fails: dict[str, list[Rate]], powers: dict[str, list[Rate]]) -> None:
    """False fails by design, and power against effect."""
    import matplotlib as mpl

    mpl.use("agg")
    mpl.rcParams["svg.hashsalt"] = "probity"
    from matplotlib import pyplot as plt

    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4), layout="constrained")
    names = [*(f"ours, {kind}" for kind in QUALITIES), "row bootstrap of max - min > 0", f"the same > {MARGIN}"]
    for at, name in enumerate(names):
        rates = [fails[design][at] for design in fails]
        where = np.arange(len(rates)) + 0.12 * (at - 2)
        left.errorbar(where, [r.share for r in rates], [1.96 * r.error for r in rates], fmt="o", label=name)
    left.axhline(0.05, color="0.5", linestyle="--")
    left.set_xticks(range(len(fails)), [design.replace(": ", "\n") for design in fails], fontsize=7)
    left.set(ylabel="fair models that fail", ylim=(-0.02, 1.02))
    left.legend(fontsize=7)
    for design, rates in powers.items():
        right.errorbar(EFFECTS, [r.share for r in rates], [1.96 * r.error for r in rates], fmt="o-", label=design)
    right.set(xlabel="true gap of the last group (one standard deviation is 0.2)", ylabel="found", ylim=(-0.02, 1.02))
    right.legend(fontsize=7)
    figure.savefig(path)


def main() -> None:
    """Simulate and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=400)
    parser.add_argument("--replicates", type=int, default=500)
    parser.add_argument("--blocks", type=int, default=BLOCKS)
    parser.add_argument("--plot", type=Path, help="an .svg or .png file to write")
    options = parser.parse_args()
    resampling = Resampling(replicates=options.replicates, seed=0, blocks=options.blocks)
    print(f"False fails of a fair model, {options.trials} trials each, Monte-Carlo error beside each rate:")
    print(f"{'':<34}" + "  ".join(f"{name:<13}" for name in (*QUALITIES, "max-min > 0", f"> {MARGIN}")))
    fails = false_fails(options.trials, resampling)
    print("\nCoverage of 95 % intervals:")
    coverage(options.trials, resampling)
    print(f"\nPower, true gaps {', '.join(map(str, EFFECTS))}:")
    powers = power(options.trials, resampling)
    if options.plot is not None:
        plot(options.plot, fails, powers)
        print(f"\nplot: {options.plot}", file=sys.stderr)


if __name__ == "__main__":
    main()
