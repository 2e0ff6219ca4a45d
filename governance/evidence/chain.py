"""From a model back to everything it rests on, each step with the entries that recorded it.

The tables say what the steps are; the ledger says that they happened. Where the two do not agree, the step says so.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Any, Final
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from governance.budget.tables import Reservation
from governance.evidence.recomputing import GATE_KINDS, MOST_ENTRIES, WAIVER_KINDS
from governance.gate.records import list_decisions
from governance.ledger.entry import Entry
from governance.ledger.search import Filter, follow, search
from governance.registry.lineage import get_release, get_snapshot, guarantee_of
from governance.registry.models import get_model, list_reports
from governance.registry.tables import Model, ReleaseRecord, Snapshot
from governance.review.tables import Review
from recommender.paid_models import is_paid

MOST_BETWEEN = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One link of the chain.

    Attributes:
        name: what happened, as people call it.
        facts: what was fixed, as label and value.
        entries: the ledger's entries about it, oldest first.
        faults: where tables and ledger do not agree; empty when they do.
        more: whether there are further entries than those.
        rests_on: entries that are not listed, but say what the listed ones are about.
    """

    name: str
    facts: tuple[tuple[str, str], ...] = ()
    entries: tuple[Entry, ...] = ()
    faults: tuple[str, ...] = ()
    more: bool = False
    rests_on: tuple[Entry, ...] = ()

    @property
    def latest(self) -> "Step":
        """The step with each entry once, oldest first, and no more of them than a step lists."""
        found = {entry.seq: entry for entry in self.entries}
        kept = tuple(found[seq] for seq in sorted(found)[-MOST_ENTRIES:])
        return replace(self, entries=kept, more=self.more or len(kept) < len(found))


@dataclass(frozen=True, slots=True, kw_only=True)
class Chain:
    """A model, and the steps from what it is today back to what it was made of."""

    model: Model
    steps: tuple[Step, ...]

    @property
    def entries(self) -> tuple[Entry, ...]:
        """Every entry of the chain once, in the log's order."""
        found = {entry.seq: entry for step in self.steps for entry in (*step.entries, *step.rests_on)}
        return tuple(found[seq] for seq in sorted(found))


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """What the steps are read from."""

    session: Session
    model: Model
    release: ReleaseRecord
    snapshot: Snapshot
    manifest: Mapping[str, Any]
    taken: Entry | None
    before_seq: int | None

    def named(self, value: object, *kinds: str) -> list[Entry]:
        """Entries of these kinds that name an id or digest, oldest first; one more than a step lists, to see that."""
        wanted = Filter(kinds=kinds, mentions=str(value))
        return search(self.session, wanted, before_seq=self.before_seq, limit=MOST_ENTRIES + 1)[::-1]

    def before(self, entry: Entry | None, *kinds: str, limit: int = MOST_ENTRIES) -> list[Entry]:
        """The entries of these kinds before another, newest first."""
        if entry is None:
            return []
        return search(self.session, Filter(kinds=kinds), before_seq=entry.seq, limit=limit)


def chain_of(session: Session, model_id: UUID, *, before_seq: int | None = None) -> Chain:
    """The chain of one model, with the entries before ``before_seq`` (None: to the end of the log).

    The tables are read as they are now, so only a chain to the end of the log tells their faults.

    Raises:
        NotFound: there is no such model.
    """
    model = get_model(session, model_id)
    release = get_release(session, model.release)
    snapshot = get_snapshot(session, release.snapshot_id)
    wanted = Filter(kinds=("registry.snapshot_taken",), mentions=str(snapshot.id))
    taken = search(session, wanted, before_seq=before_seq, limit=1)
    origin = Origin(
        session=session,
        model=model,
        release=release,
        snapshot=snapshot,
        manifest=json.loads(snapshot.manifest),
        taken=next(iter(taken), None),
        before_seq=before_seq,
    )
    return Chain(model=model, steps=tuple(step(origin).latest for step in STEPS))


def _deployment(origin: Origin) -> Step:
    entries = origin.named(origin.model.id, "review.model_deployed", "review.model_rolled_back")
    generation = () if origin.model.generation is None else (("generation", str(origin.model.generation)),)
    faults = () if entries or origin.model.generation is None else ("it has a generation, but no entry let it serve",)
    return Step(name="Deployment", facts=generation, entries=tuple(entries), faults=faults)


