"""The log leaves the house: published under the home's keys, cosigned by the witnesses that its operator named."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from uuid import NAMESPACE_URL, uuid5

from sqlalchemy import select

from governance.errors import ConfigurationError, InvalidInput
from governance.keys.rotation import require_in_force
from governance.ledger.checkpoint import Checkpoint
from governance.ledger.cosigned import list_kept
from governance.ledger.events import CheckpointWitnessed
from governance.ledger.note import encode_vkey
from governance.ledger.publish import Witnesses, publish
from governance.ledger.published import CHECKPOINT, read_note
from governance.ledger.repair import repair
from governance.ledger.search import Filter, search
from governance.ledger.sequencer import settle
from governance.ledger.store import append, is_recorded, last_checkpoint
from governance.ledger.tables import LedgerEntry
from governance.ledger.trust_policy import PolicyLog, TrustPolicy, parse_policy, trusting
from governance.ledger.verify import verify_folder
from governance.ledger.witness_client import Cosigned, ProveFrom, WitnessAnswer, collect, last_sizes, open_client
from governance.pipeline.home import Home
from governance.pipeline.signing_keys import LEDGER

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Publication:
    """What is published now, and what each witness that was asked for it said."""

    checkpoint: Checkpoint
    answers: tuple[WitnessAnswer, ...]


def trust_policy_of(home: Home) -> TrustPolicy:
    """Whom this home's log asks readers to believe: its keys, and the witnesses of ``ledger.trust_policy``.

    Raises:
        ConfigurationError: the file cannot be read, is no C2SP tlog-policy, or does not name the log's present key.
    """
    path, key = home.settings.ledger.trust_policy, home.ledger_signer.verifier_key
    if path is None:
        return trusting(key, *(each for each in home.ledger_keys if each != key))
    try:
        policy = parse_policy(path.read_bytes())
    except (OSError, InvalidInput) as cause:
        msg = f"ledger.trust_policy: {path}: {cause.strerror if isinstance(cause, OSError) else cause}"
        raise ConfigurationError(msg) from cause
    if key not in [log.key for log in policy.logs]:
        msg = f"ledger.trust_policy: {path}: expected the line `log {encode_vkey(key)}` for this log, found other keys"
        raise ConfigurationError(msg)
    return policy


def publish_log(home: Home, *, progress: Progress | None = None) -> Publication:
    """Publish the log as it is now, once the witnesses that its trust policy wants have cosigned it.

    Guarantees:
      - what witnesses cosigned is on record by the next checkpoint; to have it there is no reason to publish again

    Raises:
        Rollback: the database is behind what was published, or what a witness has seen.
        QuorumMissed: too few witnesses cosigned; what was published before stays.
        ConfigurationError: the trust policy cannot be used, or the key was replaced since the home was opened.
    """
    policy, folder = trust_policy_of(home), home.folder("ledger")
    previous = read_note(folder) if (folder / CHECKPOINT).exists() else None
    answers: list[WitnessAnswer] = []
    with open_client() as client:

        def ask(note: bytes, checkpoint: Checkpoint, prove_from: ProveFrom) -> Cosigned:
            sizes = last_sizes(previous, policy)
            found = collect(note, checkpoint, prove_from, policy=policy, client=client, sizes=sizes)
            answers.extend(found.answers)
            return found

        checkpoint = publish(
            home.engine,
            folder,
            home.ledger_signer,
            clock=home.clock,
            retired=home.ledger_signers_retired,
            known=home.ledger_keys,
            witnesses=Witnesses(policy, ask) if policy.witnesses else None,
            permit=lambda session: require_in_force(session, LEDGER.name, LEDGER.public(home.ledger_signer).id),
            progress=progress,
        )
    _record_witnesses(home, checkpoint, policy)
    return Publication(checkpoint=checkpoint, answers=tuple(answers))


def verify_published(home: Home) -> Checkpoint | None:
    """The published checkpoint, after every file of the published log was verified; None before the first.

    Raises:
        BrokenProof, UnreadableEntry: names the file or the entry that does not hold.
    """
    folder = home.folder("ledger")
    if not (folder / CHECKPOINT).exists():
        return None
    found = verify_folder(folder, trusting(*home.ledger_keys))
    return Checkpoint(found.origin, found.size, found.root)


def repair_published(home: Home, *, progress: Progress | None = None) -> tuple[str, ...]:
    """Write again what is missing or cut short in the published folder; the names of those files.

    Raises:
        BrokenProof: a file has other bytes than the entries give, or the entries are not the published ones.
    """
    policy = trust_policy_of(home)
    named = [log.key for log in policy.logs]
    logs = (*policy.logs, *(PolicyLog(key) for key in home.ledger_keys if key not in named))
    return repair(home.engine, home.folder("ledger"), replace(policy, logs=logs), progress=progress)


def _record_witnesses(home: Home, checkpoint: Checkpoint, policy: TrustPolicy) -> None:
    with home.transaction() as session:
        settle(session)
        last = search(session, Filter(kinds=(CheckpointWitnessed.kind,)), limit=1)
        signed, keys = last_checkpoint(session), [each.key for each in policy.witnesses]
        kept = list_kept(session, signed.size, signed.note, keys) if signed and signed.size == checkpoint.size else []
        cosignatures = [each for each in kept if each.verified]
        event = CheckpointWitnessed(
            size=checkpoint.size,
            root=checkpoint.root.hex(),
            witnesses={each.witness: each.time_s for each in cosignatures},
        )
        entry_id = uuid5(NAMESPACE_URL, f"probity:{event.kind}:{checkpoint.origin}:{checkpoint.size}")
        actor = f"key:{home.ledger_signer.verifier_key.key_id.hex()}"
        since = select(LedgerEntry.seq).where(
            LedgerEntry.seq >= (last[0].body["size"] if last else 0),
            LedgerEntry.seq < checkpoint.size,
            LedgerEntry.kind != event.kind,
        )
        # A checkpoint that holds nothing new but the record of the one before is not put on record, or there would be
        # no end to it.
        if cosignatures and not is_recorded(session, entry_id) and session.scalar(since.limit(1)) is not None:
            append(session, event, actor=actor, entry_id=entry_id, clock=home.clock)
