"""The other policies: retention, privacy, fairness, rights and access; impossible values are refused."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Level = Literal["off", "warn", "error"]
Comparison = Literal["at_least", "at_most"]

Permission = Literal[
    "ledger:read",
    "evidence:open",
    "reidentification:ask",
    "reidentification:approve",
    "models:read",
    "models:train",
    "models:propose",
    "models:deploy",
    "reviews:vote",
    "recommendations:read",
    "requests:read",
    "requests:create",
    "requests:decide",
    "evidence:export",
]
"""All that may be given to a role; access.yaml says in words what each allows. A policy with another one is refused."""


def _require(*, holds: bool, found: str) -> None:
    if not holds:
        raise ValueError(found)


@dataclass(frozen=True)
class RetentionPolicy:
    """How long each thing is kept, in days (GDPR Art. 5(1)(e); request records: 11 CCR §7101, 24 months at least)."""

    events_days: Mapping[str, int]
    request_records_days: int
    package_days: int
    quarantine_days: int

    def __post_init__(self) -> None:
        _require(holds=self.request_records_days >= 730, found=f"{self.request_records_days} days, below 24 months")  # noqa: PLR2004 - 24 months
        # A span of nothing would destroy everything at the next run.
        for name in ("package_days", "quarantine_days"):
            _require(holds=getattr(self, name) > 0, found=f"{name} {getattr(self, name)}")
        for kind, days in self.events_days.items():
            _require(holds=days > 0, found=f"{days} days for {kind}")


@dataclass(frozen=True)
class Interest:
    """What counts as one interaction in a training: a view watched this far, or a rating this high."""

    view_completion: float
    rating_stars: float

    def __post_init__(self) -> None:
        _require(holds=0 <= self.view_completion <= 1, found=f"view_completion {self.view_completion}")
        _require(holds=0 <= self.rating_stars <= 5, found=f"rating_stars {self.rating_stars}")  # noqa: PLR2004 - five stars


@dataclass(frozen=True)
class PrivacyPolicy:
    """The privacy budget of one population, and what one release may spend.

    Unit of privacy: the subject. Neighbouring: add or remove one subject. Budgets compose by Gaussian DP.
    """

    population: str
    budget_epsilon: float
    release_epsilon: float
    delta: float
    max_items_per_subject: int
    held_out_share: float
    retrain_after_erasure_days: int
    interest: Interest

    def __post_init__(self) -> None:
        _require(holds=0 < self.budget_epsilon <= 20, found=f"budget_epsilon {self.budget_epsilon}")  # noqa: PLR2004 - beyond it nothing is promised
        _require(holds=0 < self.release_epsilon <= self.budget_epsilon, found=f"release_epsilon {self.release_epsilon}")
        _require(holds=0 < self.delta <= 1e-4, found=f"delta {self.delta}")  # noqa: PLR2004 - a larger one lets a person leak whole
        _require(holds=self.max_items_per_subject > 0, found=f"max_items_per_subject {self.max_items_per_subject}")
        _require(holds=0 < self.held_out_share < 1, found=f"held_out_share {self.held_out_share}")


@dataclass(frozen=True)
class FairnessRule:
    """One promise about recommendations: a metric, where it is measured, and the limit it must keep.

    ``each`` asks it of every category of the attribute whose catalogue share is at least ``min_catalogue_share``.
    """

    id: str
    metric: str
    comparison: Comparison
    limit: float
    level: Level
    rationale: str
    approved_by: str
    attribute: str | None = None
    category: str | None = None
    min_catalogue_share: float = 0.0
    when_absent: Literal["not_applicable", "fail"] = "fail"
    when_inconclusive: Literal["warn", "fail"] = "fail"
    min_subjects: int = 30
    aim: float | None = None
    """What exposure prices aim at: inside the limit, so that an audit on other subjects is inside it too."""

    def __post_init__(self) -> None:
        _require(holds=self.limit == self.limit and abs(self.limit) != float("inf"), found=f"limit {self.limit}")
        beyond = 0.0 if self.aim is None else (self.aim - self.limit) * (1 if self.comparison == "at_least" else -1)
        _require(holds=beyond >= 0, found=f"aim {self.aim} outside the limit {self.limit}")
        _require(holds=self.category is None or self.attribute is not None, found="a category without an attribute")
        _require(holds=self.min_subjects > 0, found=f"min_subjects {self.min_subjects}")


@dataclass(frozen=True)
class FairnessPolicy:
    """How audits measure and what the gate demands."""

    list_length: int
    attention: Literal["logarithmic", "clipped", "geometric", "rbp", "uniform"]
    replicates: int
    confidence: float
    seed: int
    max_unknown_share: float
    rules: tuple[FairnessRule, ...]
    decision_valid_days: int = 90
    """For so long a pass lets a model ship and serve."""

    def __post_init__(self) -> None:
        _require(holds=self.list_length > 0, found=f"list_length {self.list_length}")
        _require(holds=self.decision_valid_days > 0, found=f"decision_valid_days {self.decision_valid_days}")
        _require(holds=self.replicates >= 200, found=f"{self.replicates} replicates, too few for a 95 % quantile")  # noqa: PLR2004 - stated
        _require(holds=0.5 < self.confidence < 1, found=f"confidence {self.confidence}")  # noqa: PLR2004 - a level below a coin
        _require(holds=len({rule.id for rule in self.rules}) == len(self.rules), found="two rules with one id")
        _require(holds=any(rule.level == "error" for rule in self.rules), found="a policy in which nothing can fail")


@dataclass(frozen=True)
class RegimeClock:
    """When an answer is due under one regime (GDPR Art. 12(3); 11 CCR §7021)."""

    law: str
    answer_months: int = 0
    answer_days: int = 0
    extension_months: int = 0
    extension_days: int = 0
    acknowledge_business_days: int = 0

    def __post_init__(self) -> None:
        _require(holds=(self.answer_months > 0) != (self.answer_days > 0), found="months and days both, or neither")


@dataclass(frozen=True)
class RightRule:
    """One right: the articles that give it and whether a second person must approve its fulfilment."""

    title: str
    articles: tuple[str, ...]
    approval: bool


@dataclass(frozen=True)
class RightsPolicy:
    """Deadlines by regime and the rights on offer by slug."""

    regimes: Mapping[str, RegimeClock]
    rights: Mapping[str, RightRule]
    identified_by: tuple[str, ...] = ("account_id",)
    """Kinds of identifier by which a request may name its subject."""


@dataclass(frozen=True)
class ReviewRule:
    """Who approves a release, and how many of them. The author never counts."""

    role: str
    approvals: int

    def __post_init__(self) -> None:
        _require(holds=self.approvals >= 1, found=f"approvals {self.approvals}")


@dataclass(frozen=True)
class ReidentificationRule:
    """For how long a question who is behind a pseudonym is good, and how many may be asked within 24 hours.

    ``tell_open`` says whether subjects are told of a case about them while it is open.
    """

    valid_days: int = 7
    per_person_per_day: int = 3
    per_day: int = 10
    tell_open: bool = False

    def __post_init__(self) -> None:
        for name in ("valid_days", "per_person_per_day", "per_day"):
            _require(holds=getattr(self, name) > 0, found=f"{name} {getattr(self, name)}")
        _require(holds=self.valid_days <= 30, found=f"valid_days {self.valid_days}, which is no time limit")  # noqa: PLR2004 - a month


@dataclass(frozen=True)
class AccessPolicy:
    """Permissions by role; a permission is ``area:verb``."""

    roles: Mapping[str, tuple[Permission, ...]]
    review: ReviewRule
    session_minutes: int
    reidentification: ReidentificationRule = field(default_factory=ReidentificationRule)

    def __post_init__(self) -> None:
        _require(holds=self.review.role in self.roles, found=f"review.role {self.review.role!r}, not among the roles")
        _require(holds=0 < self.session_minutes <= 24 * 60, found=f"session_minutes {self.session_minutes}")
