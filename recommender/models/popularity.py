"""The most watched titles, the same for everybody. Also the list for whoever has no history yet."""

from recommender.denoise import Denoised
from recommender.models.kind import ModelKind


def _weigh(_: Denoised) -> None:
    return None


POPULARITY = ModelKind(
    "popularity", "The most watched titles, the same for everybody; uses no one's history.", _weigh, personal=False
)
