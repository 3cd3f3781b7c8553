"""Jobs as workers see them: claimed under a lease, made sentence by sentence, and finished.

A worker owns a job while the row holds its `owner` ID and the lease has not expired. It renews the
lease while it works. If it dies, the lease expires and another worker continues after the last
finished sentence. Each change is one conditional UPDATE, so a worker that has lost its job changes
nothing. The clocks of all machines should agree to within a lease. Otherwise work may be done
twice, but its result is stored once. A clock that was ahead leaves leases that end far in the
future; `reset_future_leases` ends them.
"""

import secrets
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Update, and_, delete, func, insert, or_, select, update

from gateway_service.jobs.sound import Digest, JobSounds, SentenceSound, delete_last_blocks
from gateway_service.jobs.store import final_values, now, retention_now, update_one
from gateway_service.speech.flac import length_of
from gateway_service.storage.database import Storage, StorageUnavailable
from gateway_service.storage.tables import (
    UNFINISHED,
    BookRow,
    ChapterRow,
    JobRow,
    SentenceRow,
    SoundRow,
)
from shared.text.sentences import Piece

_MAX_CODE_CHARACTERS = 64
_MAX_REASON_CHARACTERS = 4000
_MAX_ROWS = 100  # read or deleted by one transaction
_MAX_DELETED_BYTES = 2**20  # by one transaction
MAX_BACKOFF_SECONDS = 300.0
"""The longest wait between two attempts at a job."""


