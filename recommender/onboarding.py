"""What to ask a new subject: the few titles whose choice tells most about a taste. What they choose is their history.

Of a question only the yes counts: a title that is not chosen is no part of a history. So titles must between them speak
for everybody, which is greedy variance reduction on the de-noised Gram matrix, not centred (column subset selection:
Farahat, Elgohary, Ghodsi, Kamel 2013): each next title is the one whose column explains most of the squares that those
before it leave unexplained. A title like one already asked about explains nothing more; a title that few know never
explained much. Nothing but the release is used.
"""

from collections.abc import Collection

import numpy as np

from recommender.denoise import Denoised


def onboarding(denoised: Denoised, count: int, *, eligible: Collection[str] | None = None) -> tuple[str, ...]:
    """``count`` titles to show, the most telling first; fewer where fewer are eligible.

    Args:
        denoised: the release.
        count: how many.
        eligible: if given, only these titles (available, and fit for somebody of unknown age).

    Where noise leaves no title that explains anything more, the most popular ones follow.
    """
    items = denoised.release.items
    free = np.array([eligible is None or item in eligible for item in items], dtype=bool)
    unexplained = denoised.gram.copy()
    unsure = np.sqrt(2) * denoised.release.noise.gram + 1e-12  # the diagonal's noise: what drowns in it stays small
    chosen: list[int] = []
    for _ in range(min(count, int(free.sum()))):
        own = np.maximum(np.diag(unexplained), 0.0) + unsure
        explains = (unexplained**2).sum(axis=0) / own
        clear = explains[free].max() > 1e-9 * max(float(denoised.values.sum()), 1e-12)
        best = int(np.argmax(np.where(free, explains if clear else denoised.release.counts, -np.inf)))
        chosen.append(best)
        free[best] = False
        unexplained -= np.outer(unexplained[best], unexplained[best]) / own[best]
    return tuple(items[place] for place in chosen)
