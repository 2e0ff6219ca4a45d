"""Whether an attestation is worth anything to the one who asks. Pure; every check says what it found.

Order: envelope and signature, payload type, statement, subject, predicate; then who speaks, what is said, the policy,
the age, the ledger, supersession. Nothing that was signed is looked at before its signature holds.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from governance.attest.attester import speaks_for
from governance.attest.dsse import VerifiedEnvelope, verify_envelope
from governance.attest.logged import Logged, LoggedAttestations
from governance.attest.predicate import Predicate
from governance.attest.predicates.verification_summary import VerificationSummary
from governance.attest.registry import read_predicate
from governance.attest.statement import MODELS, Statement, decode_statement
from governance.errors import BrokenProof
from governance.ledger.note import VerifierKey

SKEW = timedelta(minutes=5)
"""How far ahead of ours another clock may be."""

HISTORY = "it says what happened then, which neither time nor another policy undoes"


class Status(StrEnum):
    """What a check found."""

    HOLDS = "holds"
    REFUSED = "refused"
    MISSING = "missing"
    UNASKED = "not asked"


@dataclass(frozen=True, slots=True)
class Finding:
    """One check with its answer, in a sentence."""

    check: str
    status: Status
    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What the one who asks knows from elsewhere. What is None or empty is not asked.

    ``attesters`` are the known (id, key) pairs; ``subjects`` SHA-256 of artefacts; ``policies`` SHA-256 by file name,
    of all that are pinned; ``policy_digest`` of one; ``log`` is what a published log or a proof says, or the finding
    why it says nothing; ``max_log_age`` how old the newest cosignature on it may be; ``complete`` whether the whole log
    was read, so that what came later would be seen.
    """

    attesters: Sequence[VerifierKey]
    now: datetime
    threshold: int = 1
    subjects: tuple[str, ...] = ()
    policies: Mapping[str, str] | None = None
    policy_digest: str | None = None
    resource: str | None = None
    max_age: timedelta | None = None
    max_log_age: timedelta | None = None
    log: LoggedAttestations | Finding | None = None
    complete: bool = True

    @property
    def asks_of_verdicts(self) -> bool:
        """Whether something is asked that only a verdict can answer."""
        return any(each is not None for each in (self.policies, self.policy_digest, self.max_age))


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """What was found out about one envelope. ``digest`` and ``predicate_type`` are None where no signature held.

    ``models`` are those of the ``subjects`` that are named as models; ``is_verdict`` as in `Predicate`.
    """

    findings: tuple[Finding, ...]
    digest: str | None = None
    predicate_type: str | None = None
    subjects: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    levels: tuple[str, ...] = ()
    is_verdict: bool = False

    @property
    def status(self) -> Status:
        """The worst that was found; a refusal is worse than evidence that is missing."""
        return worst(self.findings)


def worst(findings: Sequence[Finding]) -> Status:
    """The worst of the findings; no finding at all is missing evidence."""
    found = {finding.status for finding in findings}
    for status in (Status.REFUSED, Status.MISSING, Status.HOLDS):
        if status in found:
            return status
    return Status.MISSING


def verify_attestation(unverified: bytes, expected: Expected) -> Verified:
    """Every finding about one envelope. Never raises on what strangers can put into it."""
    try:
        envelope = verify_envelope(
            unverified, [key.public_key for key in expected.attesters], threshold=expected.threshold
        )
    except BrokenProof as refusal:
        return Verified(findings=(Finding("signature", Status.REFUSED, str(refusal)),))
    names = speaks_for(expected.attesters, envelope.public_keys)
    signed = Finding("signature", Status.HOLDS, f"signed by {', '.join(names)}")
    try:
        statement = decode_statement(envelope.payload_type, envelope.payload)
    except BrokenProof as refusal:
        return Verified(findings=(signed, Finding("statement", Status.REFUSED, str(refusal))), digest=envelope.digest)
    findings = [signed, _subject(statement, expected)]
    levels: tuple[str, ...] = ()
    is_verdict = False
    try:
        predicate = read_predicate(statement)
    except BrokenProof as refusal:
        findings.append(Finding("predicate", Status.REFUSED, str(refusal)))
    else:
        findings += _said(envelope, statement, predicate, names, expected)
        levels = predicate.levels if isinstance(predicate, VerificationSummary) else ()
        is_verdict = predicate.is_verdict
    return Verified(
        findings=tuple(findings),
        digest=envelope.digest,
        predicate_type=statement.predicate_type,
        subjects=tuple(each.sha256 for each in statement.subjects),
        models=tuple(each.sha256 for each in statement.subjects if each.name.startswith(MODELS)),
        levels=levels,
        is_verdict=is_verdict,
    )


def _said(
    envelope: VerifiedEnvelope, statement: Statement, predicate: Predicate, names: tuple[str, ...], expected: Expected
) -> list[Finding]:
    logged = expected.log.find_made(envelope.digest) if isinstance(expected.log, LoggedAttestations) else None
    return [
        _speaker(predicate, names),
        *_verdict(predicate),
        *_resource(predicate, expected),
        *_policies(predicate, expected),
        _age(predicate, logged, expected),
        *_ledger(statement, logged, expected),
    ]


def _subject(statement: Statement, expected: Expected) -> Finding:
    found = [each.sha256 for each in statement.subjects]
    if not expected.subjects:
        return Finding("subject", Status.UNASKED, f"is about {', '.join(found) or 'nothing with a SHA-256'}")
    known = [each for each in found if each in expected.subjects]
    if known:
        return Finding("subject", Status.HOLDS, f"is about {', '.join(known)}")
    msg = f"expected {' or '.join(expected.subjects)}, is about {', '.join(found) or 'nothing with a SHA-256'}"
    return Finding("subject", Status.REFUSED, msg)


