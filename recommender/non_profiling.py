"""The list for whoever did not agree to be profiled (Digital Services Act, Article 38): it uses nothing about them.

Not even the history is left out of the list: to leave it out one would have to read it. The time of day is not used
either. Exposure prices stay, as they are the same for everybody.
"""

from collections.abc import Collection
from dataclasses import dataclass

from recommender.diversified import diversified
from recommender.explanation import Reason
from recommender.features import CatalogueFeatures
from recommender.model import Model


@dataclass(frozen=True, slots=True)
class NonProfilingList:
    """Titles, best first, and the reason to show with them."""

    titles: tuple[str, ...]
    reason: Reason


def non_profiling(
    model: Model,
    k: int,
    *,
    features: CatalogueFeatures | None = None,
    eligible: Collection[str] | None = None,
) -> NonProfilingList:
    """What is popular (or trending, by the model's popularity), diversified by public metadata.

    Guarantees:
        - no argument is about a subject, so two subjects cannot get different lists
    """
    titles = diversified(model, k, features=features, eligible=eligible)
    return NonProfilingList(titles, Reason.NOT_PROFILED)
