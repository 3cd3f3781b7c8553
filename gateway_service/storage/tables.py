"""The tables as typed mappings.

Migrations create them; a test compares the two. Only types that SQLite and MariaDB share are used.
Times are Unix milliseconds, as integers. A `Text` or `LargeBinary` without a length holds 64 KiB on
MariaDB: declare a larger type where more is stored.

Columns that are searched have unique constraints instead of indexes. A unique constraint is part of
CREATE TABLE, so an interrupted migration can be repeated on every database.
"""

from typing import Any, Literal

import numpy as np
from sqlalchemy import (
    JSON,
    BigInteger,
    Double,
    ForeignKey,
    LargeBinary,
    String,
    Text,
    UniqueConstraint,
)
from sqlalchemy.dialects.mysql import MEDIUMBLOB, MEDIUMTEXT
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from shared.http.tensors import Float32Array

MAX_NAME = 80  # characters
MAX_TITLE = 200  # characters
MAX_LANGUAGE = 35  # characters; the longest tag of BCP 47 that programs must take
MAX_KEY = 240  # case folding can triple a name; MariaDB indexes at most 768 characters

JobStatus = Literal["queued", "running", "completed", "failed", "cancelled"]
UNFINISHED: tuple[JobStatus, ...] = ("queued", "running")

_UTF8 = {"mysql_charset": "utf8mb4", "mysql_collate": "utf8mb4_bin"}
"""Table options of MariaDB: any text is stored, and compared byte by byte as on SQLite."""
_LONG_TEXT = Text().with_variant(MEDIUMTEXT(), "mysql", "mariadb")  # up to 16 MiB
_LONG_BINARY = LargeBinary().with_variant(MEDIUMBLOB(), "mysql", "mariadb")  # up to 16 MiB


def embed_bytes(embed: Float32Array) -> bytes:
    """Encode an embedding [256] for a row: float32, little-endian."""
    return embed.astype("<f4").tobytes()


def embed_of(stored: bytes) -> Float32Array:
    """Decode the embedding [256] of a row."""
    return np.frombuffer(stored, "<f4").astype(np.float32)


class Base(DeclarativeBase):
    pass


class VoiceRow(Base):
    """A custom voice. The presets are not stored: they come with the program."""

    __tablename__ = "voices"
    __table_args__ = _UTF8

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    """voice_ and 16 hexadecimal digits."""
    name: Mapped[str] = mapped_column(String(MAX_NAME))
    key: Mapped[str] = mapped_column(String(MAX_KEY), unique=True)
    """The name for look-ups, normalised and case-folded."""
    embed: Mapped[bytes] = mapped_column(LargeBinary(1024))
    """Encoded by `embed_bytes`."""
    consent: Mapped[str] = mapped_column(Text)
    """The statement as its author wrote it, given at `created_at`."""
    samples: Mapped[list[dict[str, Any]]] = mapped_column(JSON)
    """The report and the SHA-256 of each sample. The recordings themselves are not stored."""
    created_at: Mapped[int] = mapped_column(BigInteger)


