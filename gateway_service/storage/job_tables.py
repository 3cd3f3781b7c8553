"""The tables of jobs: what was ordered, who works on it, and the sound of every sentence.

What is sought by is a unique constraint, and not an index: that stands in CREATE TABLE itself, so
that a migration which broke off in its middle may be repeated on every database.
"""

from sqlalchemy import BigInteger, Double, ForeignKey, LargeBinary, String, Text, UniqueConstraint
from sqlalchemy.dialects.mysql import MEDIUMBLOB, MEDIUMTEXT
from sqlalchemy.orm import Mapped, mapped_column

from gateway_service.storage.tables import EVERY_SCRIPT, Base

_LONG_TEXT = Text().with_variant(MEDIUMTEXT(), "mysql", "mariadb")  # up to 16 MiB
_SOUND = LargeBinary().with_variant(MEDIUMBLOB(), "mysql", "mariadb")  # up to 16 MiB


class JobRow(Base):
    __tablename__ = "jobs"
    __table_args__ = (
        UniqueConstraint("due_at", "id", name="jobs_due"),
        UniqueConstraint("created_at", "id", name="jobs_created"),
        UniqueConstraint("expires_at", "id", name="jobs_expiring"),
        EVERY_SCRIPT,
    )

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    """job_ and 16 hexadecimal digits."""
    status: Mapped[str] = mapped_column(String(16))
    """queued or running, then completed, failed or cancelled for good."""
    created_at: Mapped[int] = mapped_column(BigInteger)
    expires_at: Mapped[int | None] = mapped_column(BigInteger)
    """From then on it is gone for everybody, and its rows are deleted; set with the final state."""

    voice: Mapped[str] = mapped_column(String(80))
    """The name; the voice itself may be deleted meanwhile."""
    embed: Mapped[bytes] = mapped_column(LargeBinary(1024))
    """[256] float32, little-endian."""
    response_format: Mapped[str] = mapped_column(String(8))
    speed: Mapped[float] = mapped_column(Double)
    seed: Mapped[int] = mapped_column(BigInteger)
    preview: Mapped[str] = mapped_column(String(80))
    """The first words of the text."""
    lexicon: Mapped[str | None] = mapped_column(_LONG_TEXT)
    """JSON: words, and how they are to be said."""

    caller: Mapped[str] = mapped_column(String(64), default="", server_default="")
    """A name of who ordered it, which does not give away a key or an address; "" if nobody told
    callers apart. Emptied with the final state."""
    served_at: Mapped[int] = mapped_column(BigInteger, default=0, server_default="0")
    """The time of this caller's last turn at a worker. The caller with the oldest comes first."""

    sentences: Mapped[int]
    done: Mapped[int] = mapped_column(default=0)
    """They are made in their order: this is also the position of the next one."""
    skipped: Mapped[int] = mapped_column(default=0, server_default="0")
    """Of these: sentences that the synthesizer cannot say, with silence in their place."""

    sound_bytes: Mapped[int | None] = mapped_column(BigInteger)
    """The size of its encoded sound in job_sounds; set with the state completed."""
    sound_sha256: Mapped[str | None] = mapped_column(String(64))

    due_at: Mapped[int | None] = mapped_column(BigInteger)
    """From when on a worker may take it. For a running job that is when its worker's lease runs
    out; for a final one NULL."""
    owner: Mapped[str | None] = mapped_column(String(32))
    """The lease: a new random name each time that a worker takes the job."""
    attempts: Mapped[int] = mapped_column(default=0)
    """How often a worker has begun since the last sentence that was made."""
    error_code: Mapped[str | None] = mapped_column(String(64))
    error_message: Mapped[str | None] = mapped_column(Text)
    """Why it failed; while it is not final, what it waits for."""


class SentenceRow(Base):
    __tablename__ = "job_sentences"
    __table_args__ = EVERY_SCRIPT

    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id"), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    text: Mapped[str] = mapped_column(Text)
    pause: Mapped[float] = mapped_column(Double)
    """Seconds of silence after it."""
    sound: Mapped[bytes | None] = mapped_column(_SOUND)
    """FLAC of 16 kHz, its pause included; NULL until it is made, and again once the job is
    encoded."""


class SoundRow(Base):
    """A block of a job's sound, encoded as it was ordered."""

    __tablename__ = "job_sounds"
    __table_args__ = EVERY_SCRIPT

    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id"), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    data: Mapped[bytes] = mapped_column(_SOUND)
    """As long as `job_sound.BLOCK_BYTES`, but for the last."""
