"""What subjects declare of themselves: groups of attributes that the policy lists, and no others.

A closed vocabulary is the whole protection: no text that a sender makes up can be stored, and an attribute that nobody
argued for is kept nowhere, not even among rejected lines. Declared is what the subject said, never what was inferred.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

import pyarrow as pa

UNDECLARED = "unknown"
"""The group that takes a declaration back; no policy lists it, each attribute has it."""

SPECIAL = frozenset(
    {
        "belief", "biometric", "caste", "conviction", "convictions", "disability", "ethnicity", "genetic", "health",
        "nationality", "orientation", "origin", "political_opinion", "politics", "pregnancy", "race", "religion",
        "sex_life", "sexual_orientation", "sexuality", "trade_union", "union_membership",
    }
)  # fmt: skip
"""Names that speak of special categories (GDPR Art. 9, 10), or come close. Other names can say the same: a list of
words reminds, it does not decide."""

_NAME = re.compile(r"[a-z0-9][a-z0-9_+-]{0,63}")
_TAKEN = frozenset({"activity", "popularity", "group", "each", "other", "worst", "best", "all", UNDECLARED})
"""Words that reports and rules use for something else."""


@dataclass(frozen=True)
class Attribute:
    """One way to divide subjects, and the groups that it has.

    ``ground`` says where it is argued that audits need it. ``special_ground`` is needed besides where the name speaks
    of a special category: which condition of GDPR Art. 9(2) holds.
    """

    groups: tuple[str, ...]
    ground: str
    special_ground: str | None = None

    def __post_init__(self) -> None:
        if len(self.groups) < 2 or len(set(self.groups)) < len(self.groups):  # noqa: PLR2004 - one group divides nobody
            msg = f"groups {', '.join(self.groups) or 'none'}, where two or more distinct ones divide subjects"
            raise ValueError(msg)
        if wrong := [group for group in self.groups if not is_name(group)]:
            msg = f"groups with {wrong[0]!r}, which is no name of small letters, digits, _, + and -, or has a meaning"
            raise ValueError(msg)
        for name in ("ground", "special_ground"):
            text = getattr(self, name)
            if text is not None and not text.strip():
                msg = f"{name} '': where it is argued that audits need this"
                raise ValueError(msg)


def is_name(text: str) -> bool:
    """Whether an attribute or a group may be called so."""
    return _NAME.fullmatch(text) is not None and text not in _TAKEN


def require_attributes(attributes: Mapping[str, Attribute]) -> None:
    """Refuse attributes that may not be collected like this.

    Raises:
        ValueError: a name that is none, or a special category without its ground.
    """
    for name, attribute in attributes.items():
        if not is_name(name):
            msg = f"attributes with {name!r}, which is no name of small letters, digits, _, + and -, or has a meaning"
            raise ValueError(msg)
        if name in SPECIAL and attribute.special_ground is None:
            msg = (
                f"attributes with {name!r}, a special category of personal data, without a `special_ground`: "
                "the condition of GDPR Art. 9(2) under which it may be processed"
            )
            raise ValueError(msg)


def listed_pairs(attributes: Mapping[str, Attribute]) -> list[tuple[str, str]]:
    """Every attribute with each group that may be stored for it, ``UNDECLARED`` included."""
    return [(name, group) for name, attribute in attributes.items() for group in (*attribute.groups, UNDECLARED)]


def listed(columns: Mapping[str, pa.Array], attributes: Mapping[str, Attribute]) -> dict[str, pa.Array]:
    """Both fields of declarations, null in rows whose group is not one of their attribute's."""
    known = set(listed_pairs(attributes))
    pairs = zip(columns["attribute"].to_pylist(), columns["group"].to_pylist(), strict=True)
    kept = [pair if pair in known else (None, None) for pair in pairs]
    return {
        name: pa.array([pair[place] for pair in kept], pa.string()) for place, name in enumerate(("attribute", "group"))
    }
