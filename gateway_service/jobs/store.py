"""Jobs as the API sees them: create, find, list, cancel and delete. Workers use leases.py.

    queued ⇄ running → completed, failed
       └────────┴────→ cancelled

Each change of state is one conditional UPDATE, so that only one of several concurrent changes
succeeds.
"""

import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from sqlalchemy import ColumnElement, Update, and_, case, func, insert, or_, select, update
from sqlalchemy.orm import Session

from client.options import Lexicon
from gateway_service.jobs.books import (
    JobContents,
    JobFormat,
    NewBook,
    Reused,
    encode_voices,
    read_contents,
    store_book,
)
from gateway_service.jobs.sound import JobSounds, job_not_found
from gateway_service.storage.database import Storage
from gateway_service.storage.steady_clock import SteadyClock
from gateway_service.storage.tables import (
    UNFINISHED,
    ChapterRow,
    JobRow,
    SentenceRow,
    embed_bytes,
)
from shared.http.errors import QueueFull
from shared.http.tensors import Float32Array
from shared.text.sentences import Piece

_PREVIEW_CHARACTERS = 80
_MAX_ROWS = 400  # inserted by one statement; all rows of a book would take much memory
_RETRY_AFTER_SECONDS = 60
_DAY = 86_400_000  # milliseconds
_retention_clock = SteadyClock()


def now() -> int:
    """Unix time in milliseconds."""
    return time.time_ns() // 1_000_000


def retention_now() -> int:
    """Unix time in milliseconds, for retention. Short steps of the system clock are ignored."""
    return int(_retention_clock.seconds() * 1000)


def retention_end(retention_days: float) -> int:
    """Unix time in milliseconds until which a job that ends now is kept."""
    return retention_now() + int(retention_days * _DAY)


def update_one(session: Session, change: Update) -> bool:
    """Update one row. False if no row matches the conditions of the change."""
    return session.connection().execute(change).rowcount == 1


@dataclass(frozen=True)
class JobSpec:
    """The parameters of a new job.

    embed: [256], the voice's embedding at this time.
    caller: an opaque ID of the caller; "" if callers are not told apart.
    lexicon: words and their respellings.
    timestamps: store the times of the words.
    speakers: for each piece the position of its voice in `voices`, None for `embed`; empty if all
    are spoken by `embed`.
    voices: the names and embeddings [256] of further voices.
    disk_bytes: the estimated disk space.
    from_job: ID of the job whose chapters are taken over.
    """

    pieces: list[Piece]
    voice: str
    embed: Float32Array
    response_format: JobFormat
    speed: float
    seed: int
    temperature: float = 1.0
    caller: str = ""
    lexicon: Lexicon | None = None
    timestamps: bool = False
    speakers: Sequence[int | None] = ()
    voices: Sequence[tuple[str, Float32Array]] = ()
    book: NewBook | None = None
    disk_bytes: int = 0
    from_job: str | None = None


