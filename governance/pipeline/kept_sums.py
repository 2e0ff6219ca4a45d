"""Exact sums that policy lets us keep: sealed, each under a key of its own, and destroyed by destroying the key.

``HOME/sums/RELEASE.sealed`` is a header in clear, which the seal covers, and the sums under AES-256-GCM;
``HOME/keys/sums/RELEASE.key`` is the key. Nothing exports either. Trusted for secrecy: who reads both has what is as
sensitive as the events. Trusted for nothing else: changed files do not open.

Whoever is erased is taken out before their events go, and where that cannot be done exactly, the sums are destroyed.

Killed at any moment: the key is written last and destroyed first, so there is never a key without its file, nor sums
on record as destroyed that could still be opened. What is left behind is a file that nobody opens, or one that is not
on record as kept; retention destroys both, and an erasure does so where its subject may be in them.
"""

import json
import re
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Final, Literal
from uuid import NAMESPACE_URL, UUID, uuid5

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from governance.database import after_commit, wait_for_others
from governance.errors import EmptySnapshot, NotFound
from governance.ledger.store import append, is_recorded
from governance.pipeline.home import OPERATOR, Home
from governance.pipeline.measured import read_measured, reading_rule
from governance.registry.events import SumsDestroyed, SumsKept, SumsReduced
from governance.registry.lineage import count_members, get_snapshot, is_member
from governance.registry.tables import Snapshot
from pseudonymisation.durable import sync_folder, write_atomically
from pseudonymisation.errors import PseudonymisationError
from pseudonymisation.pseudonym import Pseudonym
from recommender.errors import CorruptArtefact, RecommenderError
from recommender.exact_sums import ExactSums
from recommender.sums_encoding import from_bytes, to_bytes

FOLDER: Final = "sums"
LOCK: Final = "probity/kept-sums"
"""Held by whoever changes what is kept, or compares it with the lists of members, until their transaction ends."""
_TAG: Final = b"probity/kept-sums/v1\x00"
_NONCE_BYTES: Final = 12
_KEY_BYTES: Final = 32
_RELEASE: Final = re.compile(r"[0-9a-f]{64}")

