"""The exact integer sums behind a release, as a value: what a subject added can be taken out of them again.

They are as sensitive as the events themselves. Nothing here prints them, whoever keeps them encrypts them, and they
leave the house only as a release, with noise drawn for that release alone: two releases that share noise would subtract
to one person's history.

Subtracting is exact: what remains is bit for bit what a run from scratch without those subjects adds up, as long as the
*basis* is the same: which items are kept and how they weigh. That comes from the counts of an earlier release, which is
public and has been paid for. A release from kept sums draws noise for its counts too, but keeps that basis.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from recommender.errors import BadInteractions, BadMechanism
from recommender.features import CatalogueFeatures
from recommender.fixed_point import column_sums, exact_counts, require_room, unit_rows, verify_bounded
from recommender.immutable import Immutable
from recommender.interactions import Interactions, capped
from recommender.lens import seen_rows, verify_lens
from recommender.mechanism import Mechanism
from recommender.release import Release
from recommender.signals import get_signal
from recommender.signals.kind import Observed

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

Gram = Callable[["csr_matrix", int], np.ndarray]
"""Adds up outer products of rows on a grid of so many bits."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Basis(Immutable):
    """Which items are kept, in catalogue order, and how much each weighs in a history: public, from noisy counts.

    Attributes:
        items: the m kept items.
        history_weights: float64, positive, shape (m,).
        exact: whether the noise of those counts came from an exact source: else nothing on this basis has a guarantee.
        lens: along which directions histories are measured (``recommender.lens``), shape (m, d), or None for all.
    """

    items: tuple[str, ...]
    history_weights: np.ndarray
    exact: bool
    lens: np.ndarray | None = None

    def __post_init__(self) -> None:
        self._fix()
        if self.lens is not None:
            verify_lens(self.lens, len(self.items))
        weights = self.history_weights
        positive = np.isfinite(weights) & (weights > 0)
        if weights.dtype != np.float64 or weights.shape != (len(self.items),) or not positive.all():
            msg = f"a basis of {len(self.items)} items needs as many positive, finite float64 weights"
            raise BadMechanism(msg)
        if len(set(self.items)) != len(self.items):
            msg = "a basis names each item once"
            raise BadMechanism(msg)

    @property
    def width(self) -> int:
        """How many numbers a history has on this basis: d along a lens, else m."""
        return len(self.items) if self.lens is None else self.lens.shape[1]


