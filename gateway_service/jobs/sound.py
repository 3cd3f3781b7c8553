"""The sound of a job: a row for each sentence while it is made, then one encoded file in blocks.

A worker encodes the file once, after the last sentence, and deletes the sentences' sound, except
those of a book, whose chapters can be downloaded and taken over by another job. A download reads
one block at a time from the database, which every gateway reaches, and computes nothing.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from typing import NamedTuple

from sqlalchemy import LargeBinary, delete, func, select, update
from sqlalchemy.orm import Session

from client.wav_stream import Int16Array
from gateway_service.speech.flac import HEAD_BYTES, decode_flac, length_of
from gateway_service.storage.database import Storage
from gateway_service.storage.tables import JobRow, SentenceRow, SoundRow
from shared.http.errors import NotFound

BLOCK_BYTES = 65_536
_MAX_ROWS = 100  # changed by one transaction


class Digest:
    """Size and SHA-256 of the blocks added so far."""

    def __init__(self) -> None:
        self.size = 0
        self._sha256 = sha256()

    def add(self, block: bytes) -> None:
        self.size += len(block)
        self._sha256.update(block)

    @property
    def sha256(self) -> str:
        return self._sha256.hexdigest()


SKIPPED = "skipped"
"""In place of the weights of a sentence that could not be spoken."""


class SentenceSound(NamedTuple):
    """The sound of a sentence, as SentenceRow has it."""

    flac: bytes
    words: str | None = None
    weights: str = ""


@dataclass(frozen=True)
class JobSounds:
    """Stored sound of jobs. Safe for use by several threads.

    Every method raises StorageUnavailable.
    """

    storage: Storage

    def sentences(self, job: JobRow, positions: range | None = None) -> Iterator[Int16Array]:
        """The sentences of a job that is not encoded yet, each with its pause.

        positions: those of the sentences; None for all.

        Yields [n] int16 samples at 16 kHz. Raises NotFound if the job is deleted meanwhile.
        """
        return map(decode_flac, self._sentences(job, positions or range(job.sentences)))

    def _sentences(self, job: JobRow, positions: range) -> Iterator[bytes]:
        for position in positions:
            with self.storage.read_session() as session:
                row = session.get(SentenceRow, (job.id, position))
            if row is None or row.sound is None:
                raise job_not_found(job.id)
            yield row.sound

    def length(self, job: JobRow, positions: range | None = None) -> int:
        """Total samples of the sentences."""
        header = func.substr(SentenceRow.sound, 1, HEAD_BYTES, type_=LargeBinary)
        positions = positions or range(job.sentences)
        headers = select(header).where(
            SentenceRow.job_id == job.id,
            SentenceRow.position.between(positions.start, positions.stop - 1),
            SentenceRow.sound.is_not(None),
        )
        with self.storage.read_session() as session:
            return sum(map(length_of, session.scalars(headers)))

    def block(self, job_id: str, position: int) -> bytes:
        """A block of the encoded file. Raises NotFound if the job is deleted."""
        with self.storage.read_session() as session:
            row = session.get(SoundRow, (job_id, position))
        if row is None:
            raise job_not_found(job_id)
        return row.data

    def delete_sentences(self, job: JobRow) -> None:
        """Delete the sound of the sentences; their texts stay."""
        for first in range(0, job.sentences, _MAX_ROWS):
            rows = SentenceRow.position.between(first, first + _MAX_ROWS - 1)
            with self.storage.session() as session:
                session.execute(
                    update(SentenceRow).where(SentenceRow.job_id == job.id, rows).values(sound=None)
                )

    def delete_blocks(self, job_id: str) -> None:
        """Delete the encoded file, complete or not, in short transactions."""
        has_more = True
        while has_more:
            with self.storage.session() as session:
                has_more = delete_last_blocks(session, job_id)


def delete_last_blocks(session: Session, job_id: str) -> bool:
    """Delete as many blocks as one transaction may. False if there were none."""
    last = select(func.max(SoundRow.position)).where(SoundRow.job_id == job_id)
    position = session.scalar(last)
    if position is None:
        return False
    rows = SoundRow.position > position - _MAX_ROWS
    session.execute(delete(SoundRow).where(SoundRow.job_id == job_id, rows))
    return True


def split_into_blocks(parts: Iterable[bytes]) -> Iterator[bytes]:
    """The same bytes in blocks of BLOCK_BYTES; the last one may be shorter."""
    buffer = bytearray()
    for part in parts:
        buffer += part
        while len(buffer) >= BLOCK_BYTES:
            yield bytes(buffer[:BLOCK_BYTES])
            del buffer[:BLOCK_BYTES]
    if buffer:
        yield bytes(buffer)


def job_not_found(job_id: str) -> NotFound:
    return NotFound(
        f"no job {job_id!r}: it never existed, was deleted or has expired; list jobs with "
        "GET /v1/jobs",
        param="job_id",
        code="job_not_found",
    )
