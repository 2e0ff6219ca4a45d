"""The log's tables.

Trusted for: nothing beyond the last checkpoint that somebody else holds. Whoever can write ``ledger_entry`` can make
verification fail; whoever can write ``ledger_checkpoint`` can make the publisher refuse to go on; ``ledger_tile`` and
``ledger_mention`` follow from the entries and can be built again from them.
"""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Integer, LargeBinary, SmallInteger, Text, Uuid
from sqlalchemy.orm import Mapped, mapped_column

from governance.database import Base, UtcDateTime

POSITION = BigInteger().with_variant(Integer, "sqlite")
# On SQLite only INTEGER PRIMARY KEY is the rowid itself; any other key leaves a second way to replace a row.

ONE_KEY: dict[str, Any] = {"sqlite_with_rowid": False}
"""On SQLite, for tables of another key: without it a hidden row number is a second way to replace a row."""


class LedgerInbox(Base):
    """An entry that is durable and waits for its place. Written in the transaction of the change that it records."""

    __tablename__ = "ledger_inbox"

    arrival: Mapped[int] = mapped_column(POSITION, primary_key=True)
    id: Mapped[UUID] = mapped_column(Uuid, unique=True)
    body: Mapped[bytes] = mapped_column(LargeBinary)


class LedgerEntry(Base):
    """One entry as it will be published; ``kind``, ``at`` and ``actor`` repeat what ``body`` says, for queries."""

    __tablename__ = "ledger_entry"

    seq: Mapped[int] = mapped_column(POSITION, primary_key=True, autoincrement=False)
    id: Mapped[UUID] = mapped_column(Uuid, unique=True)
    kind: Mapped[str] = mapped_column(Text, index=True)
    at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    actor: Mapped[str] = mapped_column(Text)
    body: Mapped[bytes] = mapped_column(LargeBinary)
    leaf_hash: Mapped[bytes] = mapped_column(LargeBinary)


class LedgerTile(Base):
    """A full tile of 256 hashes, so that a proof needs a few rows whatever the log's size; ``root`` is over them."""

    __tablename__ = "ledger_tile"
    __table_args__ = ONE_KEY

    level: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    index: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    root: Mapped[bytes] = mapped_column(LargeBinary)
    hashes: Mapped[bytes] = mapped_column(LargeBinary)


class LedgerMention(Base):
    """Which entries name an id or a digest: what a search for a model, a request or a release reads."""

    __tablename__ = "ledger_mention"
    __table_args__ = ONE_KEY

    value: Mapped[str] = mapped_column(Text, primary_key=True)
    seq: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False, index=True)


class LedgerCheckpoint(Base):
    """A tree head that was signed, with the note as signed. A row is written before the note leaves the house."""

    __tablename__ = "ledger_checkpoint"

    size: Mapped[int] = mapped_column(POSITION, primary_key=True, autoincrement=False)
    root: Mapped[bytes] = mapped_column(LargeBinary)
    note: Mapped[bytes] = mapped_column(LargeBinary)
    signed_at: Mapped[datetime] = mapped_column(UtcDateTime)


class LedgerCosignature(Base):
    """What a witness signed under a checkpoint: one signature line of the note, verified before it was stored."""

    __tablename__ = "ledger_cosignature"
    __table_args__ = ONE_KEY

    size: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    witness: Mapped[str] = mapped_column(Text, primary_key=True)
    line: Mapped[bytes] = mapped_column(LargeBinary)
    cosigned_at: Mapped[datetime] = mapped_column(UtcDateTime)
