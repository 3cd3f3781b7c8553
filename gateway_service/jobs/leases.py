"""Jobs as workers see them: taken under a lease, said sentence by sentence, brought to an end.

A worker owns a job while the row bears its `owner` and the lease has not run out; it renews the
lease while it is at it. One that was killed renews nothing, and another goes on where it stopped.
Every change is one conditional UPDATE: who owns a job no more changes nothing. The clocks of the
machines should agree within a lease; where they do not, work is done twice, but never kept twice.
A clock that was ahead and is set right leaves leases that end far in the future: they are void.
"""

import secrets
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Update, and_, delete, func, insert, or_, select, update

from gateway_service.jobs.library import UNFINISHED, changed, expiry, now, retention_now
from gateway_service.jobs.sound import Digest, JobSounds, drop_last_blocks
from gateway_service.storage.database import Storage, StorageUnavailable
from gateway_service.storage.job_tables import JobRow, SentenceRow, SoundRow
from shared.text.sentences import Piece

_MAX_CODE, _MAX_REASON = 64, 4000  # characters, which the columns hold
_ROWS_AT_A_TIME = 100  # that one transaction reads or deletes
_BYTES_AT_A_TIME = 2**20  # that one transaction deletes
MAX_BACKOFF_SECONDS = 300.0
"""Between two attempts at a job."""