def _board(origin: Origin) -> Step:
    statement = select(Review.id).where(Review.model_id == origin.model.id).order_by(Review.opened_at, Review.id)
    reviews = list(origin.session.scalars(statement))
    entries = [entry for review in reviews for entry in origin.named(review, "review.")]
    # A vote names its review and no model: whoever has the entries alone needs the one that opened it.
    opened = tuple(entry for review in reviews for entry in origin.named(review, "review.opened"))
    facts = tuple(("review", str(review)) for review in reviews)
    faults = _unrecorded(reviews, entries)
    return Step(name="Board", facts=facts, entries=tuple(entries), faults=faults, rests_on=opened)


def _gate(origin: Origin) -> Step:
    entries = origin.named(origin.model.id, *GATE_KINDS)
    decided = [entry for entry in entries if entry.kind == "gate.decided"]
    waivers = sorted({str(entry.body["waiver"]) for entry in entries if "waiver" in entry.body})
    agreed = tuple(entry for waiver in waivers for entry in origin.named(waiver, *WAIVER_KINDS))
    facts, faults = [], []
    for record in reversed(list_decisions(origin.session, origin.model)):
        facts.append((record.outcome, f"under the policy {record.policy}"))
        facts += [
            (f"waiver {each['waiver']}", f"{each['state']}, until {each['expires_on']}") for each in record.waivers
        ]
        entry = next((each for each in decided if each.body["decision"] == str(record.id)), None)
        if entry is None:
            faults.append(f"decision {record.id} is in no entry")
        elif (entry.body["outcome"], entry.body["policy"], entry.body["report"]) != (
            record.outcome, record.policy, record.report,
        ):  # fmt: skip
            faults.append(f"decision {record.id} is stored otherwise than entry {entry.seq} says")
    return Step(name="Gate", facts=tuple(facts), entries=(*agreed, *entries), faults=tuple(faults))


def _audits(origin: Origin) -> Step:
    reports = [each.digest for each in reversed(list_reports(origin.session, origin.model, limit=MOST_ENTRIES))]
    entries = origin.named(origin.model.id, "registry.audit_recorded")
    facts = tuple(("report", digest) for digest in reports)
    return Step(name="Audits", facts=facts, entries=tuple(entries), faults=_unrecorded(reports, entries))


def _attacks(origin: Origin) -> Step:
    """What attacks on its release found, whichever of the release's models they were made for."""
    entries = origin.named(origin.release.digest, "registry.attack_recorded")
    facts = tuple(
        (
            "refuted" if entry.body["refuted"] else "undecided" if entry.body.get("undecided") else "not refuted",
            f"report {entry.body['report']}",
        )
        for entry in entries
    )
    return Step(name="Attacks", facts=facts, entries=tuple(entries))


def _attestations(origin: Origin) -> Step:
    things = (origin.model.id, origin.release.digest)
    return Step(name="Attestations", entries=tuple(e for each in things for e in origin.named(each, "attestation.")))


def _model(origin: Origin) -> Step:
    made = [entry for each in _ancestry(origin) for entry in _registered(origin, each)]
    facts = [("digest", origin.model.digest)]
    if origin.model.parent_id is not None:
        facts.append(("made from the model", str(origin.model.parent_id)))
    facts += [(f"price of {category}", f"{price:+.4f}") for category, price in (origin.model.prices or {}).items()]
    if is_paid(origin.model.kind):
        promise = guarantee_of(origin.session, origin.model)
        facts += [(f"{name}, with its release", str(promise[name])) for name in ("epsilon", "delta", "mechanism")]
    own = [entry for entry in made if entry.body["model"] == str(origin.model.id)]
    agrees = any(
        (entry.body["digest"], entry.body["release"]) == (origin.model.digest, origin.model.release) for entry in own
    )
    faults = () if agrees else ("no entry registers this model with this digest and this release",)
    return Step(name="Model", facts=tuple(facts), entries=tuple(made), faults=faults)


def _release(origin: Origin) -> Step:
    entries = origin.named(origin.release.digest, "registry.release_made")
    guarantee = origin.release.guarantee
    facts = (("digest", origin.release.digest), *((name, str(value)) for name, value in guarantee.items()))
    agrees = any(dict(entry.body["guarantee"]) == guarantee for entry in entries)  # type: ignore[arg-type] # a mapping, by its event
    faults = () if agrees else ("no entry made this release with this guarantee",)
    return Step(name="Release", facts=facts, entries=tuple(entries), faults=faults)


def _budget(origin: Origin) -> Step:
    reservation = origin.session.get(Reservation, origin.release.reservation_id)
    entries = origin.named(origin.release.reservation_id, "budget.")
    facts = () if reservation is None else (("reservation", str(reservation.id)), ("state", reservation.state))
    faults = () if entries else ("no entry reserved the budget",)
    return Step(name="Privacy budget", facts=facts, entries=tuple(entries), faults=faults)


