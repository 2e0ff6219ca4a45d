"""A simulated feedback loop: subjects choose from their lists, the recommender learns from it, and again.

What drifts in the simulation is the recommender's doing alone: tastes stay as they are. It shows the direction of a
loop, not its size in the world, because how subjects choose is assumed.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from audits.attention import Attention
from audits.categories import Attribute
from audits.concentration import entropy, gini
from audits.divergence import entropy_bits
from audits.encoding import decode, encode
from audits.errors import InvalidConfig, InvalidTable
from audits.evidence import ABSENT
from audits.fragmentation import mean_distance_to_others, mean_divergence_to_others
from audits.measuring import rounded
from audits.profiles import category_mix

if TYPE_CHECKING:
    from scipy import sparse

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Progress = Callable[[int, int], None]

Recommend = Callable[["sparse.csr_array", np.random.Generator], Ints]
"""Histories, sparse (n, m), to item codes by subject and rank, shape (n, k), -1 after a short list's end."""
Relevance = Callable[[Ints], Floats]
"""Lists, shape (n, k), to how much each subject likes each item in its list, 0 or more, same shape."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoopSettings:
    """How long and how often the loop runs.

    Attributes:
        rounds: times that lists are made; subjects choose after each but the last.
        seeds: one run each.
        choices: different items that a subject chooses from a list.
        attention: weight of each rank.

    Raises:
        InvalidConfig: a value out of range, or a seed twice.
    """

    rounds: int
    seeds: tuple[int, ...]
    choices: int = 1
    attention: Attention = field(default_factory=Attention)

    def __post_init__(self) -> None:
        checks = (
            ("rounds", self.rounds >= 1, "1 or more", self.rounds),
            ("choices", self.choices >= 1, "1 or more", self.choices),
            ("seeds", bool(self.seeds) and min(self.seeds) >= 0, "at least one, each 0 or more", self.seeds),
            ("seeds", len(set(self.seeds)) == len(self.seeds), "distinct ones", self.seeds),
        )
        for name, holds, expected, got in checks:
            if not holds:
                msg = f"feedback loop, {name}: expected {expected}, got {got}"
                raise InvalidConfig(msg)


@dataclass(frozen=True, slots=True, kw_only=True)
class AttributeRound:
    """Categories of one attribute in one round: a list's mean entropy (bits) and fragmentation, as the metrics give."""

    attribute: str
    list_entropy: float
    fragmentation: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """One round of one run.

    Attributes:
        seed: of the run.
        number: from 1; the lists of round 1 come from the histories given.
        exposure_entropy: of exposure over the catalogue, bits.
        exposure_gini: of the same.
        coverage: share of the catalogue in at least one list.
        item_fragmentation: mean cosine distance between two subjects' lists.
        attributes: one entry each.
        choices: items chosen after these lists; 0 in the last round.
    """

    seed: int
    number: int
    exposure_entropy: float
    exposure_gini: float
    coverage: float
    item_fragmentation: float
    attributes: tuple[AttributeRound, ...]
    choices: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Loop:
    """All rounds of all runs, seed by seed in the order given; runs differ by the simulation's own noise."""

    rounds: tuple[Round, ...]
    subjects: int
    items: int
    attention_formula: str

    def to_json(self) -> bytes:
        """The one encoding; equal loops give equal bytes."""
        return encode(self)

    @classmethod
    def from_json(cls, unverified: bytes) -> "Loop":
        """The loop with exactly this encoding.

        Raises:
            CorruptReport: an unknown, missing or repeated key, a wrong type, another encoding.
        """
        return decode(cls, unverified)


def simulate(
    history: "sparse.csr_array",
    recommend: Recommend,
    relevance: Relevance,
    *,
    attributes: Sequence[Attribute] = (),
    settings: LoopSettings,
    progress: Progress | None = None,
) -> Loop:
    """Run the loop: lists, choices with probability proportional to attention times relevance, histories, lists again.

    ``progress(done, rounds of all runs)`` is called after each round. An item chosen again adds to its weight in the
    history; leaving seen items out is the recommender's affair. A subject with nothing relevant in its list chooses
    nothing.

    Raises:
        InvalidConfig: fewer than two subjects.
        InvalidTable: the recommender or the relevance returned something that is not what it must be.

    Guarantees:
      - deterministic in its arguments, if the recommender is deterministic in its own
      - histories only grow, and by items that the subject was shown
    """
    if history.shape[0] <= 1:
        msg = f"feedback loop, history: expected two subjects or more, got {history.shape[0]}"
        raise InvalidConfig(msg)
    total, rounds = settings.rounds * len(settings.seeds), list[Round]()
    for seed in settings.seeds:
        grown, (for_model, for_subjects) = history, np.random.default_rng(seed).spawn(2)
        for number in range(1, settings.rounds + 1):
            lists = _checked_lists(recommend(grown, for_model), history.shape)
            last = number == settings.rounds
            picked = None if last else _choose(lists, relevance, settings, for_subjects)
            grown = grown if picked is None else grown + _matrix(picked, np.ones(picked.shape), history.shape)
            chosen = 0 if picked is None else int(np.count_nonzero(picked != ABSENT))
            rounds.append(_measured(lists, history.shape[1], attributes, settings, (seed, number, chosen)))
            if progress is not None:
                progress(len(rounds), total)
    return Loop(
        rounds=tuple(rounds),
        subjects=int(history.shape[0]),
        items=int(history.shape[1]),
        attention_formula=settings.attention.description,
    )