def basis_of(release: Release) -> Basis:
    """The basis of an earlier release: post-processing of its noisy counts."""
    return Basis(
        items=release.items,
        history_weights=release.history_weights,
        exact=release.guarantee.epsilon < math.inf,
        lens=release.lens,
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Rule:
    """All that decides what one subject adds, beside their own events and the basis; public.

    Attributes:
        max_items_per_subject: cap of a history.
        gram_bits: grid of the rows.
        weighted: whether interactions came with their importance.
        signals: slugs of the further signals, in the order of their noise.
        trending_days: length of the trending window.
        as_of: its last second since 1970, or None.
        features: public metadata of the titles, or None.
        timed: whether interactions came with their times.
        with_offsets: whether subjects came with their offsets from UTC.
    """

    max_items_per_subject: int
    gram_bits: int
    weighted: bool = False
    signals: tuple[str, ...] = ()
    trending_days: int = 7
    as_of: int | None = None
    features: CatalogueFeatures | None = None
    timed: bool = False
    with_offsets: bool = False

    def __post_init__(self) -> None:
        flags = (self.weighted, self.timed, self.with_offsets)
        numbers = (self.max_items_per_subject, self.gram_bits, self.trending_days)
        typed = all(type(each) is bool for each in flags) and all(type(each) is int for each in numbers)
        if not typed or type(self.as_of) not in (int, type(None)):
            msg = "a rule needs whole numbers, and flags that are true or false"
            raise BadMechanism(msg)
        slugs = [get_signal(slug).slug for slug in self.signals]
        ranges = self.max_items_per_subject >= 1 and self.trending_days >= 1 and 12 <= self.gram_bits <= 20  # noqa: PLR2004 - as a mechanism's
        if not ranges or len(set(slugs)) != len(slugs):
            msg = "a rule needs what a mechanism may have: numbers in its ranges, and each signal once"
            raise BadMechanism(msg)

    def verify_alike(self, interactions: Interactions) -> None:
        """Check that interactions say of each subject what those of the measurement said.

        Raises:
            BadInteractions: names the first thing that stands beside one and not beside the other.
        """
        beside = (interactions.importance, interactions.times, interactions.utc_offsets)
        ours = (self.weighted, self.timed, self.with_offsets)
        for name, have, given in zip(("importance", "times", "utc_offsets"), ours, beside, strict=True):
            if have != (given is not None):
                msg = f"these sums are of interactions {'with' if have else 'without'} {name}, unlike those given"
                raise BadInteractions(msg)

    def verify_fits(self, mechanism: Mechanism) -> None:
        """Check that the sums are those that a mechanism measures.

        Raises:
            BadMechanism: names the first parameter by which they are not.
        """
        ours = (self.max_items_per_subject, self.gram_bits, self.signals, self.trending_days)
        theirs = (
            mechanism.max_items_per_subject,
            mechanism.gram_bits,
            tuple(slug for slug, _ in mechanism.shares),
            mechanism.trending_days if mechanism.shares else self.trending_days,
        )
        names = ("max_items_per_subject", "gram_bits", "signals", "trending_days")
        for name, have, want in zip(names, ours, theirs, strict=True):
            if have != want:
                msg = f"the sums were added up with {name} {have}, the mechanism wants {want}"
                raise BadMechanism(msg)


def rule_for(
    interactions: Interactions, mechanism: Mechanism, *, as_of: int | None, features: CatalogueFeatures | None
) -> Rule:
    """The rule of a mechanism for such interactions."""
    return Rule(
        max_items_per_subject=mechanism.max_items_per_subject,
        gram_bits=mechanism.gram_bits,
        weighted=interactions.importance is not None,
        signals=tuple(slug for slug, _ in mechanism.shares),
        trending_days=mechanism.trending_days,
        as_of=as_of,
        features=features,
        timed=interactions.times is not None,
        with_offsets=interactions.utc_offsets is not None,
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class ExactSums(Immutable):
    """Integers without noise. Not covered by any guarantee: keep them secret, or do not keep them.

    Attributes:
        catalogue: all items, n of them.
        basis: what the Gram matrix and the signals are over.
        rule: what a subject adds.
        counts: int64, shape (n,), in units of 2^-32.
        gram: int64, shape (m, m), or (d, d) through a lens of d directions, symmetric, in units of 4^-gram_bits.
        signals: int64 sums by slug.
    """

    catalogue: tuple[str, ...]
    basis: Basis
    rule: Rule
    counts: np.ndarray
    gram: np.ndarray
    signals: Mapping[str, np.ndarray] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._fix()
        width, features = len(self.basis.items), self.rule.features
        shapes = {slug: get_signal(slug).shape(width, len(features.names) if features else 0) for slug in self.signals}
        arrays = (self.counts, self.gram, *self.signals.values())
        seen = self.basis.width
        wanted = ((len(self.catalogue),), (seen, seen), *shapes.values())
        if tuple(self.signals) != self.rule.signals or any(
            array.dtype != np.int64 or array.shape != shape for array, shape in zip(arrays, wanted, strict=True)
        ):
            msg = "exact sums are int64 arrays of the shapes that their catalogue, basis and rule give"
            raise BadMechanism(msg)
        known = set(self.catalogue)
        if len(known) != len(self.catalogue) or not known.issuperset(self.basis.items):
            msg = "a catalogue names each item once, and those that are kept are among them"
            raise BadMechanism(msg)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(…)"

    def without(self, erased: Interactions) -> "ExactSums":
        """The sums of everybody else.

        Args:
            erased: everything that these subjects had in the measurement, as it was then: before capping, with times,
                offsets and importance where the measurement had them. That they were in it, and have not been taken
                out before, is the caller's duty: sums do not say of whom they are.

        Guarantees:
            - bit for bit the sums of a run from scratch without those subjects, under this basis and rule, if they
              were in it as given

        Raises:
            BadInteractions: a sum would fall below 0, so they were not; or something stands beside these interactions
                that did not then, or the other way round. A stranger whose history others share is not found out.
        """
        self.rule.verify_alike(erased)
        added = added_up(erased.on_items(self.catalogue), self.basis, self.rule)
        rest = replace(
            self,
            counts=self.counts - added.counts,
            gram=self.gram - added.gram,
            signals={slug: total - added.signals[slug] for slug, total in self.signals.items()},
        )
        # Along a lens, pairs of directions may well add up to less than nothing, but no direction's own energy does.
        own = rest.gram if self.basis.lens is None else np.diag(rest.gram)
        if any((array < 0).any() for array in (rest.counts, own, *rest.signals.values())):
            msg = "what was to be taken out was never in these sums: a sum would fall below 0"
            raise BadInteractions(msg)
        return rest


_DENSE_ROWS = 2048


def few_gram(rows: "csr_matrix", bits: int) -> np.ndarray:
    """Σ_u x_u x_uᵀ of few subjects, in integers throughout: int64. For many, ``gram.exact_gram`` is faster."""
    del bits  # of the grid: 64 bits hold as many subjects as could be called few
    gram: np.ndarray = (rows.T @ rows).toarray()
    return gram


def added_up(
    interactions: Interactions, basis: Basis, rule: Rule, *, gram: Gram = few_gram, engine: object | None = None
) -> ExactSums:
    """The sums of these interactions by a rule.

    Args:
        interactions: over the whole catalogue.
        basis: public: what is kept.
        rule: public: what a subject adds.
        gram: adds up outer products; cannot change the result.
        engine: an Ibis backend that adds up rows; cannot change the result.

    Guarantees:
        - a sum of what each subject adds alone: nobody's presence changes what another adds
        - each subject's addition to each sum is bounded as ``signals.kind`` says, which is checked in integers
    """
    observed = observed_by(interactions, basis, rule)
    return ExactSums(
        catalogue=interactions.items,
        basis=basis,
        rule=rule,
        counts=exact_counts(observed.whole.matrix, engine=engine),
        gram=outer_sum(gram_rows(observed, basis), basis, rule.gram_bits, gram),
        signals={slug: signal_sum(slug, observed, gram=gram, engine=engine) for slug in rule.signals},
    )


def observed_by(interactions: Interactions, basis: Basis, rule: Rule) -> Observed:
    """What a measurement by this rule looks at: histories cut to the cap, whole and over what is kept."""
    whole = capped(interactions, rule.max_items_per_subject)
    return Observed(
        whole=whole,
        kept=whole.on_items(basis.items),
        bits=rule.gram_bits,
        as_of=rule.as_of,
        trending_days=rule.trending_days,
        features=rule.features,
    )


def gram_rows(observed: Observed, basis: Basis) -> "csr_matrix":
    """Kept histories of norm 1 in units of 2^-bits, before any lens."""
    kept = observed.kept
    return unit_rows(kept.matrix, basis.history_weights, bits=observed.bits, importance=kept.importance)


def as_seen(rows: "csr_matrix", basis: Basis, bits: int) -> "csr_matrix":
    """Rows through the lens of the basis, if it has one."""
    return rows if basis.lens is None else seen_rows(rows, basis.lens, bits=bits)


def outer_sum(rows: "csr_matrix", basis: Basis, bits: int, gram: Gram) -> np.ndarray:
    """Σ_u z_u z_uᵀ of rows as the basis sees them: int64, shape (width, width) of the basis.

    Raises:
        BadMechanism: more subjects than 64 bits hold.
    """
    require_room(rows.shape[0], bits)  # of all of them: below, each sum sees a few thousand
    if basis.lens is None:
        return gram(rows, bits)
    total = np.zeros((basis.width, basis.width), dtype=np.int64)
    # Through a lens every row is dense: a few thousand at a time fit into memory, also as an engine's pairs.
    for start in range(0, rows.shape[0], _DENSE_ROWS):
        total += gram(as_seen(rows[start : start + _DENSE_ROWS], basis, bits), bits)
    return total


def signal_rows(slug: str, observed: Observed) -> "csr_matrix":
    """What each subject adds to a signal, in its integers: int64 CSR.

    Raises:
        BadMechanism: a subject would add more than the signal's bound, or what the signal needs was not given.
    """
    kind = get_signal(slug)
    rows = kind.rows(observed)
    verify_bounded(rows, kind.squared_norm(observed.bits))
    return rows


def signal_sum(slug: str, observed: Observed, *, gram: Gram = few_gram, engine: object | None = None) -> np.ndarray:
    """One signal's exact sum: int64, of the signal's shape.

    Raises:
        BadMechanism: a subject would add more than the signal's bound, or what the signal needs was not given.
    """
    kind, rows = get_signal(slug), signal_rows(slug, observed)
    if kind.outer:
        return gram(rows, observed.bits)
    features = observed.features
    shape = kind.shape(len(observed.kept.items), len(features.names) if features else 0)
    return column_sums(rows, engine=engine).reshape(shape)
