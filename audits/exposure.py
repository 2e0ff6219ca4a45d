"""How much each subject sees of each category: what the metrics of exposure share, computed once for one evidence.

Only labelled mass counts here: attention to items of unknown category belongs to no category, and parity is a
category's part of the *labelled* catalogue. How much is unknown stands in every report, and the gate limits it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from audits.categories import UNKNOWN, Attribute
from audits.evidence import Evidence
from audits.labels import Labels, counts, labels_of, mass
from audits.remembered import remembered
from audits.statistics import Cell

if TYPE_CHECKING:
    from scipy import sparse

Floats = NDArray[np.float64]

_AT_LEAST = 2  # categories: with one, nothing can be unfair to another


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Labelled:
    """One attribute without its unlabelled part.

    Attributes:
        attribute: its name.
        categories: names without "unknown", two or more.
        shares: part of each item in each category, (m, c); a row of an unlabelled item is 0.
        parity: part of the labelled catalogue, (c,), positive, sums to 1.
        seen: attention of each subject to each category, (n, c).
        slots: places of each subject's list that go to each category, (n, c).
        labels: the shares, item by item.
    """

    attribute: str
    categories: tuple[str, ...]
    shares: Floats
    parity: Floats
    seen: Floats
    slots: Floats
    labels: Labels = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "labels", labels_of(self.shares))

    def list_shares(self) -> tuple[Floats, NDArray[np.bool_]]:
        """Each list's attention by category, rows sum to 1, (n, c); whether it has any labelled item, (n,)."""
        total = self.seen.sum(axis=1)
        counted = total > 0
        return self.seen / np.where(counted, total, 1.0)[:, None], counted


@remembered
def labelled(evidence: Evidence) -> tuple[Labelled, ...]:
    """The attributes with two or more known categories; one evidence gives the same arrays, not to be written to."""
    found = (_labelled(evidence.exposure, each) for each in evidence.attributes)
    return tuple(each for each in found if len(each.categories) >= _AT_LEAST)


def _labelled(exposure: "sparse.csr_array", attribute: Attribute) -> Labelled:
    kept = [at for at, name in enumerate(attribute.categories) if name != UNKNOWN]
    shares = np.ascontiguousarray(attribute.shares[:, kept])
    labels, items = labels_of(shares), shares.sum(axis=0)
    return Labelled(
        attribute=attribute.name,
        categories=tuple(attribute.categories[at] for at in kept),
        shares=shares,
        parity=items / items.sum() if kept else items,
        seen=mass(exposure, labels),
        slots=counts(exposure, labels),
    )


def category_cells(
    each: Labelled, n: int | Sequence[int], *, span: float | Floats, target: float | Floats | None = None
) -> list[Cell]:
    """A cell for every category of an attribute, resting on ``n`` subjects."""
    width = len(each.categories)
    sizes = [n] * width if isinstance(n, int) else list(n)
    spans = np.broadcast_to(span, width)
    targets = [None] * width if target is None else np.broadcast_to(target, width).tolist()
    return [
        Cell(n=int(size), span=float(reach), attribute=each.attribute, category=name, target=aim)
        for size, reach, name, aim in zip(sizes, spans, each.categories, targets, strict=True)
    ]


def side_by_side(evidence: Evidence, column: Callable[[Labelled], Floats]) -> Floats:
    """``column`` of every attribute next to each other, (n, columns of all)."""
    return np.hstack([np.zeros((evidence.subjects, 0)), *(column(each) for each in labelled(evidence))])


def attention(each: Labelled) -> Floats:
    """What subjects look at."""
    return each.seen


def places(each: Labelled) -> Floats:
    """What stands in the lists, every place counting the same."""
    return each.slots
