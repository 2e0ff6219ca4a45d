"""The models that one release gives, at no further privacy cost. ``MODELS`` is the registry.

What else a recommender is made of (embeddings that are paid for, the bandit, cold starts, rows without profiling, …)
stands in ``recommender.systems``.
"""

from collections.abc import Collection

from recommender.errors import UnknownModel
from recommender.models.content import CONTENT
from recommender.models.ease import EASE
from recommender.models.ensemble import ENSEMBLE
from recommender.models.item_cf import ITEM_CF
from recommender.models.kind import ModelKind
from recommender.models.next_title import NEXT_TITLE
from recommender.models.popularity import POPULARITY
from recommender.models.svd import SVD
from recommender.models.temporal import TEMPORAL
from recommender.models.trending import TRENDING
from recommender.models.user_cf import USER_CF

MODELS: tuple[ModelKind, ...] = (
    POPULARITY,
    TRENDING,
    ITEM_CF,
    USER_CF,
    SVD,
    EASE,
    CONTENT,
    NEXT_TITLE,
    TEMPORAL,
    ENSEMBLE,
)


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


def kinds_for(signals: Collection[str]) -> tuple[ModelKind, ...]:
    """The kinds that a release with these further signals gives: ``release.signals``, or those of a plan."""
    return tuple(kind for kind in MODELS if kind.can_fit(signals))
