"""The vault's operations. Each is one transaction of the vault's own database.

Unwrapped secrets live for the length of one call. Pseudonyms handed out by ``enrol`` are recalled in memory until
somebody is erased.
"""

import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, Engine

from pseudonymisation.boxes import BoxKey, box_key, open_box
from pseudonymisation.errors import UnknownSubject
from pseudonymisation.identifiers import IDENTIFIER_TYPES, Identity
from pseudonymisation.keyring import Entropy, Keyring
from pseudonymisation.pseudonym import (
    DOMAINS,
    FIRST_EPOCH,
    SECRET_BYTES,
    Pseudonym,
    SubjectSecret,
    derive,
    is_pseudonym,
    verify_domain,
)
from pseudonymisation.vault import queries
from pseudonymisation.vault.database import reading, writing
from pseudonymisation.vault.enrolment import Enrolment, Pair, SubjectId, assign
from pseudonymisation.vault.queries import StoredSubject
from pseudonymisation.vault.recall import Answers, Recall
from pseudonymisation.vault.residue import clear_residue
from pseudonymisation.vault.sealing import (
    IdentifierSealing,
    SecretWrapping,
    erased_commitment,
    identifier_index,
    pseudonym_index,
)

Clock = Callable[[], datetime]
"""Gives an aware moment in UTC."""

SUBJECT_ID_BYTES = 16
_STRENGTH = {kind.slug: place for place, kind in enumerate(IDENTIFIER_TYPES)}


@dataclass(frozen=True, slots=True)
class Destruction:
    """What an erasure destroyed in the vault. Says nothing about who it was.

    Attributes:
        rows: deleted rows by table.
        kek_version: of the key that wrapped the destroyed secret: until it is destroyed too, back-ups can be read.
        destroyed_at: when, UTC.
        commitment: hexadecimal SHA-256 of the destroyed random subject id; tells a restored back-up what to erase.
    """

    rows: Mapping[str, int]
    kek_version: int
    destroyed_at: datetime
    commitment: str


