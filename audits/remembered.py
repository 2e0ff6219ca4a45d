"""What several metrics ask of one evidence is computed once, and forgotten with it."""

import weakref
from collections.abc import Callable
from functools import wraps
from threading import RLock
from typing import TypeVar

from audits.evidence import Evidence

Found = TypeVar("Found")


def remembered(compute: Callable[[Evidence], Found]) -> Callable[[Evidence], Found]:
    """A pure function of evidence that keeps its answer for as long as the evidence's lists and attributes live.

    Of two threads that ask at the same time, one computes and the other waits.
    """
    known: dict[tuple[int, ...], Found] = {}
    computing = RLock()

    @wraps(compute)
    def ask(evidence: Evidence) -> Found:
        # The arrays, not the evidence: a slotted dataclass cannot be watched, and a replaced attribute is another key.
        shares = (each.shares for each in evidence.attributes)
        parts = [evidence.exposure, *shares, *(x for x in (evidence.targets, evidence.history) if x is not None)]
        key = tuple(map(id, parts))
        with computing:
            if key not in known:
                known[key] = compute(evidence)
                for part in parts:
                    weakref.finalize(part, known.pop, key, None)
            return known[key]

    return ask