Ground = Literal["expired", "erasure", "replaced", "unreadable", "unfinished"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """What may be seen of kept sums.

    Attributes:
        release: digest of the release that was made from them, which names the files.
        snapshot: whose subjects they are of.
        kept_at: since when, ISO 8601.
        rule: how events became interactions (``measured.reading_rule``).
        taken_out: requests by which subjects were taken out of them.
    """

    release: str
    snapshot: str
    kept_at: str
    rule: str
    taken_out: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class KeptSums:
    """The exact sums of one home."""

    home: Home
    entropy: Callable[[int], bytes] = secrets.token_bytes

    def headers(self) -> list[Header]:
        """Of all that is kept and can be read, in the order of the releases' digests."""
        return [header for header in self._found().values() if header is not None]

    def keep(
        self,
        session: Session,
        release: str,
        snapshot: Snapshot,
        sums: ExactSums,
        *,
        taken_out: tuple[str, ...] = (),
    ) -> None:
        """Seal the sums behind a release under a fresh key, where the policy says so; else do nothing.

        ``taken_out`` are requests whose subjects are members of the snapshot and out of the sums already. Nothing is
        kept either where one of the snapshot's subjects was erased while they were added up.
        """
        # An erasure that is on its way has found nothing kept: it is waited for, and its subject is then on no list.
        wait_for_others(session, LOCK)
        policy, now = self.home.policies.privacy.value, self.home.clock()
        if policy.keep_sums == "never" or count_members(session, snapshot.id) != snapshot.subjects:
            return
        header = Header(
            release=release,
            snapshot=str(snapshot.id),
            kept_at=now.isoformat(),
            rule=reading_rule(policy),
            taken_out=taken_out,
        )
        key = self.entropy(_KEY_BYTES)
        self.home.folder(FOLDER)
        self._write(header, sums, key)
        self._key(release).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_atomically(self._key(release), key)
        append(
            session,
            SumsKept(release=release, days=policy.keep_sums),
            actor=OPERATOR,
            entry_id=_entry(release, SumsKept.kind),
            clock=self.home.clock,
        )

    def were_kept(self, session: Session, release: str) -> bool:
        """Whether it is on record that the sums behind a release were kept, and so that they were kept whole."""
        return is_recorded(session, _entry(release, SumsKept.kind))

    def open(self, release: str) -> tuple[Header, ExactSums]:
        """The sums behind a release.

        Raises:
            NotFound: they are not kept, or not any more.
            CorruptArtefact: the files do not open.
        """
        path = self._sealed(release)
        if not path.exists() or not self._key(release).exists():
            msg = (
                f"the sums of the release {release[:16]} are not kept, or not any more: an erasure may have ended them"
            )
            raise NotFound(msg)
        header, place, content = self._read(path)
        nonce, sealed = content[place : place + _NONCE_BYTES], content[place + _NONCE_BYTES :]
        try:
            plain = AESGCM(self._key(release).read_bytes()).decrypt(nonce, sealed, content[:place])
        except (InvalidTag, ValueError) as cause:
            msg = f"the sums of the release {release[:16]} do not open: another key, or changed since"
            raise CorruptArtefact(msg) from cause
        return header, from_bytes(plain)

    def take_out(self, session: Session, subject: Pseudonym, request: UUID) -> Mapping[str, int]:
        """Take one subject (events domain) out of everything that is kept, before their events are destroyed.

        Guarantees:
            - afterwards no kept sums hold anything of the subject: they were subtracted exactly, or the sums destroyed
            - done again for the same request it changes nothing
            - a file that cannot be read stops no erasure: nobody can tell whether the subject is in it, so it goes

        Returns:
            how many sums the subject was ``subtracted`` from, and how many were ``destroyed`` because of it.
        """
        # Two at once would each write what is left without the other's subtraction.
        wait_for_others(session, LOCK)
        counts = {"subtracted": 0, "destroyed": 0}
        for release, header in self._found().items():
            if header is not None and not is_member(session, subject, UUID(header.snapshot)):
                continue
            if is_recorded(session, _entry(release, SumsDestroyed.kind)):
                self.destroy(session, release, "erasure")  # only the file had stayed
            elif header is not None and self._subtract(session, header, subject, request):
                event = SumsReduced(release=release)
                entry_id = _entry(release, f"{event.kind}:{request}")
                append(session, event, actor=OPERATOR, entry_id=entry_id, clock=self.home.clock)
                counts["subtracted"] += 1
            else:
                self.destroy(session, release, "unreadable" if header is None else "erasure")
                counts["destroyed"] += 1
        return counts

    def destroy(self, session: Session, release: str, ground: Ground) -> None:
        """Destroy the key now, and the file once that is on record. A back-up of the file alone opens to nobody.

        Killed before the key is gone, nothing has changed. Killed after it, or rolled back, the file stays and opens to
        nobody: whoever comes next finds it, and puts on record that it is destroyed. Killed after the commit, it stays
        too, until the next retention takes it. The other way round, sums could be on record as destroyed and be opened;
        or, if the file went at once too, be on record as kept for ever, with nothing left to say otherwise.

        Done again it changes nothing, and the first ground stays on record.
        """
        wait_for_others(session, LOCK)
        if self._key(release).exists():
            self._key(release).unlink()
            sync_folder(self._key(release).parent)
        event = SumsDestroyed(release=release, ground=ground)
        if not is_recorded(session, _entry(release, event.kind)):
            append(session, event, actor=OPERATOR, entry_id=_entry(release, event.kind), clock=self.home.clock)
        after_commit(session, partial(self._remove, release))

    def expired(self, session: Session) -> dict[str, Ground]:
        """The releases whose sums must go, and why: policy allows them no longer, or they are of no use to anybody.

        Of no use is what cannot be read or has lost its key, and ``unfinished`` what is not on record as kept, since
        whoever kept it was cut off.
        """
        wait_for_others(session, LOCK)
        days, now = self.home.policies.privacy.value.keep_sums, self.home.clock()
        found: dict[str, Ground] = {}
        for release, header in self._found().items():
            if header is None or not self._key(release).exists():
                found[release] = "unreadable"
            elif not self.were_kept(session, release):
                found[release] = "unfinished"
            elif days == "never" or datetime.fromisoformat(header.kept_at) < now - timedelta(days=days):
                found[release] = "expired"
        return found

    def _subtract(self, session: Session, header: Header, subject: Pseudonym, request: UUID) -> bool:
        if str(request) in header.taken_out:
            return True
        if header.rule != reading_rule(self.home.policies.privacy.value):
            return False  # what the subject added cannot be told any more
        snapshot = get_snapshot(session, UUID(header.snapshot))
        try:
            _, sums = self.open(header.release)
            left = without(self.home, snapshot, sums, [subject])
        except (PseudonymisationError, RecommenderError, NotFound):
            return False
        key = self._key(header.release).read_bytes()
        self._write(replace(header, taken_out=(*header.taken_out, str(request))), left, key)
        return True

    def _found(self) -> dict[str, Header | None]:
        """All files of sums by their releases, in order, with what may be seen of them: None where they are damaged.

        Files with other names are not ours.
        """
        found: dict[str, Header | None] = {}
        for path in sorted(self.home.settings.folder(FOLDER).glob("*.sealed")):
            if _RELEASE.fullmatch(path.stem) is None:
                continue
            try:
                found[path.stem] = self._read(path)[0]
            except CorruptArtefact:
                found[path.stem] = None
            except FileNotFoundError:
                continue  # somebody removes it this moment
        return found

    def _remove(self, release: str, _: Engine) -> None:
        self._sealed(release).unlink(missing_ok=True)
        sync_folder(self._sealed(release).parent)

    def _write(self, header: Header, sums: ExactSums, key: bytes) -> None:
        head = json.dumps(asdict(header), sort_keys=True, separators=(",", ":")).encode()
        clear, nonce = _TAG + len(head).to_bytes(8) + head, self.entropy(_NONCE_BYTES)
        sealed = AESGCM(key).encrypt(nonce, to_bytes(sums), clear)
        write_atomically(self._sealed(header.release), clear + nonce + sealed)

    def _read(self, path: Path) -> tuple[Header, int, bytes]:
        content = path.read_bytes()
        start = len(_TAG) + 8
        place = start + int.from_bytes(content[len(_TAG) : start])
        try:
            fields = json.loads(content[start:place])
            header = Header(**fields | {"taken_out": tuple(fields["taken_out"])})
            dated = UUID(header.snapshot), datetime.fromisoformat(header.kept_at).tzinfo
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as cause:
            msg = f"{path.name} is not a file of kept sums"
            raise CorruptArtefact(msg) from cause
        if content[: len(_TAG)] != _TAG or header.release != path.stem or dated[1] is None:
            msg = f"{path.name} is not the file of kept sums that its name says"
            raise CorruptArtefact(msg)
        return header, place, content

    def _sealed(self, release: str) -> Path:
        return self.home.settings.folder(FOLDER) / f"{release}.sealed"

    def _key(self, release: str) -> Path:
        return self.home.settings.folder("keys") / FOLDER / f"{release}.key"


def without(home: Home, snapshot: Snapshot, sums: ExactSums, subjects: Sequence[Pseudonym]) -> ExactSums:
    """The snapshot's sums without these of its subjects.

    Raises:
        UnknownVersion: an erasure made the snapshot's lake version unreadable for them.
        BadInteractions: what they have now is not what they had.
    """
    try:
        return sums.without(read_measured(home, snapshot, subjects))
    except EmptySnapshot:
        return sums  # who had no interaction added nothing


def _entry(release: str, what: str) -> UUID:
    return uuid5(NAMESPACE_URL, f"probity:sums:{release}:{what}")
