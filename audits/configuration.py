"""What an audit is told besides its tables."""

from dataclasses import dataclass, field

from audits.attention import Attention
from audits.errors import InvalidConfig
from audits.tiers import PopularitySplit

DEEPEST = 3
"""Attributes that can be crossed at once; deeper cells hold hardly anybody."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditConfig:
    """Settings of one audit.

    Attributes:
        seed: of the bootstrap; equal seed and input give equal bytes.
        model_digest: what made the lists, as the caller names it.
        k: ranks counted; None means the longest list.
        attention: weight of each rank.
        attributes: attributes to audit; None means every one with at most ``max_categories`` categories (the report
            names those left out).
        metrics: slugs to measure; None means all that the input allows.
        replicates: bootstrap resamples.
        level: joint coverage of all simultaneous intervals together, and of each pointwise one.
        min_subjects: a figure that rests on fewer subjects is not given, and smaller groups are measured together.
        intersections: crosses ways to divide the subjects: up to so many at once (1 is none, 3 the most), or exactly
            these combinations of attributes, such as ``(("age", "region"),)``.
        popularity_tiers: whether the titles' popularity is an audited attribute too: head, middle, tail and cold.
        activity_tiers: whether the length of its history divides the subjects too: heavy, regular, light and cold.
        cold_below: a title with fewer interactions is cold, and so is a subject with a shorter history.
        ratio_share: groups with a smaller part of the subjects count in no worst group and no ratio; their own figures
            are given all the same (0.02 is what New York's Local Law 144 allows).
        random_traffic: whether held-out targets come from randomised lists; the report says so, or marks quality as
            conditional.
        sensitivity: whether figures are also measured under other attention models.
        popularity_split: what counts as head, middle and tail of the catalogue.

    Raises:
        InvalidConfig: a value out of range.
    """

    seed: int
    model_digest: str
    k: int | None = None
    attention: Attention = field(default_factory=Attention)
    attributes: tuple[str, ...] | None = None
    max_categories: int = 60
    metrics: tuple[str, ...] | None = None
    replicates: int = 1000
    level: float = 0.95
    min_subjects: int = 10
    intersections: int | tuple[tuple[str, ...], ...] = 1
    popularity_tiers: bool = False
    activity_tiers: bool = False
    cold_below: int = 5
    ratio_share: float = 0.0
    random_traffic: bool = False
    sensitivity: bool = True
    popularity_split: PopularitySplit = field(default_factory=PopularitySplit)

    def __post_init__(self) -> None:
        checks = (
            ("seed", self.seed >= 0, "0 or more"),
            ("k", self.k is None or self.k >= 1, "1 or more"),
            ("replicates", self.replicates >= 100, "100 or more"),  # noqa: PLR2004 - fewer cannot place a 95 % quantile
            ("level", 0.5 <= self.level < 1.0, "at least 0.5 and below 1"),  # noqa: PLR2004 - the sentence beside it says so
            ("max_categories", self.max_categories >= 1, "1 or more"),
            ("min_subjects", self.min_subjects >= 1, "1 or more"),
            ("intersections", self._can_cross(), f"1 to {DEEPEST} at once, or combinations of 2 or 3 names"),
            ("cold_below", self.cold_below >= 1, "1 or more"),
            ("ratio_share", 0.0 <= self.ratio_share < 1.0, "at least 0 and below 1"),
        )
        for name, holds, expected in checks:
            if not holds:
                msg = f"audit setting {name}: expected {expected}, got {getattr(self, name)}"
                raise InvalidConfig(msg)

    def _can_cross(self) -> bool:
        if isinstance(self.intersections, int):
            return 1 <= self.intersections <= DEEPEST
        return all(2 <= len(set(names)) == len(names) <= DEEPEST for names in self.intersections)  # noqa: PLR2004 - two cross
