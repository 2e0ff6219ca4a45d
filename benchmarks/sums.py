"""How long the exact sums of a synthetic population take, in each layout and on each engine, and that all agree.

    python benchmarks/sums.py [--subjects 100000] [--items 2000] [--each 30] [--device cpu] [--threads 2] [--repeat 1]
        [--engines]

Histories are drawn of `--each` items on average, popular ones more often; an item drawn twice counts
once. DuckDB is asked with `--engines`.
"""

import argparse
import time
from collections.abc import Callable

import numpy as np
from scipy.sparse import csr_matrix

from recommender.fixed_point import exact_counts, unit_rows
from recommender.gram import exact_gram, layout_for
from recommender.mechanism import Performance

BITS = 16


def drawn(subjects: int, items: int, each: int, seed: int) -> csr_matrix:
    """0/1 histories of some ``each`` items; item n is watched in proportion to 1/(n + 10)."""
    rng = np.random.default_rng(seed)
    lengths = np.clip(rng.geometric(1 / each, subjects), 1, items)
    chance = 1 / (np.arange(items) + 10)
    columns = rng.choice(items, int(lengths.sum()), p=chance / chance.sum())
    matrix = csr_matrix((np.ones(len(columns), np.int64), columns, np.append(0, np.cumsum(lengths))), (subjects, items))
    matrix.sum_duplicates()
    matrix.data = np.ones_like(matrix.data, dtype=np.int8)
    return matrix


def timed(name: str, work: Callable[[], np.ndarray], repeat: int) -> np.ndarray:
    """Run it, print the best time and return what came out."""
    best, result = np.inf, np.empty(0)
    for _ in range(repeat):
        start = time.perf_counter()
        result = work()
        best = min(best, time.perf_counter() - start)
    print(f"{name:24} {best:9.2f} s", flush=True)
    return result


def main() -> None:
    """Print a table of times and whether all sums are the same."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--subjects", type=int, default=100_000)
    parser.add_argument("--items", type=int, default=2000)
    parser.add_argument("--each", type=int, default=30)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu", help="measured beside the CPU")
    parser.add_argument("--engines", action="store_true", help="DuckDB too")
    parser.add_argument("--skip-dense-cpu", action="store_true", help="it is the slow one")
    parser.add_argument("--repeat", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    matrix = drawn(given.subjects, given.items, given.each, given.seed)
    rows = unit_rows(matrix, np.linspace(0.5, 2.0, given.items), bits=BITS)
    density = rows.nnz / given.subjects / given.items
    print(f"{given.subjects:,} subjects, {given.items:,} items, {rows.nnz:,} interactions ({density:.2%})")
    found = {}
    for device in dict.fromkeys(("cpu", given.device)):
        for layout in ("sparse", "dense"):
            if (device, layout) == ("cpu", "dense") and given.skip_dense_cpu:
                continue
            speed = Performance(threads=given.threads, device=device, layout=layout)
            auto = layout_for(rows, Performance(device=device)) == layout
            name = f"{device} {layout}{' (chosen)' if auto else ''}"
            found[name] = timed(name, lambda p=speed: exact_gram(rows, bits=BITS, performance=p), given.repeat)
    counts = {"numpy": timed("counts, numpy", lambda: exact_counts(matrix), given.repeat)}
    if given.engines:
        import ibis

        engine = ibis.duckdb.connect()
        speed = Performance(engine=engine)
        found["duckdb"] = timed("duckdb", lambda: exact_gram(rows, bits=BITS, performance=speed), given.repeat)
        counts["duckdb"] = timed("counts, duckdb", lambda: exact_counts(matrix, engine=engine), given.repeat)
        engine.disconnect()
    for sums in (found, counts):
        first = next(iter(sums.values()))
        same = all((each == first).all() for each in sums.values())
        print(f"{', '.join(sums)}: {'bit-identical' if same else 'DIFFERENT'}")


if __name__ == "__main__":
    main()
