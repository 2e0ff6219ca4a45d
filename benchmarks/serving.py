"""Times lists of one subject and of many, beside floors measured in the same run.

    python benchmarks/serving.py [--titles 5000] [--subjects 20000] [--k 20] [--threads 2] [--peer]

Histories have a log-normal length with mean 50 and titles drawn without replacement by a Zipf law of exponent 0.8;
weights are random numbers, which no cleverness about tastes can shorten. Single: from a list of titles watched to a
list of titles, in Python objects. Batch: from interactions to an Arrow table.

Two floors, both of the scores alone, in float32, on as many threads: reading each watched title's row of weights once
(a copy of these rows, which any method that adds them up must at least read), and the dense product of the 0/1 matrix,
which is what a linear-algebra library does best and costs a hundred times the arithmetic. The peer is the batch
``recommend`` of `implicit`'s item-item recommender, where that package is installed; it takes sparse weights, and so
gets them.
"""

import argparse
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec

import numpy as np
from scipy.sparse import csr_matrix

from recommender.accounting import no_guarantee
from recommender.interactions import Interactions, ones
from recommender.linear_model import LinearModel
from recommender.serving import Recommender

MEAN_LENGTH, SPREAD, LONGEST = 50, 0.8, 500
SINGLES, ROUNDS = 2_000, 3
DENSE_SUBJECTS = 2_048


def random_model(titles: int, rng: np.random.Generator) -> LinearModel:
    """Weights of every pair, all different."""
    return LinearModel(
        kind="random",
        items=tuple(f"title-{number:05d}" for number in range(titles)),
        weights=rng.standard_normal((titles, titles), dtype=np.float32),
        popularity=1 / np.arange(1.0, titles + 1),
        history_weights=rng.uniform(0.5, 2.0, titles),
        release_digest="0" * 64,
        guarantee=no_guarantee("benchmark"),
    )


def random_histories(model: LinearModel, subjects: int, rng: np.random.Generator) -> Interactions:
    """As the module says."""
    width = len(model.items)
    liking = np.log(1 / np.arange(1, width + 1) ** 0.8)
    lengths = rng.lognormal(np.log(MEAN_LENGTH) - SPREAD**2 / 2, SPREAD, subjects)
    held = [
        np.argpartition(-(liking + rng.gumbel(size=width)), length)[:length]
        for length in np.clip(lengths, 1, min(LONGEST, width // 2)).astype(int)
    ]
    rows = np.repeat(np.arange(subjects), [len(each) for each in held])
    matrix = ones(rows, np.concatenate(held), (subjects, width))
    return Interactions(tuple(f"subject-{number:08d}" for number in range(subjects)), model.items, matrix)


def best(work: Callable[[], object], rounds: int = ROUNDS) -> tuple[float, float]:
    """Fewest seconds by the wall clock, and fewest of processor time, over the rounds."""
    walls, processors = [], []
    for _ in range(rounds):
        wall, processor = time.perf_counter(), time.process_time()
        work()
        walls.append(time.perf_counter() - wall)
        processors.append(time.process_time() - processor)
    return min(walls), min(processors)


def on_threads(work: Callable[[slice], object], subjects: int, threads: int, chunk: int = 256) -> None:
    """Run the work over slices of the subjects."""
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(work, (slice(at, at + chunk) for at in range(0, subjects, chunk))))


def singles(recommender: Recommender, histories: Interactions, k: int) -> np.ndarray:
    """Milliseconds of each list of one subject."""
    taken = []
    for row in range(min(SINGLES, len(histories.subjects))):
        history = [histories.items[column] for column in histories.matrix[row].indices]
        start = time.perf_counter()
        recommender.recommend_one(history, k)
        taken.append(1e3 * (time.perf_counter() - start))
    return np.array(taken)


def peer(model: LinearModel, histories: Interactions, k: int) -> float:
    """Subjects a second of `implicit`."""
    from implicit.nearest_neighbours import ItemItemRecommender

    other = ItemItemRecommender(K=len(model.items))
    other.similarity = csr_matrix(model.weights.astype(np.float64))
    rows = np.arange(DENSE_SUBJECTS)
    held = histories.matrix[rows].astype(np.float64)
    seconds, _ = best(lambda: [other.recommend(row, held[row], N=k) for row in rows[:64]], 1)
    return 64 / seconds


def main() -> None:
    """Print one line a figure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, value in (("titles", 5_000), ("subjects", 20_000), ("k", 20), ("threads", 2)):
        parser.add_argument(f"--{name}", type=int, default=value)
    parser.add_argument("--peer", action="store_true")
    options = parser.parse_args()
    rng = np.random.default_rng(0)
    model = random_model(options.titles, rng)
    histories = random_histories(model, options.subjects, rng)
    recommender = Recommender(model, threads=options.threads)
    print(f"{options.titles} titles, k = {options.k}, {histories.lengths.mean():.1f} titles a history")
    taken = singles(recommender, histories, options.k)
    print(f"single: p50 {np.quantile(taken, 0.5):.2f} ms, p99 {np.quantile(taken, 0.99):.2f} ms")
    _say("batch", options.subjects, best(lambda: recommender.recommend(histories, options.k)))
    matrix = histories.matrix
    _say(
        "floor, rows read",
        options.subjects,
        best(
            lambda: on_threads(
                lambda at: [model.weights[row.indices] for row in matrix[at]], options.subjects, options.threads
            )
        ),
    )
    dense = matrix[:DENSE_SUBJECTS].toarray().astype(np.float32)
    _say("floor, dense product", DENSE_SUBJECTS, best(lambda: dense @ model.weights, 1))
    if options.peer and find_spec("implicit"):
        print(f"{'implicit, one at a time':<22}{peer(model, histories, options.k):>9,.0f} subjects/s")


def _say(what: str, subjects: int, seconds: tuple[float, float]) -> None:
    wall, processor = seconds
    print(f"{what:<22}{subjects / wall:>9,.0f} subjects/s, {1e6 * processor / subjects:.0f} µs of processor each")


if __name__ == "__main__":
    main()
