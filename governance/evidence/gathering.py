"""What a period's entries point at, gathered from where the house keeps it; what is not there is named as missing."""

import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from audits.errors import AuditError
from audits.html import render
from audits.report import Report
from governance.attest.store import file_name, read_envelope
from governance.consent.notices import notice_text
from governance.errors import BrokenProof, ConfigurationError
from governance.evidence.chain import Chain, chain_of
from governance.evidence.documents import Document, documents_of
from governance.evidence.things import verify_attested
from governance.gate.tables import GateRecord
from governance.ledger.canonical import Json
from governance.ledger.entry import Entry
from governance.policy.texts import PolicyText, find_text
from governance.registry.lineage import get_release, get_snapshot, guarantee_of
from governance.registry.models import get_model
from governance.registry.reports import disclosed_path, read_attack, read_kept, read_report, released_path, title_of
from governance.registry.tables import AttackRecord, AuditRecord, Model
from governance.sentences import is_name
from recommender.paid_models import is_paid

ATTESTATIONS = "attestations"


@dataclass(frozen=True, slots=True)
class Missing:
    """A thing that an entry names and the house no longer has as it was: ``what`` it is, its name, and why."""

    what: str
    name: str
    reason: str


@dataclass(slots=True)
class Named:
    """The things that entries name, by what they are; collected while the entries pass by."""

    models: set[str] = field(default_factory=set)
    reports: set[str] = field(default_factory=set)
    attacks: set[str] = field(default_factory=set)
    documents: dict[tuple[Document, str], Entry] = field(default_factory=dict)
    decisions: set[str] = field(default_factory=set)
    policies: set[str] = field(default_factory=set)
    attestations: dict[str, set[str]] = field(default_factory=dict)
    """Each with the keys that the log says it was signed with."""

    def see(self, entry: Entry) -> None:
        """Take up what one entry of the period names."""
        if "model" in entry.body:
            self.models.add(str(entry.body["model"]))
        if entry.kind in {"registry.audit_recorded", "gate.decided"}:
            self.reports.add(str(entry.body["report"]))
        if entry.kind == "registry.attack_recorded":
            self.attacks.add(str(entry.body["report"]))
        for named in documents_of(entry):
            self.documents.setdefault(named, entry)
        if entry.kind == "gate.decided":
            self.decisions.add(str(entry.body["decision"]))
            self.policies.add(str(entry.body["policy"]))
        if entry.kind == "attestation.made":
            self.attestations.setdefault(str(entry.body["attestation"]), set()).add(str(entry.body["key"]))
        self.see_policy(entry)

    def see_policy(self, entry: Entry) -> None:
        """Take up the policy that an entry put in force."""
        if entry.kind == "policy.in_force":
            self.policies.add(str(entry.body["digest"]))


