"""Recording decisions, one by one or fifty thousand at a time; opting out on a Global Privacy Control signal."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import Any, get_args
from uuid import UUID, uuid5

from sqlalchemy import insert, select, update
from sqlalchemy.orm import Session

from governance.clock import Clock
from governance.consent.events import ConsentsRecorded
from governance.consent.merging import Decision, Key, Merged, key_of, merge
from governance.consent.notices import published_versions
from governance.consent.tables import Choice, ConsentDecision, Method
from governance.database import wait_for_others
from governance.errors import InvalidInput
from governance.ledger.store import append, is_recorded
from governance.policy.purposes import PurposesPolicy

CHUNK = 10_000
"""Subjects per query: below SQLite's limit of bound values."""

SKEW = timedelta(minutes=5)
"""How far ahead a sender's clock may be. A decision dated later than that could never be overridden by a true one."""

_FIELDS = tuple(field.name for field in fields(Decision))

_LOCK = "probity/consent"
"""Two batches merging side by side would each miss the other's rows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """What became of a batch: now in force, late (history only), already known. Only the first two added rows."""

    in_force: int
    late: int
    repeated: int


def record(
    session: Session,
    decisions: Sequence[Decision],
    *,
    batch_id: UUID,
    policy: PurposesPolicy,
    actor: str,
    clock: Clock,
) -> Recorded:
    """Record decisions; one ledger entry for the batch.

    Guarantees:
      - a late decision never overrides a newer one; it joins the history
      - a decision that is stored already, in force or in the history, adds no row
      - recording a batch that is on record changes nothing, even where rows of it were erased since
      - all or nothing: one impossible decision refuses the batch before anything is written

    Raises:
        InvalidInput: names the position in the batch, the field, expected and got.
    """
    now = clock()
    _require_possible(decisions, policy, published_versions(session), now)
    return _store(session, decisions, batch_id=batch_id, actor=actor, clock=clock)


def opt_out_by_gpc(
    session: Session,
    subjects: Sequence[str],
    *,
    batch_id: UUID,
    policy: PurposesPolicy,
    actor: str,
    clock: Clock,
) -> Recorded:
    """Refuse every purpose of sale or sharing for subjects whose browser sent the signal (11 CCR §7025).

    A subject who already refused or withdrew gets no new row, so the signal on every event leaves one; one who granted
    again since the last signal is opted out again. Where there is no signal nothing happens: its absence is not an
    opt-in.
    """
    wait_for_others(session, _LOCK)
    shared = sorted(slug for slug, purpose in policy.purposes.items() if purpose.sale_or_sharing)
    wanted = {(subject, purpose) for subject in subjects for purpose in shared}
    known, _ = _stored(session, subjects)
    now = clock()
    decisions = [
        Decision(
            subject=s,
            purpose=p,
            choice="refuse",
            # A grant may be dated ahead by ``SKEW``; a signal behind it would be late, and leave a row each time.
            decided_at=max(now, known[s, p].decided_at) if (s, p) in known else now,
            notice=policy.notice.version,
            method="gpc",
        )
        for s, p in sorted(wanted)
        if (s, p) not in known or known[s, p].choice == "grant"
    ]
    if not decisions:
        return Recorded(in_force=0, late=0, repeated=len(wanted))
    return _store(session, decisions, batch_id=batch_id, actor=actor, clock=clock)


def _store(session: Session, decisions: Sequence[Decision], *, batch_id: UUID, actor: str, clock: Clock) -> Recorded:
    wait_for_others(session, _LOCK)
    entry_id = uuid5(batch_id, ConsentsRecorded.kind)
    if is_recorded(session, entry_id):
        return Recorded(in_force=0, late=0, repeated=len(decisions))
    known, past = _stored(session, [each.subject for each in decisions])
    merged = merge(known, decisions, past)
    _write(session, merged, clock())
    written = [*merged.in_force.values(), *merged.history]
    if written:
        event = ConsentsRecorded(
            batch=str(batch_id),
            recorded=_counts(f"{each.purpose}:{each.choice}" for each in written),
            late=merged.late,
            repeated=merged.repeated,
            methods=_counts(each.method for each in written),
        )
        append(session, event, actor=actor, entry_id=entry_id, clock=clock)
    return Recorded(in_force=len(merged.in_force), late=merged.late, repeated=merged.repeated)


def _counts(words: Any) -> dict[str, int]:  # noqa: ANN401 - any iterable of words
    return dict(sorted(Counter(words).items()))


def _require_possible(
    decisions: Sequence[Decision], policy: PurposesPolicy, notices: frozenset[str], now: datetime
) -> None:
    allowed: Mapping[str, Any] = {
        "purpose": policy.purposes.keys(),
        "choice": get_args(Choice),
        "method": get_args(Method),
        "notice": notices,
    }
    for position, decision in enumerate(decisions):
        for field, values in allowed.items():
            if getattr(decision, field) not in values:
                expected = ", ".join(sorted(values)) or "a published one (none is)"
                msg = f"decision {position}: {field}: expected one of {expected}, got another word"
                raise InvalidInput(msg)
        if decision.decided_at.tzinfo is None or decision.decided_at > now + SKEW:
            msg = f"decision {position}: decided_at: expected an aware moment in the past, got a naive or future one"
            raise InvalidInput(msg)


def _stored(session: Session, subjects: Sequence[str]) -> tuple[dict[Key, Decision], list[Decision]]:
    """The subjects' decisions in force, and those superseded."""
    unique = sorted(set(subjects))
    columns = [getattr(ConsentDecision, name) for name in _FIELDS]
    known: dict[Key, Decision] = {}
    past: list[Decision] = []
    for begin in range(0, len(unique), CHUNK):
        theirs = ConsentDecision.subject.in_(unique[begin : begin + CHUNK])
        for in_force, *values in session.execute(select(ConsentDecision.in_force, *columns).where(theirs)):
            decision = Decision(**dict(zip(_FIELDS, values, strict=True)))
            if in_force:
                known[key_of(decision)] = decision
            else:
                past.append(decision)
    return known, past


def _write(session: Session, merged: Merged, now: datetime) -> None:
    replaced = [key for key, _ in merged.in_force.items()]
    for begin in range(0, len(replaced), CHUNK // 2):
        _retire(session, replaced[begin : begin + CHUNK // 2])
    rows = [(decision, True) for decision in merged.in_force.values()]
    rows += [(decision, False) for decision in merged.history]
    # Row numbers follow the pseudonyms: in the order of arrival they could be matched with another domain's rows.
    rows.sort(key=lambda row: (*key_of(row[0]), row[0].decided_at))
    values = [{**_columns(decision), "recorded_at": now, "in_force": in_force} for decision, in_force in rows]
    if values:
        session.execute(insert(ConsentDecision), values)
    session.flush()


def _columns(decision: Decision) -> dict[str, Any]:
    # Not `asdict`, which copies every value deeply: at 50,000 decisions that is seconds.
    return {name: getattr(decision, name) for name in _FIELDS}


def _retire(session: Session, keys: Sequence[Key]) -> None:
    by_purpose: dict[str, list[str]] = {}
    for subject, purpose in keys:
        by_purpose.setdefault(purpose, []).append(subject)
    for purpose, subjects in by_purpose.items():
        session.execute(
            update(ConsentDecision)
            .where(ConsentDecision.in_force, ConsentDecision.purpose == purpose, ConsentDecision.subject.in_(subjects))
            .values(in_force=False)
            .execution_options(synchronize_session=False)
        )
