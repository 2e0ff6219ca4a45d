"""Which entries a period has, and which signed checkpoints stand before and after it."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from sqlalchemy.orm import Session

from governance.errors import BrokenProof, Conflict
from governance.evidence.period import Period
from governance.ledger.cosigned import list_cosigned
from governance.ledger.search import Filter, follow, search
from governance.ledger.store import SignedCheckpoint
from governance.ledger.trust_policy import TrustPolicy, verify_cosigned, without_quorum


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """The entries ``first <= seq < end`` of a period, and the checkpoints around them."""

    first: int
    end: int
    before: SignedCheckpoint | None
    after: SignedCheckpoint

    @property
    def neighbours(self) -> tuple[int, ...]:
        """The entries just outside: they show that none of the period was left out."""
        return tuple(seq for seq in (self.first - 1, self.end) if 0 <= seq < self.after.size)


def find_span(session: Session, period: Period, policy: TrustPolicy, published: int) -> Span:
    """The entries of a period without a gap, from its earliest to its latest.

    The checkpoint after is the first that also covers the entry after the period, so that the same period gives the
    same pack from then on. It is one that ``policy``, which the operator proposes, accepts: signed and witnessed.

    Args:
        session: of the control database.
        period: which days.
        policy: whom the operator proposes to believe.
        published: how many entries the published checkpoint has; one that was signed and not published does not count.

    Raises:
        Conflict: an entry of the period is not covered by such a checkpoint yet.
    """
    first, end = _bounds(session, period)
    checkpoints = [each for each in list_cosigned(session) if each.size <= published]
    covering = [each for each in checkpoints if each.size >= max(end, 1)]
    in_turn = sorted(covering, key=lambda each: (each.size == end, each.size))
    after = next(_accepted(in_turn, policy), None)
    if after is None:
        msg = f"the period's entries reach to {end - 1}, {published} are signed: run `probity ledger publish` first"
        raise Conflict(msg)
    older = (each for each in reversed(checkpoints) if 0 < each.size <= first)
    before = next(_accepted(older, without_quorum(policy)), None)
    return Span(first=first, end=end, before=before, after=after)


def _accepted(checkpoints: Iterable[SignedCheckpoint], policy: TrustPolicy) -> Iterator[SignedCheckpoint]:
    for signed in checkpoints:
        try:
            verify_cosigned(signed.note, policy)
        except BrokenProof:
            continue
        yield signed


def _bounds(session: Session, period: Period) -> tuple[int, int]:
    inside = Filter(since=period.begin, until=period.end)
    first, last = follow(session, inside, limit=1), search(session, inside, limit=1)
    if first and last:
        return first[0].seq, last[0].seq + 1
    before = search(session, Filter(until=period.begin), limit=1)
    place = before[0].seq + 1 if before else 0
    return place, place
