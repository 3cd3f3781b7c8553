"""The tables, as typed mappings. Migrations make them; a test holds the two together.

Only types that SQLite and MariaDB share. Times are integer Unix milliseconds. A `Text` or
`LargeBinary` without a length ends at 64 KiB on MariaDB: give it one where more may stand.
"""

from typing import Any

import numpy as np
from sqlalchemy import JSON, BigInteger, LargeBinary, String, Text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from shared.http.tensors import Float32Array

EVERY_SCRIPT = {"mysql_charset": "utf8mb4", "mysql_collate": "utf8mb4_bin"}
"""`__table_args__` of every table: any text is held, and compared byte for byte, as SQLite does."""

MAX_NAME = 80  # characters
MAX_KEY = 240  # letter case can make three of one; MariaDB indexes no more than 768


class Base(DeclarativeBase):
    pass


def embed_bytes(embed: Float32Array) -> bytes:
    """[256] as a row keeps it: float32, little-endian."""
    return embed.astype("<f4").tobytes()


def embed_of(kept: bytes) -> Float32Array:
    """[256] of a row's bytes."""
    return np.frombuffer(kept, "<f4").astype(np.float32)


class VoiceRow(Base):
    """A voice that somebody made. The presets are no rows: they come with the program."""

    __tablename__ = "voices"
    __table_args__ = EVERY_SCRIPT

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    """voice_ and 16 hexadecimal digits."""
    name: Mapped[str] = mapped_column(String(MAX_NAME))
    key: Mapped[str] = mapped_column(String(MAX_KEY), unique=True)
    """The name as it is looked up: of one form and case."""
    embed: Mapped[bytes] = mapped_column(LargeBinary(1024))
    """As `embed_bytes` makes it."""
    consent: Mapped[str] = mapped_column(Text)
    """The statement, in the words of who made the voice; given at `created_at`."""
    samples: Mapped[list[dict[str, Any]]] = mapped_column(JSON)
    """What was found in each sample, with its SHA-256; the sound itself is not kept."""
    created_at: Mapped[int] = mapped_column(BigInteger)