def taste(history: "sparse.csr_array", attribute: Attribute) -> Relevance:
    """Relevance as the match of an item's categories with those of the subject's history, which stay as they are.

    rel(u, i) = sum_g p_ug G_ig, in [0, 1]; a subject without history likes nothing.
    """
    mix = category_mix(history, attribute.labels)

    def relevance(lists: Ints) -> Floats:
        found = np.empty(lists.shape)
        for rank in range(lists.shape[1]):
            found[:, rank] = (mix * attribute.shares[lists[:, rank]]).sum(axis=1)
        return found

    return relevance


def tastes(history: "sparse.csr_array", attributes: Sequence[Attribute]) -> Relevance:
    """Relevance as the mean over attributes of ``taste``.

    Raises:
        InvalidConfig: no attribute.
    """
    if not attributes:
        msg = "feedback loop, tastes: expected at least one attribute of the catalogue, got none"
        raise InvalidConfig(msg)
    each = [taste(history, attribute) for attribute in attributes]

    def relevance(lists: Ints) -> Floats:
        found: Floats = np.mean([one(lists) for one in each], axis=0)
        return found

    return relevance


def _choose(lists: Ints, relevance: Relevance, settings: LoopSettings, rng: np.random.Generator) -> Ints:
    """Items chosen, shape (n, choices), ``ABSENT`` where there was nothing: successive draws without replacement.

    The largest of log(weight) + Gumbel noise is a draw in proportion to weight (Plackett-Luce; Yellott 1977).
    """
    liked = np.asarray(relevance(lists), dtype=np.float64)
    if liked.shape != lists.shape or not bool(np.isfinite(liked).all()) or bool((liked < 0).any()):
        msg = f"relevance: expected finite numbers of 0 or more in the shape {lists.shape}, got others or {liked.shape}"
        raise InvalidTable(msg)
    weight = np.where(lists != ABSENT, settings.attention.weights(lists.shape[1]) * liked, 0.0)
    with np.errstate(divide="ignore"):
        keys = np.log(weight) + rng.gumbel(size=weight.shape)
    best = np.argsort(-keys, axis=1, kind="stable")[:, : settings.choices]
    possible = np.take_along_axis(weight, best, axis=1) > 0
    return np.where(possible, np.take_along_axis(lists, best, axis=1), ABSENT)


def _measured(
    lists: Ints, items: int, attributes: Sequence[Attribute], settings: LoopSettings, place: tuple[int, int, int]
) -> Round:
    looks = np.broadcast_to(settings.attention.weights(lists.shape[1]), lists.shape)
    exposure = _matrix(lists, looks, (lists.shape[0], items))
    by_item = np.asarray(exposure.sum(axis=0), dtype=np.float64).ravel()
    mixes = [(each.name, category_mix(exposure, each.labels)) for each in attributes]
    seed, number, choices = place
    return Round(
        seed=seed,
        number=number,
        exposure_entropy=rounded(entropy(by_item)),
        exposure_gini=rounded(gini(by_item)),
        coverage=rounded(np.count_nonzero(by_item) / items),
        item_fragmentation=rounded(float(mean_distance_to_others(exposure).mean())),
        attributes=tuple(
            AttributeRound(
                attribute=name,
                list_entropy=rounded(float(entropy_bits(mix).mean())),
                fragmentation=rounded(float(mean_divergence_to_others(mix).mean())),
            )
            for name, mix in mixes
        ),
        choices=choices,
    )


def _checked_lists(unverified: Ints, shape: tuple[int, int]) -> Ints:
    subjects, items = shape
    try:
        lists = np.asarray(unverified)
    except ValueError as cause:
        msg = f"lists of the recommender: expected whole numbers of shape ({subjects}, k), got rows of several lengths"
        raise InvalidTable(msg) from cause
    if lists.ndim != 2 or lists.shape[0] != subjects or lists.shape[1] == 0 or lists.dtype.kind != "i":  # noqa: PLR2004 - a table
        msg = f"lists of the recommender: expected whole numbers of shape ({subjects}, k), got {lists.shape}"
        raise InvalidTable(msg)
    shown = lists != ABSENT
    if bool(((lists < ABSENT) | (lists >= items)).any()) or bool((shown[:, 1:] & ~shown[:, :-1]).any()):
        msg = f"lists of the recommender: expected items 0 to {items - 1}, then -1 after a short list, got others"
        raise InvalidTable(msg)
    ordered = np.sort(lists, axis=1)
    if bool(((ordered[:, 1:] == ordered[:, :-1]) & (ordered[:, 1:] != ABSENT)).any()) or not bool(shown.any()):
        msg = "lists of the recommender: expected each item once in a list and some list with an item, got others"
        raise InvalidTable(msg)
    return lists.astype(np.int64)


def _matrix(lists: Ints, weights: Floats, shape: tuple[int, int]) -> "sparse.csr_array":
    from scipy import sparse

    row, rank = np.nonzero(lists != ABSENT)
    return sparse.csr_array((weights[row, rank], (row, lists[row, rank])), shape=shape)