class Vault:
    """Who is behind a pseudonym. The only holder of identifiers."""

    def __init__(
        self, engine: Engine, keyring: Keyring, clock: Clock, *, entropy: Entropy = secrets.token_bytes
    ) -> None:
        self._engine = engine
        self._clock = clock
        self._entropy = entropy
        self._index = keyring.index.current
        self._wrapping = SecretWrapping(keyring.kek, entropy)
        self._recall = Recall()

    def enrol(self, identities: Sequence[Identity], *, domains: Sequence[str]) -> list[dict[str, Pseudonym]]:
        """The pseudonyms of each identity, in the same order; subjects that are new begin to exist.

        Equal identities share one dict: do not change it. The strongest identifier decides whose an identity is (see
        ``enrolment.assign``).

        Guarantees:
          - one transaction: either every new subject of the call is durable, or none
          - calling again gives the same answer and changes nothing

        Raises:
            UnknownDomain: a domain is not registered.
        """
        asked = [verify_domain(domain) for domain in domains]
        with writing(self._engine) as connection:
            recalled = self._recall.valid(queries.count_erasures(connection), asked)
            unseen = [identity for identity in dict.fromkeys(identities) if identity not in recalled]
            fresh = self._enrol(connection, unseen, asked)
        recalled.update(fresh)
        return [recalled[identity] for identity in identities]

    def find(self, identity: Identity, *, domain: str) -> Pseudonym | None:
        """The pseudonym of a known subject, by the strongest identifier alone, or None. Never creates anything.

        A weaker identifier is not tried when the strongest is unknown: a family's device must not open one member's
        data to another.

        Raises:
            UnknownDomain: the domain is not registered.
        """
        verify_domain(domain)
        indexes = self._indexes(identity.pairs[:1])
        with reading(self._engine) as connection:
            stored = self._owners(connection, indexes)
        for secret in self._unwrap(stored.values()).values():
            return derive(secret, domain=domain)
        return None

    def translate(self, pseudonyms: Iterable[Pseudonym], *, source: str, target: str) -> dict[Pseudonym, Pseudonym]:
        """Map pseudonyms of one domain to another's. Erased and unknown ones are missing from the answer.

        Raises:
            UnknownDomain: a domain is not registered.
        """
        verify_domain(source)
        verify_domain(target)
        with reading(self._engine) as connection:
            stored = self._behind(connection, pseudonyms, source)
        subject_secrets = self._unwrap(stored.values())
        return {
            pseudonym: derive(subject_secrets[subject.subject_id], domain=target)
            for pseudonym, subject in stored.items()
        }

    def living(self, pseudonyms: Iterable[Pseudonym], *, domain: str) -> frozenset[Pseudonym]:
        """Those of these that belong to subjects who are known and not erased.

        Raises:
            UnknownDomain: the domain is not registered.
        """
        verify_domain(domain)
        with reading(self._engine) as connection:
            return frozenset(self._behind(connection, pseudonyms, domain))

    def identifiers_of(self, pseudonym: Pseudonym, *, domain: str) -> tuple[tuple[str, str], ...]:
        """The subject's identifiers in clear, strongest type first.

        For its own access package, and for a re-identification that two people answer for.

        Raises:
            UnknownSubject: no living subject has that pseudonym.
            UnknownDomain: the domain is not registered.
        """
        with reading(self._engine) as connection:
            subject = self._get(connection, pseudonym, domain)
            sealed = queries.fetch_identifiers(connection, subject.subject_id, self._index.version)
        sealing = IdentifierSealing(subject.subject_id, self._unwrap([subject])[subject.subject_id])
        found = [(slug, sealing.open(slug, value)) for slug, value in sealed]
        return tuple(sorted(found, key=lambda pair: (_STRENGTH[pair[0]], pair[1])))

    def box_key(self, pseudonym: Pseudonym, *, domain: str, purpose: bytes) -> BoxKey:
        """The public key by which others put something aside that is to end with the subject (see ``boxes``).

        Raises:
            UnknownSubject: no living subject has that pseudonym.
            UnknownDomain: the domain is not registered.
        """
        return box_key(self._secret_of(pseudonym, domain), purpose)

    def open_box(self, pseudonym: Pseudonym, sealed: bytes, *, domain: str, purpose: bytes, place: bytes) -> bytes:
        """What was put into a subject's box.

        Raises:
            UnknownSubject: no living subject has that pseudonym: what lies in its boxes is lost for good.
            BrokenSeal: it is another's, was moved from another place, or was changed.
            UnknownDomain: the domain is not registered.
        """
        return open_box(self._secret_of(pseudonym, domain), purpose, sealed, place=place)

    def erase(self, pseudonym: Pseudonym, *, domain: str) -> Destruction:
        """Destroy a subject: its wrapped secret, its identifiers, the way back from pseudonyms, the key of its boxes.

        Guarantees:
          - one transaction; durable once it returns
          - with every key, nothing in this database gives the subject's pseudonyms or identifiers any more
          - SQLite: no byte of it is left in the file or its log, which were searched; PostgreSQL: vacuumed
          - the same identifiers, seen again, begin a new subject with other pseudonyms

        Raises:
            UnknownSubject: no living subject has that pseudonym; so a second call says. UnknownDomain: the domain is
                not registered. ResidueRemains: destroyed and committed, but a long read keeps bytes in the write-ahead
                log: call ``clear_residue``.
        """
        destroyed_at = self._clock()
        with writing(self._engine) as connection:
            subject = self._get(connection, pseudonym, domain)
            commitment = erased_commitment(subject.subject_id)
            destroyed = queries.fetch_values(connection, subject)
            rows = queries.delete_subject(connection, subject.subject_id)
            queries.insert_erasure(
                connection,
                {
                    "erasure_id": self._new_id(),
                    "commitment": commitment,
                    "destroyed_at": destroyed_at,
                    "kek_version": subject.kek_version,
                    "identifiers": rows["identifier"],
                    "pseudonyms": rows["pseudonym_index"],
                },
            )
        clear_residue(self._engine, destroyed)
        return Destruction(rows, subject.kek_version, destroyed_at, commitment.hex())

    def clear_residue(self) -> None:
        """Clear what committed erasures left outside the tables, by rewriting the database.

        ``erase`` does it where it must; call this after ``ResidueRemains``.

        Raises:
            ResidueRemains: a reader still holds the log.
        """
        clear_residue(self._engine)

    def count(self) -> int:
        """How many living subjects the vault knows."""
        with reading(self._engine) as connection:
            return queries.count_subjects(connection)

    def _enrol(self, connection: Connection, distinct: Sequence[Identity], domains: Sequence[str]) -> Answers:
        indexes = self._indexes(pair for identity in distinct for pair in identity.pairs)
        stored = self._owners(connection, indexes)
        enrolment = assign(distinct, {pair: owner.subject_id for pair, owner in stored.items()}, self._new_id)
        deciding = {identity.pairs[0] for identity in distinct}
        subject_secrets = self._unwrap(stored[pair] for pair in stored.keys() & deciding)
        subject_secrets |= {created: self._new_secret() for created in enrolment.created}
        self._store(connection, enrolment, indexes, subject_secrets)
        pseudonyms = {owner: _pseudonyms(secret, domains) for owner, secret in subject_secrets.items()}
        return {identity: pseudonyms[owner] for identity, owner in enrolment.owners.items()}

    def _new_id(self) -> SubjectId:
        return SubjectId(self._entropy(SUBJECT_ID_BYTES))

    def _new_secret(self) -> SubjectSecret:
        return SubjectSecret(self._entropy(SECRET_BYTES))

    def _indexes(self, pairs: Iterable[Pair]) -> dict[bytes, Pair]:
        return {identifier_index(self._index, slug, value): (slug, value) for slug, value in dict.fromkeys(pairs)}

    def _owners(self, connection: Connection, indexes: Mapping[bytes, Pair]) -> dict[Pair, StoredSubject]:
        found = queries.fetch_owners(connection, list(indexes), self._index.version)
        return {indexes[index]: subject for index, subject in found}

    def _behind(
        self, connection: Connection, pseudonyms: Iterable[Pseudonym], domain: str
    ) -> dict[Pseudonym, StoredSubject]:
        blinds = {
            pseudonym_index(self._index, pseudonym, domain=domain, epoch=FIRST_EPOCH): pseudonym
            for pseudonym in dict.fromkeys(pseudonyms)
            if is_pseudonym(pseudonym)
        }
        found = queries.fetch_subjects(connection, list(blinds), self._index.version)
        return {blinds[blind]: subject for blind, subject in found}

    def _get(self, connection: Connection, pseudonym: Pseudonym, domain: str) -> StoredSubject:
        verify_domain(domain)
        for subject in self._behind(connection, [pseudonym], domain).values():
            return subject
        msg = f"no living subject has that pseudonym in the domain {domain}"
        raise UnknownSubject(msg)

    def _secret_of(self, pseudonym: Pseudonym, domain: str) -> SubjectSecret:
        with reading(self._engine) as connection:
            subject = self._get(connection, pseudonym, domain)
        return self._unwrap([subject])[subject.subject_id]

    def _unwrap(self, subjects: Iterable[StoredSubject]) -> dict[SubjectId, SubjectSecret]:
        unique = {subject.subject_id: subject for subject in subjects}
        return {
            subject_id: self._wrapping.unwrap(subject_id, subject.wrapped_secret, subject.kek_version)
            for subject_id, subject in unique.items()
        }

    def _store(
        self,
        connection: Connection,
        enrolment: Enrolment,
        indexes: Mapping[bytes, Pair],
        subject_secrets: Mapping[SubjectId, SubjectSecret],
    ) -> None:
        """Write what is new: subjects, then what refers to them."""
        version = self._wrapping.current_version
        created = {subject_id: subject_secrets[subject_id] for subject_id in enrolment.created}
        wrapped = ((subject_id, self._wrapping.wrap(subject_id, secret)) for subject_id, secret in created.items())
        subjects = [StoredSubject(subject_id, sealed, version) for subject_id, sealed in wrapped]
        queries.insert_subjects(connection, subjects, self._clock())
        sealings = {owner: IdentifierSealing(owner, subject_secrets[owner]) for owner in set(enrolment.claims.values())}
        queries.insert_identifiers(
            connection,
            (
                (self._index.version, index, pair[0], owner, sealings[owner].seal(*pair, self._entropy))
                for index, pair in indexes.items()
                if (owner := enrolment.claims.get(pair)) is not None
            ),
        )
        queries.insert_pseudonyms(
            connection,
            (
                (self._index.version, self._blind(secret, domain), domain, FIRST_EPOCH, subject_id)
                for subject_id, secret in created.items()
                for domain in DOMAINS
            ),
        )

    def _blind(self, secret: SubjectSecret, domain: str) -> bytes:
        return pseudonym_index(self._index, derive(secret, domain=domain), domain=domain, epoch=FIRST_EPOCH)


def _pseudonyms(secret: SubjectSecret, domains: Iterable[str]) -> dict[str, Pseudonym]:
    return {domain: derive(secret, domain=domain) for domain in domains}