def _snapshot(origin: Origin) -> Step:
    manifest, facts = (
        origin.manifest,
        [("manifest", origin.snapshot.digest), ("subjects", str(origin.snapshot.subjects))],
    )
    facts += [(f"lake version of {kind}", str(version)) for kind, version in sorted(manifest.get("lake", {}).items())]
    consents = manifest.get("consents", {})
    facts += [(f"consent state, {name}", str(value)) for name, value in sorted(consents.items())]
    digest = sha256(origin.snapshot.manifest.encode()).hexdigest()
    faults = []
    if digest != origin.snapshot.digest:
        faults.append(f"the manifest that is kept gives the digest {digest}")
    if origin.taken is None or origin.taken.body["manifest"] != digest:
        faults.append("no entry took this snapshot with this manifest")
    entries = () if origin.taken is None else (origin.taken,)
    return Step(name="Snapshot", facts=tuple(facts), entries=entries, faults=tuple(faults))


def _policies(origin: Origin) -> Step:
    """What the manifest says was in force, against the last entry of each policy before the snapshot."""
    in_force: dict[str, Entry] = {}
    for entry in origin.before(origin.taken, "policy.in_force"):
        in_force.setdefault(str(entry.body["name"]), entry)
    named: Mapping[str, str] = origin.manifest.get("policies", {})
    faults = [
        f"the manifest names the policy {name} as {digest}, which no entry had put in force by then"
        for name, digest in sorted(named.items())
        if name not in in_force or in_force[name].body["digest"] != digest
    ]
    entries = sorted(in_force.values(), key=lambda entry: entry.seq)
    facts = tuple(sorted(named.items()))
    return Step(name="Policies in force", facts=facts, entries=tuple(entries), faults=tuple(faults))


def _catalogue(origin: Origin) -> Step:
    digest = origin.manifest.get("catalogue")
    entries = origin.before(origin.taken, "registry.catalogue_changed", limit=1)
    recorded = [entry for entry in entries if entry.body["catalogue"] == digest]
    faults = () if digest is None or recorded else (f"no entry made {digest} the catalogue by then",)
    facts = () if digest is None else (("digest", str(digest)),)
    return Step(name="Catalogue", facts=facts, entries=tuple(entries), faults=faults)


def _since_the_snapshot_before(name: str, *kinds: str) -> Callable[[Origin], Step]:
    def step(origin: Origin) -> Step:
        last = next(iter(origin.before(origin.taken, "registry.snapshot_taken", limit=1)), None)
        found = origin.before(origin.taken, *kinds, limit=MOST_BETWEEN + 1)
        between = [entry for entry in found if last is None or entry.seq > last.seq]
        since = "the beginning" if last is None else f"the snapshot before, entry {last.seq}"
        return Step(
            name=name,
            facts=(("since", since),),
            entries=tuple(between[:MOST_BETWEEN][::-1]),
            more=len(between) > MOST_BETWEEN,
        )

    return step


STEPS: Final[Sequence[Callable[[Origin], Step]]] = (
    _deployment,
    _board,
    _gate,
    _audits,
    _attacks,
    _attestations,
    _model,
    _release,
    _budget,
    _snapshot,
    _policies,
    _catalogue,
    _since_the_snapshot_before("Consents recorded", "consent."),
    _since_the_snapshot_before("Batches taken in", "registry.batch_ingested"),
)
"""From what a model is back to what it was made of."""


def _registered(origin: Origin, model_id: UUID) -> list[Entry]:
    # The first to name it: those of the models that were made from it, however many they are, name it as their parent.
    found = follow(origin.session, Filter(kinds=("registry.model_registered",), mentions=str(model_id)), limit=1)
    end = origin.before_seq
    return [each for each in found if each.body["model"] == str(model_id) and (end is None or each.seq < end)]


def _ancestry(origin: Origin) -> list[UUID]:
    """The model and those it was made from, the oldest first."""
    line, parent = [origin.model.id], origin.model.parent_id
    while parent is not None and parent not in line:
        line.append(parent)
        parent = get_model(origin.session, parent).parent_id
    return line[::-1]


def _unrecorded(things: Iterable[object], entries: Sequence[Entry]) -> tuple[str, ...]:
    named = {value for entry in entries for value in entry.body.values() if isinstance(value, str)}
    return tuple(f"{thing} is in no entry" for thing in things if str(thing) not in named)
