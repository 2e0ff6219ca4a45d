"""Subjects that nothing was fitted on, to measure on them."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from audits.errors import InvalidConfig
from audits.mitigation.problem import Ints, Mask, Scores

TIERS = ("light", "medium", "heavy")
ACTIVITY = "activity"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class HeldOut:
    """Subjects to measure on, with the scores of the model that has no prices.

    Attributes:
        subjects: n keys, distinct.
        scores: (n, m), of which the best are positive.
        excluded: what a subject must not get, (n, m), or None.
        groups: group of each subject by what divides them; an empty name is "unknown".
        targets: items that subjects went on to choose, (n, m), or None.
        fitted_on: keys of those a mitigation was fitted on; none for synthetic subjects.

    Raises:
        InvalidConfig: shapes that do not fit, a subject twice, or one that the prices were fitted on.
    """

    subjects: Sequence[str]
    scores: Scores
    excluded: Mask | None = None
    groups: Mapping[str, Sequence[str]] = field(default_factory=dict)
    targets: Mask | None = None
    fitted_on: Collection[str] = ()

    def __post_init__(self) -> None:
        n = self.scores.shape[0]
        seen = len(set(self.subjects) & set(self.fitted_on))
        checks = (
            (n == len(self.subjects) == len(set(self.subjects)) > 0, "one row of scores per subject, each once"),
            (bool(np.isfinite(self.scores).all()), "finite scores"),
            (all(len(names) == n for names in self.groups.values()), "one group per subject and attribute"),
            (
                all(mask is None or mask.shape == self.scores.shape for mask in (self.excluded, self.targets)),
                "masks of the scores' shape",
            ),
            (seen == 0, f"subjects that the prices were not fitted on ({seen} of them were)"),
        )
        for holds, expected in checks:
            if not holds:
                msg = f"mitigation report: expected {expected}, got scores of shape {self.scores.shape}"
                raise InvalidConfig(msg)


def activity_tiers(interactions: Ints) -> tuple[str, ...]:
    """Thirds of the subjects by how much they did, (n,) counts; subjects who did equally much share a tier."""
    edges = np.quantile(interactions, [1 / 3, 2 / 3], method="inverted_cdf")
    return tuple(TIERS[int(place)] for place in np.searchsorted(edges, interactions, side="left"))
