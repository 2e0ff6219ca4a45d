"""Rating prediction under several privacy budgets, on MovieLens ratings: root mean square error on a random tenth.

Ratings are split 80/10/10 at random, seed by seed; δ is 1e-5. ``inf`` is the same estimator without noise; beside it
stand the subject's own mean and the non-private mean of subject and item. Parameters are the library's defaults:
nothing is tuned here. ``validation`` is the tenth to look at while changing the estimator.

    python benchmarks/ratings.py --data PATH [--epsilons 1 5 10 20 inf] [--seeds 3] [--part test]
"""

# ruff: noqa: PD011 - the ratings' values are an array of our own and no column of pandas

import argparse
import math
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from recommender.features import CatalogueFeatures, features_from
from recommender.interactions import Interactions, ones
from recommender.noise import NoiseSource, OpenDPNoise
from recommender.ratings.measurement import measure_ratings
from recommender.ratings.mechanism import RatingMechanism, plan_ratings
from recommender.ratings.model import RatingModel
from recommender.ratings.table import Ratings, ratings_from


@dataclass(frozen=True)
class NoNoise:
    """For the line without privacy. Not exact, so its releases state no guarantee."""

    exact: bool = False
    name: str = "none: benchmark without privacy"

    def draw(self, count: int, scale: int, *, progress: object = None) -> np.ndarray:  # noqa: ARG002 - the protocol's
        """Zeros."""
        return np.zeros(count, dtype=np.int64)


def read_movielens(folder: Path) -> tuple[Ratings, CatalogueFeatures]:
    """All ratings, and genres and decades of all titles, of MovieLens-1M or -100K."""
    if (folder / "ratings.csv").exists():
        ratings = pd.read_csv(folder / "ratings.csv", dtype={"user_id": str, "movie_id": str})
        lines = [line.split("::") for line in (folder / "movies.dat").read_text(encoding="latin-1").splitlines()]
        movies = [(item, title[-5:-1], genres.split("|")) for item, title, genres in lines]
    else:
        names = ["user_id", "movie_id", "rating", "at"]
        ratings = pd.read_csv(folder / "u.data", sep="\t", names=names, dtype={"user_id": str, "movie_id": str})
        lines = [line.split("|") for line in (folder / "u.item").read_text(encoding="latin-1").splitlines()]
        movies = [(f[0], f[2][-4:], [str(n) for n, flag in enumerate(f[5:]) if flag == "1"]) for f in lines]
    categories = [(item, "genre", genre) for item, _, genres in movies for genre in genres]
    categories += [(item, "decade", year[:3] + "0s") for item, year, _ in movies if year]
    items, attributes, values = map(list, zip(*categories, strict=True))
    table = pa.table({"item": items, "attribute": attributes, "category": values})
    pairs = {"subject": ratings.user_id.to_list(), "item": ratings.movie_id.to_list(), "rating": ratings.rating}
    return ratings_from(pa.table(pairs), [movie[0] for movie in movies]), features_from(table)


def chosen(ratings: Ratings, mask: np.ndarray) -> Ratings:
    """Some of the ratings, on the same axes."""
    held = ratings.interactions
    matrix = ones(ratings.rows[mask], held.matrix.indices[mask], held.matrix.shape)
    return Ratings(
        Interactions(held.subjects, held.items, matrix), ratings.values[mask], ratings.lowest, ratings.highest
    )


def error(predicted: np.ndarray, targets: Ratings) -> float:
    """Root mean square error, predictions moved to the scale's ends."""
    cut = np.clip(predicted, targets.lowest, targets.highest)
    return float(np.sqrt(np.mean((cut - targets.values) ** 2)))


def baselines(train: Ratings, targets: Ratings) -> tuple[float, float]:
    """The subject's mean alone (which needs nobody else), and subject and item means without privacy."""
    rows, columns, count = train.rows, train.interactions.matrix.indices, train.interactions.lengths
    mean = float(train.values.mean())
    own = (np.bincount(rows, train.values, minlength=len(count)) + mean) / (count + 1)
    levels, effects = own - mean, np.zeros(len(train.interactions.items))
    for _ in range(10):
        left = train.values - mean - levels[rows]
        effects = np.bincount(columns, left, minlength=len(effects)) / (
            np.bincount(columns, minlength=len(effects)) + 3
        )
        left = train.values - mean - effects[columns]
        levels = np.bincount(rows, left, minlength=len(count)) / (count + 5)
    both = mean + levels[targets.rows] + effects[targets.interactions.matrix.indices]
    return error(own[targets.rows], targets), error(both, targets)


def model_error(model: RatingModel, train: Ratings, targets: Ratings) -> float:
    """Predicted in batches of subjects, so that memory stays small."""
    predicted = np.empty(len(targets.values))
    bounds, starts = train.interactions.matrix.indptr, targets.interactions.matrix.indptr
    for start in range(0, len(train.interactions.subjects), 500):
        stop = min(start + 500, len(train.interactions.subjects))
        people = train.interactions.rows(np.arange(start, stop))
        part = Ratings(people, train.values[bounds[start] : bounds[stop]], train.lowest, train.highest)
        asked = slice(starts[start], starts[stop])
        at = targets.rows[asked] - start
        predicted[asked] = model.predict(part)[at, targets.interactions.matrix.indices[asked]]
    return error(predicted, targets)


def fitted(train: Ratings, features: CatalogueFeatures, epsilon: float) -> tuple[RatingModel, float]:
    """A model at that ε and the seconds that release and model took; infinite ε is the exact sums."""
    start = time.perf_counter()
    private = epsilon < math.inf
    noise: NoiseSource = OpenDPNoise() if private else NoNoise()
    mechanism = plan_ratings(epsilon, 1e-5) if private else RatingMechanism(epsilon=50, delta=1e-5, kept_at_most=3000)
    release = measure_ratings(train, mechanism, noise=noise, features=features, silent=not private)
    return release.model(), time.perf_counter() - start


def main() -> None:
    """Print one line per ε, after those of the baselines."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--epsilons", type=float, nargs="+", default=[1.0, 5.0, 10.0, 20.0, math.inf])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--part", choices=("validation", "test"), default="test")
    options = parser.parse_args()
    ratings, features = read_movielens(options.data)
    low, high = (0.9, 1.0) if options.part == "test" else (0.8, 0.9)
    splits = []
    for seed in range(options.seeds):
        place = np.random.default_rng(seed).random(len(ratings.values))
        splits.append((chosen(ratings, place < 0.8), chosen(ratings, (place >= low) & (place < high))))  # noqa: PLR2004 - 80/10/10
    print(f"{'epsilon':>12}{'RMSE':>9}{'sd':>8}{'seconds':>9}{'rank':>6}")
    for name, found in zip(
        ("subject mean", "item mean"), zip(*(baselines(*s) for s in splits), strict=True), strict=True
    ):
        print(f"{name:>12}{np.mean(found):>9.4f}{np.std(found, ddof=min(1, len(found) - 1)):>8.4f}")
    for epsilon in options.epsilons:
        errors, seconds, ranks = [], [], []
        for train, targets in splits:
            model, took = fitted(train, features, epsilon)
            errors.append(model_error(model, train, targets))
            seconds.append(took)
            ranks.append(model.factors.shape[1])
        spread = np.std(errors, ddof=min(1, len(errors) - 1))
        row = f"{np.mean(errors):>9.4f}{spread:>8.4f}{np.mean(seconds):>9.1f}{np.mean(ranks):>6.1f}"
        print(f"{epsilon:>12g}{row}", flush=True)


if __name__ == "__main__":
    main()
