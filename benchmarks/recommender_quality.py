"""Ranking quality of every model under several privacy budgets, on MovieLens-1M ratings.

The protocol of DPALS-style comparisons: ratings of 4 and more are interactions, subjects have at least 5, 500 held-
out subjects are shown 80 % of their history and asked for the rest. δ is 1e-5. ``inf`` is the same estimator without
noise, for comparison.

    python benchmarks/recommender_quality.py --data PATH [--epsilons 1 5 inf] [--seed 0]
"""

import argparse
import math
import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from recommender.denoise import denoise
from recommender.features import CatalogueFeatures, features_from
from recommender.interactions import Interactions, interactions_from
from recommender.measurement import measure
from recommender.mechanism import Performance, plan
from recommender.models import kinds_for
from recommender.noise import NoiseSource, OpenDPNoise
from recommender.release import NoiseLevels, Release
from recommender.serving import Recommender
from recommender.split import fold_in, hold_out
from recommender.synthetic import draw_histories

HELD_OUT = 500
LIST = 100


@dataclass(frozen=True)
class NoNoise:
    """For the column without privacy. Not exact, so its releases state no guarantee."""

    exact: bool = False
    name: str = "none: benchmark without privacy"

    def draw(self, count: int, scale: int, *, progress: object = None) -> np.ndarray:  # noqa: ARG002 - the protocol's
        """Zeros."""
        return np.zeros(count, dtype=np.int64)


def read_movielens(folder: Path) -> tuple[Interactions, CatalogueFeatures]:
    """Ratings of 4 and more by subjects with at least 5 of them, and genres and decades of all titles."""
    ratings = pd.read_csv(folder / "ratings.csv", dtype={"user_id": str, "movie_id": str})
    liked = ratings[ratings.rating >= 4]  # noqa: PLR2004 - the protocol's threshold
    liked = liked[liked.groupby("user_id").movie_id.transform("size") >= 5]  # noqa: PLR2004 - the protocol's threshold
    lines = (folder / "movies.dat").read_text(encoding="latin-1").splitlines()
    movies = [line.split("::") for line in lines]
    categories = [(item, "genre", genre) for item, _, genres in movies for genre in genres.split("|")]
    categories += [(item, "decade", title[-5:-2] + "0s") for item, title, _ in movies]
    columns = zip(*categories, strict=True)
    table = pa.table(dict(zip(("item", "attribute", "category"), map(list, columns), strict=True)))
    pairs = pa.table({"subject": liked.user_id.to_list(), "item": liked.movie_id.to_list()})
    return interactions_from(pairs, [movie[0] for movie in movies]), features_from(table)


def measured(train: Interactions, epsilon: float) -> Release:
    """A release at that ε; infinite ε is the exact sums."""
    if epsilon < math.inf:
        noise: NoiseSource = OpenDPNoise()
        return measure(train, plan(epsilon, 1e-5), noise=noise, performance=Performance())
    exact = measure(train, plan(50.0, 1e-5), noise=NoNoise(), performance=Performance())
    return replace(exact, noise=NoiseLevels(count=0.0, gram=0.0))


def quality(recommender: Recommender, shown: Interactions, targets: Interactions) -> tuple[float, float]:
    """Mean Recall@20 (hits over min(20, targets)) and mean NDCG@100."""
    table = recommender.recommend(shown, LIST)
    row = {subject: n for n, subject in enumerate(shown.subjects)}
    column = {item: n for n, item in enumerate(shown.items)}
    rows = np.array([row[s] for s in table["subject"].to_pylist()])
    columns = np.array([column[i] for i in table["item"].to_pylist()])
    hits = np.zeros((len(row), LIST))
    hits[rows, table["rank"].to_numpy() - 1] = np.asarray(targets.matrix[rows, columns]).ravel()
    discount = 1 / np.log2(np.arange(2, LIST + 2))
    ideal = np.cumsum(discount)[np.minimum(targets.lengths, LIST) - 1]
    recall = hits[:, :20].sum(axis=1) / np.minimum(targets.lengths, 20)
    return float(recall.mean()), float(((hits @ discount) / ideal).mean())


def genre_exposure(recommender: Recommender, histories: Interactions, features: CatalogueFeatures) -> np.ndarray:
    """Each genre's share of the attention of top-10 lists, attention falling logarithmically with rank."""
    table = recommender.recommend(histories, 10)
    weight = 1 / np.log2(table["rank"].to_numpy() + 1.0)
    genres = [n for n, name in enumerate(features.names) if name.startswith("genre:")]
    member = features.of(table["item"].to_pylist())[:, genres]
    share: np.ndarray = weight @ (member / np.maximum(member.sum(axis=1, keepdims=True), 1)) / weight.sum()
    return share


def main() -> None:
    """Print one line per ε and model."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--epsilons", type=float, nargs="+", default=[1.0, 5.0, math.inf])
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    everyone, features = read_movielens(options.data)
    _, held = hold_out(everyone.subjects, HELD_OUT / len(everyone.subjects), salt=str(options.seed).encode())
    is_held = np.isin(everyone.subjects, held)
    rng = np.random.default_rng(options.seed)
    shown, targets = fold_in(everyone.rows(is_held), rng=rng)
    print(f"{(~is_held).sum()} subjects measured, {is_held.sum()} held out")
    print(f"{'epsilon':>7}  {'model':<12}{'Recall@20':>10}{'NDCG@100':>10}{'synthetic TV':>14}")
    for epsilon in options.epsilons:
        start = time.perf_counter()
        release = measured(everyone.rows(~is_held), epsilon)
        seconds = time.perf_counter() - start
        denoised = denoise(release, features)
        synthetic = draw_histories(denoised, 1000, rng=rng)
        for kind in kinds_for(release.signals):
            recommender = Recommender(kind.fit_from(denoised))
            recall, ndcg = quality(recommender, shown, targets)
            real = genre_exposure(recommender, everyone.rows(is_held), features)
            drawn = genre_exposure(recommender, synthetic, features)
            distance = np.abs(real - drawn).sum() / 2
            print(f"{epsilon:>7g}  {kind.slug:<12}{recall:>10.3f}{ndcg:>10.3f}{distance:>14.3f}")
        whole = time.perf_counter() - start
        print(f"{'':>7}  {len(release.items)} items kept, measured in {seconds:.1f} s, all in {whole:.1f} s")


if __name__ == "__main__":
    main()
