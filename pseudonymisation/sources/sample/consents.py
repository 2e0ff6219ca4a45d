"""What subjects decided before the window began, and who changed their mind within it."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np

from pseudonymisation.sources.sample.settings import SampleSettings
from pseudonymisation.sources.sample.subjects import Subject
from pseudonymisation.sources.source import PURPOSES
from pseudonymisation.sources.wire import consent_line

REFUSE_ALL = 0.05
WITHDRAW = 0.03
REFUSE_SHARING = 0.4
_DAY_S = 86_400


@dataclass(frozen=True, slots=True, kw_only=True)
class Decisions:
    """Consent lines in the order in which they were decided, and how many subjects refused or withdrew training."""

    lines: list[bytes]
    refused_or_withdrawn: int


def make_decisions(rng: np.random.Generator, settings: SampleSettings, subjects: list[Subject]) -> Decisions:
    """A record of every subject for every purpose, and a second one of those who withdrew.

    Of the subjects, ``REFUSE_ALL`` refuse everything, ``WITHDRAW`` grant and withdraw personalisation and training
    within the window, and ``REFUSE_SHARING`` of the others refuse only partner sharing; whoever sends GPC refuses
    sharing by that signal.
    """
    end = int(settings.until.timestamp())
    start = end - settings.days * _DAY_S
    kind = rng.choice(3, size=len(subjects), p=[1 - REFUSE_ALL - WITHDRAW, REFUSE_ALL, WITHDRAW])
    refuses_sharing = rng.random(len(subjects)) < REFUSE_SHARING
    decided = start - rng.integers(1, 60 * _DAY_S, size=len(subjects))
    withdrawn = start + rng.integers(_DAY_S, settings.days * _DAY_S - _DAY_S, size=len(subjects))
    records = [
        record
        for subject, chosen, shares_not, first, second in zip(
            subjects, kind.tolist(), refuses_sharing.tolist(), decided.tolist(), withdrawn.tolist(), strict=True
        )
        for record in _records(subject, chosen, shares_not=shares_not, decided=first, withdrawn=second)
    ]
    records.sort(key=lambda record: record[0])  # stable: a subject's decisions of one moment keep their order
    return Decisions(lines=[line for _, line in records], refused_or_withdrawn=int((kind > 0).sum()))


def _records(
    subject: Subject, kind: int, *, shares_not: bool, decided: int, withdrawn: int
) -> Iterator[tuple[int, bytes]]:
    who = json.dumps({"account_id": subject.account_id, "email": subject.email_variant}, separators=(",", ":"))
    for purpose in PURPOSES:
        sharing = purpose == "partner_sharing"
        refuses = kind == 1 or (sharing and (shares_not or subject.gpc))
        method = "gpc" if sharing and subject.gpc else "banner"
        yield decided, _line(who, purpose, "refuse" if refuses else "grant", decided, method)
    if kind == 2:  # noqa: PLR2004 - the third kind of _DECISIONS: withdraws
        for purpose in PURPOSES[:2]:
            yield withdrawn, _line(who, purpose, "withdraw", withdrawn, "settings")


def _line(who: str, purpose: str, decision: str, at: int, method: str) -> bytes:
    return consent_line(who, purpose, decision, datetime.fromtimestamp(at, tz=UTC), method)
