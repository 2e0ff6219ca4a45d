"""Tables of principals, their tokens, console sessions and calls. Secrets are stored as SHA-256 or a MAC only."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import JSON, ForeignKey, LargeBinary, Text
from sqlalchemy.orm import Mapped, mapped_column

from governance.database import Base, UtcDateTime


class Principal(Base):
    """Somebody, or some program, that acts on the control plane. Never a subject."""

    __tablename__ = "access_principal"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(Text)
    roles: Mapped[list[str]] = mapped_column(JSON)
    added_at: Mapped[datetime] = mapped_column(UtcDateTime)


class Token(Base):
    """An API token; ``digest`` is SHA-256 of its secret."""

    __tablename__ = "access_token"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    principal_id: Mapped[UUID] = mapped_column(ForeignKey(Principal.id), index=True)
    digest: Mapped[bytes] = mapped_column(LargeBinary(32), unique=True)
    issued_at: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    revoked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class ConsoleSession(Base):
    """A signed-in browser; ``digest`` is SHA-256 of the cookie's secret."""

    __tablename__ = "access_session"

    digest: Mapped[bytes] = mapped_column(LargeBinary(32), primary_key=True)
    principal_id: Mapped[UUID] = mapped_column(ForeignKey(Principal.id), index=True)
    opened_at: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)


class Call(Base):
    """A call that may be repeated: a MAC of who called and under which key, and the id of what the call makes."""

    __tablename__ = "access_call"

    name: Mapped[bytes] = mapped_column(LargeBinary(32), primary_key=True)
    made: Mapped[UUID] = mapped_column(index=True)
    at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