@dataclass(frozen=True)
class Leases:
    """seconds: how long a worker that gives no sign of life keeps its job.

    May be used by several threads at a time. Every call raises StorageUnavailable.
    """

    storage: Storage
    seconds: float
    retention_days: float

    def count_due(self) -> int:
        """Jobs that wait for a worker."""
        with self.storage.read_session() as session:
            return session.scalar(select(func.count()).where(_is_due())) or 0

    def take(self) -> JobRow | None:
        """The job that has been due for longest, now with the `owner` of this lease; where there
        are several callers, of the one whose last turn is longest ago."""
        order = JobRow.served_at, JobRow.due_at, JobRow.id
        first = select(JobRow.id).where(_is_due()).order_by(*order).limit(1)
        while True:
            with self.storage.read_session() as session:
                job_id = session.scalar(first)
            if job_id is None:
                return None
            if job := self._take(job_id):
                self._note_turn(job)
                return job

    def _take(self, job_id: str) -> JobRow | None:
        """None if another worker was faster."""
        owner = secrets.token_hex(16)
        take = (
            update(JobRow)
            .where(JobRow.id == job_id, _is_due())
            .values(
                status="running",
                owner=owner,
                due_at=self._lease_end(),
                attempts=JobRow.attempts + 1,
            )
        )
        with self.storage.session() as session:
            return session.get(JobRow, job_id) if changed(session, take) else None

    def _note_turn(self, job: JobRow) -> None:
        """Record when the job's caller had its turn, for all of the caller's jobs.

        This is a transaction of its own: in the one that takes a job, two workers would wait for
        each other's rows.
        """
        of_caller = JobRow.status.in_(UNFINISHED), JobRow.caller == job.caller
        with suppress(StorageUnavailable), self.storage.session() as session:
            session.execute(update(JobRow).where(*of_caller).values(served_at=now()))

    def renew(self, job: JobRow) -> bool:
        """False if the job was cancelled, or is another worker's."""
        return self._change(job, due_at=self._lease_end())

    def pieces(self, job: JobRow) -> Iterator[Piece]:
        """The pieces that are not said yet, read a few at a time."""
        for first, last in _ranges(job.done, job.sentences):
            query = (
                select(SentenceRow.text, SentenceRow.pause)
                .where(SentenceRow.job_id == job.id, SentenceRow.position.between(first, last))
                .order_by(SentenceRow.position)
            )
            with self.storage.read_session() as session:
                pieces = [Piece(text, pause) for text, pause in session.execute(query)]
            yield from pieces

    def keep_sound(self, job: JobRow, position: int, flac: bytes, *, skipped: bool = False) -> bool:
        """In one transaction with the progress: a sentence is kept once, whoever says it twice.

        skipped: what is kept is silence in its place.
        """
        advance = (
            update(JobRow)
            .where(_is_owned(job), JobRow.done == position)
            .values(done=position + 1, due_at=self._lease_end(), attempts=1, error_message=None)
            .values(skipped=JobRow.skipped + int(skipped))
        )
        keep = (
            update(SentenceRow)
            .where(SentenceRow.job_id == job.id, SentenceRow.position == position)
            .values(sound=flac)
        )
        with self.storage.session() as session:
            return changed(session, advance) and changed(session, keep)

    def put_back(self, job: JobRow, seconds: float = 0, reason: str | None = None) -> None:
        """To the end of the queue, for a worker to take up after so many seconds."""
        due_at = now() + int(seconds * 1000)
        reason = reason and reason[:_MAX_REASON]
        self._change(job, status="queued", owner=None, due_at=due_at, error_message=reason)

    def drop_blocks(self, job: JobRow) -> bool:
        """Delete an earlier worker's blocks. False if the job was cancelled, or is another's."""
        are_left = True
        while are_left:
            with self.storage.session() as session:
                if not changed(session, self._renewal(job)):
                    return False
                are_left = drop_last_blocks(session, job.id)
        return True

    def keep_block(self, job: JobRow, position: int, data: bytes) -> bool:
        """A block of the encoded sound. False if the job was cancelled, or is another worker's."""
        block = insert(SoundRow).values(job_id=job.id, position=position, data=data)
        with self.storage.session() as session:
            if is_owned := changed(session, self._renewal(job)):
                session.execute(block)
            return is_owned

    def _renewal(self, job: JobRow) -> Update:
        return update(JobRow).where(_is_owned(job)).values(due_at=self._lease_end())

    def complete(self, job: JobRow, sound: Digest) -> bool:
        """sound: of all blocks, which are kept. False if the job is no longer ours."""
        made = {"sound_bytes": sound.size, "sound_sha256": sound.sha256}
        return self._finish(job, status="completed", **made)

    def fail(self, job: JobRow, code: str, message: str) -> None:
        # What a service says may be of any length.
        reason = {"error_code": code[:_MAX_CODE], "error_message": message[:_MAX_REASON]}
        self._finish(job, status="failed", **reason)

    def _finish(self, job: JobRow, **values: Any) -> bool:
        expires_at = expiry(self.retention_days)
        # The voice is not needed any more, and may have been deleted meanwhile.
        final = {"owner": None, "due_at": None, "expires_at": expires_at, "caller": ""}
        return self._change(job, **final, embed=b"", **values)

    def _change(self, job: JobRow, **values: Any) -> bool:
        with self.storage.session() as session:
            return changed(session, update(JobRow).where(_is_owned(job)).values(**values))

    def _lease_end(self) -> int:
        return now() + int(self.seconds * 1000)

    def release_void(self) -> None:
        """Make jobs due whose lease or wait ends later than one that begins now could.

        They were taken while a clock was ahead. All workers must have leases of one length.
        """
        latest_wait = now() + int((MAX_BACKOFF_SECONDS + self.seconds) * 1000)
        latest_lease = now() + int(2 * self.seconds * 1000)
        is_void = or_(
            and_(JobRow.status == "queued", JobRow.due_at > latest_wait),
            and_(JobRow.status != "queued", JobRow.due_at > latest_lease),
        )
        with self.storage.read_session() as session:
            found = session.scalar(select(func.count()).where(is_void))
        if found:
            with self.storage.session() as session:
                session.execute(update(JobRow).where(is_void).values(due_at=now()))

    def delete_expired(self) -> None:
        """Deletes the jobs whose time is over, in short transactions."""
        with self.storage.read_session() as session:
            found = list(session.scalars(select(JobRow.id).where(_is_expired())))
        for job_id in found:
            if self._take_to_delete(job_id):
                self._delete(job_id)
        if found:
            self.storage.give_back_space()

    def _take_to_delete(self, job_id: str) -> bool:
        """A lease as well: of several processes one does the work."""
        take = update(JobRow).where(JobRow.id == job_id, _is_expired())
        with self.storage.session() as session:
            return changed(session, take.values(due_at=self._lease_end()))

    def _delete(self, job_id: str) -> None:
        JobSounds(self.storage).drop_blocks(job_id)
        of_job = SentenceRow.job_id == job_id
        while (last := self._last_of_next_rows(job_id)) is not None:
            with self.storage.session() as session:
                session.execute(delete(SentenceRow).where(of_job, SentenceRow.position <= last))
        with self.storage.session() as session:
            session.execute(delete(JobRow).where(JobRow.id == job_id))

    def _last_of_next_rows(self, job_id: str) -> int | None:
        """The position up to which one transaction may delete; None if there are no more rows."""
        rows = (
            select(SentenceRow.position, func.length(SentenceRow.sound))
            .where(SentenceRow.job_id == job_id)
            .order_by(SentenceRow.position)
            .limit(_ROWS_AT_A_TIME)
        )
        last, size = None, 0
        with self.storage.read_session() as session:
            for position, sound_bytes in session.execute(rows):
                size += sound_bytes or 0
                if last is not None and size > _BYTES_AT_A_TIME:
                    break
                last = position
        return last


def _is_due() -> ColumnElement[bool]:
    return and_(JobRow.due_at <= now(), JobRow.status.in_(UNFINISHED))


def _is_owned(job: JobRow) -> ColumnElement[bool]:
    return and_(JobRow.id == job.id, JobRow.owner == job.owner, JobRow.status == "running")


def _is_expired() -> ColumnElement[bool]:
    no_one_is_at_it = or_(JobRow.due_at.is_(None), JobRow.due_at <= now())
    return and_(JobRow.expires_at <= retention_now(), no_one_is_at_it)


def _ranges(start: int, end: int) -> Iterator[tuple[int, int]]:
    """The first and last of each group of start to end - 1."""
    for first in range(start, end, _ROWS_AT_A_TIME):
        yield first, min(first + _ROWS_AT_A_TIME, end) - 1
