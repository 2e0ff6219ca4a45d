"""Which entries a period has, and which signed checkpoints stand before and after it."""

from dataclasses import dataclass

from sqlalchemy.orm import Session

from governance.errors import Conflict
from governance.evidence.period import Period
from governance.ledger.search import Filter, follow, search
from governance.ledger.store import SignedCheckpoint, list_checkpoints


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


def find_span(session: Session, period: Period) -> Span:
    """The entries of a period without a gap, from its earliest to its latest.

    The checkpoint after is the first that also covers the entry after the period, so that the same period gives the
    same pack from then on.

    Raises:
        Conflict: an entry of the period is not covered by a signed checkpoint yet.
    """
    first, end = _bounds(session, period)
    checkpoints = list_checkpoints(session)
    covering = [each for each in checkpoints if each.size >= max(end, 1)]
    if not covering:
        signed = checkpoints[-1].size if checkpoints else 0
        msg = f"the period's entries reach to {end - 1}, {signed} are signed: run `probity ledger publish` first"
        raise Conflict(msg)
    older = [each for each in checkpoints if 0 < each.size <= first]
    return Span(
        first=first,
        end=end,
        before=older[-1] if older else None,
        after=next((each for each in covering if each.size > end), covering[0]),
    )


def _bounds(session: Session, period: Period) -> tuple[int, int]:
    inside = Filter(since=period.begin, until=period.end)
    first, last = follow(session, inside, limit=1), search(session, inside, limit=1)
    if first and last:
        return first[0].seq, last[0].seq + 1
    before = search(session, Filter(until=period.begin), limit=1)
    place = before[0].seq + 1 if before else 0
    return place, place
