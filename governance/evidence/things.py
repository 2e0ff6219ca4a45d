"""What a pack holds beside entries, each held to the entries that name it."""

import json
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final

from governance.attest.dsse import attestation_digest, decode_envelope, encode_envelope
from governance.errors import BrokenProof
from governance.evidence.documents import DOCUMENTS, Document, documents_of
from governance.evidence.recomputing import decision_from, same_json, verify_steps
from governance.gate.waivers import AppliedWaiver
from governance.ledger.entry import Entry
from governance.policy.waivers import PRINCIPAL, Waiver
from governance.registry.refutation import refutes, undecides
from recommender.paid_models import is_paid

FOLDERS: Final = (
    "reports", "attacks", *(each.folder for each in DOCUMENTS), "decisions", "models", "policies", "attestations",
)  # fmt: skip
ABSENT: Final = (
    "model", "report.json", "report.html", "attack", *(each.what for each in DOCUMENTS), "decision", "policy",
    "attestation",
)  # fmt: skip
"""What a pack may say it lacks."""
_OF_A_DECISION: Final = {"id", "model", "report", "policy", "outcome", "findings", "not_applicable", "waivers"}
_OF_A_MODEL: Final = {"model", "kind", "digest", "parent", "prices", "author", "release", "snapshot", "steps"}
_OF_A_PAID_MODEL: Final = _OF_A_MODEL | {"guarantee"}
_OF_A_RELEASE: Final = {"digest", "guarantee"}
_OF_A_SNAPSHOT: Final = {"id", "digest", "subjects", "manifest"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """What a pack was found to have.

    Attributes:
        entries: those of the period and related ones, verified, by number.
        inside: the numbers of the period.
        names: of all members.
        missing: what the pack says it lacks, by ``what`` and ``name``.
        read: gives a member's bytes.
    """

    entries: Mapping[int, Entry]
    inside: range
    names: Sequence[str]
    missing: Sequence[Mapping[str, str]]
    read: Callable[[str], bytes]

    def of(self, kind: str, field: str, value: str) -> Iterator[Entry]:
        """The entries of a kind in which a field has this value."""
        return (each for each in self.entries.values() if each.kind == kind and each.body.get(field) == value)

    def folder(self, name: str) -> Iterator[str]:
        """The members of a folder."""
        return (each for each in self.names if each.startswith(f"{name}/"))


def verify_things(held: Held) -> dict[str, int]:
    """How many things there are of each sort.

    Raises:
        BrokenProof: a thing is not what the entries say, no entry names it, or one is absent without being said to be.
    """
    for folder, check in _CHECKS.items():
        for name in held.folder(folder):
            try:
                check(held, name, held.read(name))
            except BrokenProof as cause:
                if str(cause).startswith((name, "reports/", "policies/")):
                    raise
                msg = f"{name}: {cause}"
                raise BrokenProof(msg) from cause
            except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as cause:
                msg = f"{name}: it does not have the form that such a file has"
                raise BrokenProof(msg) from cause
    _verify_absent(held)
    return {folder: sum(not name.endswith(".html") for name in held.folder(folder)) for folder in FOLDERS}


def verify_attested(data: bytes, digest: str, keys: Collection[str], name: str) -> None:
    """Hold an attestation's file to the entries that name it. Its signature is not verified.

    Raises:
        BrokenProof: it says something else than ``digest`` (over the PAE), names another key than one of ``keys``, or
            is spelt otherwise than we write it.
    """
    envelope = decode_envelope(data)
    signed = attestation_digest(envelope.payload_type, envelope.payload)
    _require(signed == digest, name, "what it signs does not give the digest that the log names")
    signers = {each.key_id for each in envelope.signatures}
    _require(
        len(envelope.signatures) == 1 and signers <= set(keys),
        name,
        "another key is said to have signed it than the log names",
    )
    _require(encode_envelope(envelope) == data, name, "it does not have the form that such a file has")


def _report(held: Held, name: str, data: bytes) -> None:
    digest = name.removeprefix("reports/").partition(".")[0]
    named = [*held.of("registry.audit_recorded", "report", digest), *held.of("gate.decided", "report", digest)]
    if name.endswith(".json"):
        _require(sha256(data).hexdigest() == digest, name, "its bytes do not give the digest that the log names")
    _require(bool(named), name, "no entry names it")


def _attack(held: Held, name: str, data: bytes) -> None:
    digest = name.removeprefix("attacks/").removesuffix(".json")
    _require(sha256(data).hexdigest() == digest, name, "its bytes do not give the digest that the log names")
    entry = _only(held.of("registry.attack_recorded", "report", digest), name)
    said = json.loads(data)
    _require(
        (said["model"], said["release"]) == (entry.body["model"], entry.body["release"]), name, "it is about another"
    )
    for field in ("epsilon", "delta", "lower_bound", "confidence", "canaries"):
        _require(
            said["privacy_attack"][field] == entry.body[field], name, f"{field} is not what entry {entry.seq} says"
        )
    found = refutes(said)
    _require(entry.body["refuted"] is found, name, f"what it found is not what entry {entry.seq} says of refuted")
    # Reports and entries of old do not say it in so many words.
    _require(said.get("refuted", found) is found, name, "it says otherwise than its figures whether it refuted")
    if "chance" in said["privacy_attack"]:
        told = entry.body.get("undecided") is undecides(said)
        _require(told, name, f"what it found is not what entry {entry.seq} says of undecided")


def _document(document: Document) -> Callable[[Held, str, bytes], None]:
    def check(held: Held, name: str, data: bytes) -> None:
        digest = name.removeprefix(f"{document.folder}/").removesuffix(document.suffix)
        _require(sha256(data).hexdigest() == digest, name, "its bytes do not give the digest that the log names")
        entries = list(held.of(document.kind, document.field, digest))
        _require(bool(entries), name, "no entry names it")
        if document.folder == "released":
            _released(_only(iter(entries), name), name, data)

    return check


def _released(entry: Entry, name: str, data: bytes) -> None:
    said, promise = json.loads(data), entry.body["guarantee"]
    facts, terms = dict(said["sections"][0]["facts"]), dict(said["terms"])
    _require(facts["Model"] == entry.body["model"], name, "it is about another model")
    for field in ("epsilon", "delta"):
        _require(float(terms[field]) == promise[field], name, f"{field} is not what entry {entry.seq} says")  # type: ignore[call-overload,index] # a mapping, by its event


def find_unsaid(held: Held) -> tuple[str, ...]:
    """What a pack lacks without saying so, as sentences: it was made before packs had such things, or hides them."""
    said = {(each["what"], each["name"]) for each in held.missing}
    named = (each for seq in held.inside for each in documents_of(held.entries[seq]))
    return tuple(
        f"{document.what} {digest}: the pack does not have it"
        for document, digest in dict.fromkeys(named)
        if document.member(digest) not in held.names and (document.what, digest) not in said
    )


def _decision(held: Held, name: str, data: bytes) -> None:
    said: dict[str, Any] = json.loads(data)
    _require(said.keys() == _OF_A_DECISION, name, "it does not have the form that such a file has")
    verdicts = {
        verdict: [f"{each['rule']} ({each['about']})" for each in said["findings"] if each["verdict"] == verdict]
        for verdict in ("fail", "inconclusive")
    }
    entry = _only(held.of("gate.decided", "decision", said["id"]), name)
    _require(name == f"decisions/{said['id']}.json", name, "it is about another decision")
    for field, expected in (
        ("model", said["model"]),
        ("report", said["report"]),
        ("policy", said["policy"]),
        ("outcome", said["outcome"]),
        ("failed", verdicts["fail"]),
        ("inconclusive", verdicts["inconclusive"]),
    ):
        _require(entry.body[field] == expected, name, f"{field} is not what entry {entry.seq} says")
    _verify_findings(held, name, said, entry)


def _verify_findings(held: Held, name: str, said: Mapping[str, Any], decided: Entry) -> None:
    """The gate is asked again. Where report or policy are missing nobody can, and the pack is said to have gaps."""
    report = next((each for each in held.folder("reports") if each == f"reports/{said['report']}.json"), None)
    policy = next((each for each in held.folder("policies") if each.split(".")[1] == said["policy"]), None)
    if report is None or policy is None:
        return
    evidence = held.read(report), held.read(policy)
    for file, data, digest in zip((report, policy), evidence, (said["report"], said["policy"]), strict=True):
        _require(sha256(data).hexdigest() == digest, file, "its bytes do not give the digest that the log names")
    granted = _granted(held, name, said, decided)
    for field, expected in decision_from(*evidence, name, today=decided.at.date(), waivers=granted).items():
        _require(same_json(said[field], expected), name, f"{field}: the gate finds otherwise in that report")


def _granted(held: Held, name: str, said: Mapping[str, Any], decided: Entry) -> list[Waiver]:
    """The waivers that two people granted, as far as the pack's entries go: those may be older than its period."""
    try:
        granted = [waiver for each in said["waivers"] if (waiver := AppliedWaiver.from_dict(each).granted) is not None]
    except (TypeError, ValueError, KeyError) as cause:
        msg = f"{name}: it names a waiver that is none"
        raise BrokenProof(msg) from cause
    authors = {str(each.body["author"]) for each in held.of("registry.model_registered", "model", said["model"])}
    for waiver in granted:
        approver = waiver.approver.removeprefix(PRINCIPAL)
        _require(approver not in authors, name, "a waiver was approved by the model's author")
        asked = list(held.of("gate.waiver_asked", "waiver", waiver.id))
        approved = list(held.of("gate.waiver_approved", "waiver", waiver.id))
        for entry in asked:
            _require(entry.actor == waiver.owner, name, f"the waiver's owner is not who wrote entry {entry.seq}")
            _agree(name, entry, {
                "rule": waiver.rule, "category": waiver.category, "group": waiver.group,
                "worst_value": waiver.worst_value, "expires_on": waiver.expires_on.isoformat(),
                "reason": sha256(waiver.reason.encode()).hexdigest(),
            })  # fmt: skip
        for entry in approved:
            _require(entry.actor == waiver.approver, name, f"the waiver's approver is not who wrote entry {entry.seq}")
            _agree(name, entry, {"approver": approver})
        _require(all(entry.seq < decided.seq for entry in (*asked, *approved)), name, "it counts a waiver of after it")
        withdrawn = list(held.of("gate.waiver_withdrawn", "waiver", waiver.id))
        taken_back = any(entry.seq < decided.seq for entry in withdrawn)
        _require(not taken_back, name, "it counts a waiver that was withdrawn before it")
        # A period has every entry from its first to its last: what was asked for and counted in it, was approved in it.
        whole = bool(asked) and asked[0].seq in held.inside and decided.seq in held.inside
        _require(bool(approved) or not whole, name, "it counts a waiver that no entry approves")
    return granted


def _model(held: Held, name: str, data: bytes) -> None:
    said: dict[str, Any] = json.loads(data)
    form = _OF_A_PAID_MODEL if is_paid(said["kind"]) else _OF_A_MODEL
    for part, fields in ((said, form), (said["release"], _OF_A_RELEASE), (said["snapshot"], _OF_A_SNAPSHOT)):
        _require(part.keys() == fields, name, "it does not have the form that such a file has")
    _require(name == f"models/{said['model']}.json", name, "it is about another model")
    own = (each for each in held.of("registry.model_registered", "model", said["model"]))
    _agree(name, _only(own, name), {
        "digest": said["digest"], "model_kind": said["kind"], "parent": said["parent"], "author": said["author"],
        "prices": said["prices"] or {}, "release": said["release"]["digest"],
    })  # fmt: skip
    made = _only(held.of("registry.release_made", "release", said["release"]["digest"]), name)
    _agree(name, made, {"guarantee": said["release"]["guarantee"], "snapshot": said["snapshot"]["id"]})
    if form is _OF_A_PAID_MODEL:
        reserved = _only(held.of("budget.reserved", "reservation", str(made.body["reservation"])), name)
        promise: Mapping[str, Any] = said["guarantee"]
        _agree(name, reserved, {part: promise[part] for part in ("epsilon", "delta", "mu")})
        _agree(name, reserved, {"sampled": promise.get("sampled", [])})
    taken = _only(held.of("registry.snapshot_taken", "snapshot", said["snapshot"]["id"]), name)
    manifest = sha256(said["snapshot"]["manifest"].encode()).hexdigest()
    _agree(name, taken, {"manifest": manifest, "subjects": said["snapshot"]["subjects"]})
    _require(said["snapshot"]["digest"] == manifest, name, "the snapshot's manifest does not give its digest")
    verify_steps(said, held.entries, name)


def _policy(held: Held, name: str, data: bytes) -> None:
    policy, digest, _ = name.removeprefix("policies/").split(".")
    _require(sha256(data).hexdigest() == digest, name, "its bytes do not give the digest that the log names")
    in_force = list(held.of("policy.in_force", "digest", digest))
    known = in_force or list(held.of("gate.decided", "policy", digest))
    _require(bool(known), name, "no entry names it")
    _require(all(each.body["name"] == policy for each in in_force), name, "the log gives it another name")


def _attestation(held: Held, name: str, data: bytes) -> None:
    digest = name.removeprefix("attestations/").partition(".")[0]
    keys = {str(each.body["key"]) for each in held.of("attestation.made", "attestation", digest)}
    _require(bool(keys), name, "no entry names it")
    verify_attested(data, digest, keys, name)


_CHECKS: Final[Mapping[str, Callable[[Held, str, bytes], None]]] = {
    "reports": _report,
    "attacks": _attack,
    **{each.folder: _document(each) for each in DOCUMENTS},
    "decisions": _decision,
    "models": _model,
    "policies": _policy,
    "attestations": _attestation,
}


def _verify_absent(held: Held) -> None:
    """What the entries of the period name is there, or is said to be missing."""
    said = {(each["what"], each["name"]) for each in held.missing}
    names = {*held.names, *(f"policies/{name.split('.')[1]}" for name in held.folder("policies"))}
    for entry in held.entries.values():
        for what, value, member in _named(entry, inside=entry.seq in held.inside):
            if member not in names and (what, value) not in said:
                msg = f"entry {entry.seq} names the {what} {value}; the pack does not have it, nor does it say so"
                raise BrokenProof(msg)


def _named(entry: Entry, *, inside: bool) -> Iterator[tuple[str, str, str]]:
    """What a pack with this entry must hold: what it is, its name, and the member."""
    body = {field: str(value) for field, value in entry.body.items()}
    if entry.kind == "policy.in_force":
        yield "policy", body["digest"], f"policies/{body['digest']}"
    if not inside:
        return
    if entry.kind == "registry.audit_recorded":
        yield "report.json", body["report"], f"reports/{body['report']}.json"
    elif entry.kind == "registry.attack_recorded":
        yield "attack", body["report"], f"attacks/{body['report']}.json"
    elif entry.kind == "gate.decided":
        yield "decision", body["decision"], f"decisions/{body['decision']}.json"
        yield "policy", body["policy"], f"policies/{body['policy']}"
    elif entry.kind == "registry.model_registered":
        yield "model", body["model"], f"models/{body['model']}.json"
    elif entry.kind == "attestation.made":
        yield "attestation", body["attestation"], f"attestations/{body['attestation']}.dsse.json"


def _agree(name: str, entry: Entry, expected: Mapping[str, object]) -> None:
    for field, value in expected.items():
        _require(entry.body[field] == value, name, f"{field} is not what entry {entry.seq} says")


def _only(entries: Iterator[Entry], name: str) -> Entry:
    found = next(entries, None)
    if found is None:
        msg = f"{name}: no entry of the pack records it"
        raise BrokenProof(msg)
    return found


def _require(holds: bool, name: str, fault: str) -> None:  # noqa: FBT001 - reads as the sentence it is
    if not holds:
        msg = f"{name}: {fault}"
        raise BrokenProof(msg)
