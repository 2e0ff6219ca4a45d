"""Asking witnesses to cosign a checkpoint (C2SP tlog-witness, the log's side).

Each witness is asked from the size that it last reported; where it answers with another, it is asked once more from
that one. A witness that does not answer in time is left out and said to be. One that knows more of the log than we do,
or other entries, stops the publication: then it is we who forgot.
"""

import queue
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from time import monotonic

import httpx

from governance.errors import BrokenProof, Rollback
from governance.ledger.checkpoint import Checkpoint, decode_checkpoint
from governance.ledger.cosignature import cosigned_at
from governance.ledger.note import (
    SignatureLine,
    UnverifiedNote,
    add_signatures,
    decode_note,
    decode_signature_lines,
    verified_lines,
)
from governance.ledger.trust_policy import PolicyWitness, TrustPolicy
from governance.ledger.witness_protocol import ADD_CHECKPOINT, AddCheckpoint, decode_size, encode_request

CONNECT_S = 1.0
ANSWER_S = 4.0
LARGEST_ANSWER_BYTES = 64 * 1024

ProveFrom = Callable[[int], list[bytes]]
"""The consistency path from an older size (1 to one less than the checkpoint's) to the checkpoint.

Called in the thread of the one who collects.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class WitnessAnswer:
    """What one witness of the policy said.

    Attributes:
        name: the witness's, in the policy.
        cosigned_at: when it says it cosigned, in UTC; None where it did not.
        size: how many entries it has cosigned, as far as it told.
        error: why there is no cosignature, in words.
    """

    name: str
    cosigned_at: datetime | None = None
    size: int | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Cosigned:
    """The note with every cosignature that held, what each witness said, and whether that is the policy's quorum."""

    note: bytes
    answers: tuple[WitnessAnswer, ...]
    quorum_met: bool


CollectCosignatures = Callable[[bytes, Checkpoint, ProveFrom], Cosigned]
"""What a publisher calls: `collect` with its policy and client filled in."""


@dataclass(frozen=True, slots=True)
class _Reply:
    status: int
    body: bytes


@dataclass(frozen=True, slots=True)
class _Asked:
    """A witness, the size it was asked from, and its reply; or in words why there is none."""

    witness: PolicyWitness
    size: int
    reply: _Reply | str


def collect(
    note: bytes,
    checkpoint: Checkpoint,
    prove_from: ProveFrom,
    *,
    policy: TrustPolicy,
    client: httpx.Client,
    sizes: Mapping[str, int] | None = None,
) -> Cosigned:
    """Ask every witness of ``policy`` that has a URL to cosign ``checkpoint``, whose signed note is ``note``.

    Args:
        note: the checkpoint's note, signed by the log.
        checkpoint: what the note says.
        prove_from: gives the consistency path from an older size.
        policy: names the witnesses, their keys and URLs.
        client: sends the requests.
        sizes: by witness name, what each cosigned last (see `last_sizes`); without it a witness is asked from 0.

    Guarantees:
      - a cosignature is taken only once it was verified over this note's text with the witness's key in the policy
      - returns within ten seconds and the time of ``prove_from``, whatever a witness does

    Raises:
        Rollback: a witness cosigned more entries of this log than ``checkpoint`` has, or other ones.
    """
    text = decode_note(note).text
    known = sizes or {}
    first = {each: min(known.get(each.name, 0), checkpoint.size) for each in policy.witnesses if each.url}
    asked = _ask(first, note, checkpoint, prove_from, client)
    again = {each.witness: size for each in asked if (size := _other_size(each, checkpoint)) is not None}
    asked = [each for each in asked if each.witness not in again] + _ask(again, note, checkpoint, prove_from, client)
    _refuse_rollback(asked, checkpoint)
    lines: dict[str, SignatureLine] = {}
    answers = [
        WitnessAnswer(name=each.name, error="the policy has no URL") for each in policy.witnesses if not each.url
    ]
    for each in asked:
        taken = _cosignature(each, text)
        if isinstance(taken, SignatureLine):
            lines[each.witness.name] = taken
            answers.append(_cosigned_by(each.witness, taken, checkpoint))
        else:
            answers.append(WitnessAnswer(name=each.witness.name, size=_reported(each), error=taken))
    together = add_signatures(note, lines.values())
    return Cosigned(
        note=together,
        answers=tuple(sorted(answers, key=lambda answer: answer.name)),
        quorum_met=policy.is_met_by(last_sizes(together, policy)),
    )


def last_sizes(note: bytes | None, policy: TrustPolicy) -> dict[str, int]:
    """By name, the size that the witnesses who cosigned ``note``, the checkpoint published last, have seen.

    Raises:
        BrokenProof: malformed, or a cosignature in it does not hold.
    """
    if note is None:
        return {}
    unverified = decode_note(note)
    names = {each.key: each.name for each in policy.witnesses}
    cosigned = [names[key] for key, _ in verified_lines(unverified, names)]
    return dict.fromkeys(cosigned, decode_checkpoint(unverified.text).size) if cosigned else {}


