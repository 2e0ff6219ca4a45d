"""One entry as its page shows it: its fields, and the other entries about the same things."""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy.orm import Session

from governance.ledger.canonical import Json
from governance.ledger.entry import Entry
from governance.ledger.search import Filter, search
from governance.sentences import is_name

MOST_RELATED = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Value:
    """One field: its ``name``, and either the text or the whole structure. ``linked`` ids and digests lead on."""

    name: str
    value: Json
    linked: bool
    plain: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Related:
    """Entries that name the same ``value`` as ``field`` of this one: the latest before it, and the latest after it."""

    field: str
    value: str
    before: tuple[Entry, ...]
    after: tuple[Entry, ...]

    @property
    def entries(self) -> tuple[Entry, ...]:
        """All of them."""
        return (*self.after, *self.before)


def read_values(entry: Entry) -> tuple[Value, ...]:
    """The fields of the body, in its order."""
    return tuple(
        Value(
            name=name,
            value=value,
            linked=isinstance(value, str) and is_name(value),
            plain=not isinstance(value, Mapping | list | tuple),
        )
        for name, value in entry.body.items()
    )


def read_related(session: Session, entry: Entry) -> tuple[Related, ...]:
    """For each id and digest that the entry names: who else names it, where anybody does."""
    groups = (_related(session, entry, each.name, str(each.value)) for each in read_values(entry) if each.linked)
    return tuple(group for group in groups if group.entries)


def _related(session: Session, entry: Entry, field: str, value: str) -> Related:
    wanted = Filter(mentions=value)
    later = search(session, wanted, limit=MOST_RELATED)
    return Related(
        field=field,
        value=value,
        before=tuple(search(session, wanted, before_seq=entry.seq, limit=MOST_RELATED)),
        after=tuple(each for each in later if each.seq > entry.seq),
    )
