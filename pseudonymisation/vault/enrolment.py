"""Whose identifiers are these? The decision, without a database.

The strongest identifier that an event carries decides. If it is known, its subject is the one; if not, a new subject
begins, even where a weaker identifier is known: a second account on a family's tablet is a second person. Weaker
identifiers that nobody has are attached; one that belongs to somebody stays there.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NewType

from pseudonymisation.identifiers import Identity

SubjectId = NewType("SubjectId", bytes)
"""16 random bytes (a version 4 UUID). Never leaves the vault."""

Pair = tuple[str, str]
"""(type, normalised value)."""


@dataclass(frozen=True, slots=True, repr=False)
class Enrolment:
    """The outcome of one batch.

    Attributes:
        owners: the subject of each distinct identity.
        claims: identifiers that were unclaimed before, with their new owner.
        created: subjects that did not exist before.
    """

    owners: Mapping[Identity, SubjectId]
    claims: Mapping[Pair, SubjectId]
    created: Sequence[SubjectId]


def assign(
    identities: Sequence[Identity], known: Mapping[Pair, SubjectId], new_id: Callable[[], SubjectId]
) -> Enrolment:
    """Decide the subject of each identity.

    Args:
        identities: distinct, in order of appearance; earlier ones claim first.
        known: the owners of those identifiers among them that are claimed.
        new_id: makes a fresh random id.

    Guarantees:
      - an identifier has one owner, and an owner in ``known`` keeps it
      - running again with the claims added to ``known`` creates and claims nothing
    """
    claims: dict[Pair, SubjectId] = {}
    created: list[SubjectId] = []
    owners: dict[Identity, SubjectId] = {}
    for identity in identities:
        strongest = identity.pairs[0]
        owner = known.get(strongest) or claims.get(strongest)
        if owner is None:
            owner = new_id()
            created.append(owner)
        for pair in identity.pairs:
            if pair not in known:
                claims.setdefault(pair, owner)
        owners[identity] = owner
    return Enrolment(owners, claims, created)
