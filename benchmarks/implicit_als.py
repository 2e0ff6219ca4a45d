"""Our release and all its models beside the ALS of ``implicit``, by time and quality, on one division of a data set.

    PYTHON -m benchmarks.implicit_als --data FOLDER [--threads 2] [--repeat 3]

PYTHON is the interpreter of an environment with ``implicit`` 0.7, SciPy, pandas and pyarrow; the project does not
depend on it. It trains as on MovieLens-1M is best, once with its default (three steps of conjugate gradients) and once
exactly, and holds our own solver against the latter. ``recommender.py`` prints the seconds of our release on the same
split.
"""

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import numpy as np
from scipy.sparse import csr_matrix

from benchmarks.peers.ials import IalsSettings, fit_ials, solved_rows
from benchmarks.protocol.data import read_dataset
from benchmarks.protocol.others import quality
from benchmarks.protocol.splits import divide

T = TypeVar("T")


def least(repeat: int, work: Callable[[], T]) -> tuple[T, float, float]:
    """What it gives, and the least seconds of the wall and of all threads."""
    taken = []
    for _ in range(repeat):
        wall, processor = time.perf_counter(), time.process_time()
        result = work()
        taken.append((time.perf_counter() - wall, time.process_time() - processor))
    return result, min(wall for wall, _ in taken), min(processor for _, processor in taken)


def main() -> None:
    """Fit, compare, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeat", type=int, default=3)
    options = parser.parse_args()
    # After the options: --help needs no such environment.
    import implicit
    from implicit.cpu.als import AlternatingLeastSquares

    split = divide(read_dataset(options.data), 0)
    train = csr_matrix(split.train.matrix, dtype=np.float32)
    settings = IalsSettings()

    def fitted(*, conjugate: bool) -> AlternatingLeastSquares:
        model = AlternatingLeastSquares(
            factors=settings.dimensions,
            regularization=settings.ridge,
            alpha=settings.confidence,
            iterations=settings.rounds,
            use_cg=conjugate,
            num_threads=options.threads,
            random_state=0,
        )
        model.fit(train, show_progress=False)
        return model

    print(f"implicit {implicit.__version__}, {train.shape[0]} subjects x {train.shape[1]} items, {settings}")
    for name, conjugate in (("conjugate gradients", True), ("exact", False)):
        model, wall, processor = least(options.repeat, lambda conjugate=conjugate: fitted(conjugate=conjugate))
        factors = model.item_factors
        recall = quality(lambda shown, y=factors: solved_rows(shown, y, settings) @ y.T, split.test)
        print(f"implicit, {name:<22}{wall:7.2f} s, {processor:6.2f} s of threads, Recall@20 {recall:.4f}")
    theirs = model.recalculate_user(np.arange(train.shape[0]), train)
    furthest = np.abs(theirs - solved_rows(train, model.item_factors, settings)).max() / np.abs(theirs).max()
    ours, wall, processor = least(1, lambda: fit_ials(train, settings, rng=np.random.default_rng(0)))
    print(f"ours, exact                     {wall:7.2f} s, {processor:6.2f} s of threads, Recall@20 "
          f"{quality(ours, split.test):.4f}")  # fmt: skip
    print(f"subject factors from the same item factors differ by at most {furthest:.1e} of the largest")


if __name__ == "__main__":
    main()
