"""One file with the evidence of a period. See `readme` for what is in it.

Entries and proofs are written to disk as they are read. The rows of their table, and what the manifest says of each
file, are held until the end: they are members of their own, and no larger than a member may be.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy.orm import Session

from governance.errors import BrokenProof, Conflict
from governance.evidence.chain import Chain
from governance.evidence.consistency import encode_consistency
from governance.evidence.gathering import Missing, Named, Shelf
from governance.evidence.index import encode_rows
from governance.evidence.layout import (
    BEFORE,
    CHECKPOINT,
    CONSISTENCY,
    INDEX,
    POLICY,
    VKEY,
    PackWriter,
    create_archive,
    digest_of,
    entry_name,
    proof_name,
)
from governance.evidence.layout import README as README_NAME
from governance.evidence.period import Period
from governance.evidence.readme import OPEN_ENDED, README
from governance.evidence.span import Span, find_span
from governance.ledger.checkpoint import Checkpoint, decode_checkpoint
from governance.ledger.entry import Entry, decode_entry
from governance.ledger.note import VerifierKey, decode_note, encode_vkey
from governance.ledger.proof import InclusionProof, encode_proof
from governance.ledger.proving import SignedTree
from governance.ledger.published import VKEY as VKEY_FILE
from governance.ledger.published import read_note, read_vkey, tile_reader
from governance.ledger.store import SignedCheckpoint, list_rows
from governance.ledger.trust_policy import TrustPolicy, encode_policy, trusting, verify_cosigned

ROWS_PER_READ = 1024
Progress = Callable[[int, int], None]
"""Called with how many entries are done and how many there are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """Where a pack is made from: the database, the ``home`` with reports and attestations, the published ``ledger``.

    ``policy`` is whom the operator proposes to believe; without it, the published key and no witness.
    """

    session: Session
    home: Path
    ledger: Path
    policy: TrustPolicy | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Pack:
    """A pack that was written: its SHA-256, how many entries of the period it has, and what it could not include."""

    digest: str
    entries: int
    checkpoint: int
    missing: tuple[Missing, ...]


def write_pack(sources: Sources, period: Period, to: Path, *, progress: Progress | None = None) -> Pack:
    """Write the evidence of a period into the new file ``to``.

    Guarantees:
      - every entry in it is proved against the signed checkpoint before it is written
      - the same period of the same log is the same file, once the log goes on after it (pages: by this version)

    Raises:
        Conflict: an entry of the period is not under a signed checkpoint yet.
        InvalidInput: the period is so long that one of the files in it would be larger than a reader takes.
        BrokenProof: the database or a published file does not hold what was signed.
        FileExistsError: ``to`` exists.
    """
    key, policy, published = _published(sources)
    span = find_span(sources.session, period, policy, published)
    shelf = Shelf(session=sources.session, home=sources.home)
    with to.open("xb") as file, create_archive(file) as archive:
        making = _Making(PackWriter(archive), sources, span, key, policy)
        making.checkpoints()
        named = making.entries(progress)
        chains = shelf.chains(named.models, span.after.size)
        making.related(chains, named)
        for found in (
            shelf.reports(named.reports),
            shelf.attacks(named.attacks),
            shelf.documents(named.documents),
            shelf.decisions(named.decisions),
            shelf.cards(chains),
            shelf.policies(named.policies),
            shelf.attestations(named.attestations),
        ):
            making.add_all(found)
        making.close(period, shelf.missing)
    missing = tuple(sorted(shelf.missing, key=lambda each: (each.what, each.name)))
    return Pack(digest=digest_of(to), entries=span.end - span.first, checkpoint=span.after.size, missing=missing)


def _published(sources: Sources) -> tuple[VerifierKey, TrustPolicy, int]:
    """The published key, whom to believe, and how many entries the published checkpoint has; 0 before the first."""
    if not (sources.ledger / VKEY_FILE).exists() or not (sources.ledger / CHECKPOINT).exists():
        msg = "nothing was published yet: run `probity ledger publish` first"
        raise Conflict(msg)
    key = read_vkey(sources.ledger)
    policy = trusting(key) if sources.policy is None else sources.policy
    return key, policy, verify_cosigned(read_note(sources.ledger), policy).checkpoint.size