def _speaker(predicate: Predicate, names: tuple[str, ...]) -> Finding:
    if predicate.speaker is None:
        return Finding("speaker", Status.HOLDS, "this kind of statement does not name who makes it: the key does")
    if predicate.speaker in names:
        return Finding("speaker", Status.HOLDS, f"the key belongs to {predicate.speaker}")
    return Finding(
        "speaker", Status.REFUSED, f"the key belongs to {', '.join(names)}, but {predicate.speaker} is named"
    )


def _verdict(predicate: Predicate) -> list[Finding]:
    refused = [Finding("verdict", Status.REFUSED, reason) for reason in predicate.refusals]
    return refused or [Finding("verdict", Status.HOLDS, f"the {predicate.slug} says nothing against it")]


def _resource(predicate: Predicate, expected: Expected) -> list[Finding]:
    if expected.resource is None or not isinstance(predicate, VerificationSummary):
        return []
    status = Status.HOLDS if predicate.resource == expected.resource else Status.REFUSED
    return [Finding("resource", status, f"expected {expected.resource}, it is {predicate.resource}")]


def _policies(predicate: Predicate, expected: Expected) -> list[Finding]:
    asked = expected.policies is not None or expected.policy_digest is not None
    if not asked or not predicate.is_verdict:
        named = ", ".join(f"{name} {digest[:12]}" for name, digest in predicate.policies.items()) or "none"
        why = HISTORY if asked else "compared with none"
        return [Finding("policy", Status.UNASKED, f"made under {named}; {why}")]
    if not predicate.policies:
        return [Finding("policy", Status.MISSING, "it names no policy that it was made under")]
    found = []
    if expected.policy_digest is not None:
        status = Status.HOLDS if expected.policy_digest in predicate.policies.values() else Status.REFUSED
        made_under = ", ".join(predicate.policies.values())
        found.append(Finding("policy", status, f"expected {expected.policy_digest}, made under {made_under}"))
    if expected.policies is not None:
        found += [_policy(name, digest, expected.policies) for name, digest in predicate.policies.items()]
    return found


def _policy(name: str, digest: str, pinned: Mapping[str, str]) -> Finding:
    if name not in pinned:
        return Finding("policy", Status.MISSING, f"{name}: made under {digest}, nothing of that name is pinned")
    if pinned[name] == digest:
        return Finding("policy", Status.HOLDS, f"{name}: made under {digest}, as pinned")
    return Finding("policy", Status.REFUSED, f"{name}: made under {digest}, pinned is {pinned[name]}")


def _age(predicate: Predicate, logged: Logged | None, expected: Expected) -> Finding:
    moment = predicate.moment or (None if logged is None else logged.on)
    if moment is not None and moment > expected.now + SKEW:
        return Finding("age", Status.REFUSED, f"made at {moment.isoformat()}, which is yet to come")
    made = f"made at {'an unsaid time' if moment is None else moment.isoformat()}"
    if expected.max_age is None:
        return Finding("age", Status.UNASKED, made)
    if not predicate.is_verdict:
        return Finding("age", Status.UNASKED, f"{made}; {HISTORY}")
    if moment is None:
        return Finding("age", Status.MISSING, "it does not say when it was made, and no log that does was given")
    age = (expected.now - moment) / timedelta(days=1)
    status = Status.HOLDS if expected.now - moment <= expected.max_age else Status.REFUSED
    allowed = expected.max_age / timedelta(days=1)
    return Finding("age", status, f"made {age:.1f} days ago, expected at most {allowed:g}")


def _ledger(statement: Statement, logged: Logged | None, expected: Expected) -> list[Finding]:
    log = expected.log
    if log is None:
        return [
            Finding("ledger", Status.UNASKED, "no log or proof was given, so a later one that replaced it is unseen")
        ]
    if isinstance(log, Finding):
        return [log]
    if logged is None:
        where = f"{log.origin} with {log.size} entries"
        return [Finding("ledger", Status.MISSING, f"{where} has no entry for it yet")]
    about = {each.sha256 for each in statement.subjects}
    if logged.predicate_type != statement.predicate_type or logged.artefact not in about:
        return [
            Finding("ledger", Status.REFUSED, f"entry {logged.seq} has it about another artefact or of another type")
        ]
    found = Finding("ledger", Status.HOLDS, f"entry {logged.seq} of {log.size} in {log.origin}")
    return [found, _supersession(log, logged, complete=expected.complete), *_freshness(log, expected)]


def _freshness(log: LoggedAttestations, expected: Expected) -> list[Finding]:
    """An old copy of the log hides what came later; only witnesses say when a copy was the newest."""
    if expected.max_log_age is None:
        return []
    if log.seen_at is None:
        return [Finding("log age", Status.MISSING, "no witness said when this was the newest state of the log")]
    age = expected.now - log.seen_at
    fresh = -SKEW <= age <= expected.max_log_age
    allowed = expected.max_log_age / timedelta(days=1)
    sentence = f"last witnessed {age / timedelta(days=1):.1f} days ago, expected at most {allowed:g}"
    return [Finding("log age", Status.HOLDS if fresh else Status.REFUSED, sentence)]


def _supersession(log: LoggedAttestations, logged: Logged, *, complete: bool) -> Finding:
    if not complete:
        return Finding("superseded", Status.UNASKED, "a proof says nothing about later entries; give the log itself")
    end = log.find_end(logged)
    if end is None:
        return Finding("superseded", Status.HOLDS, f"nothing in the {log.size} entries replaces or withdraws it")
    what = "withdraws it" if end.attestation == logged.attestation else f"replaces it by {end.attestation}"
    return Finding("superseded", Status.REFUSED, f"entry {end.seq} {what}")
