"""How fast and in how much memory a whole audit runs, beside others that compute part of it.

    python benchmarks/audits.py [full fairlearn lenskit] [--subjects 1000000] [--lenskit PYTHON]

``full``: every metric but two (``LEFT_OUT``) that lists, catalogue, categories, held-out choices, histories, popularity
and 20 groups allow, 20 titles a subject, 1,000 resamples. Peak memory includes making the tables; a machine that does
something else beside needs longer, so processor seconds and the load are printed too.

``fairlearn``: simultaneous intervals of nDCG by group against the bootstrap of MetricFrame over the same rows (one row
is one subject), which runs on fewer subjects and resamples and is extrapolated in proportion to both. ``lenskit``:
metrics that both have, over the same lists; PYTHON is the interpreter of an environment with LensKit (or PROBITY_PEERS
names it), whose pins are not ours.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from fairlearn.metrics import MetricFrame

from audits.allocation import keep_freed_memory
from audits.attention import Attention
from audits.bootstrap import Resampling, intervals
from audits.configuration import AuditConfig
from audits.evidence import evidence_from
from audits.metrics import METRICS, ndcg
from audits.quality import mean_by_group
from audits.run import possible_metrics, run
from audits.tables import AuditInput, Membership, Recommendations

ITEMS, K, GROUPS, TARGETS, HISTORY = 5_000, 20, 20, 4, 10
REPLICATES = 1_000
# They cross every group of subjects with every category, a thousand figures here that nobody reads in one report, so no
# audit measures them unasked (``asked_only``); who wants them names the attributes that matter.
LEFT_OUT = ("category_gap", "category_gap_given_taste")
SHARED = ("ndcg", "recall", "hit_rate", "reciprocal_rank", "exposure_gini")


def say(words: str) -> None:
    """To standard error, at once: standard output holds the results."""
    print(words, file=sys.stderr, flush=True)


def timed(work: Callable[[], Any]) -> tuple[Any, float]:
    """The answer, and the seconds it took."""
    start = time.perf_counter()
    answer = work()
    return answer, time.perf_counter() - start


def peak_gib() -> float:
    """The most memory that this process has held so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def walks(rng: np.random.Generator, subjects: int, length: int) -> np.ndarray:
    """Distinct titles for each subject, (subjects, length): equal steps through the catalogue from a popular start."""
    start = (ITEMS * rng.random(subjects) ** 3).astype(np.int64)
    step = rng.integers(1, ITEMS // length, size=subjects)
    return (start[:, None] + np.arange(length) * step[:, None]) % ITEMS


def drawn(subjects: int, seed: int = 1) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Lists, targets (some of them from the list), histories and groups."""
    rng = np.random.default_rng(seed)
    lists, targets = walks(rng, subjects, K), walks(rng, subjects, TARGETS)
    found = rng.random(subjects) < 0.3  # noqa: PLR2004 - of the subjects find something
    targets[found, 0] = lists[found, rng.integers(0, K, size=subjects)[found]]
    repeated = (targets[:, 1:] == targets[:, :1]).any(axis=1)
    targets[repeated] = lists[repeated, :TARGETS]
    return lists, targets, walks(rng, subjects, HISTORY), rng.integers(0, GROUPS, size=subjects)


def made(subjects: int) -> AuditInput:
    """A whole audit input."""
    lists, targets, history, groups = drawn(subjects)
    rng = np.random.default_rng(2)
    items = pa.array([f"title-{j:05d}" for j in range(ITEMS)])
    names = pa.array([f"subject-{u:08d}" for u in range(subjects)])

    def pairs(chosen: np.ndarray) -> dict[str, pa.Array]:
        owner = np.repeat(np.arange(subjects), chosen.shape[1])
        return {"subject": names.take(pa.array(owner)), "item": items.take(pa.array(chosen.ravel()))}

    labels = {
        "item": pa.concat_arrays([items, items]),
        "attribute": pa.array(["genre"] * ITEMS + ["origin"] * ITEMS),
        "category": pa.array(
            [f"g{c:02d}" for c in rng.integers(0, 18, ITEMS)] + [f"o{c}" for c in rng.integers(0, 4, ITEMS)]
        ),
    }
    ranks = pa.array(np.tile(np.arange(1, K + 1), subjects))
    return AuditInput(
        recommendations=Recommendations(pa.table(pairs(lists) | {"rank": ranks})),
        membership=Membership(pa.table(labels)),
        items=items.to_pylist(),
        relevance=pa.table(pairs(targets)),
        history=pa.table(pairs(history)),
        popularity=pa.table({"item": items, "count": pa.array(np.bincount(history.ravel(), minlength=ITEMS))}),
        subject_groups=pa.table({"subject": names, "group": pa.array([f"c{g:02d}" for g in groups])}),
    )


def full(subjects: int) -> None:
    """The whole audit."""
    say(f"making {subjects:,} lists of {K} and checking the tables …")
    given, making = timed(lambda: made(subjects))
    say(f"made and checked in {making:.1f} s; auditing …")
    shown = [0]

    def progress(done: int, whole: int) -> None:
        if 10 * done // whole > shown[0]:
            shown[0] = 10 * done // whole
            say(f"  {done} of {whole} resamples")

    config = AuditConfig(seed=1, model_digest="benchmark", replicates=REPLICATES)
    possible = tuple(metric.slug for metric in possible_metrics(given, config))
    config = replace(config, metrics=tuple(slug for slug in possible if slug not in LEFT_OUT))
    before = time.process_time()
    report, seconds = timed(lambda: run(given, config=config, progress=progress))
    figures = len({each.metric for each in report.measurements})
    print(
        f"full audit: {subjects:,} subjects x {K} titles, {GROUPS} groups, {figures} metrics, "
        f"{len(report.measurements)} figures, {REPLICATES:,} resamples: {seconds:.1f} s, peak {peak_gib():.2f} GiB "
        f"(of both cores together {time.process_time() - before:.0f} s, load {os.getloadavg()[0]:.1f}; making and "
        f"checking the tables before: {making:.1f} s; left out: {', '.join(LEFT_OUT)})"
    )


def fairlearn(subjects: int) -> None:
    """Intervals of nDCG by group, ours and MetricFrame's."""
    evidence = evidence_from(made(subjects), AuditConfig(seed=1, model_digest=""))
    quality = ndcg.per_subject(evidence)
    resampling = Resampling(replicates=REPLICATES, seed=1)
    found, ours = timed(lambda: intervals([mean_by_group(quality, evidence)], resampling))
    say(f"ours: {ours:.2f} s; fairlearn …")
    few = min(subjects, 5_000)
    values, groups = quality.values[:few], evidence.groupings[0].codes[:few]
    part = 10

    def theirs() -> MetricFrame:
        return MetricFrame(
            metrics=lambda true, _: float(np.mean(true)),
            y_true=values,
            y_pred=values,
            sensitive_features=groups,
            n_boot=part,
            ci_quantiles=[0.025, 0.975],
            random_state=1,
        )

    _, seconds = timed(theirs)
    whole = seconds * (subjects / few) * (REPLICATES / part)
    print(
        f"fairlearn: {len(found.cells)} intervals over {subjects:,} subjects, {REPLICATES:,} resamples: ours "
        f"{ours:.2f} s, MetricFrame {whole:.0f} s (extrapolated from {seconds:.1f} s for {few:,} subjects and {part} "
        f"resamples), ratio {whole / ours:.0f}"
    )


def lenskit(subjects: int, interpreter: str | None) -> None:
    """Metrics that LensKit has too."""
    if not interpreter:
        print("lenskit: skipped, no interpreter of an environment with LensKit was named (--lenskit, PROBITY_PEERS)")
        return
    given = made(subjects)
    slugs = tuple(metric.slug for metric in METRICS if metric.slug in SHARED)
    config = AuditConfig(seed=1, model_digest="", attention=Attention("clipped"))

    def measure() -> dict[str, float]:
        evidence = evidence_from(given, config)
        return {each.slug: float(each.measure(evidence).values()[0]) for each in METRICS if each.slug in slugs}

    ours, seconds = timed(measure)
    say(f"ours: {seconds:.2f} s; LensKit …")
    lists, targets, _, _ = drawn(subjects)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "lists.npz"
        np.savez(path, lists=lists, targets=targets, items=ITEMS)
        script = Path(__file__).with_name("lenskit_metrics.py")
        answer = subprocess.run(  # noqa: S603 - the interpreter that the caller named
            [interpreter, str(script), str(path), *slugs], check=True, capture_output=True, text=True
        )
    theirs = json.loads(answer.stdout)
    for slug in slugs:
        note = "  (its discount ties ranks 1 and 2)" if slug == "ndcg" else ""
        print(f"  {slug:<18} ours {ours[slug]:.9f}  LensKit {theirs['figures'][slug]:.9f}{note}")
    print(
        f"lenskit: {len(slugs)} metrics over {subjects:,} lists: ours {seconds:.2f} s from checked tables, LensKit "
        f"{theirs['seconds']:.2f} s from item lists (made in {theirs['making']:.1f} s before), ratio "
        f"{theirs['seconds'] / seconds:.1f}"
    )


def main() -> None:
    """Run the parts that were asked for, the whole audit first: its peak memory is then its own."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", default=["full", "fairlearn", "lenskit"])
    parser.add_argument("--subjects", type=int, default=1_000_000)
    parser.add_argument("--compared", type=int, default=50_000, help="subjects in the comparisons")
    parser.add_argument("--lenskit", default=os.environ.get("PROBITY_PEERS"))
    options = parser.parse_args()
    keep_freed_memory()  # as the commands do
    if "full" in options.parts:
        full(options.subjects)
    if "fairlearn" in options.parts:
        fairlearn(options.compared)
    if "lenskit" in options.parts:
        lenskit(options.compared, options.lenskit)


if __name__ == "__main__":
    main()
