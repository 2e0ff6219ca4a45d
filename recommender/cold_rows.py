"""The list of whoever has no title that the model knows: popular titles that are unlike each other.

It stands in place of plain popularity where public metadata is at hand. Scores stay what they are, so that ``explain``
still adds up to them; only which titles are listed, and in which order, is that of ``diversified``.
"""

import numpy as np
from scipy.sparse import csr_matrix

from recommender.diversified import varied
from recommender.ranking import Ranked
from recommender.scoring import Scoring


def with_cold_rows(
    found: Ranked, known: csr_matrix, scoring: Scoring, *, vectors: np.ndarray, k: int, limits: np.ndarray | None
) -> Ranked:
    """The lists of a batch with those of its empty rows made anew.

    Args:
        found: what ``scoring.best`` gave.
        known: the histories, shape (n, m).
        scoring: what scored them.
        vectors: what titles are like (``likeness.title_vectors``), shape (m, any).
        k: titles a list, at most.
        limits: one a row where there are levels.

    Guarantees:
        - nothing but the limit differs between the lists of two empty rows
    """
    cold = np.flatnonzero(np.diff(known.indptr) == 0)
    if not cold.size:
        return found
    nobody = csr_matrix((1, known.shape[1]), dtype=known.dtype)
    scores = scoring.scores(nobody)[0]
    kinds, kind_of = np.unique(np.zeros(len(cold)) if limits is None else limits[cold], return_inverse=True)
    lists = [_list(scoring, scores, vectors, k, None if limits is None else limit) for limit in kinds]
    warm = ~np.isin(found.rows, cold)
    columns = [lists[kind] for kind in kind_of]
    lengths = [len(each) for each in columns]
    rows = np.concatenate([found.rows[warm], np.repeat(cold, lengths)])
    ranks = np.concatenate([found.ranks[warm], *(np.arange(1, length + 1) for length in lengths)])
    order = np.lexsort((ranks, rows))
    places = np.concatenate([found.columns[warm], *columns])
    listed = np.concatenate([found.scores[warm], *(scores[each] for each in columns)])
    return Ranked(rows[order], places[order], ranks[order].astype(np.int32), listed[order])


def _list(scoring: Scoring, scores: np.ndarray, vectors: np.ndarray, k: int, limit: float | None) -> np.ndarray:
    free = np.ones(len(scores), dtype=bool) if scoring.closed is None else ~scoring.closed
    if scoring.levels is not None and limit is not None:
        free &= ~(scoring.levels > limit)
    # Prices are in units of a best score of 1, and scores with prices are so already.
    unit = 1.0 if scoring.relative or scoring.model.prices is not None else max(float(scores.max(initial=0.0)), 1e-12)
    return np.array(varied(scores / unit, vectors, free, k), dtype=np.int64)
