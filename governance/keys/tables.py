"""The table of rotations. Public: it holds key ids and public keys only."""

from datetime import datetime

from sqlalchemy import Integer, Text
from sqlalchemy.orm import Mapped, mapped_column

from governance.database import Base, UtcDateTime


class KeyRotation(Base):
    """The ``number``-th replacement (from 1) of the signing key ``key``. The last row names the one in force."""

    __tablename__ = "key_rotation"

    key: Mapped[str] = mapped_column(Text, primary_key=True)
    number: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    old: Mapped[str] = mapped_column(Text)
    new: Mapped[str] = mapped_column(Text)
    old_public: Mapped[str] = mapped_column(Text)
    new_public: Mapped[str] = mapped_column(Text)
    retired: Mapped[str] = mapped_column(Text)
    ground: Mapped[str] = mapped_column(Text)
    rotated_at: Mapped[datetime] = mapped_column(UtcDateTime)
