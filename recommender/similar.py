"""More like this: the titles that a single watched title speaks for."""

from collections.abc import Collection

import numpy as np

from recommender.errors import BadInteractions
from recommender.linear_model import LinearModel


def similar(
    model: LinearModel, item: str, k: int, *, eligible: Collection[str] | None = None
) -> tuple[tuple[str, float], ...]:
    """The k titles that the model gives whoever watched this title and nothing else, with their scores, best first.

    Args:
        model: of any kind that has weights.
        item: the title.
        k: at most this many; fewer where fewer are eligible.
        eligible: if given, only these titles.

    Raises:
        BadInteractions: the model does not know the title, or gives everybody the same list.
    """
    if model.weights is None or item not in model.items:
        msg = f"a model of kind {model.kind} cannot say what is like a title that it does not weigh"
        raise BadInteractions(msg)
    row = model.weights[model.items.index(item)]
    order = [model.items[column] for column in np.argsort(-row, kind="stable").tolist()]
    scores = dict(zip(model.items, row.tolist(), strict=True))
    chosen = [title for title in order if title != item and (eligible is None or title in eligible)]
    return tuple((title, scores[title]) for title in chosen[:k])
