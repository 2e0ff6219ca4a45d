"""Membership inference: can somebody who sees a model, or the lists it serves, tell who was trained on?

The attacker knows whole histories of candidates, shows the model a part of each, and looks how well it finds the rest:
a model that has memorised somebody finds theirs better than a stranger's. Three attackers look at three things: the
served list alone; the rank of every hidden title; and that rank against a reference model that saw none of the
candidates, which takes away how hard a history is to guess for anybody (Watson et al., "On the Importance of Difficulty
Calibration in Membership Inference Attacks", ICLR 2022).

Members and others have to be drawn alike, or the attack finds the difference between the groups.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from recommender.attacks.separation import MembershipReport, compare
from recommender.interactions import Interactions
from recommender.serving import Recommender
from recommender.split import fold_in

Progress = Callable[[int, int], None]

_BATCH = 1024


@dataclass(frozen=True, slots=True, eq=False)
class Candidates:
    """Who may have been trained on, as the attacker sees them.

    Attributes:
        shown: the part of each history that the model is given.
        hidden: the rest, on the same axes.
    """

    shown: Interactions
    hidden: Interactions


def candidates(histories: Interactions, *, rng: np.random.Generator) -> Candidates:
    """Half of each history shown, half of it hidden; subjects with one item only are left out."""
    return Candidates(*fold_in(histories.rows(histories.lengths > 1), 0.5, rng=rng))


def infer_membership(
    recommender: Recommender,
    members: Candidates,
    others: Candidates,
    *,
    rng: np.random.Generator,
    k: int = 20,
    reference: Recommender | None = None,
    confidence: float = 0.95,
    progress: Progress | None = None,
) -> tuple[MembershipReport, ...]:
    """Attack a model by its lists, by its ranks and, with a reference, by calibrated ranks.

    Args:
        recommender: serves the model under attack.
        members: subjects whom it was trained on.
        others: subjects like them whom it was not trained on.
        rng: of the bootstrap.
        k: length of a served list.
        reference: a model that learnt from neither.
        confidence: of the intervals, each by itself.
        progress: told (attacks done, attacks in all).

    Raises:
        BadAttack: nobody is left on one side: no hidden title is one that the model knows.
    """
    attacks: dict[str, Callable[[Candidates], np.ndarray]] = {
        "served lists": lambda side: list_scores(recommender, side, k),
        "ranks of all titles": lambda side: rank_scores(recommender, side),
    }
    if reference is not None:
        attacks["ranks against a reference"] = lambda side: _calibrated(recommender, reference, side)
    reports = []
    for name, attack in attacks.items():
        inside, outside = attack(members), attack(others)
        lengths = (_lengths(members), _lengths(others))
        reports.append(compare(name, inside, outside, lengths, rng=rng, confidence=confidence))
        if progress is not None:
            progress(len(reports), len(attacks))
    return tuple(reports)


def list_scores(recommender: Recommender, side: Candidates, k: int) -> np.ndarray:
    """NDCG of the hidden titles in the served list of k: float64, shape (subjects,); NaN where none is known."""
    rows, ranks = hidden_ranks(recommender, side)
    subjects = len(side.shown.subjects)
    gains = np.bincount(rows, np.where(ranks <= k, 1 / np.log2(ranks + 1), 0.0), minlength=subjects)
    known = np.bincount(rows, minlength=subjects)
    best = np.concatenate([[0.0], np.cumsum(1 / np.log2(np.arange(1, k + 1) + 1))])[np.minimum(known, k)]
    scores: np.ndarray = np.divide(gains, best, out=np.full(subjects, np.nan), where=known > 0)
    return scores


def rank_scores(recommender: Recommender, side: Candidates) -> np.ndarray:
    """Minus the mean logarithm of the hidden titles' ranks: float64, shape (subjects,); NaN where none is known."""
    rows, ranks = hidden_ranks(recommender, side)
    subjects = len(side.shown.subjects)
    known = np.bincount(rows, minlength=subjects)
    sums = -np.bincount(rows, np.log(ranks), minlength=subjects)
    scores: np.ndarray = np.divide(sums, known, out=np.full(subjects, np.nan), where=known > 0)
    return scores


def hidden_ranks(recommender: Recommender, side: Candidates) -> tuple[np.ndarray, np.ndarray]:
    """Row and rank, from 1, of each hidden title that the model knows, among all titles that were not shown."""
    items = recommender.model.items
    hidden, shown = side.hidden.on_items(items).matrix, side.shown.on_items(items).matrix
    rows, ranks = [], []
    for start in range(0, len(side.shown.subjects), _BATCH):
        part = np.arange(start, min(start + _BATCH, len(side.shown.subjects)))
        scores = recommender.scores(side.shown.rows(part)).astype(np.float64)
        scores[shown[part].toarray() > 0] = -np.inf
        place = np.empty_like(scores, dtype=np.int64)
        order = np.argsort(-scores, axis=1, kind="stable")  # ties as in a served list
        np.put_along_axis(place, order, np.arange(1, scores.shape[1] + 1), axis=1)
        row, column = hidden[part].nonzero()
        rows.append(row + start)
        ranks.append(place[row, column])
    return np.concatenate(rows), np.concatenate(ranks)


def _calibrated(recommender: Recommender, reference: Recommender, side: Candidates) -> np.ndarray:
    difference: np.ndarray = rank_scores(recommender, side) - rank_scores(reference, side)
    return difference


def _lengths(side: Candidates) -> np.ndarray:
    lengths: np.ndarray = side.shown.lengths + side.hidden.lengths
    return lengths
