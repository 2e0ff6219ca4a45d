"""What a pack says of decisions and models, worked out again from what else is in it. Pure."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import date
from pathlib import PurePath
from typing import Any, Final

from audits.errors import AuditError
from audits.report import Report
from governance.errors import BrokenProof, PolicyError
from governance.gate.decision import decide
from governance.ledger.entry import Entry
from governance.policy.loader import parse
from governance.policy.rules import FairnessPolicy
from governance.policy.waivers import Waiver

Entries = Mapping[int, Entry]
GATE_KINDS: Final = ("gate.decided", "gate.waiver_granted", "gate.waiver_expired")
"""What is decided about one model."""

WAIVER_KINDS: Final = ("gate.waiver_asked", "gate.waiver_approved", "gate.waiver_withdrawn")
"""What happens to a waiver, whichever models come to rest on it."""

MOST_ENTRIES: Final = 500
"""How many entries a step of a model lists: the latest. For who writes them down as for who works them out again."""


def decision_from(
    report: bytes, policy: bytes, name: str, *, today: date, waivers: Sequence[Waiver] = ()
) -> dict[str, Any]:
    """What the gate says of a report under a fairness policy and its waivers on a day, as JSON.

    ``waivers`` are those that two people granted beside the policy.

    Raises:
        BrokenProof: one of them cannot be read; ``name`` is the decision that rests on it.
    """
    try:
        rules = parse(policy, PurePath(name), FairnessPolicy).value
        decision = decide(rules, Report.from_json(report), today=today, waivers=waivers)
    except (AuditError, PolicyError) as cause:
        msg = f"{name}: the report or the policy that it rests on cannot be read ({type(cause).__name__})"
        raise BrokenProof(msg) from cause
    findings = [{**asdict(finding), "verdict": str(finding.verdict)} for finding in decision.findings]
    applied = [waiver.as_dict() for waiver in decision.waivers]
    return {
        "outcome": str(decision.outcome),
        "findings": findings,
        "not_applicable": list(decision.not_applicable),
        "waivers": applied,
    }


def same_json(left: object, right: object) -> bool:
    """Whether two values are the same JSON: 1, 1.0 and true are not."""
    return json.dumps(left, sort_keys=True) == json.dumps(right, sort_keys=True)


def verify_steps(card: Mapping[str, Any], entries: Entries, name: str) -> None:
    """Hold the steps of a model's card to the entries of the pack.

    Guarantees:
      - there is each step once, in order, and what it lists is in the pack and of its kinds
      - up to the snapshot it lists every entry of the pack that is about the model; what came before the snapshot is
        listed from the snapshot before on, which a pack need not hold, so there entries may be fewer

    Raises:
        BrokenProof: it is otherwise.
    """
    said = [(step["name"], step["entries"]) for step in card["steps"]]
    known = [each for each, _ in said] == [step for step, _ in _STEPS]
    if not known or any(step.keys() != {"name", "entries"} for step in card["steps"]):
        msg = f"{name}: expected the steps {', '.join(step for step, _ in _STEPS)}"
        raise BrokenProof(msg)
    for (step, listed), (_, about) in zip(said, _STEPS, strict=True):
        if not set(listed) <= entries.keys():
            msg = f"{name}: an entry of the step {step!r} is absent"
            raise BrokenProof(msg)
        whole, found = about(card, entries)
        expected = found[-MOST_ENTRIES:] if whole else [seq for seq in found if seq in set(listed)]
        if sorted(listed) != sorted(expected) or any(type(seq) is not int for seq in listed):
            msg = f"{name}: the step {step!r} lists other entries than the pack has about the model"
            raise BrokenProof(msg)


_Found = tuple[bool, list[int]]
"""Whether a step lists all of these, and the entries that belong into it, in order."""
_Step = Callable[[Mapping[str, Any], Entries], _Found]


def _naming(*kinds: str, by: Callable[[Mapping[str, Any], Entries], Iterable[object]]) -> _Step:
    """All entries of these kinds that name one of the ids or digests at their top."""

    def found(card: Mapping[str, Any], entries: Entries) -> _Found:
        things = set(by(card, entries))
        return True, [each.seq for each in _of_kind(entries, kinds) if not things.isdisjoint(_texts(each))]

    return found


def _before_the_snapshot(*kinds: str) -> _Step:
    def found(card: Mapping[str, Any], entries: Entries) -> _Found:
        taken = max(_about(entries, "registry.snapshot_taken", "snapshot", card["snapshot"]["id"]), default=-1)
        return False, [each.seq for each in _of_kind(entries, kinds) if each.seq < taken]

    return found


def _snapshot(card: Mapping[str, Any], entries: Entries) -> _Found:
    return True, sorted(_about(entries, "registry.snapshot_taken", "snapshot", card["snapshot"]["id"]))[-1:]


def _registered(card: Mapping[str, Any], entries: Entries) -> _Found:
    line: list[int] = []
    model: object = card["model"]
    while model is not None:
        found = [seq for seq in _about(entries, "registry.model_registered", "model", model) if seq not in line]
        if not found:
            break
        line += found
        model = entries[found[-1]].body["parent"]
    return True, line[::-1]


def _gate(card: Mapping[str, Any], entries: Entries) -> _Found:
    """Decisions on the model with the waivers they rest on, and how those came to be."""
    _, judged = _naming(*GATE_KINDS, by=_model)(card, entries)
    waivers = {entries[seq].body.get("waiver") for seq in judged}
    agreed = [each.seq for each in _of_kind(entries, WAIVER_KINDS) if each.body["waiver"] in waivers]
    return True, sorted({*judged, *agreed})


def _reviews(card: Mapping[str, Any], entries: Entries) -> Iterator[object]:
    return (entries[seq].body["review"] for seq in _about(entries, "review.opened", "model", card["model"]))


def _reservation(card: Mapping[str, Any], entries: Entries) -> Iterator[object]:
    made = _about(entries, "registry.release_made", "release", card["release"]["digest"])
    return (entries[seq].body["reservation"] for seq in made)


def _model(card: Mapping[str, Any], _: Entries) -> Sequence[object]:
    return (card["model"],)


def _release(card: Mapping[str, Any], _: Entries) -> Sequence[object]:
    return (card["release"]["digest"],)


def _model_and_release(card: Mapping[str, Any], _: Entries) -> Sequence[object]:
    return card["model"], card["release"]["digest"]


_STEPS: Final[tuple[tuple[str, _Step], ...]] = (
    ("Deployment", _naming("review.model_deployed", "review.model_rolled_back", by=_model)),
    ("Board", _naming("review.", by=_reviews)),
    ("Gate", _gate),
    ("Audits", _naming("registry.audit_recorded", by=_model)),
    ("Attacks", _naming("registry.attack_recorded", by=_release)),
    ("Attestations", _naming("attestation.", by=_model_and_release)),
    ("Model", _registered),
    ("Release", _naming("registry.release_made", by=_release)),
    ("Privacy budget", _naming("budget.", by=_reservation)),
    ("Snapshot", _snapshot),
    ("Policies in force", _before_the_snapshot("policy.in_force")),
    ("Catalogue", _before_the_snapshot("registry.catalogue_changed")),
    ("Consents recorded", _before_the_snapshot("consent.")),
    ("Batches taken in", _before_the_snapshot("registry.batch_ingested")),
)
"""The steps as `chain` has them, and what belongs into each by the entries alone."""


def _of_kind(entries: Entries, kinds: Sequence[str]) -> Iterator[Entry]:
    """Those of a kind, or of a family of kinds (which ends in a dot), in the log's order."""
    for seq in sorted(entries):
        entry = entries[seq]
        if any(entry.kind == kind or (kind.endswith(".") and entry.kind.startswith(kind)) for kind in kinds):
            yield entry


def _about(entries: Entries, kind: str, field: str, value: object) -> list[int]:
    return [each.seq for each in _of_kind(entries, (kind,)) if each.body.get(field) == value]


def _texts(entry: Entry) -> Iterator[str]:
    return (each for each in entry.body.values() if isinstance(each, str))
