"""The privacy policy: what counts as an interaction, what a release measures of it, and what it may cost."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from governance.policy.refusals import require


@dataclass(frozen=True)
class Interest:
    """What counts as one interaction in a training: a view watched this far, or a rating this high."""

    view_completion: float
    rating_stars: float

    def __post_init__(self) -> None:
        require(holds=0 <= self.view_completion <= 1, found=f"view_completion {self.view_completion}")
        require(holds=0 <= self.rating_stars <= 5, found=f"rating_stars {self.rating_stars}")  # noqa: PLR2004 - five stars


@dataclass(frozen=True)
class History:
    """How much one interaction counts in its subject's history; with the defaults each counts 1.

    Attributes:
        completion_floor: what a title of which nothing was watched counts; it rises to 1 in proportion.
        half_life_days: after so long an interaction counts half as much, down to ``recency_floor``; None: never.
        rating_floor: what a title with no star counts; it rises to 1 at five.
    """

    completion_floor: float = 1.0
    half_life_days: float | None = None
    recency_floor: float = 0.0625
    rating_floor: float = 1.0

    def __post_init__(self) -> None:
        for name in ("completion_floor", "recency_floor", "rating_floor"):
            # Nothing may count as nothing: what is read is to be seen in the policy's `interest`, not here.
            found = getattr(self, name)
            require(holds=0.001 <= found <= 1, found=f"{name} {found}, not from 0.001 to 1")  # noqa: PLR2004 - stated
        if self.half_life_days is not None:
            require(holds=0 < self.half_life_days < math.inf, found=f"half_life_days {self.half_life_days}")


@dataclass(frozen=True)
class AutoencoderPolicy:
    """How a release and an autoencoder divide `release_epsilon`, if one is trained: its ``share`` is of mu squared.

    ``sampling_rate`` and ``max_grad_norm`` are public constants: nothing of them is worked out from the subjects.
    """

    share: float
    steps: int
    sampling_rate: float
    max_grad_norm: float

    def __post_init__(self) -> None:
        require(holds=0 < self.share < 1, found=f"share {self.share}")
        require(holds=1 <= self.steps <= 1000, found=f"steps {self.steps}")  # noqa: PLR2004 - each draws noise for every number
        require(holds=0 < self.sampling_rate <= 1, found=f"sampling_rate {self.sampling_rate}")
        require(holds=self.max_grad_norm > 0, found=f"max_grad_norm {self.max_grad_norm}")


@dataclass(frozen=True)
class PrivacyPolicy:
    """The privacy budget of one population, and what one release may spend.

    Unit of privacy: the subject. Neighbouring: add or remove one subject. Budgets compose by Gaussian DP, and by
    privacy loss distributions where an autoencoder's steps are among what was spent.
    """

    population: str
    budget_epsilon: float
    release_epsilon: float
    delta: float
    max_items_per_subject: int
    held_out_share: float
    retrain_after_erasure_days: int
    interest: Interest
    history: History = field(default_factory=History)
    signals: Mapping[str, float] = field(default_factory=dict)
    """Share of a release's privacy (of mu²) for each further signal, by its slug."""
    trending_days: int = 7
    keep_sums: Literal["never"] | int = "never"
    """For how many days the exact sums behind a release are kept, encrypted, so that a subject can be taken out."""
    autoencoder: AutoencoderPolicy | None = None

    def __post_init__(self) -> None:
        require(holds=0 < self.budget_epsilon <= 20, found=f"budget_epsilon {self.budget_epsilon}")  # noqa: PLR2004 - beyond it nothing is promised
        require(holds=0 < self.release_epsilon <= self.budget_epsilon, found=f"release_epsilon {self.release_epsilon}")
        require(holds=0 < self.delta <= 1e-4, found=f"delta {self.delta}")  # noqa: PLR2004 - a larger one lets a person leak whole
        require(holds=self.max_items_per_subject > 0, found=f"max_items_per_subject {self.max_items_per_subject}")
        require(holds=0 < self.held_out_share < 1, found=f"held_out_share {self.held_out_share}")
        require(holds=1 <= self.trending_days <= 366, found=f"trending_days {self.trending_days}")  # noqa: PLR2004 - a trend, not a history
        days = self.keep_sums
        require(holds=days == "never" or 1 <= days <= 366, found=f"keep_sums {days}, not never or 1 to 366 days")  # noqa: PLR2004 - as sensitive as events
        _require_signals(self.signals)


def _require_signals(signals: Mapping[str, float]) -> None:
    from recommender.errors import BadMechanism
    from recommender.signals import get_signal

    for slug, share in signals.items():
        try:
            get_signal(slug)
        except BadMechanism as cause:
            msg = f"signals {cause}"
            raise ValueError(msg) from cause
        require(holds=0 < share < 1, found=f"signals {slug} {share}, not a share")
    together = sum(signals.values())
    require(holds=together <= 0.5, found=f"signals {together:g} together, above the half that the models need")  # noqa: PLR2004 - stated
