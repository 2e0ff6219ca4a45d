"""A change of policy as a reviewer reads it: the text before against the text after, each held to its digest."""

from collections.abc import Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Literal

from sqlalchemy.orm import Session

from governance.errors import BrokenProof
from governance.ledger.entry import Entry
from governance.ledger.search import Filter, search
from governance.policy.events import PolicyInForce
from governance.policy.texts import find_text

CONTEXT_LINES = 3
MOST_CHANGES = 10_000


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a comparison: ``mark``, its number before and after (from 1, None where it is not), its text."""

    mark: Literal["same", "added", "removed", "gap"]
    before: int | None
    after: int | None
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyChange:
    """What an entry of `PolicyInForce` changed.

    Attributes:
        name: of the policy.
        previous: the entry that put the text before in force, or None for the first.
        lines: the comparison; empty where a text is missing, or where nothing but the order of entries changed.
        not_kept: the digests whose text was never kept.
        broken: what a text that is kept does not hold to, or None.
    """

    name: str
    previous: Entry | None
    lines: tuple[Line, ...]
    not_kept: tuple[str, ...]
    broken: str | None


def read_change(session: Session, entry: Entry) -> PolicyChange | None:
    """What this entry changed, or None where it is about no policy."""
    if entry.kind != PolicyInForce.kind:
        return None
    name, digest = str(entry.body["name"]), str(entry.body["digest"])
    previous = _previous(session, entry, name)
    digests = (digest,) if previous is None else (str(previous.body["digest"]), digest)
    try:
        texts = [find_text(session, each) for each in digests]
    except BrokenProof as finding:
        return PolicyChange(name=name, previous=previous, lines=(), not_kept=(), broken=f"{finding}")
    not_kept = tuple(each for each, text in zip(digests, texts, strict=True) if text is None)
    before, after = (texts[0] if previous is not None else ""), texts[-1]
    lines = () if before is None or after is None else compare(before, after)
    return PolicyChange(name=name, previous=previous, lines=lines, not_kept=not_kept, broken=None)


def compare(before: str, after: str) -> tuple[Line, ...]:
    """The changed lines with three lines around them, and a gap between groups that lie apart."""
    old, new = before.splitlines(), after.splitlines()
    lines: list[Line] = []
    for group in SequenceMatcher(None, old, new, autojunk=False).get_grouped_opcodes(CONTEXT_LINES):
        if lines or group[0][1] > 0:
            lines.append(Line("gap", None, None, ""))
        for opcode, begin, end, new_begin, new_end in group:
            lines += _lines(opcode, list(enumerate(old))[begin:end], list(enumerate(new))[new_begin:new_end])
    return tuple(lines)


def _lines(opcode: str, old: list[tuple[int, str]], new: list[tuple[int, str]]) -> Iterator[Line]:
    if opcode == "equal":
        for (number, text), (new_number, _) in zip(old, new, strict=True):
            yield Line("same", number + 1, new_number + 1, text)
        return
    for number, text in old:
        yield Line("removed", number + 1, None, text)
    for number, text in new:
        yield Line("added", None, number + 1, text)


def _previous(session: Session, entry: Entry, name: str) -> Entry | None:
    earlier = search(session, Filter(kinds=(PolicyInForce.kind,)), before_seq=entry.seq, limit=MOST_CHANGES)
    return next((each for each in earlier if each.body["name"] == name), None)
