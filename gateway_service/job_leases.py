"""Jobs as workers see them: taken under a lease, said sentence by sentence, brought to an end.

A worker owns a job while the row bears its `owner` and the lease has not run out; it renews the
lease while it is at it. One that was killed renews nothing, and another goes on where it stopped.
Every change is one conditional UPDATE: who owns a job no more changes nothing. The clocks of the
machines should agree within a lease; where they do not, work is done twice, but never kept twice.
A clock that was ahead and is set right leaves leases that end far in the future: they are void.
"""

import secrets
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, and_, delete, func, or_, select, update

from gateway_service.jobs import UNFINISHED, changed, expiry, now, retention_now
from gateway_service.storage import Storage
from gateway_service.tables_jobs import JobRow, SentenceRow
from shared.sentences import Piece

_LONGEST_CODE, _LONGEST_REASON = 64, 4000  # characters, which the columns hold
_ROWS_AT_A_TIME, _BYTES_AT_A_TIME = 100, 2**20  # that one transaction deletes
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
        """The job that has been due for longest, now with the `owner` of this lease."""
        first = select(JobRow.id).where(_is_due()).order_by(JobRow.due_at, JobRow.id).limit(1)
        while True:
            with self.storage.read_session() as session:
                job_id = session.scalar(first)
            if job_id is None:
                return None
            if job := self._take(job_id):
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

    def renew(self, job: JobRow) -> bool:
        """False if the job was cancelled, or is another worker's."""
        return self._change(job, due_at=self._lease_end())

    def pieces(self, job: JobRow) -> list[Piece]:
        """What is left to say."""
        query = (
            select(SentenceRow.text, SentenceRow.pause)
            .where(SentenceRow.job_id == job.id, SentenceRow.position >= job.done)
            .order_by(SentenceRow.position)
        )
        with self.storage.read_session() as session:
            return [Piece(text, pause) for text, pause in session.execute(query)]

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
        reason = reason and reason[:_LONGEST_REASON]
        self._change(job, status="queued", owner=None, due_at=due_at, error_message=reason)

    def complete(self, job: JobRow) -> None:
        self._finish(job, status="completed")

    def fail(self, job: JobRow, code: str, message: str) -> None:
        # What a service says may be of any length.
        reason = {"error_code": code[:_LONGEST_CODE], "error_message": message[:_LONGEST_REASON]}
        self._finish(job, status="failed", **reason)

    def _finish(self, job: JobRow, **values: Any) -> None:
        expires_at = expiry(self.retention_days)
        # The voice is not needed any more, and may have been deleted meanwhile.
        self._change(job, owner=None, due_at=None, expires_at=expires_at, embed=b"", **values)

    def _change(self, job: JobRow, **values: Any) -> bool:
        with self.storage.session() as session:
            return changed(session, update(JobRow).where(_is_owned(job)).values(**values))

    def _lease_end(self) -> int:
        return now() + int(self.seconds * 1000)

    def release_void(self) -> None:
        """Makes jobs due whose lease, or wait, ends later than any that begins now could end: they
        were taken while a clock was ahead. The lease must be as long for all workers."""
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
