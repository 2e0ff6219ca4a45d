"""The policies but purposes and privacy: retention, fairness, rights, access; impossible values are refused."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import TYPE_CHECKING, Literal

from governance.policy.comparisons import (
    LIMITING,
    NUMBERS,
    TOLERATING,
    Against,
    Bounds,
    Comparison,
    bounds,
    is_above,
    is_below,
    loosened,
    require_numbers,
)
from governance.policy.loader import LINE
from governance.policy.people import seen
from governance.policy.refusals import require
from governance.policy.waivers import Misplaced, Waiver, require_distinct

if TYPE_CHECKING:
    from audits.attention import Attention
    from audits.metrics.metric import Metric

Level = Literal["off", "warn", "error"]
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")

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


@dataclass(frozen=True)
class RetentionPolicy:
    """How long each thing is kept, in days (GDPR Art. 5(1)(e); request records: 11 CCR §7101, 24 months at least)."""

    events_days: Mapping[str, int]
    request_records_days: int
    package_days: int
    quarantine_days: int

    def __post_init__(self) -> None:
        require(holds=self.request_records_days >= 730, found=f"{self.request_records_days} days, below 24 months")  # noqa: PLR2004 - 24 months
        # A span of nothing would destroy everything at the next run.
        for name in ("package_days", "quarantine_days"):
            require(holds=getattr(self, name) > 0, found=f"{name} {getattr(self, name)}")
        for kind, days in self.events_days.items():
            require(holds=days > 0, found=f"{days} days for {kind}")


@dataclass(frozen=True)
class FairnessRule:
    """One promise about recommendations: a metric, where it is measured, and what it must keep to.

    Attributes:
        metric: slug of a metric that audits measure.
        comparison: `at_least` or `at_most` a ``limit``; `between` ``floor`` and ``ceiling``; `ratio`, at least
            ``limit`` times the best category's or group's figure, or within that ratio of the target; `no_regression`,
            no worse than the baseline's by more than ``tolerance``; `equivalence`, the whole interval within
            ``tolerance`` of the target or of the baseline.
        attribute: whose categories it is asked of, one by one, or one of them (``category``); of those without a
            ``category`` the ones whose catalogue share is at least ``min_catalogue_share``.
        group: which groups of subjects it is asked of: "age" each of that division, "age = old" that one, "each" all;
            None for all subjects together.
        against: what ``ratio`` and ``equivalence`` compare with.
        better: which way a figure is better, for `no_regression` of metrics that have no better side of their own.
        aim: what exposure prices aim at: inside the limit, so that an audit on other subjects is inside it too.
        line: where the rule begins in its file.
    """

    id: str
    metric: str
    comparison: Comparison
    level: Level
    rationale: str
    approved_by: str
    limit: float | None = None
    floor: float | None = None
    ceiling: float | None = None
    tolerance: float | None = None
    against: Against | None = None
    better: Literal["higher", "lower"] | None = None
    attribute: str | None = None
    category: str | None = None
    group: str | None = None
    min_catalogue_share: float = 0.0
    when_absent: Literal["not_applicable", "fail"] = "fail"
    when_inconclusive: Literal["warn", "fail", "inconclusive"] = "inconclusive"
    min_subjects: int = 30
    aim: float | None = None
    line: int | None = field(default=None, compare=False, metadata=LINE)

    def __post_init__(self) -> None:
        require(holds=bool(NAME.fullmatch(self.id)), found=f"id {self.id!r}, not letters, digits, dots and dashes")
        require_numbers(self.comparison, self._numbers, self.against)
        _require_metric(self)
        require(holds=self.category is None or self.attribute is not None, found="category without an attribute")
        require(holds=self.min_subjects > 0, found=f"min_subjects {self.min_subjects}")
        require(holds=0 <= self.min_catalogue_share <= 1, found=f"min_catalogue_share {self.min_catalogue_share}")
        require(holds=bool(seen(self.rationale)), found="rationale '': why the rule is what it is")
        require(holds=bool(seen(self.approved_by)), found="approved_by '': nobody has approved the rule yet")
        self._require_aim()

    @property
    def _numbers(self) -> dict[str, float | None]:
        return {name: getattr(self, name) for name in NUMBERS}

    @property
    def question(self) -> str:
        """SHA-256 (hex) of which figures the rule is about and how it compares them: all but how much is enough."""
        asked = (self.metric, self.comparison, self.against, self.better, self.attribute, self.category, self.group)
        return sha256(json.dumps(asked).encode()).hexdigest()

    @property
    def stated(self) -> bool:
        """Whether its figures come with a report of their own, and are not of the titles and groups in the tables."""
        return metric_of(self.metric).stated

    @property
    def bounds(self) -> Bounds:
        """Floor and ceiling that the figure must keep to, as the comparison reads it."""
        return self._bounds(self._numbers)

    def bounds_waived(self, worst_value: float) -> Bounds:
        """The same with an exception down, or up, to this value.

        Raises:
            ValueError: the rule allows as much by itself, or no figure can be worse.
        """
        metric = metric_of(self.metric)
        if self.comparison in LIMITING:
            possible = metric.low <= worst_value <= metric.high
            require(holds=possible, found=f"worst_value {worst_value}, outside what {self.metric} can be")
            ends = metric.low, metric.high
            missable = is_above(worst_value, *ends) and is_below(worst_value, *ends)
            require(holds=missable, found=f"worst_value {worst_value}, which {self.metric} can never miss")
        _require_missable(self, "worst_value", worst_value)
        return self._bounds(loosened(self.comparison, self._numbers, worst_value))

    def _bounds(self, numbers: Mapping[str, float | None]) -> Bounds:
        return bounds(self.comparison, numbers, self.against, self.better or metric_of(self.metric).better)

    @property
    def aims(self) -> Bounds:
        """Floor and ceiling that exposure prices aim at; None where the rule limits no figure as such."""
        if self.comparison not in LIMITING:
            return None, None
        if self.aim is None:
            return self.bounds
        return (self.aim, None) if self.comparison == "at_least" else (None, self.aim)

    def _require_aim(self) -> None:
        if self.aim is None:
            return
        sided = self.comparison in {"at_least", "at_most"} and self.limit is not None
        require(holds=sided, found=f"aim {self.aim}, which the comparison {self.comparison} does not read")
        beyond = (self.aim - (self.limit or 0.0)) * (1 if self.comparison == "at_least" else -1)
        require(holds=beyond >= 0, found=f"aim {self.aim} outside the limit {self.limit}")


def attention_of(text: str) -> "Attention":
    """The attention model of a policy's text, such as ``logarithmic`` or ``rbp(0.9)``.

    Raises:
        ValueError: there is no such model, or not with such parameters.
    """
    from audits.attention import Attention
    from audits.errors import InvalidConfig

    try:
        return Attention.parse(text)
    except InvalidConfig as cause:
        msg = f"attention {text!r}: {cause}"
        raise ValueError(msg) from cause


def metric_of(slug: str) -> "Metric":
    """The metric of this slug.

    Raises:
        ValueError: there is none.
    """
    from audits.metrics import METRICS

    found = next((each for each in METRICS if each.slug == slug), None)
    if found is None:
        msg = f"metric {slug!r}, which is none of {', '.join(sorted(each.slug for each in METRICS))}"
        raise ValueError(msg)
    return found


def _require_metric(rule: FairnessRule) -> None:
    """Refuse a rule that its metric can never miss, or never meet."""
    metric = metric_of(rule.metric)
    directed = rule.comparison == "no_regression" and metric.better == "target"
    require(
        holds=directed == (rule.better is not None),
        found=f"better {rule.better}, where {rule.comparison} of {rule.metric} "
        + ("has to say higher or lower" if directed else "does not read it"),
    )
    ratio = rule.comparison == "ratio" and metric.low < 0
    require(holds=not ratio, found=f"comparison ratio, where {rule.metric} can be below 0 and has no ratio")
    _require_missable(rule, "tolerance", rule.tolerance or 0.0)
    if rule.comparison not in LIMITING:
        return
    floor, ceiling = rule.bounds
    for name, bound in (("floor", floor), ("ceiling", ceiling)):
        place = name if rule.comparison == "between" else "limit"
        within = bound is None or metric.low <= bound <= metric.high
        found = f"{place} {bound}, outside what {rule.metric} can be ({metric.low:g} to {metric.high:g})"
        require(holds=within, found=found)
    missable = (floor is not None and is_above(floor, metric.low, metric.high)) or (
        ceiling is not None and is_below(ceiling, metric.low, metric.high)
    )
    require(holds=missable, found=f"limit {rule.limit}, which {rule.metric} can never miss")


def _require_missable(rule: FairnessRule, name: str, tolerated: float) -> None:
    """Refuse to tolerate a difference as large as any that the metric can have."""
    metric = metric_of(rule.metric)
    missable = rule.comparison not in TOLERATING or is_below(tolerated, 0.0, metric.high - metric.low)
    require(holds=missable, found=f"{name} {tolerated}, a difference that {rule.metric} can never have")


@dataclass(frozen=True)
class FairnessPolicy:
    """How audits measure, what the gate demands, and the exceptions from it."""

    list_length: int
    attention: str
    replicates: int
    confidence: float
    seed: int
    max_unknown_share: float
    rules: tuple[FairnessRule, ...]
    decision_valid_days: int = 90
    """For so long after its audit a pass lets a model ship and serve."""
    relevance_is_random: bool = False
    """Whether held-out choices come from lists in random order, so that reports need not call quality conditional."""
    waivers: tuple[Waiver, ...] = ()
    disclose_at_least: int = 10
    """A figure of fewer subjects is never published, whatever whoever publishes asks for."""

    def __post_init__(self) -> None:
        require(holds=self.list_length > 0, found=f"list_length {self.list_length}")
        attention_of(self.attention)
        require(holds=self.decision_valid_days > 0, found=f"decision_valid_days {self.decision_valid_days}")
        require(holds=self.disclose_at_least > 1, found=f"disclose_at_least {self.disclose_at_least}, not 2 or more")
        require(holds=self.replicates >= 200, found=f"{self.replicates} replicates, too few for a 95 % quantile")  # noqa: PLR2004 - stated
        require(holds=0.5 < self.confidence < 1, found=f"confidence {self.confidence}")  # noqa: PLR2004 - a level below a coin
        require(holds=self.seed >= 0, found=f"seed {self.seed}")
        require(holds=0 <= self.max_unknown_share < 1, found=f"max_unknown_share {self.max_unknown_share}")
        require(holds=len({rule.id for rule in self.rules}) == len(self.rules), found="rules with one id twice")
        require(holds=any(rule.level == "error" for rule in self.rules), found="a policy in which nothing can fail")
        require_waivable(self.waivers, self.rules)


def require_waivable(waivers: Sequence[Waiver], rules: Sequence[FairnessRule]) -> None:
    """Refuse waivers that are about nothing.

    Raises:
        Misplaced: two of one id, one from a rule that there is not, or one that tolerates no more than its rule or
            all that its metric can be.
    """
    require_distinct(waivers)
    known = {rule.id: rule for rule in rules}
    for waiver in waivers:
        rule = known.get(waiver.rule)
        if rule is None:
            msg = f"waiver {waiver.id!r} from a rule {waiver.rule!r} that there is not"
            raise Misplaced(msg, waiver.line)
        try:
            rule.bounds_waived(waiver.worst_value)
        except ValueError as cause:
            msg = f"waiver {waiver.id!r} with {cause}"
            raise Misplaced(msg, waiver.line) from cause


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
        require(holds=(self.answer_months > 0) != (self.answer_days > 0), found="months and days both, or neither")


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
        require(holds=self.approvals >= 1, found=f"approvals {self.approvals}")


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
            require(holds=getattr(self, name) > 0, found=f"{name} {getattr(self, name)}")
        require(holds=self.valid_days <= 30, found=f"valid_days {self.valid_days}, which is no time limit")  # noqa: PLR2004 - a month


@dataclass(frozen=True)
class AccessPolicy:
    """Permissions by role; a permission is ``area:verb``."""

    roles: Mapping[str, tuple[Permission, ...]]
    review: ReviewRule
    session_minutes: int
    reidentification: ReidentificationRule = field(default_factory=ReidentificationRule)

    def __post_init__(self) -> None:
        require(holds=self.review.role in self.roles, found=f"review.role {self.review.role!r}, not among the roles")
        require(holds=0 < self.session_minutes <= 24 * 60, found=f"session_minutes {self.session_minutes}")
