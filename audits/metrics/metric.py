"""What a metric is."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from audits.evidence import Evidence
from audits.statistics import Statistics

Need = Literal[
    "attributes",
    "relevance",
    "history",
    "popularity",
    "groups",
    "profile",
    "attack",
    "inference",
    "artwork",
    "artwork with a cast",
    "artwork with probes",
    "artwork with chances",
]
_STATED: frozenset[Need] = frozenset(
    {"attack", "inference", "artwork", "artwork with a cast", "artwork with probes", "artwork with chances"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """One measurement, as the registry lists it.

    Attributes:
        slug: its name in reports and policies.
        title: its name for people.
        formula: how it is computed, in one line that a reviewer can check.
        low: smallest possible value.
        high: largest possible value, may be infinite.
        better: whether a higher or lower value is better, or one near the cell's target.
        needs: what the input must hold; "relevance" also means that the figure is conditional on what subjects were
            shown before, "profile" is a history or, without one, held-out targets. What is stated and not measured:
            "attack" is the result of one on the recommender, "inference" that of inferring membership, and "artwork"
            the report of an audit of artwork, with what that has to know.
        measure: per-subject statistics from the evidence.
        asked_only: whether it is measured only where the configuration names it, because it has as many cells as there
            are categories times groups: they would widen every other interval.
    """

    slug: str
    title: str
    formula: str
    low: float
    high: float
    better: Literal["higher", "lower", "target"]
    needs: frozenset[Need]
    measure: Callable[[Evidence], Statistics]
    asked_only: bool = False

    @property
    def stated(self) -> bool:
        """Whether its figures come with the input, by a report of their own, and are not measured from lists."""
        return not self.needs.isdisjoint(_STATED)


def not_from_lists(_: Evidence) -> Statistics:
    """The ``measure`` of a metric that is stated."""
    msg = "this figure is stated to the audit, not measured from lists"
    raise ValueError(msg)
