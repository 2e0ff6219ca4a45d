"""Times lists of one subject and of many, beside floors measured in the same run.

    python benchmarks/serving.py [--titles 5000] [--subjects 20000] [--k 20] [--threads 2]

Histories have a log-normal length with mean 50 and titles drawn without replacement by a Zipf law of exponent 0.8;
weights are random numbers, which no cleverness about tastes can shorten. Single: from a list of titles watched to a
list of titles, in Python objects. Batch: from interactions to an Arrow table.

Processor time stands beside the clock's, because a busy machine changes the second and hardly the first.

Three floors, all of the scores alone, in float32, on as many threads: the sparse product of histories and weights in
blocks of columns, which batches use; the same with all columns at once; and the dense product of the 0/1 matrix, which
is what a linear-algebra library does best and a hundred times the arithmetic. What batches cost more than the first is
what choosing the best of the scores costs.
"""

import argparse
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from recommender.accounting import no_guarantee
from recommender.blocked_product import blocks_of, product
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


def on_threads(work: Callable[[slice], object], subjects: int, threads: int, chunk: int = 512) -> None:
    """Run the work over slices of the subjects."""
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(work, (slice(at, at + chunk) for at in range(0, subjects, chunk))))


def singles(recommender: Recommender, histories: Interactions, k: int) -> np.ndarray:
    """Milliseconds of each list of one subject by the clock and of processor time, shape (2, lists)."""
    taken = []
    for row in range(min(SINGLES, len(histories.subjects))):
        history = [histories.items[column] for column in histories.matrix[row].indices]
        clock, processor = time.perf_counter(), time.thread_time()
        recommender.recommend_one(history, k)
        taken.append((1e3 * (time.perf_counter() - clock), 1e3 * (time.thread_time() - processor)))
    return np.array(taken).T


def main() -> None:
    """Print one line a figure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, value in (("titles", 5_000), ("subjects", 20_000), ("k", 20), ("threads", 2)):
        parser.add_argument(f"--{name}", type=int, default=value)
    options = parser.parse_args()
    rng = np.random.default_rng(0)
    model = random_model(options.titles, rng)
    histories = random_histories(model, options.subjects, rng)
    recommender = Recommender(model, threads=options.threads)
    print(f"{options.titles} titles, k = {options.k}, {histories.lengths.mean():.1f} titles a history")
    for what, taken in zip(("clock", "processor"), singles(recommender, histories, options.k), strict=True):
        print(f"single, {what + ':':<11}p50 {np.quantile(taken, 0.5):.2f} ms, p99 {np.quantile(taken, 0.99):.2f} ms")
    _say("batch", options.subjects, best(lambda: recommender.recommend(histories, options.k)))
    shares = histories.matrix.astype(np.float32)
    for what, blocks in (("in blocks", blocks_of(model.weights)), ("whole", (model.weights,))):
        taken = best(
            lambda held=blocks: on_threads(lambda at: product(shares[at], held), options.subjects, options.threads)
        )
        _say(f"sparse product, {what}", options.subjects, taken)
    some = shares[:DENSE_SUBJECTS].toarray()
    dense = best(lambda: on_threads(lambda at: some[at] @ model.weights, len(some), options.threads), 1)
    _say("dense product", len(some), dense)


def _say(what: str, subjects: int, seconds: tuple[float, float]) -> None:
    wall, processor = seconds
    print(f"{what:<26}{subjects / wall:>9,.0f} subjects/s, {1e6 * processor / subjects:.0f} µs of processor each")


if __name__ == "__main__":
    main()
