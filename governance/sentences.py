"""Each kind of ledger entry as one sentence for people: a registry to read, and what fills it in.

``{field}`` is a field of the entry's body. ``{field:words}`` writes a slug as words, ``{field:names}`` the keys of a
mapping. What stands in ``[…]`` is left out where a field in it is missing or empty, so a sentence also fits the older
shapes of its kind. Ids and digests are shortened for reading; the entry itself has them whole.
"""

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Final

from governance.ledger.canonical import Json

SENTENCES: Final[Mapping[str, str]] = {
    "policy.in_force": "The policy {name:words} took effect with the text {digest}.",
    "key.rotated": "The signing key {old} of the {key:words} was replaced by {new} ({ground:words}); "
    "the old one was {retired:words}.",
    "access.principal_added": "{principal} may act from now on as {roles:words}.",
    "access.token_issued": "The token {token} was issued to {principal}[, valid until {expires_on}].",
    "access.token_revoked": "The token {token} of {principal} was revoked.",
    "consent.notice_published": "The consent notice {notice} ({language}) was published with the text {digest}.",
    "consent.recorded": "Consent decisions were recorded[: {recorded:words}]"
    "[; {late} came late][; {repeated} repeated].",
    "registry.batch_ingested": "The batch {batch} was taken in[: {written:words}][; dropped {dropped:words}]"
    "[; lines in quarantine {quarantined}].",
    "registry.batch_quarantined": "Of the batch {batch}, {lines} lines were rejected: {reasons:words}. "
    "Their text was {text:words}.",
    "registry.catalogue_changed": "The catalogue became {catalogue}, with {items} items.",
    "budget.reserved": "ε {epsilon} at δ {delta} was reserved on {population} for {purpose:words}; "
    "that makes ε {composed_epsilon} of {budget_epsilon}. Reservation {reservation}.",
    "budget.reading_begun": "Reading began under the reservation {reservation}; it cannot be given back any more.",
    "budget.spent": "The reservation {reservation} was spent on the release {release}.",
    "budget.cancelled": "The reservation {reservation} was given back; nothing had been read.",
    "registry.snapshot_taken": "The snapshot {snapshot} fixed what a training may read: {subjects} subjects.",
    "registry.release_made": "The private release {release} was made from the snapshot {snapshot}.",
    "registry.sums_kept": "The exact sums behind the release {release} are kept, sealed, for {days} days.",
    "registry.sums_reduced": "A subject was taken out of the exact sums behind the release {release}.",
    "registry.sums_destroyed": "The exact sums behind the release {release} were destroyed ({ground:words}).",
    "registry.model_registered": "The model {model} ({model_kind:words}) was made from the release {release}"
    "[, with exposure prices on {parent}].",
    "registry.audit_recorded": "An audit of the model {model} was stored as the report {report}.",
    "registry.audit_disclosed": "The report {report} on the model {model} left the house as {document}, "
    "with figures of fewer than {at_least} subjects suppressed.",
    "registry.audit_released": "Figures of an audit of the model {model} were released under differential privacy as "
    "{release}, paid for by the reservation {reservation}.",
    "registry.attack_recorded": "The mechanism of the release {release} was attacked with {canaries} canaries, for the "
    "model {model}: ε is at least {lower_bound}, and {epsilon} is claimed. Report {report}.",
    "gate.decided": "The gate decided {outcome:words} on the model {model} by the report {report}"
    "[; missed: {failed}][; undecided: {inconclusive}].",
    "gate.alert_raised": "The model that serves, {model}, is not as it was: {before:words} before, {after:words} now"
    "[; changed: {changed}]. Alert {alert}.",
    "gate.alert_acknowledged": "The alert {alert} about the model {model} was acknowledged.",
    "gate.waiver_asked": "The waiver {waiver} was asked for: the rule {rule} may be missed up to {worst_value}"
    "[ for {category}][ for {group}], until {expires_on}.",
    "gate.waiver_approved": "{approver} approved the waiver {waiver}.",
    "gate.waiver_withdrawn": "{withdrawer} withdrew the waiver {waiver}; no decision counts it from now on.",
    "gate.waiver_granted": "The waiver {waiver} lets the model {model} ship until {expires_on} although it missed "
    "{rules}, with {approvals} approvals.",
    "gate.waiver_expired": "The waiver {waiver} for the model {model} ended on {expires_on}; "
    "the model is {model_state:words}.",
    "review.release_proposed": "A model ({model_kind:words}) set out for service[: {model}]"
    "[, from the snapshot {snapshot} by the training {training}]. Proposal {proposal}.",
    "review.opened": "{author} asked the board whether the model {model} may ship.",
    "review.superseded": "The review {review} of the model {model} ended, for the gate had decided again: {decision}.",
    "review.vote_cast": "{voter} voted to {choice:words} in the review {review}[ of the model {model}]"
    "[, changed {revision} times].",
    "review.closed": "The board {outcome:words} the model {model}[, with {approvals} in favour].",
    "review.model_deployed": "The model {model} began to serve as generation {generation}[, in place of {replaced}].",
    "review.model_rolled_back": "Generation {generation} was put back, the model {model}, "
    "because of {reason:words}; deployment {undone} ended.",
    "rights.request_received": "A request for {right:words} ({regime:words}) came in, due on {due_on}: {request}.",
    "rights.request_moved": "The request {request} is {state:words}[, due on {due_on}].",
    "rights.request_extended": "The request {request} for {right:words} ({regime:words}) was extended to {due_on} "
    "({reason:words}).",
    "rights.request_fulfilled": "The request {request} for {right:words} ({regime:words}) was fulfilled.",
    "rights.request_refused": "The request {request} for {right:words} ({regime:words}) was refused: {ground:words}.",
    "rights.erasure_started": "The erasure for the request {request} began in {stores:words}.",
    "rights.erasure_certified": "The erasure for the request {request} was certified as {certificate}"
    "[; models that had seen the subject: {models}][, to be replaced by {retrain_by}].",
    "evidence.exported": "The evidence from {first_day} to {last_day} was taken out: {entries} entries, "
    "in the file with the digest {pack}.",
    "retention.run": "What was kept long enough was destroyed[: events {events:words}]"
    "[, batches in quarantine {quarantine}][, packages {packages}]"
    "[, closed requests {requests}][, openings {openings}].",
    "reidentification.asked": "Somebody asked who is behind a pseudonym of {domain:words} ({ground:words}), "
    "for the case {case}, until {valid_until}.",
    "reidentification.approved": "{approver} allowed the case {case}, once.",
    "reidentification.used": "The case {case} is over: {outcome:words}.",
    "evidence.opened": "Somebody ({roles:words}) was shown whom the commitment {commitment} is about ({ground:words}).",
    "checkpoint.witnessed": "Witnesses cosigned the checkpoint of {size} entries: {witnesses:names}.",
    "attestation.made": "A statement about {about} was signed: {attestation}, of the type {predicate_type}.",
    "attestation.withdrawn": "The signed statement {attestation} about {about} was withdrawn ({reason:words}).",
}
"""By kind. A kind of `governance.events.EVENTS` without a line here turns a test red."""

