"""What a subject is told of re-identification cases about them, and of what shows which log entries are about them.

A case that is open may be withheld: telling could defeat what it is for, such as a court order or an incident
(GDPR Art. 23(1)(d), Art. 15(4)). It is then nowhere in what is handed out, not even as a count.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final
from uuid import UUID

from sqlalchemy.orm import Session

from governance.ledger.opening import count_by_record
from governance.policy.rules import ReidentificationRule
from governance.reidentification.procedure import list_about
from governance.reidentification.tables import Case
from pseudonymisation.pseudonym import Pseudonym

PURPOSE: Final = (
    "Entries of the log about your requests, and about questions who you are, do not name you. Kept beside it, sealed "
    "under a key of yours, is what shows that they are about you, so that an authority, a court, an auditor or you "
    "can be shown it. It ends with your deletion, and with the retention of the request or question."
)
WITHHELD: Final = (
    "A question that is still open is not listed, whether or not there is one: telling could defeat what it is for "
    "(GDPR Art. 23(1)(d), Art. 15(4)). It is listed once it is over, and an authority can check it before."
)
COMPLETE: Final = "Questions that are still open are listed too."


def told(session: Session, subject: Pseudonym, rule: ReidentificationRule) -> Mapping[str, Any]:
    """Two parts of an access answer: what the openings about a subject are for and how many, and the cases.

    Both leave out the same cases, read once.
    """
    cases = list_about(session, subject)
    hidden = _withheld(cases, rule)
    kept = count_by_record(session, subject)
    return {
        "openings": {
            "purpose": PURPOSE,
            "kept": sum(count for record, count in kept.items() if record not in hidden),
        },
        "reidentification": {
            "note": COMPLETE if rule.tell_open else WITHHELD,
            "cases": [_as_told(case) for case in cases if case.id not in hidden],
        },
    }


def withheld(session: Session, subject: Pseudonym, rule: ReidentificationRule) -> frozenset[UUID]:
    """The cases about a subject that they are not told of."""
    return _withheld(list_about(session, subject), rule)


def _withheld(cases: Iterable[Case], rule: ReidentificationRule) -> frozenset[UUID]:
    return frozenset(case.id for case in cases if case.closed_at is None and not rule.tell_open)


def _as_told(case: Case) -> Mapping[str, str]:
    return {
        "ground": case.ground,
        "asked_on": case.asked_at.date().isoformat(),
        "state": case.outcome or ("asked" if case.approved_by is None else "approved"),
    }
