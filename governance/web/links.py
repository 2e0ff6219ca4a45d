"""Where a page leads from an id or a digest in an entry: to the thing itself, else to all entries that name it."""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from governance.access.tables import Principal
from governance.gate.tables import GateRecord
from governance.ledger.entry import Entry
from governance.registry.tables import AuditRecord, Model
from governance.review.tables import Review
from governance.rights.tables import RightsRequest
from governance.sentences import named_values, parts_of

UUID_LENGTH = 36


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """A piece of a sentence: ``text``, where it leads, and what it stands for in full."""

    text: str
    address: str | None = None
    title: str | None = None


@dataclass(frozen=True, slots=True)
class Links:
    """Addresses by id or digest, and names of the people who act here. What one may not read, one is not led to."""

    addresses: dict[str, str] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)

    def of(self, value: str) -> str:
        """Where this id or digest leads."""
        return self.addresses.get(value, f"/ledger?mentions={value}")

    def sentence(self, entry: Entry) -> tuple[Piece, ...]:
        """What the entry says, in pieces of which some lead on."""
        return tuple(
            Piece(text=part.text)
            if part.value is None
            else Piece(text=self.names.get(part.value, part.text), address=self.of(part.value), title=part.value)
            for part in parts_of(entry.kind, entry.body)
        )

    def actor(self, actor: str) -> str:
        """Who acted: a person's name where the house knows one, else the role or key."""
        return self.names.get(actor.removeprefix("principal:"), actor)


def find_links(session: Session, entries: Iterable[Entry], permissions: Collection[str]) -> Links:
    """Links from everything that these entries name."""
    shown = list(entries)
    values = {value for each in shown for value in named_values(each.body)}
    values |= {each.actor.removeprefix("principal:") for each in shown if each.actor.startswith("principal:")}
    links, ids = Links(), sorted(_ids(values))
    if "models:read" in permissions:
        links.addresses.update(_to_models(session, ids, sorted(values)))
        named = session.execute(select(Principal.id, Principal.name).where(Principal.id.in_(ids)))
        links.names.update((str(each), name) for each, name in named)
    if "requests:read" in permissions:
        found = session.scalars(select(RightsRequest.id).where(RightsRequest.id.in_(ids)))
        links.addresses.update((str(each), f"/requests/{each}") for each in found)
    return links


def _to_models(session: Session, ids: list[UUID], values: list[str]) -> Iterator[tuple[str, str]]:
    """Models, and what is shown on a model's page: its reviews, decisions and reports."""
    models = session.execute(select(Model.id, Model.digest).where(Model.id.in_(ids) | Model.digest.in_(values)))
    for model, digest in models:
        yield from ((f"{model}", f"/models/{model}"), (digest, f"/models/{model}"))
    for review, model in session.execute(select(Review.id, Review.model_id).where(Review.id.in_(ids))):
        yield f"{review}", f"/models/{model}#review"
    for decision, model in session.execute(select(GateRecord.id, GateRecord.model_id).where(GateRecord.id.in_(ids))):
        yield f"{decision}", f"/models/{model}#decision"
    reports = select(AuditRecord.digest, AuditRecord.model_id).where(AuditRecord.digest.in_(values))
    for report, model in session.execute(reports):
        yield report, f"/models/{model}#report"


def _ids(values: Iterable[str]) -> Iterator[UUID]:
    yield from (UUID(value) for value in values if len(value) == UUID_LENGTH and "-" in value)
