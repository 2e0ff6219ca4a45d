"""Waivers: exceptions from one rule of the fairness policy, with who answers for them and a day on which they end.

They stand in the policy file itself, under ``waivers``. So one digest names the rules with their exceptions, whoever
reads a rule reads what is excepted from it, and a decision can be worked out again from the policy's text and its day.
A file with nothing but ``waivers`` may be given beside it where one policy serves many recommenders.
"""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date

from governance.policy.loader import LINE
from governance.policy.people import seen

LONGEST_DAYS = 366
"""An exception that never ends is another rule."""
PRINCIPAL = "principal:"
"""How a waiver that two people granted, in no file, names them."""
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", re.ASCII)


class Misplaced(ValueError):  # noqa: N818 - reads as the finding it is
    """A value that cannot stand where it does; ``line`` is where it stands, or None."""

    def __init__(self, found: str, line: int | None) -> None:
        super().__init__(found)
        self.line = line


@dataclass(frozen=True, kw_only=True)
class Waiver:
    """One rule may be missed by so much until a day; approved by somebody who neither wrote it nor answers for it.

    ``worst_value`` is in the unit of the rule's limit: the worst figure tolerated, and for tolerances the largest
    change. Without ``category`` or ``group`` it holds for each that the rule is about. ``expires_on`` is its last day.
    """

    id: str
    rule: str
    worst_value: float
    owner: str
    author: str
    approver: str
    reason: str
    expires_on: date
    category: str | None = None
    group: str | None = None
    line: int | None = field(default=None, compare=False, metadata=LINE)

    def __post_init__(self) -> None:
        for name in ("id", "rule", "owner", "author", "approver", "reason"):
            if not seen(getattr(self, name)):
                msg = f"{name} '', where a waiver names it"
                raise ValueError(msg)
        if not _ID.fullmatch(self.id):
            msg = f"id {self.id!r}, where the log would name it: letters, digits, '.', '_' and '-', 100 at most"
            raise ValueError(msg)
        if not math.isfinite(self.worst_value):
            msg = f"worst_value {self.worst_value}: a waiver that tolerates everything is none"
            raise ValueError(msg)
        for name in ("author", "owner"):
            if seen(getattr(self, name)) == seen(self.approver):
                msg = f"approver {self.approver!r}, who is its {name} too: nobody approves their own exception"
                raise ValueError(msg)

    @property
    def by_two(self) -> bool:
        """Whether two people of this house granted it, and no file did: nobody's name in a file makes it one."""
        return self.line is None and self.owner.startswith(PRINCIPAL)


@dataclass(frozen=True)
class WaiversFile:
    """A file of waivers beside a policy."""

    waivers: tuple[Waiver, ...]


def require_distinct(waivers: Sequence[Waiver]) -> None:
    """Refuse two waivers of one id.

    Raises:
        Misplaced: the second one, with its line.
    """
    known: set[str] = set()
    for waiver in waivers:
        if waiver.id in known:
            msg = f"waiver id {waiver.id!r} a second time"
            raise Misplaced(msg, waiver.line)
        known.add(waiver.id)


def require_ending(waivers: Sequence[Waiver], today: date) -> None:
    """Refuse waivers that end more than a year after the day on which something is decided by them.

    Raises:
        Misplaced: the first of them, with its line.
    """
    for waiver in waivers:
        if (waiver.expires_on - today).days > LONGEST_DAYS:
            msg = f"waiver {waiver.id!r} until {waiver.expires_on}, more than {LONGEST_DAYS} days after {today}"
            raise Misplaced(msg, waiver.line)
