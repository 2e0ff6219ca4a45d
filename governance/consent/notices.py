"""Notices: what subjects were told. A published version is never changed."""

from hashlib import sha256
from uuid import NAMESPACE_URL, uuid5

from sqlalchemy import select
from sqlalchemy.orm import Session

from governance.clock import Clock
from governance.consent.events import NoticePublished
from governance.consent.tables import Notice
from governance.errors import BrokenProof, ConfigurationError, Conflict, NotFound
from governance.ledger.store import append
from governance.policy import purposes


def publish_notice(session: Session, notice: purposes.Notice, *, actor: str, clock: Clock) -> Notice:
    """Make a notice one that consents may refer to. The same text a second time changes nothing.

    Raises:
        Conflict: the version exists in this language with another text; a changed text needs a new version.
    """
    digest = sha256(notice.text.encode()).hexdigest()
    statement = select(Notice).where(Notice.version == notice.version, Notice.language == notice.language)
    known = session.scalar(statement)
    if known is not None and known.digest == digest:
        return known
    if known is not None:
        msg = f"notice {notice.version} ({notice.language}) has another text already: give the new text a new version"
        raise Conflict(msg)
    row = Notice(
        version=notice.version, language=notice.language, wording=notice.text, digest=digest, published_at=clock()
    )
    session.add(row)
    session.flush()
    event = NoticePublished(notice=notice.version, language=notice.language, digest=digest)
    entry_id = uuid5(NAMESPACE_URL, f"probity:notice:{notice.language}:{notice.version}")
    append(session, event, actor=actor, entry_id=entry_id, clock=clock)
    return row


def get_notice(session: Session, version: str, language: str) -> Notice:
    """The published notice.

    Raises:
        NotFound: it was never published.
    """
    row = session.scalar(select(Notice).where(Notice.version == version, Notice.language == language))
    if row is None:
        msg = f"no notice {version} in {language}"
        raise NotFound(msg)
    return row


def published_versions(session: Session) -> frozenset[str]:
    """Versions that a consent may name."""
    return frozenset(session.scalars(select(Notice.version)))


def notice_text(session: Session, digest: str) -> str:
    """The text of the published notice with this digest (SHA-256, hex).

    Raises:
        ConfigurationError: there is none.
        BrokenProof: the text that is kept has another digest.
    """
    text = session.scalars(select(Notice.wording).where(Notice.digest == digest).limit(1)).first()
    if text is None:
        msg = f"notice {digest}: its text is not kept"
        raise ConfigurationError(msg)
    if sha256(text.encode()).hexdigest() != digest:
        msg = f"notice {digest}: the text that is kept is another"
        raise BrokenProof(msg)
    return text