class Jobs:
    """The stored jobs. Safe for use by several threads.

    max_waiting: the maximum number of unfinished jobs.
    retention_days: how long a finished job is kept.
    caller_share: the share of `max_waiting` that one caller may use, 0 to 1.

    Every method raises StorageUnavailable.
    """

    def __init__(
        self,
        storage: Storage,
        max_waiting: int,
        retention_days: float,
        caller_share: float = 1.0,
    ) -> None:
        self._storage = storage
        self.sounds = JobSounds(storage)
        self._max_waiting = max_waiting
        self._caller_quota = max(1, int(caller_share * max_waiting))
        self._retention_days = retention_days

    def create(self, spec: JobSpec) -> JobRow:
        """Store a new job. Raises QueueFull and StorageFull."""
        self._storage.require_space(spec.disk_bytes)
        job = _new_row(spec)
        with self._storage.session() as session:
            self._check_quota(session, spec.caller)
            job.served_at = _last_served(session, spec.caller)
            session.add(job)
            session.flush()
            for first in range(0, len(spec.pieces), _MAX_ROWS):
                session.execute(insert(SentenceRow), _sentence_rows(job.id, spec, first))
            if spec.book:
                store_book(session, job.id, spec.book)
        return job

    def _check_quota(self, session: Session, caller: str) -> None:
        # Jobs that only wait to be encoded do not count: an upgrade may leave hundreds of them.
        unfinished = select(func.count()).where(
            JobRow.status.in_(UNFINISHED), JobRow.done < JobRow.sentences
        )
        if (waiting := session.scalar(unfinished) or 0) >= self._max_waiting:
            raise _queue_full(f"{waiting} jobs", f"the limit is {self._max_waiting}")
        own = session.scalar(unfinished.where(JobRow.caller == caller)) or 0
        if caller and own >= self._caller_quota:
            quota = f"{self._caller_quota} of {self._max_waiting}"
            raise _queue_full(f"{own} of your jobs", f"the limit for one caller is {quota}")

    def find(self, job_id: str) -> JobRow:
        """Look up a job. Raises NotFound, also for an expired one."""
        with self._storage.read_session() as session:
            job = session.scalar(select(JobRow).where(JobRow.id == job_id, _is_visible()))
        if job is None:
            raise job_not_found(job_id)
        return job

    def contents(self, job_id: str) -> JobContents:
        """The book and chapters of a job, empty for a text without chapters."""
        return read_contents(self._storage, job_id)

    def newest(self, limit: int, after: str | None = None) -> list[JobRow]:
        """List jobs, the newest first.

        after: the ID of a job; the list continues with older ones. Raises NotFound for that ID.
        """
        query = select(JobRow).where(_is_visible())
        if after is not None:
            last = self.find(after)
            same_time = and_(JobRow.created_at == last.created_at, JobRow.id < last.id)
            query = query.where(or_(JobRow.created_at < last.created_at, same_time))
        query = query.order_by(JobRow.created_at.desc(), JobRow.id.desc()).limit(limit)
        with self._storage.read_session() as session:
            return list(session.scalars(query))

    def reused(self, jobs: Sequence[JobRow]) -> dict[str, Reused]:
        """The sentences that unfinished jobs take over, by the job's ID."""
        found = [job.id for job in jobs if job.from_job and job.status in UNFINISHED]
        beyond = JobRow.done - ChapterRow.first
        done = case(
            (beyond <= 0, 0),
            (beyond >= ChapterRow.sentences, ChapterRow.sentences),
            else_=beyond,
        )
        query = (
            select(ChapterRow.job_id, func.sum(ChapterRow.sentences), func.sum(done))
            .join(JobRow, JobRow.id == ChapterRow.job_id)
            .where(ChapterRow.job_id.in_(found), ChapterRow.source.is_not(None))
            .group_by(ChapterRow.job_id)
        )
        with self._storage.read_session() as session:
            rows = session.execute(query).all() if found else []
        return {job_id: Reused(int(sentences), int(done)) for job_id, sentences, done in rows}

    def cancel(self, job_id: str) -> JobRow | None:
        """Cancel an unfinished job and return it. None if there is no unfinished job of that ID."""
        change = update(JobRow).where(JobRow.id == job_id, JobRow.status.in_(UNFINISHED))
        final = final_values(self._retention_days)
        with self._storage.session() as session:
            was_unfinished = update_one(session, change.values(status="cancelled", **final))
        return self.find(job_id) if was_unfinished else None

    def delete(self, job_id: str) -> None:
        """Hide a finished job at once; the next sweep deletes its rows. Raises NotFound."""
        change = update(JobRow).where(
            JobRow.id == job_id, JobRow.status.not_in(UNFINISHED), _is_visible()
        )
        with self._storage.session() as session:
            was_visible = update_one(session, change.values(expires_at=0))
        if not was_visible:
            raise job_not_found(job_id)


def final_values(retention_days: float) -> dict[str, Any]:
    """Columns that change with any final status: the lease ends, and retention begins.

    The voices and the caller are erased, as nothing needs them any more.
    """
    return {
        "owner": None,
        "due_at": None,
        "expires_at": retention_end(retention_days),
        "embed": b"",
        "voices": None,
        "caller": "",
    }


def _new_row(spec: JobSpec) -> JobRow:
    created = now()
    return JobRow(
        id=f"job_{secrets.token_hex(8)}",
        status="queued",
        created_at=created,
        due_at=created,
        voice=spec.voice,
        embed=embed_bytes(spec.embed),
        response_format=spec.response_format,
        speed=spec.speed,
        seed=spec.seed,
        temperature=spec.temperature,
        caller=spec.caller,
        lexicon=orjson.dumps(dict(spec.lexicon)).decode() if spec.lexicon else None,
        timestamps=int(spec.timestamps),
        voices=encode_voices(spec.voices),
        disk_bytes=spec.disk_bytes,
        from_job=spec.from_job,
        preview=_preview(spec.pieces),
        sentences=len(spec.pieces),
    )


def _preview(pieces: list[Piece]) -> str:
    first = pieces[:_PREVIEW_CHARACTERS]  # each has at least one character
    return " ".join(piece.text for piece in first)[:_PREVIEW_CHARACTERS]


def _sentence_rows(job_id: str, spec: JobSpec, first: int) -> list[dict[str, Any]]:
    return [
        {
            "job_id": job_id,
            "position": position,
            "text": piece.text,
            "pause": piece.pause,
            "voice": spec.speakers[position] if spec.speakers else None,
        }
        for position, piece in enumerate(spec.pieces[first : first + _MAX_ROWS], first)
    ]


def _last_served(session: Session, caller: str) -> int:
    """The last claim of the caller's other jobs, in Unix milliseconds; 0 if there was none."""
    others = JobRow.status.in_(UNFINISHED), JobRow.caller == caller
    return session.scalar(select(func.max(JobRow.served_at)).where(*others)) or 0


def _queue_full(jobs: str, limit: str) -> QueueFull:
    return QueueFull(
        f"{jobs} are queued or running, {limit}; try again when one has finished, or cancel one",
        retry_after_seconds=_RETRY_AFTER_SECONDS,
    )


def _is_visible() -> ColumnElement[bool]:
    return or_(JobRow.expires_at.is_(None), JobRow.expires_at > retention_now())