@dataclass(frozen=True, slots=True, kw_only=True)
class Shelf:
    """Where things are read from, and what was not found there. ``home`` holds reports and attestations."""

    session: Session
    home: Path
    missing: list[Missing] = field(default_factory=list)

    def chains(self, models: Iterable[str], size: int) -> list[Chain]:
        """The chains of the models that are registered here, with those of the first ``size`` entries."""
        ids = [UUID(each) for each in sorted(models) if is_name(each) and "-" in each]
        known = set(self.session.scalars(select(Model.id).where(Model.id.in_(ids))))
        self.missing.extend(Missing("model", str(each), "it is not registered") for each in ids if each not in known)
        return [chain_of(self.session, each, before_seq=size) for each in ids if each in known]

    def cards(self, chains: Iterable[Chain]) -> Iterator[tuple[str, bytes]]:
        """What each model is and which entries recorded it."""
        for chain in chains:
            yield f"models/{chain.model.id}.json", _encode(self._card(chain))

    def reports(self, digests: Iterable[str]) -> Iterator[tuple[str, bytes]]:
        """Reports, each with a page drawn from it.

        The page that the house keeps is written anew whenever the gate decides; that one would make another pack.
        """
        for digest in sorted(digests):
            record = self.session.get(AuditRecord, digest)
            if record is None:
                self.missing.append(Missing("report.json", digest, "it is not registered"))
                continue
            try:
                encoded = read_report(self.home, record)
            except BrokenProof:
                self.missing.append(Missing("report.json", digest, "the file is not what was registered"))
                continue
            except ConfigurationError:
                self.missing.append(Missing("report.json", digest, "the file cannot be read"))
                continue
            yield f"reports/{digest}.json", encoded
            try:
                page = render(Report.from_json(encoded), title=title_of(get_model(self.session, record.model_id)))
            except AuditError:
                self.missing.append(Missing("report.html", digest, "what was registered is no report to draw"))
            else:
                yield f"reports/{digest}.html", page.encode()

    def attacks(self, digests: Iterable[str]) -> Iterator[tuple[str, bytes]]:
        """What attacks on our own releases found, as registered."""
        for digest in sorted(digests):
            record = self.session.get(AttackRecord, digest)
            if record is None:
                self.missing.append(Missing("attack", digest, "it is not registered"))
                continue
            try:
                yield f"attacks/{digest}.json", read_attack(self.home, record)
            except BrokenProof:
                self.missing.append(Missing("attack", digest, "the file is not what was registered"))
            except ConfigurationError:
                self.missing.append(Missing("attack", digest, "the file cannot be read"))

    def documents(self, named: Mapping[tuple[Document, str], Entry]) -> Iterator[tuple[str, bytes]]:
        """Audits that left the house, price files with their reports, and the texts of notices, byte for byte."""
        for (document, digest), entry in sorted(named.items(), key=lambda each: (each[0][0].folder, each[0][1])):
            try:
                yield document.member(digest), self._document(document, digest, entry)
            except BrokenProof:
                self.missing.append(Missing(document.what, digest, "what is kept is not what the log names"))
            except ConfigurationError:
                self.missing.append(Missing(document.what, digest, "it cannot be read"))

    def _document(self, document: Document, digest: str, entry: Entry) -> bytes:
        if document.folder == "notices":
            return notice_text(self.session, digest).encode()
        places = {
            "released": released_path(digest),
            "disclosed": disclosed_path(digest),
            "prices": f"prices/{entry.body.get('model')}.json",
            "mitigations": f"prices/{entry.body.get('model')}.report.json",
        }
        return read_kept(self.home, places[document.folder], digest)

    def decisions(self, ids: Iterable[str]) -> Iterator[tuple[str, bytes]]:
        """The gate's decisions with every finding."""
        for each in sorted(ids):
            record = self.session.get(GateRecord, UUID(each))
            if record is None:
                self.missing.append(Missing("decision", each, "it is not stored"))
            else:
                yield f"decisions/{each}.json", _encode(_decision(record))

    def policies(self, digests: Iterable[str]) -> Iterator[tuple[str, bytes]]:
        """The texts of policies, by digest."""
        for digest in sorted(digests):
            try:
                text = find_text(self.session, digest)
            except BrokenProof:
                self.missing.append(Missing("policy", digest, "the text that is kept is not the one that was in force"))
                continue
            if text is None:
                self.missing.append(Missing("policy", digest, "its text was not kept"))
                continue
            row = self.session.get_one(PolicyText, digest)
            yield f"policies/{row.name}.{digest}.yaml", text.encode()

    def attestations(self, keys: Mapping[str, Collection[str]]) -> Iterator[tuple[str, bytes]]:
        """Signed statements, as they were made; ``keys`` gives for each those that may have signed it."""
        for digest in sorted(keys):
            name = file_name(digest)
            try:
                envelope = read_envelope(self.home / ATTESTATIONS, digest)
                verify_attested(envelope, digest, keys[digest], name)
            except BrokenProof:
                self.missing.append(Missing("attestation", digest, "the file is not what was attested"))
            except ConfigurationError:
                self.missing.append(Missing("attestation", digest, "the file cannot be read"))
            else:
                yield f"{ATTESTATIONS}/{name}", envelope

    def _card(self, chain: Chain) -> dict[str, Any]:
        # Nothing in it changes later: what a model's state is today is not what it was in the period.
        model = chain.model
        release = get_release(self.session, model.release)
        snapshot = get_snapshot(self.session, release.snapshot_id)
        card: dict[str, Any] = {
            "model": str(model.id),
            "kind": model.kind,
            "digest": model.digest,
            "parent": None if model.parent_id is None else str(model.parent_id),
            "prices": model.prices,
            "author": str(model.author_id),
            "release": {"digest": release.digest, "guarantee": release.guarantee},
            "snapshot": {
                "id": str(snapshot.id),
                "digest": snapshot.digest,
                "subjects": snapshot.subjects,
                "manifest": snapshot.manifest,
            },
            "steps": [{"name": step.name, "entries": [each.seq for each in step.entries]} for step in chain.steps],
        }
        if is_paid(model.kind):  # the release's alone would promise more than this model keeps
            card["guarantee"] = guarantee_of(self.session, model)
        return card


def _decision(record: GateRecord) -> dict[str, Json]:
    return {
        "id": str(record.id),
        "model": str(record.model_id),
        "report": record.report,
        "policy": record.policy,
        "outcome": record.outcome,
        "findings": record.findings,
        "not_applicable": record.not_applicable,
        "waivers": record.waivers,
    }


def _encode(value: Mapping[str, Any]) -> bytes:
    return json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False).encode() + b"\n"
