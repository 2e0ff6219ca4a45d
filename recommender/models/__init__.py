"""The models that one release gives, at no further privacy cost. ``MODELS`` is the registry."""

from recommender.errors import UnknownModel
from recommender.models.ease import EASE
from recommender.models.item_cf import ITEM_CF
from recommender.models.kind import ModelKind
from recommender.models.popularity import POPULARITY
from recommender.models.svd import SVD
from recommender.models.user_cf import USER_CF

MODELS: tuple[ModelKind, ...] = (POPULARITY, ITEM_CF, USER_CF, SVD, EASE)


def get_kind(slug: str) -> ModelKind:
    """The model kind with that slug.

    Raises:
        UnknownModel: there is none; the message lists those there are.
    """
    for kind in MODELS:
        if kind.slug == slug:
            return kind
    msg = f"no model is called {slug!r}; there are {', '.join(kind.slug for kind in MODELS)}"
    raise UnknownModel(msg)