def open_client() -> httpx.Client:
    """A client for `collect`; whoever opens it closes it."""
    return httpx.Client(headers={"User-Agent": "probity", "Accept-Encoding": "identity"})


def _ask(
    sizes: Mapping[PolicyWitness, int], note: bytes, checkpoint: Checkpoint, prove_from: ProveFrom, client: httpx.Client
) -> list[_Asked]:
    """Ask all at the same time; each in a thread that is given up at the deadline, because it may hang for ever."""
    done: queue.SimpleQueue[tuple[PolicyWitness, _Reply | str]] = queue.SimpleQueue()
    for witness, size in sizes.items():
        proof = tuple(prove_from(size)) if 0 < size < checkpoint.size else ()
        body = encode_request(AddCheckpoint(size, proof, note))
        arguments = (witness, body, client, done)
        threading.Thread(target=_post, args=arguments, daemon=True, name=f"witness {witness.name}").start()
    deadline = monotonic() + CONNECT_S + ANSWER_S
    replies: dict[PolicyWitness, _Reply | str] = dict.fromkeys(sizes, "did not answer in time")
    for _ in sizes:
        try:
            witness, reply = done.get(timeout=max(deadline - monotonic(), 0))
        except queue.Empty:
            break
        replies[witness] = reply
    return [_Asked(witness, size, replies[witness]) for witness, size in sizes.items()]


def _post(
    witness: PolicyWitness,
    body: bytes,
    client: httpx.Client,
    done: "queue.SimpleQueue[tuple[PolicyWitness, _Reply | str]]",
) -> None:
    url = f"{(witness.url or '').rstrip('/')}/{ADD_CHECKPOINT}"
    timeout = httpx.Timeout(ANSWER_S, connect=CONNECT_S)
    deadline = monotonic() + CONNECT_S + ANSWER_S
    read = bytearray()
    try:
        with client.stream("POST", url, content=body, timeout=timeout, follow_redirects=False) as response:
            for chunk in response.iter_raw():
                read += chunk
                if len(read) > LARGEST_ANSWER_BYTES or monotonic() > deadline:
                    done.put((witness, "its answer is too long"))
                    return
            done.put((witness, _Reply(response.status_code, bytes(read))))
    except (httpx.HTTPError, httpx.InvalidURL, RuntimeError, ValueError) as cause:
        # The cause's own words may hold the URL, and that a password.
        done.put((witness, f"could not be asked ({type(cause).__name__})"))


def _reported(asked: _Asked) -> int | None:
    """The size in a 409, where it is one."""
    if isinstance(asked.reply, str) or asked.reply.status != HTTPStatus.CONFLICT:
        return None
    try:
        return decode_size(asked.reply.body)
    except BrokenProof:
        return None


def _other_size(asked: _Asked, checkpoint: Checkpoint) -> int | None:
    """From which size to ask again; None where that would not help."""
    size = _reported(asked)
    return size if size is not None and size != asked.size and size <= checkpoint.size else None


def _refuse_rollback(asked: list[_Asked], checkpoint: Checkpoint) -> None:
    reasons: list[str] = []
    for each in asked:
        size = _reported(each)
        if size is not None and size > checkpoint.size:
            reasons.append(f"{each.witness.name} has cosigned {size} entries of this log")
        refused = isinstance(each.reply, _Reply) and each.reply.status == HTTPStatus.UNPROCESSABLE_ENTITY
        # A witness that goes by the format's older text answers 409 where the sizes are equal and the roots are not.
        same_size = size == each.size == checkpoint.size
        if each.size and (refused or same_size):
            reasons.append(f"{each.witness.name} has cosigned other entries than the first {each.size} here")
    if reasons:
        msg = f"{'; '.join(reasons)}; here are {checkpoint.size}: was the database restored from a backup?"
        raise Rollback(msg)


def _cosignature(asked: _Asked, text: str) -> SignatureLine | str:
    """The witness's line, verified; or in words why there is none."""
    if isinstance(asked.reply, str):
        return asked.reply
    if asked.reply.status != HTTPStatus.OK:
        return f"answered {asked.reply.status}"
    key = asked.witness.key
    try:
        lines = decode_signature_lines(asked.reply.body.decode())
        own = [line for _, line in verified_lines(UnverifiedNote(text, lines), [key])]
    except (BrokenProof, UnicodeDecodeError):
        return "answered with no cosignature that holds"
    return own[-1] if own else f"answered without a line of {key.name}+{key.key_id.hex()}"


def _cosigned_by(witness: PolicyWitness, line: SignatureLine, checkpoint: Checkpoint) -> WitnessAnswer:
    return WitnessAnswer(name=witness.name, cosigned_at=cosigned_at(line), size=checkpoint.size)