class _Making:
    """The steps of one pack, in the order of the archive."""

    def __init__(self, writer: PackWriter, sources: Sources, span: Span, key: VerifierKey, policy: TrustPolicy) -> None:
        self.writer, self.sources, self.span, self.key, self.policy = writer, sources, span, key, policy
        self.head = Checkpoint(key.name, span.after.size, span.after.root)
        self.tree = SignedTree(self.head, tile_reader(sources.ledger))
        for signed in (span.after, *(() if span.before is None else (span.before,))):
            _require_note(signed, key.name)

    def checkpoints(self) -> None:
        """The signed heads, the proof that one grew out of the other, the key and a policy with it."""
        self.writer.add(CHECKPOINT, self.span.after.note)
        self.writer.add(VKEY, f"{encode_vkey(self.key)}\n".encode())
        self.writer.add(POLICY, encode_policy(self.policy).encode(errors="surrogateescape"))
        before = self.span.before
        if before is not None and before.size < self.head.size:
            self.writer.add(BEFORE, before.note)
            path = self.tree.prove_consistency(Checkpoint(self.key.name, before.size, before.root))
            self.writer.add(CONSISTENCY, encode_consistency(before.size, path, self.span.after.note))

    def entries(self, progress: Progress | None) -> Named:
        """Every entry of the period with its proof, and the table of them; what they name."""
        named, rows = Named(), [encode_rows([], head=True)]
        count = self.span.end - self.span.first
        for entry in self._read(self.span.first, self.span.end):
            self._add_entry(entry, "entries")
            named.see(entry)
            rows.append(encode_rows([entry]))
            if progress is not None and (entry.seq - self.span.first) % ROWS_PER_READ == 0:
                progress(entry.seq - self.span.first, count)
        self.writer.add(INDEX, b"".join(rows))
        return named

    def related(self, chains: Iterable[Chain], named: Named) -> None:
        """Entries outside the period: its neighbours, and what its models rest on."""
        found = {entry.seq: entry for seq in self.span.neighbours for entry in self._read(seq, seq + 1)}
        found.update({entry.seq: entry for chain in chains for entry in chain.entries})
        for seq in sorted(found):
            if not self.span.first <= seq < self.span.end:
                self._add_entry(found[seq], "related")
                named.see_policy(found[seq])

    def add_all(self, members: Iterable[tuple[str, bytes]]) -> None:
        """Further members, as they are found."""
        for name, data in members:
            self.writer.add(name, data)

    def close(self, period: Period, missing: list[Missing]) -> None:
        """README and manifest."""
        first, end = self.span.first, self.span.end
        facts = {"origin": self.key.name, "first_day": period.first_day, "last_day": period.last_day}
        numbers = {
            "count": end - first, "size": self.head.size, "range": f" ({first} to {end - 1})" if end > first else ""
        }  # fmt: skip
        ending = "" if end < self.head.size else OPEN_ENDED
        self.writer.add(README_NAME, README.format(**facts, **numbers, ending=ending).encode())
        self.writer.close(
            {
                "log": self.key.name,
                "first_day": str(period.first_day),
                "last_day": str(period.last_day),
                "first": first,
                "end": end,
                "checkpoint": self.head.size,
                "missing": [
                    {"what": each.what, "name": each.name, "reason": each.reason}
                    for each in sorted(missing, key=lambda each: (each.what, each.name))
                ],
            }
        )

    def _add_entry(self, entry: Entry, folder: str) -> None:
        path = self.tree.prove(entry.seq, entry.encoded)
        proof = InclusionProof(index=entry.seq, path=path, note=self.span.after.note)
        self.writer.add(entry_name(entry.seq, folder), entry.encoded)
        self.writer.add(proof_name(entry.seq, folder), encode_proof(proof))

    def _read(self, begin: int, end: int) -> Iterator[Entry]:
        for start in range(begin, end, ROWS_PER_READ):
            rows = list_rows(self.sources.session, start, min(start + ROWS_PER_READ, end))
            if len(rows) != min(start + ROWS_PER_READ, end) - start:
                msg = f"entries {start} to {end - 1}: the database does not have all of them"
                raise BrokenProof(msg)
            yield from (decode_entry(row.seq, row.body) for row in rows)


def _require_note(signed: SignedCheckpoint, origin: str) -> None:
    said = decode_checkpoint(decode_note(signed.note).text)
    if (said.origin, said.size, said.root) != (origin, signed.size, signed.root):
        msg = f"the signed note of size {signed.size} says something else than the database remembers"
        raise BrokenProof(msg)
