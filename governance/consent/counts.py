"""Consents in numbers: how many subjects decided what, never who."""

from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from governance.consent.tables import ConsentDecision


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentCount:
    """How many subjects have ``choice`` on ``purpose`` in force."""

    purpose: str
    choice: str
    subjects: int


def count_consents(session: Session) -> list[ConsentCount]:
    """Decisions in force, counted by purpose and choice."""
    statement = (
        select(ConsentDecision.purpose, ConsentDecision.choice, func.count())
        .where(ConsentDecision.in_force)
        .group_by(ConsentDecision.purpose, ConsentDecision.choice)
        .order_by(ConsentDecision.purpose, ConsentDecision.choice)
    )
    rows = session.execute(statement)
    return [ConsentCount(purpose=purpose, choice=choice, subjects=subjects) for purpose, choice, subjects in rows]
