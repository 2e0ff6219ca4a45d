"""How decisions combine. Pure: what is in force, what arrives, what changes."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from governance.consent.tables import Choice, Method

PROTECTIVE = {"grant": 0, "refuse": 1, "withdraw": 1}


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What one subject (a pseudonym of the consent domain) decided on one purpose, at an aware moment."""

    subject: str
    purpose: str
    choice: Choice
    decided_at: datetime
    notice: str
    method: Method


Key = tuple[str, str]
"""Subject and purpose."""


@dataclass(frozen=True, slots=True)
class Merged:
    """What changes.

    ``in_force`` are the decisions that replace what was in force, one per key; ``history`` those that only join it.
    """

    in_force: Mapping[Key, Decision]
    history: tuple[Decision, ...]
    late: int
    repeated: int


def key_of(decision: Decision) -> Key:
    """Subject and purpose: at most one decision of each is in force."""
    return decision.subject, decision.purpose


def merge(known: Mapping[Key, Decision], arriving: Iterable[Decision], past: Collection[Decision] = ()) -> Merged:
    """Combine decisions with those in force (``known``) and those superseded (``past``).

    Guarantees:
      - the decision with the latest ``decided_at`` is in force, in whatever order decisions arrive
      - of two at the same moment the protective one (refuse, withdraw) is in force
      - a decision that is in ``known`` or ``past`` adds nothing, however the decisions are cut into batches
    """
    in_force: dict[Key, Decision] = {}
    history: list[Decision] = []
    late = repeated = 0
    seen = {*known.values(), *past}
    for decision in arriving:
        if decision in seen:
            repeated += 1
            continue
        seen.add(decision)
        key = key_of(decision)
        present = in_force.get(key, known.get(key))
        if present is None or _rank(decision) > _rank(present):
            if key in in_force:
                history.append(in_force[key])
            in_force[key] = decision
        else:
            late += 1
            history.append(decision)
    return Merged(in_force, tuple(history), late, repeated)


def _rank(decision: Decision) -> tuple[datetime, int, str, str, str]:
    # The last three only make the order total, so that the outcome never depends on the order of arrival.
    return decision.decided_at, PROTECTIVE[decision.choice], decision.choice, decision.method, decision.notice
