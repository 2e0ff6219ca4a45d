"""A million simulated subjects at ε = 1: what noise costs a population of the size the design is meant for.

The population is that of ``probity sample`` (the same tastes, titles, pages and past recommender), drawn in shards,
without the identifiers, times and lines that the sample also writes. A view counts as an interaction, as if all were
watched to the end. Five thousand more subjects are held out, shown 80 % of their history and asked for the rest.

    python -m benchmarks.recommender_million [--subjects 1000000] [--epsilon 1] [--seed 0] [--processes N]

Prints Recall@20 and NDCG@100 of every model with and without noise, their ratio, seconds and the most memory held.
"""

import argparse
import math
import os
import resource
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import cache
from multiprocessing import get_context

import numpy as np
from scipy.sparse import csr_matrix, vstack

from benchmarks.protocol.data import Dataset
from benchmarks.protocol.ours import Terms, kinds, noise_source, our_lists
from benchmarks.protocol.ranking import ndcg, recall
from pseudonymisation.sources.sample.exposure import make_impressions
from pseudonymisation.sources.sample.settings import SampleSettings
from pseudonymisation.sources.sample.subjects import CLUSTERS, Population, titles_shown
from pseudonymisation.sources.sample.titles import GENRES, STYLES, Titles, make_titles
from recommender.features import features_from
from recommender.interactions import Interactions, ones
from recommender.split import fold_in

SHARD = 10_000
HELD_OUT = 5_000
DELTA = 1e-6
"""One over the number of subjects."""


@cache
def shared_by_all(seed: int) -> tuple[Titles, np.ndarray, np.ndarray]:
    """The catalogue, and where clusters of tastes lie among genres and among styles."""
    rng = np.random.default_rng(seed)
    titles = make_titles(rng, replace(SampleSettings(), seed=seed))
    return titles, rng.normal(size=(CLUSTERS, len(GENRES))), rng.normal(size=(CLUSTERS, STYLES))


def shard_of(task: tuple[int, int, int]) -> csr_matrix:
    """Who watched what: (subjects, titles) of zeros and ones, for one shard. ``task``: seed, shard, its subjects.

    Titles and the centres of tastes follow from the seed alone, so all shards are of one population; the rest follows
    from seed and shard, so that any number of processes draws the same.
    """
    seed, shard, count = task
    settings = replace(SampleSettings(), seed=seed, subjects=count)
    titles, genres, styles = shared_by_all(seed)
    rng = np.random.default_rng([seed, shard])
    cluster = rng.integers(CLUSTERS, size=count)
    population = Population(
        subjects=[],
        genres=(genres - genres.mean(axis=0))[cluster] + 0.4 * rng.normal(size=(count, len(GENRES))),
        styles=(styles - styles.mean(axis=0))[cluster] + 0.4 * rng.normal(size=(count, STYLES)),
        shown=titles_shown(rng, settings),
        late_hours=np.zeros(count, dtype=np.int64),
    )
    seen = make_impressions(rng, settings, titles, population)
    return ones(seen.subject[seen.viewed], seen.title[seen.viewed], (count, settings.titles))


def drawn(seed: int, subjects: int, processes: int) -> Iterator[csr_matrix]:
    """The shards in order."""
    sizes = [min(SHARD, subjects - first) for first in range(0, subjects, SHARD)]
    tasks = [(seed, number, size) for number, size in enumerate(sizes)]
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        for number, shard in enumerate(pool.map(shard_of, tasks)):
            if number % 10 == 0:
                print(f"{number * SHARD:,} of {subjects:,} subjects drawn", file=sys.stderr, flush=True)
            yield shard


def population(seed: int, subjects: int, processes: int) -> Dataset:
    """Everybody, with the catalogue's public categories."""
    titles, _, _ = shared_by_all(seed)
    matrix = csr_matrix(vstack(list(drawn(seed, subjects, processes)), format="csr"), dtype=np.int8)
    names = tuple(f"{number:07d}" for number in range(matrix.shape[0]))
    return Dataset(
        name="simulated",
        interactions=Interactions(names, tuple(titles.items), matrix),
        features=features_from(titles.catalogue.categories),
        groups={},
    )


def peak_gib() -> float:
    """The most memory that this process has held so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def main() -> None:
    """Draw, measure twice, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--subjects", type=int, default=1_000_000)
    parser.add_argument("--epsilon", type=float, default=1.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--processes", type=int, default=os.cpu_count() or 1, help="that draw, and threads that measure"
    )
    parser.add_argument("--noise", choices=["opendp", "numpy"], default="opendp")
    options = parser.parse_args()
    started = time.perf_counter()
    dataset = population(options.seed, options.subjects + HELD_OUT, options.processes)
    everyone, rng = dataset.interactions, np.random.default_rng(options.seed)
    train = everyone.rows(np.arange(options.subjects))
    able = np.flatnonzero(everyone.lengths[options.subjects :] >= 5) + options.subjects  # noqa: PLR2004 - the protocol's
    shown, targets = fold_in(everyone.rows(able), rng=rng)
    print(
        f"{len(train.subjects):,} subjects x {len(train.items)} titles, {train.matrix.nnz:,} interactions, "
        f"{len(able):,} held out; drawn in {time.perf_counter() - started:.0f} s"
    )
    found: dict[tuple[str, float], tuple[float, float]] = {}
    for epsilon in (options.epsilon, math.inf):
        started = time.perf_counter()
        noise = noise_source(options.noise, options.seed, options.processes)
        terms = Terms(epsilon=epsilon, delta=DELTA, noise=noise, threads=options.processes)
        for each in our_lists(dataset, train, shown, kinds(dataset), terms):
            quality = recall(each.lists, targets.matrix).mean(), ndcg(each.lists, targets.matrix).mean()
            found[each.method, epsilon] = (float(quality[0]), float(quality[1]))
            seconds = each.times.wall
        print(
            f"epsilon {epsilon:g}: measured in {seconds['measure']:.0f} s, de-noised in {seconds['denoise']:.1f} s, "
            f"with every model and list {time.perf_counter() - started:.0f} s"
        )
    print(f"{'':<14}{'Recall@20':>10}{'no noise':>10}{'ratio':>8}{'NDCG@100':>11}{'no noise':>10}{'ratio':>8}")
    for kind in kinds(dataset):
        noisy, free = found[kind.slug, options.epsilon], found[kind.slug, math.inf]
        cells = [f"{with_noise:>10.4f}{without:>10.4f}{with_noise / without:>8.3f}" for with_noise, without in
                  zip(noisy, free, strict=True)]  # fmt: skip
        print(f"{kind.slug:<14}{' '.join(cells)}")
    print(f"peak memory {peak_gib():.2f} GiB")


if __name__ == "__main__":
    main()