_SLOT = re.compile(r"\{([a-z_]+)(?::(words|names))?\}")
_OPTIONAL = re.compile(r"\[([^\[\]]*)\]")
_SLUG = re.compile(r"[a-z0-9_:.-]+")
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_DIGEST = re.compile(r"[0-9a-f]{32,}")
UUID_SHOWN = 8
DIGEST_SHOWN = 12
MOST_NAMED = 6
LONGEST_TEXT = 80
EMPTY = (None, "", 0)
SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A piece of a sentence: ``text`` to read; where it stands for an id or digest, ``field`` and whole ``value``."""

    text: str
    field: str | None = None
    value: str | None = None


def parts_of(kind: str, body: Mapping[str, Json]) -> tuple[Part, ...]:
    """The sentence in pieces, so that a page can link some. An unknown kind gives its name and its fields."""
    template = SENTENCES.get(kind)
    if template is None or any(name not in body for name in _required(template)):
        return (Part(text=f"{kind}: "), *_fields(body))
    return tuple(_filled(_without_empty(template, body), body))


def sentence_of(kind: str, body: Mapping[str, Json]) -> str:
    """The sentence as text."""
    return "".join(part.text for part in parts_of(kind, body))


def named_values(value: Json) -> Iterator[str]:
    """Every id and digest in a body, in its order: what the entry is about."""
    if isinstance(value, str):
        if is_name(value):
            yield value
    elif isinstance(value, Mapping):
        for each in value.values():
            yield from named_values(each)
    elif isinstance(value, list | tuple):
        for each in value:
            yield from named_values(each)


def is_name(value: str) -> bool:
    """Whether a text is a UUID or a hexadecimal digest, and so names one thing."""
    return (_UUID.fullmatch(value) or _DIGEST.fullmatch(value)) is not None


def figure(value: float | str) -> str:
    """A number to four significant digits, a very small one as a power of ten. JSON holds the infinite as ``inf``."""
    number = float(value)
    if math.isinf(number):
        return "∞"
    digits, _, exponent = f"{number:,.4g}".partition("e")
    if not exponent:
        return digits
    power = "10" + str(int(exponent)).translate(SUPERSCRIPTS)
    return power if digits == "1" else f"{digits}·{power}"


def _required(template: str) -> list[str]:
    return [match[1] for match in _SLOT.finditer(_OPTIONAL.sub("", template))]


def _without_empty(template: str, body: Mapping[str, Json]) -> str:
    def kept(match: re.Match[str]) -> str:
        values = (body.get(slot[1]) for slot in _SLOT.finditer(match[1]))
        return "" if any(value in EMPTY or value in ([], {}) for value in values) else match[1]

    return _OPTIONAL.sub(kept, template)


def _filled(template: str, body: Mapping[str, Json]) -> Iterator[Part]:
    place = 0
    for slot in _SLOT.finditer(template):
        if slot.start() > place:
            yield Part(text=template[place : slot.start()])
        value = body[slot[1]]
        named = list(value) if slot[2] == "names" and isinstance(value, Mapping) else value
        yield _part(slot[1], named, as_words=slot[2] == "words")
        place = slot.end()
    if place < len(template):
        yield Part(text=template[place:])


def _fields(body: Mapping[str, Json]) -> Iterator[Part]:
    for position, (name, value) in enumerate(body.items()):
        yield Part(text=f"{' · ' if position else ''}{_words(name)} ")
        yield _part(name, value, as_words=False)


def _part(field: str, value: Json, *, as_words: bool) -> Part:
    if isinstance(value, str) and is_name(value):
        return Part(text=_short(value), field=field, value=value)
    return Part(text=_text(value, as_words=as_words))


def _text(value: Json, *, as_words: bool) -> str:
    if isinstance(value, bool) or value is None:
        return {True: "yes", False: "no", None: "none"}[value]
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return figure(value)
    if isinstance(value, str):
        text = _words(value) if as_words and not _is_day(value) else value
        return _short(text) if is_name(text) else _cut(text)
    return _listed(value, as_words=as_words)


def _listed(value: Json, *, as_words: bool) -> str:
    if isinstance(value, Mapping):
        items = [
            f"{_words(key)} {_text(each, as_words=as_words)}" for key, each in list(value.items())[: MOST_NAMED + 1]
        ]
    else:
        items = [_text(each, as_words=as_words) for each in list(value)[: MOST_NAMED + 1]]  # type: ignore[arg-type] # a sequence
    return ", ".join(items[:MOST_NAMED]) + (", …" if len(items) > MOST_NAMED else "")


def _words(slug: str) -> str:
    plain = _SLUG.fullmatch(slug) is not None
    return _cut(slug.replace("_", " ").replace("-", " ").replace(":", " ") if plain else slug)


def _is_day(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


def _short(name: str) -> str:
    return f"{name[: UUID_SHOWN if '-' in name else DIGEST_SHOWN]}…"


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST_TEXT else f"{text[: LONGEST_TEXT - 1]}…"
