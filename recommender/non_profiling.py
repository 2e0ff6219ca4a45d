"""The list for whoever did not agree to be profiled (Digital Services Act, Article 38): it uses nothing about them.

Not even the history is left out of the list: to leave it out one would have to read it. The time of day is not used
either. Exposure prices stay, as they are the same for everybody.
"""

from collections.abc import Collection
from dataclasses import dataclass, replace

from recommender.diversified import diversified
from recommender.explanation import Reason
from recommender.features import CatalogueFeatures
from recommender.linear_model import LinearModel


@dataclass(frozen=True, slots=True)
class NonProfilingList:
    """Titles, best first, and the reason to show with them."""

    titles: tuple[str, ...]
    reason: Reason


def non_profiling(
    model: LinearModel,
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
    return NonProfilingList(titles, Reason.SAME_FOR_ALL)


def without_profiling(model: LinearModel) -> LinearModel:
    """The same model without anything that could look at a subject: served, it gives everybody its popular titles.

    Serve it with empty histories: a ``Recommender`` takes watched titles out of a list, and so would read them.
    """
    return replace(model, weights=None, slot_lifts=None)