@dataclass(frozen=True)
class Leases:
    """Claims and results of workers. Safe for use by several threads.

    seconds: the length of a lease. All workers must use the same.
    retention_days: how long a finished job is kept.

    Every method raises StorageUnavailable.
    """

    storage: Storage
    seconds: float
    retention_days: float

    def count_due(self) -> int:
        """The number of jobs that a worker may claim now."""
        with self.storage.read_session() as session:
            return session.scalar(select(func.count()).where(_is_due())) or 0

    def claim(self) -> JobRow | None:
        """Claim the next job, round robin between callers; each caller's oldest job comes first.

        The row holds the `owner` ID of the lease. None if no job is due.
        """
        order = JobRow.served_at, JobRow.due_at, JobRow.id
        first = select(JobRow.id).where(_is_due()).order_by(*order).limit(1)
        while True:
            with self.storage.read_session() as session:
                job_id = session.scalar(first)
            if job_id is None:
                return None
            if job := self._try_claim(job_id):
                self._record_service(job)
                return job

    def _try_claim(self, job_id: str) -> JobRow | None:
        """None if another worker was faster."""
        claim = (
            update(JobRow)
            .where(JobRow.id == job_id, _is_due())
            .values(
                status="running",
                owner=secrets.token_hex(16),
                due_at=self._lease_end(),
                attempts=JobRow.attempts + 1,
            )
        )
        with self.storage.session() as session:
            return session.get(JobRow, job_id) if update_one(session, claim) else None

    def _record_service(self, job: JobRow) -> None:
        """Record the time of this claim on all unfinished jobs of the caller.

        A transaction of its own: within that of the claim, two workers could deadlock.
        """
        of_caller = JobRow.status.in_(UNFINISHED), JobRow.caller == job.caller
        with suppress(StorageUnavailable), self.storage.session() as session:
            session.execute(update(JobRow).where(*of_caller).values(served_at=now()))

    def renew(self, job: JobRow) -> bool:
        """Extend the lease. False if it is lost: the job was cancelled or claimed by another."""
        return self._change(job, due_at=self._lease_end())

    def release(self, job: JobRow, seconds: float = 0, reason: str | None = None) -> None:
        """Return the job to the end of the queue. It is due again after so many seconds."""
        due_at = now() + int(seconds * 1000)
        reason = reason and reason[:_MAX_REASON_CHARACTERS]
        self._change(job, status="queued", owner=None, due_at=due_at, error_message=reason)

    def pieces(self, job: JobRow) -> Iterator[Piece]:
        """The unfinished sentences, read from the database in batches."""
        return (piece for piece, _ in self.voiced_pieces(job))

    def voiced_pieces(self, job: JobRow) -> Iterator[tuple[Piece, int | None]]:
        """The pieces, each with the position of its voice in `JobRow.voices`, or None."""
        for first, last in _batches(job.done, job.sentences):
            query = (
                select(SentenceRow.text, SentenceRow.pause, SentenceRow.voice)
                .where(SentenceRow.job_id == job.id, SentenceRow.position.between(first, last))
                .order_by(SentenceRow.position)
            )
            with self.storage.read_session() as session:
                rows = session.execute(query).all()
                pieces = [(Piece(text, pause), voice) for text, pause, voice in rows]
            yield from pieces

    def save_sentence(
        self,
        job: JobRow,
        position: int,
        sound: SentenceSound,
        is_skipped: bool = False,
        seconds: float = 0.0,
    ) -> bool:
        """Store the sound of a sentence and the progress in one transaction, exactly once.

        is_skipped: the sound is silence in place of a sentence that cannot be spoken. seconds: that
        it took to make.
        False if the lease is lost or the sentence is not the next one.
        """
        advance = (
            update(JobRow)
            .where(_is_owned(job), JobRow.done == position)
            .values(done=position + 1, due_at=self._lease_end(), attempts=1, error_message=None)
            .values(
                skipped=JobRow.skipped + int(is_skipped),
                spent_ms=JobRow.spent_ms + int(seconds * 1000),
            )
        )
        store = (
            update(SentenceRow)
            .where(SentenceRow.job_id == job.id, SentenceRow.position == position)
            .values(sound=sound.flac, words=sound.words, weights=sound.weights)
            .values(samples=length_of(sound.flac))
        )
        with self.storage.session() as session:
            return update_one(session, advance) and update_one(session, store)

    def save_block(self, job: JobRow, position: int, data: bytes) -> bool:
        """Store a block of the encoded file. False if the lease is lost."""
        block = insert(SoundRow).values(job_id=job.id, position=position, data=data)
        with self.storage.session() as session:
            if is_owned := update_one(session, self._renewal(job)):
                session.execute(block)
            return is_owned

    def delete_blocks(self, job: JobRow) -> bool:
        """Delete blocks of an interrupted encoding. False if the lease is lost."""
        has_more = True
        while has_more:
            with self.storage.session() as session:
                if not update_one(session, self._renewal(job)):
                    return False
                has_more = delete_last_blocks(session, job.id)
        return True

    def complete(self, job: JobRow, sound: Digest) -> bool:
        """Finish a job whose blocks are all stored. False if the lease is lost.

        sound: the digest of these blocks.
        """
        return self._finish(
            job, status="completed", sound_bytes=sound.size, sound_sha256=sound.sha256
        )

    def fail(self, job: JobRow, code: str, message: str) -> None:
        """Finish a job with an error. Both texts are cut to the size of their columns."""
        reason = {
            "error_code": code[:_MAX_CODE_CHARACTERS],
            "error_message": message[:_MAX_REASON_CHARACTERS],
        }
        self._finish(job, status="failed", **reason)

    def _finish(self, job: JobRow, **values: Any) -> bool:
        return self._change(job, **final_values(self.retention_days), **values)

    def _change(self, job: JobRow, **values: Any) -> bool:
        with self.storage.session() as session:
            return update_one(session, update(JobRow).where(_is_owned(job)).values(**values))

    def _renewal(self, job: JobRow) -> Update:
        return update(JobRow).where(_is_owned(job)).values(due_at=self._lease_end())

    def _lease_end(self) -> int:
        return now() + int(self.seconds * 1000)

    def reset_future_leases(self) -> None:
        """Make jobs due whose lease or backoff ends later than any that begins now.

        They date from a time when a clock was ahead.
        """
        latest_retry = now() + int((MAX_BACKOFF_SECONDS + self.seconds) * 1000)
        latest_lease = now() + int(2 * self.seconds * 1000)
        is_future = or_(
            and_(JobRow.status == "queued", JobRow.due_at > latest_retry),
            and_(JobRow.status != "queued", JobRow.due_at > latest_lease),
        )
        with self.storage.read_session() as session:
            found = session.scalar(select(func.count()).where(is_future))
        if found:
            with self.storage.session() as session:
                session.execute(update(JobRow).where(is_future).values(due_at=now()))

    def delete_expired(self) -> None:
        """Delete the jobs whose retention is over, in short transactions."""
        with self.storage.read_session() as session:
            expired = list(session.scalars(select(JobRow.id).where(_is_expired())))
        for job_id in expired:
            if self._claim_deletion(job_id):
                self._delete(job_id)
        if expired:
            self.storage.reclaim_space()

    def _claim_deletion(self, job_id: str) -> bool:
        """Take a lease on the deletion, so that one process does the work."""
        claim = update(JobRow).where(JobRow.id == job_id, _is_expired())
        with self.storage.session() as session:
            return update_one(session, claim.values(due_at=self._lease_end()))

    def _delete(self, job_id: str) -> None:
        JobSounds(self.storage).delete_blocks(job_id)
        of_job = SentenceRow.job_id == job_id
        while (last := self._last_of_next_batch(job_id)) is not None:
            with self.storage.session() as session:
                session.execute(delete(SentenceRow).where(of_job, SentenceRow.position <= last))
        with self.storage.session() as session:
            for rows in (ChapterRow, BookRow):
                session.execute(delete(rows).where(rows.job_id == job_id))
            session.execute(delete(JobRow).where(JobRow.id == job_id))

    def _last_of_next_batch(self, job_id: str) -> int | None:
        """The position up to which one transaction may delete; None if no rows are left."""
        rows = (
            select(SentenceRow.position, func.length(SentenceRow.sound))
            .where(SentenceRow.job_id == job_id)
            .order_by(SentenceRow.position)
            .limit(_MAX_ROWS)
        )
        last, size = None, 0
        with self.storage.read_session() as session:
            for position, sound_bytes in session.execute(rows):
                size += sound_bytes or 0
                if last is not None and size > _MAX_DELETED_BYTES:
                    break
                last = position
        return last


def _is_due() -> ColumnElement[bool]:
    return and_(JobRow.due_at <= now(), JobRow.status.in_(UNFINISHED))


def _is_owned(job: JobRow) -> ColumnElement[bool]:
    return and_(JobRow.id == job.id, JobRow.owner == job.owner, JobRow.status == "running")


def _is_expired() -> ColumnElement[bool]:
    is_unclaimed = or_(JobRow.due_at.is_(None), JobRow.due_at <= now())
    return and_(JobRow.expires_at <= retention_now(), is_unclaimed)


def _batches(start: int, end: int) -> Iterator[tuple[int, int]]:
    """The first and last position of each batch of range(start, end)."""
    for first in range(start, end, _MAX_ROWS):
        yield first, min(first + _MAX_ROWS, end) - 1
