"""What is neither a model of the registry nor a peer: it has a release of its own. ``FURTHER`` is the registry."""

from collections.abc import Callable
from dataclasses import dataclass

from benchmarks.protocol import bound, deep
from benchmarks.protocol.data import Dataset
from benchmarks.protocol.ours import Terms
from benchmarks.protocol.ranking import Listed
from recommender.interactions import Interactions


@dataclass(frozen=True, kw_only=True)
class Further:
    """One method.

    Attributes:
        slug: names it in tables and on the command line.
        ours: whether it is a model of ours, to be compared with others.
        is_here: whether this environment has it at this ε.
        lists: what it recommends to the held-out.
    """

    slug: str
    ours: bool
    is_here: Callable[[float], bool]
    lists: Callable[[Dataset, Interactions, Interactions, Terms], Listed]


FURTHER = (
    Further(slug=deep.SLUG, ours=True, is_here=deep.is_here, lists=deep.autoencoder_lists),
    Further(slug=bound.SLUG, ours=False, is_here=bound.is_here, lists=bound.bound_lists),
)
