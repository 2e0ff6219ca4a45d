"""The vault's tables. No column holds an identifier, a pseudonym or a secret in clear."""

from datetime import UTC, datetime

from sqlalchemy import DateTime, Dialect, ForeignKey, LargeBinary, MetaData, String, TypeDecorator
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}

# Without row numbers rows lie in the order of their random keys, so the file does not tell who came when.
UNORDERED = {"sqlite_with_rowid": False}


class VaultBase(DeclarativeBase):
    """Parent of every vault table; constraint names follow NAMING."""

    metadata = MetaData(naming_convention=NAMING)


class UtcDateTime(TypeDecorator[datetime]):
    """An aware UTC datetime on every database; a naive one is refused."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002 - interface
        """Convert to UTC on the way in."""
        if value is None:
            return None
        if value.tzinfo is None:
            msg = "expected an aware datetime, got a naive one"
            raise ValueError(msg)
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002 - interface
        """Give the zone back on the way out: SQLite keeps none."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class SubjectRow(VaultBase):
    """One living subject. ``wrapped_secret`` is sealed under the key ``kek_version``."""

    __tablename__ = "subject"
    __table_args__ = UNORDERED

    subject_id: Mapped[bytes] = mapped_column(LargeBinary(16), primary_key=True)
    wrapped_secret: Mapped[bytes] = mapped_column(LargeBinary(60))
    kek_version: Mapped[int]
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class IdentifierRow(VaultBase):
    """One identifier: found by its blind index, which covers its type too, and read only with its subject's secret."""

    __tablename__ = "identifier"
    __table_args__ = UNORDERED

    index_version: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    blind_index: Mapped[bytes] = mapped_column(LargeBinary(16), primary_key=True)
    type: Mapped[str] = mapped_column(String(32))
    subject_id: Mapped[bytes] = mapped_column(ForeignKey("subject.subject_id"), index=True)
    ciphertext: Mapped[bytes] = mapped_column(LargeBinary)


class PseudonymRow(VaultBase):
    """The way back from a pseudonym to its subject; ``blind`` is a MAC of it."""

    __tablename__ = "pseudonym_index"
    __table_args__ = UNORDERED

    index_version: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    blind: Mapped[bytes] = mapped_column(LargeBinary(16), primary_key=True)
    domain: Mapped[str] = mapped_column(String(32))
    epoch: Mapped[int]
    subject_id: Mapped[bytes] = mapped_column(ForeignKey("subject.subject_id"), index=True)


class ErasureRow(VaultBase):
    """That somebody was erased: when, how much, under which key.

    ``commitment`` is a hash of the destroyed random subject id. A back-up that still holds the subject can be told by
    it what to erase again; nobody else learns anything from it.
    """

    __tablename__ = "erasure"
    __table_args__ = UNORDERED

    erasure_id: Mapped[bytes] = mapped_column(LargeBinary(16), primary_key=True)
    commitment: Mapped[bytes] = mapped_column(LargeBinary(32), unique=True)
    destroyed_at: Mapped[datetime] = mapped_column(UtcDateTime)
    kek_version: Mapped[int]
    identifiers: Mapped[int]
    pseudonyms: Mapped[int]
