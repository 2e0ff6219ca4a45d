"""Every system that a recommender of the case study's kind has, where it stands here, and who pays for it.

``MODELS`` holds the kinds that are fitted to a release and score titles for a history: they share one contract, and so
one registry. The others answer other questions, of one title, of nobody, of a slot or of a log, and share no more than
what ``Paid`` says: what a system reads of people. ``SYSTEMS`` is for reading; nothing is looked up in it.
"""

from dataclasses import dataclass
from enum import StrEnum


class Paid(StrEnum):
    """What a system reads of people, and so what it costs."""

    NOTHING = "Follows from a release, its models, public metadata and the history of whoever asks: costs nothing more."
    WITH_THE_RELEASE = "Reads the subjects again; reserved together with its release, under one guarantee."
    BY_ITSELF = "Reads the subjects; a measurement of its own with a guarantee of its own."
    NOT_COVERED = "Reads who saw what; its answers are for the house and no guarantee covers them."


@dataclass(frozen=True, slots=True)
class System:
    """One entry of ``SYSTEMS``.

    Attributes:
        name: what it is called.
        where: what it is made of, each part as ``module:name`` below ``recommender``.
        paid: what it costs.
    """

    name: str
    where: tuple[str, ...]
    paid: Paid = Paid.NOTHING


SYSTEMS: tuple[System, ...] = (
    System("popularity", ("models.popularity:POPULARITY",)),
    System("trending", ("models.trending:TRENDING",)),
    System("item-based collaborative filtering", ("models.item_cf:ITEM_CF",)),
    System("user-based collaborative filtering", ("models.user_cf:USER_CF",)),
    System("matrix factorisation (SVD)", ("models.svd:SVD",)),
    System("each title from all others (EASE)", ("models.ease:EASE",)),
    System("content: genre, decade, cast, director", ("models.content:CONTENT",)),
    System("what comes next", ("models.next_title:NEXT_TITLE",)),
    System("time of day and of the week", ("models.temporal:TEMPORAL",)),
    System("ensemble", ("models.ensemble:ENSEMBLE",)),
    System(
        "deep embeddings",
        ("paid_models:AUTOENCODER", "autoencoder.training:train_autoencoder"),
        Paid.WITH_THE_RELEASE,
    ),
    System("similar to what you watched", ("similar:similar",)),
    System("cold start of a title", ("cold_titles:extend",)),
    System("cold start of a subject", ("onboarding:onboarding", "diversified:diversified")),
    System("without profiling (DSA Art. 38)", ("non_profiling:non_profiling",)),
    System("rows of a home page", ("rows:rows",)),
    System("the picture beside a title", ("artwork:choose_artwork",)),
    System(
        "contextual bandit: what to explore",
        ("bandit.candidates:unexplored", "bandit.policy:thompson", "bandit.policy:explore", "exploration:softmax"),
    ),
    System("contextual bandit: what it learns", ("bandit.statistics:advance",), Paid.BY_ITSELF),
    System(
        "off-policy evaluation",
        ("bandit.evaluation:ips", "bandit.evaluation:snips", "bandit.evaluation:doubly_robust"),
        Paid.NOT_COVERED,
    ),
    System("ratings", ("ratings.measurement:measure_ratings",), Paid.BY_ITSELF),
)