class JobRow(Base):
    """A job: its specification, progress and lease."""

    __tablename__ = "jobs"
    __table_args__ = (
        UniqueConstraint("due_at", "id", name="jobs_due"),
        UniqueConstraint("created_at", "id", name="jobs_created"),
        UniqueConstraint("expires_at", "id", name="jobs_expiring"),
        _UTF8,
    )

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    """job_ and 16 hexadecimal digits."""
    status: Mapped[str] = mapped_column(String(16))
    """A JobStatus. completed, failed and cancelled are final."""
    created_at: Mapped[int] = mapped_column(BigInteger)
    expires_at: Mapped[int | None] = mapped_column(BigInteger)
    """End of retention, set with the final status. Later the job is hidden and its rows deleted."""

    voice: Mapped[str] = mapped_column(String(80))
    """The name. The voice itself may be deleted before the job ends."""
    embed: Mapped[bytes] = mapped_column(LargeBinary(1024))
    """Encoded by `embed_bytes`; emptied with the final status."""
    response_format: Mapped[str] = mapped_column(String(8))
    speed: Mapped[float] = mapped_column(Double)
    seed: Mapped[int] = mapped_column(BigInteger)
    temperature: Mapped[float] = mapped_column(Double, default=1.0, server_default="1")
    preview: Mapped[str] = mapped_column(String(80))
    """The first words of the text."""
    lexicon: Mapped[str | None] = mapped_column(_LONG_TEXT)
    """JSON: words and their respellings."""
    timestamps: Mapped[int] = mapped_column(default=0, server_default="0")
    """1 if the word times of the sentences are stored, for captions."""
    voices: Mapped[str | None] = mapped_column(_LONG_TEXT)
    """JSON: [name, embedding in base64] of each further voice in the text; removed with the final
    status."""

    caller: Mapped[str] = mapped_column(String(64), default="", server_default="")
    """An opaque ID of the caller, which reveals neither key nor address; "" if callers are not told
    apart. Emptied with the final status."""
    served_at: Mapped[int] = mapped_column(BigInteger, default=0, server_default="0")
    """The last time that a worker claimed a job of this caller. The oldest is served first."""

    sentences: Mapped[int]
    done: Mapped[int] = mapped_column(default=0)
    """Finished sentences. They are made in order, so this is also the position of the next one."""
    skipped: Mapped[int] = mapped_column(default=0, server_default="0")
    """Finished sentences that could not be spoken and are replaced by silence."""
    spent_ms: Mapped[int] = mapped_column(BigInteger, default=0, server_default="0")
    """Milliseconds that the finished sentences took, for the estimate of the time left."""
    disk_bytes: Mapped[int] = mapped_column(BigInteger, default=0, server_default="0")
    """Estimated disk space of the job while it is made."""
    from_job: Mapped[str | None] = mapped_column(String(32))
    """ID of the earlier job whose chapters are taken over. That job may be deleted meanwhile."""

    sound_bytes: Mapped[int | None] = mapped_column(BigInteger)
    """Size of the encoded file in job_sounds, set with the status completed."""
    sound_sha256: Mapped[str | None] = mapped_column(String(64))

    due_at: Mapped[int | None] = mapped_column(BigInteger)
    """The time from which a worker may claim the job: for a running job the end of its lease, for a
    final one NULL."""
    owner: Mapped[str | None] = mapped_column(String(32))
    """The lease: a new random ID for each claim."""
    attempts: Mapped[int] = mapped_column(default=0)
    """Claims since the last finished sentence."""
    error_code: Mapped[str | None] = mapped_column(String(64))
    error_message: Mapped[str | None] = mapped_column(Text)
    """The reason for the failure; while the job is queued, the reason for the wait."""


class SentenceRow(Base):
    """A sentence of a job: its text, and its sound; that of a text until the job is encoded."""

    __tablename__ = "job_sentences"
    __table_args__ = _UTF8

    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id"), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    text: Mapped[str] = mapped_column(Text)
    pause: Mapped[float] = mapped_column(Double)
    """Seconds of silence after the sentence."""
    voice: Mapped[int | None]
    """Position of its voice in `JobRow.voices`; NULL for the job's own voice."""
    sound: Mapped[bytes | None] = mapped_column(_LONG_BINARY)
    """FLAC at 16 kHz, including the pause; NULL before it is made. After the job is encoded, NULL
    for a text; that of a book stays, for its chapters."""
    words: Mapped[str | None] = mapped_column(_LONG_TEXT)
    """JSON: [word, start, end] of each word, in seconds of the sentence's sound."""
    samples: Mapped[int | None]
    """Samples of the sound at 16 kHz, including the pause."""
    weights: Mapped[str | None] = mapped_column(String(32))
    """The weights that made the sound, as `AsyncChain.weights` names them; "skipped" if it could
    not be spoken; NULL for a sentence of an earlier version."""


class BookRow(Base):
    """The book that a job reads: its tags, and the cover for the file."""

    __tablename__ = "job_books"
    __table_args__ = _UTF8

    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id"), primary_key=True)
    title: Mapped[str] = mapped_column(String(MAX_TITLE))
    author: Mapped[str] = mapped_column(String(MAX_TITLE))
    language: Mapped[str] = mapped_column(String(MAX_LANGUAGE))
    cover: Mapped[bytes | None] = mapped_column(_LONG_BINARY)
    """A PNG or JPEG file."""


class ChapterRow(Base):
    """A chapter of a job: its title and its sentences."""

    __tablename__ = "job_chapters"
    __table_args__ = _UTF8

    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id"), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    number: Mapped[int]
    """The chapter's number in the book, from 1. Numbers have gaps if chapters were chosen."""
    title: Mapped[str] = mapped_column(String(MAX_TITLE))
    first: Mapped[int]
    """Position of the first sentence."""
    sentences: Mapped[int]
    digest: Mapped[str | None] = mapped_column(String(64))
    """SHA-256 of the text and the options that the sound depends on."""
    source: Mapped[int | None]
    """Position of the first sentence of the same chapter in `JobRow.from_job`; NULL for a chapter
    that must be made, also if that turned out only while the job ran."""


class SoundRow(Base):
    """A block of a job's encoded file."""

    __tablename__ = "job_sounds"
    __table_args__ = _UTF8

    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id"), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    data: Mapped[bytes] = mapped_column(_LONG_BINARY)
    """`jobs.sound.BLOCK_BYTES` long, except for the last block."""
