"""The sound of a job: a row for each sentence while it is made, then one encoded file in blocks.

A worker encodes the file once, when the last sentence is there, and the sentences' sound goes. So a
download reads a block at a time from the database, which every gateway reaches, and nothing is
computed for it.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from hashlib import sha256

from sqlalchemy import LargeBinary, delete, func, select, update
from sqlalchemy.orm import Session

from client.wav_stream import Int16Array
from gateway_service.speech.flac import HEAD_BYTES, decode_flac, length_of
from gateway_service.storage.database import Storage
from gateway_service.storage.job_tables import JobRow, SentenceRow, SoundRow
from shared.http.errors import NotFound

BLOCK_BYTES = 65_536
_ROWS_AT_A_TIME = 100  # that one transaction changes


class Digest:
    """Of the blocks that have been added."""

    def __init__(self) -> None:
        self.size = 0
        self._sha256 = sha256()

    def add(self, block: bytes) -> None:
        self.size += len(block)
        self._sha256.update(block)

    @property
    def sha256(self) -> str:
        return self._sha256.hexdigest()


@dataclass(frozen=True)
class JobSounds:
    """May be used by several threads at a time. Every call raises StorageUnavailable."""

    storage: Storage

    def sentences(self, job: JobRow) -> Iterator[Int16Array]:
        """[n] int16 samples of 16 kHz: each sentence, with the pause after it, of a job that is not
        encoded yet. Raises NotFound once it is deleted."""
        return map(decode_flac, self._sentences(job))

    def _sentences(self, job: JobRow) -> Iterator[bytes]:
        for position in range(job.sentences):
            with self.storage.read_session() as session:
                row = session.get(SentenceRow, (job.id, position))
            if row is None or row.sound is None:
                raise job_not_found(job.id)
            yield row.sound

    def length(self, job: JobRow) -> int:
        """Samples of all sentences."""
        head = func.substr(SentenceRow.sound, 1, HEAD_BYTES, type_=LargeBinary)
        heads = select(head).where(SentenceRow.job_id == job.id, SentenceRow.sound.is_not(None))
        with self.storage.read_session() as session:
            return sum(map(length_of, session.scalars(heads)))

    def block(self, job_id: str, position: int) -> bytes:
        """A block of the encoded sound. Raises NotFound once the job is deleted."""
        with self.storage.read_session() as session:
            row = session.get(SoundRow, (job_id, position))
        if row is None:
            raise job_not_found(job_id)
        return row.data

    def drop_sentences(self, job: JobRow) -> None:
        """Deletes the sound of each sentence; their texts stay."""
        for first in range(0, job.sentences, _ROWS_AT_A_TIME):
            rows = SentenceRow.position.between(first, first + _ROWS_AT_A_TIME - 1)
            with self.storage.session() as session:
                session.execute(
                    update(SentenceRow).where(SentenceRow.job_id == job.id, rows).values(sound=None)
                )

    def drop_blocks(self, job_id: str) -> None:
        """Deletes the encoded sound, or what there is of it, in short transactions."""
        are_left = True
        while are_left:
            with self.storage.session() as session:
                are_left = drop_last_blocks(session, job_id)


def drop_last_blocks(session: Session, job_id: str) -> bool:
    """Deletes as many as one transaction may. Whether there were any."""
    last = select(func.max(SoundRow.position)).where(SoundRow.job_id == job_id)
    position = session.scalar(last)
    if position is None:
        return False
    rows = SoundRow.position > position - _ROWS_AT_A_TIME
    session.execute(delete(SoundRow).where(SoundRow.job_id == job_id, rows))
    return True


def in_blocks(parts: Iterable[bytes]) -> Iterator[bytes]:
    """The same bytes in blocks of BLOCK_BYTES; the last one may be shorter."""
    gathered = bytearray()
    for part in parts:
        gathered += part
        while len(gathered) >= BLOCK_BYTES:
            yield bytes(gathered[:BLOCK_BYTES])
            del gathered[:BLOCK_BYTES]
    if gathered:
        yield bytes(gathered)


def job_not_found(job_id: str) -> NotFound:
    return NotFound(
        f"there is no job {job_id!r}, or no more; GET /v1/jobs lists them",
        param="job_id",
        code="job_not_found",
    )
