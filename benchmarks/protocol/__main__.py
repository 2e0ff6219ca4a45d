"""Every model beside what it is compared with, under several privacy budgets, on published interactions.

The protocol of DPALS-style comparisons: ratings of 4 and more are interactions, subjects have at least 5; 500 subjects
are held out to choose what is not private and 500 to be measured, who are shown 80 % of their history and asked for the
rest. Recall@20 is hits over min(20, targets); NDCG is of 100 places. Our models run with their defaults. ``inf`` is the
same estimator without noise; methods without privacy are fitted there only.

    python benchmarks/recommender.py --data FOLDER [--out FOLDER] [--epsilons 1 5 inf] [--seeds 5] [--methods …]

Records are kept in OUT/records.jsonl: a run that was interrupted goes on, code that changed since is run again. Results
are OUT/tables.txt, OUT/figures.json (every figure of every seed) and OUT/recall.svg.
"""

import argparse
import json
import math
import os
from collections.abc import Collection
from pathlib import Path

from benchmarks.protocol import others, records, summary, work
from benchmarks.protocol.bars import progress
from benchmarks.protocol.data import read_dataset
from benchmarks.protocol.further import FURTHER
from benchmarks.protocol.ours import SILENT_EPSILON
from recommender.models import MODELS

EPSILONS = (0.5, 1.0, 2.0, 5.0, 10.0, 20.0, math.inf)


def options() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="recommender.py", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="folder of ml-1m, ml-100k or msweb, as published")
    parser.add_argument("--out", type=Path, help="folder for records and results (else ./recommender-NAME)")
    parser.add_argument("--epsilons", type=float, nargs="+", default=list(EPSILONS))
    parser.add_argument("--seeds", type=int, default=5, help="how many divisions of the subjects")
    parser.add_argument("--delta", type=float, default=1e-5)
    parser.add_argument(
        "--methods",
        nargs="+",
        default=["ours", "peers", "bounds"],
        help=f"ours, peers, bounds, or any of {', '.join(work.known_methods())}",
    )
    parser.add_argument("--without", nargs="+", default=[], help="methods to leave out, such as dpsgd")
    parser.add_argument(
        "--noise", choices=["opendp", "numpy"], default="opendp", help="numpy: seeded, not for releases"
    )
    parser.add_argument("--device", default="cpu", choices=["cpu", "cuda"], help="for sums, and for training")
    parser.add_argument("--threads", type=int, help="of each job (else all cores, divided by the jobs)")
    parser.add_argument("--jobs", type=int, default=1, help="runs at once; with more than one, times say little")
    return parser.parse_args()


def chosen_methods(named: list[str], without: list[str]) -> tuple[str, ...]:
    """Slugs, with the names of groups written out."""
    groups = {
        "ours": work.our_methods(),
        "peers": [peer.slug for peer in others.peers_here()],
        "bounds": [each.slug for each in FURTHER if not each.ours],
    }
    wanted = [slug for name in named for slug in groups.get(name, [name])]
    return tuple(slug for slug in dict.fromkeys(wanted) if slug not in without)


def report(plan: work.Plan, keys: Collection[records.Key], name: str, folder: Path) -> str:
    """Write the results of all records so far, and return the tables."""
    found = records.read_all(folder / "records.jsonl")
    figures = summary.summarise(found, keys)
    our_slugs = work.our_methods()
    terms = f"{name}: {plan.seeds} seeds, δ = {plan.delta:g}, noise: {plan.noise}"
    text = "\n".join(
        [
            f"{terms}, {plan.threads} threads, {plan.jobs} jobs\n",
            summary.table(figures, figures.recall, "Recall@20"),
            summary.table(figures, figures.ndcg, "NDCG@100"),
            summary.headline(figures, our_slugs),
            summary.losses(figures, our_slugs),
            summary.times(figures),
            notes(plan, keys),
        ]
    )
    (folder / "tables.txt").write_text(text, encoding="utf-8")
    lines = [json.loads(records.written(found[key])) for key in keys if key in found]
    (folder / "figures.json").write_text(json.dumps(lines, indent=1), encoding="utf-8")
    try:
        from benchmarks.protocol.plot import plot

        plot(folder / "recall.svg", figures, our_slugs, f"{name}, {plan.seeds} seeds, δ = {plan.delta:g}")
    except ModuleNotFoundError:
        text += "\nno plot: matplotlib is not installed\n"
    return text


def notes(plan: work.Plan, keys: Collection[records.Key]) -> str:
    """What the tables do not show by themselves."""
    asked_for = {key.method for key in keys}
    absent = [kind.slug for kind in MODELS if kind.slug in plan.methods and kind.slug not in asked_for]
    lines = [f"∞: without noise, along the directions of taste that ε = {SILENT_EPSILON:g} lets through.\n"]
    if absent:
        lines.append(f"Left out, because the data has no times: {', '.join(absent)}.\n")
    return "".join(lines)


def main() -> None:
    """Do what is still to do, then print."""
    chosen = options()
    plan = work.Plan(
        folder=chosen.data,
        epsilons=tuple(sorted(set(chosen.epsilons))),
        seeds=chosen.seeds,
        delta=chosen.delta,
        methods=chosen_methods(chosen.methods, chosen.without),
        noise=chosen.noise,
        device=chosen.device,
        threads=chosen.threads or max(1, (os.cpu_count() or 1) // chosen.jobs),
        jobs=chosen.jobs,
    )
    dataset = read_dataset(plan.folder)
    folder = chosen.out or Path(f"recommender-{dataset.name}")
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "records.jsonl"
    keys = work.all_keys(plan, dataset)
    todo = work.batches(keys, records.read_all(path))
    with progress() as tell:
        for _ in records.append(path, work.do(plan, todo, dataset, tell)):
            pass
    print(report(plan, keys, dataset.name, folder))


if __name__ == "__main__":
    main()
