"""A guardrail at any time, of an experiment whose subjects came in a known order."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from audits.experiments.guardrails import Guardrail
from audits.experiments.monitoring import bernstein_sequence, monitor
from audits.experiments.outcomes import Outcomes
from audits.verdict import Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """What all pairs so far say, whenever one looks.

    Attributes:
        pairs: the n-th subject of one arm beside the n-th of the other; whoever has no partner yet waits.
        not_worse: e-value against "worse by the margin or more".
        worse: e-value against "not worse by more than the margin".
        verdict: pass or fail, whichever reached 1 / alpha first; inconclusive if neither has.
        decided_at: pairs by then, or None.
        low: lower end of a confidence sequence for treatment less control.
        high: its upper end.
    """

    pairs: int
    not_worse: float
    worse: float
    verdict: Outcome
    decided_at: int | None
    low: float
    high: float


def watch(outcomes: Outcomes, arrived: NDArray[np.int64], guardrail: Guardrail, *, alpha: float) -> Watched | None:
    """Follow a guardrail over subjects in the order in which they ``arrived``, (n,) positions in the outcomes.

    None where its outcome is not between 0 and 1, or its margin is a share: bets need a known range.

    Guarantees:
      - as ``monitor``, for subjects whose outcomes are complete when they are first looked at
      - the ends hold for all numbers of pairs at once with probability 1 - ``alpha``
    """
    values = outcomes.values[guardrail.outcome][arrived]
    ranged = bool(np.all((values >= 0) & (values <= 1))) and guardrail.margin < 1 and not guardrail.relative
    treated = outcomes.treated[arrived]
    pairs = int(min(treated.sum(), (~treated).sum()))
    if not ranged or not pairs:
        return None
    control, treatment = values[~treated][:pairs], values[treated][:pairs]
    turned = guardrail.better == "lower"
    goods = (1.0 - control, 1.0 - treatment) if turned else (control, treatment)
    found = monitor(*goods, margin=guardrail.margin, alpha=alpha)
    low, high = bernstein_sequence(treatment - control, low=-1.0, high=1.0, alpha=alpha)
    return Watched(
        pairs=pairs,
        not_worse=float(found.not_worse[-1]),
        worse=float(found.worse[-1]),
        verdict=found.verdict,
        decided_at=found.decided_at,
        low=float(low[-1]),
        high=float(high[-1]),
    )
