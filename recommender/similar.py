"""More like this: the titles that a single watched title speaks for."""

from collections.abc import Collection

from recommender.errors import BadInteractions
from recommender.linear_model import LinearModel
from recommender.serving import Recommender


def similar(
    model: LinearModel, item: str, k: int, *, eligible: Collection[str] | None = None
) -> tuple[tuple[str, float], ...]:
    """The k titles that the model gives whoever watched this title and nothing else, with their scores, best first.

    Args:
        model: of any kind that has weights; its exposure prices count, if it has any.
        item: the title.
        k: at most this many; fewer where fewer are eligible.
        eligible: if given, only these titles.

    Raises:
        BadInteractions: the model does not know the title, or gives everybody the same list; or k is not positive.
    """
    if model.weights is None or item not in model.items:
        msg = f"a model of kind {model.kind} cannot say what is like a title that it does not weigh"
        raise BadInteractions(msg)
    listed = Recommender(model).recommend_one((item,), k, available=eligible)
    return tuple((each.item, each.score) for each in listed)
