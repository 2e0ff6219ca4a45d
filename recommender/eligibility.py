"""Which titles may be shown to whom, whatever a model thinks of them: a title's level and a subject's limit.

Made for maturity ratings, and good for whatever else is ordered. Both sides are public or the controller's own
settings; nothing about it is learnt.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from recommender.errors import BadInteractions

_AGE = re.compile(r"(\d{1,2})\+?")
_FOR_ALL = "all"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Eligibility:
    """A title is shown to a subject only if its level is at most the subject's limit.

    Attributes:
        levels: by title, such as the age from which it is suitable.
        limits: one limit for everybody, or by subject. Infinity is no limit at all.

    Guarantees:
        - a title without a level is shown to nobody who has a limit
    """

    levels: Mapping[str, float]
    limits: float | Mapping[str, float] = field(repr=False)

    def levels_of(self, items: Sequence[str]) -> np.ndarray:
        """float64, shape (len(items),); infinite for a title without a level."""
        return np.array([self.levels.get(item, np.inf) for item in items], dtype=np.float64)

    def limits_of(self, subjects: Sequence[str]) -> np.ndarray:
        """float64, shape (len(subjects),).

        Raises:
            BadInteractions: some of them have no limit, not even an infinite one. Says how many.
        """
        if not isinstance(self.limits, Mapping):
            return np.full(len(subjects), self.limits, dtype=np.float64)
        absent = sum(subject not in self.limits for subject in subjects)
        if absent:
            msg = f"eligibility: expected a limit for each subject, got none for {absent} of {len(subjects)}"
            raise BadInteractions(msg)
        return np.array([self.limits[subject] for subject in subjects], dtype=np.float64)


def ages_from(categories: pa.Table, *, attribute: str = "maturity") -> dict[str, float]:
    """The age from which each title is suitable, from labels such as ``all``, ``7+`` or ``16``.

    A title with several labels has the highest. One without, or with a label of another kind, has no age: who has a
    limit is not shown it.

    Args:
        categories: the text columns ``item``, ``attribute``, ``category``.
        attribute: the attribute that holds the labels.

    Raises:
        BadInteractions: a column is missing.
    """
    missing = {"item", "attribute", "category"} - set(categories.column_names)
    if missing:
        msg = f"catalogue categories lack the columns {sorted(missing)}"
        raise BadInteractions(msg)
    ages: dict[str, float] = {}
    columns = (categories[name].to_pylist() for name in ("item", "attribute", "category"))
    for item, of, label in zip(*columns, strict=True):
        if of == attribute:
            ages[item] = max(ages.get(item, 0.0), _age(label))
    return {item: age for item, age in ages.items() if np.isfinite(age)}


def _age(label: str) -> float:
    if label == _FOR_ALL:
        return 0.0
    found = _AGE.fullmatch(label)
    return float(found[1]) if found else np.inf
