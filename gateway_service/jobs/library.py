"""Jobs as those see them who order them; what workers do with them is in job_leases.py.

    queued ⇄ running → completed, failed
       └────────┴────→ cancelled

Every change is one conditional UPDATE, so that of several that are tried at once one succeeds.
"""

import secrets
import time
from dataclasses import dataclass
from typing import Any, Literal

import orjson
from sqlalchemy import ColumnElement, Update, and_, func, insert, or_, select, update
from sqlalchemy.orm import Session

from client.options import Lexicon
from gateway_service.jobs.sound import JobSounds, job_not_found
from gateway_service.speech.stream import ResponseFormat
from gateway_service.storage.database import Storage
from gateway_service.storage.job_tables import JobRow, SentenceRow
from gateway_service.storage.steady_clock import SteadyClock
from gateway_service.storage.tables import embed_bytes
from shared.http.errors import QueueFull
from shared.http.tensors import Float32Array
from shared.text.sentences import Piece

JobStatus = Literal["queued", "running", "completed", "failed", "cancelled"]
UNFINISHED = ("queued", "running")
_PREVIEW = 80  # characters
_ROWS_AT_A_TIME = 500  # that one statement inserts: all of a book's would take much memory
_RETRY_SECONDS = 60
_DAY = 86_400_000  # milliseconds
_retention_clock = SteadyClock()


def now() -> int:
    """Unix time in milliseconds."""
    return time.time_ns() // 1_000_000


def retention_now() -> int:
    """Unix time in milliseconds by which jobs expire. A short step of the clock changes nothing."""
    return int(_retention_clock.seconds() * 1000)


def expiry(retention_days: float) -> int:
    """When a job that is final now is to go."""
    return retention_now() + int(retention_days * _DAY)


def changed(session: Session, change: Update) -> bool:
    """Makes a change to one row; false if that row is not, or no longer, as the change asks."""
    return session.connection().execute(change).rowcount == 1


@dataclass(frozen=True)
class JobSpec:
    """What a job is to say. embed: [256], the voice of that name as it is now.

    caller: a name of who orders it, "" if callers are not told apart. lexicon: words, and how they
    are to be said.
    """

    pieces: list[Piece]
    voice: str
    embed: Float32Array
    response_format: ResponseFormat
    speed: float
    seed: int
    caller: str = ""
    lexicon: Lexicon | None = None


class Jobs:
    """max_waiting: jobs that may be unfinished at a time. retention_days: until a final job goes.
    caller_share: of the unfinished jobs, that one caller may have, 0 to 1.

    May be used by several threads at a time. Every call raises StorageUnavailable.
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
        self._max_of_caller = max(1, int(caller_share * max_waiting))
        self._retention_days = retention_days

    def create(self, order: JobSpec) -> JobRow:
        """Raises QueueFull and StorageFull."""
        self._storage.require_space()
        job = _row_of(order)
        with self._storage.session() as session:
            self._check_waiting(session, order.caller)
            job.served_at = _served_at(session, order.caller)
            session.add(job)
            session.flush()
            for first in range(0, len(order.pieces), _ROWS_AT_A_TIME):
                session.execute(insert(SentenceRow), _sentence_rows(job.id, order.pieces, first))
        return job

    def _check_waiting(self, session: Session, caller: str) -> None:
        # Jobs that are only to be encoded count no more: an upgrade may leave hundreds of them.
        unfinished = select(func.count()).where(
            JobRow.status.in_(UNFINISHED), JobRow.done < JobRow.sentences
        )
        if (waiting := session.scalar(unfinished) or 0) >= self._max_waiting:
            raise _too_many(f"{waiting} jobs", f"the limit is {self._max_waiting}")
        own = session.scalar(unfinished.where(JobRow.caller == caller)) or 0
        if caller and own >= self._max_of_caller:
            most = f"{self._max_of_caller} of {self._max_waiting}"
            raise _too_many(f"{own} of your jobs", f"the limit of one caller is {most}")

    def find(self, job_id: str) -> JobRow:
        """Raises NotFound, also for a job whose time is over."""
        with self._storage.read_session() as session:
            job = session.scalar(select(JobRow).where(JobRow.id == job_id, _is_there()))
        if job is None:
            raise job_not_found(job_id)
        return job

    def newest(self, limit: int, after: str | None = None) -> list[JobRow]:
        """after: the id of a job; those that are older come next. Raises NotFound for it."""
        query = select(JobRow).where(_is_there())
        if after is not None:
            last = self.find(after)
            same_time = and_(JobRow.created_at == last.created_at, JobRow.id < last.id)
            query = query.where(or_(JobRow.created_at < last.created_at, same_time))
        query = query.order_by(JobRow.created_at.desc(), JobRow.id.desc()).limit(limit)
        with self._storage.read_session() as session:
            return list(session.scalars(query))

    def cancel(self, job_id: str) -> JobRow | None:
        """The job, or None if it was final already."""
        change = update(JobRow).where(JobRow.id == job_id, JobRow.status.in_(UNFINISHED))
        final = {
            "owner": None,
            "due_at": None,
            "expires_at": expiry(self._retention_days),
            "embed": b"",  # nobody speaks in it any more
            "caller": "",
        }
        with self._storage.session() as session:
            was_unfinished = changed(session, change.values(status="cancelled", **final))
        return self.find(job_id) if was_unfinished else None

    def delete(self, job_id: str) -> None:
        """A final job is gone at once; its rows are, after the next sweep. Raises NotFound."""
        change = update(JobRow).where(
            JobRow.id == job_id, JobRow.status.not_in(UNFINISHED), _is_there()
        )
        with self._storage.session() as session:
            was_there = changed(session, change.values(expires_at=0))
        if not was_there:
            raise job_not_found(job_id)


def _row_of(order: JobSpec) -> JobRow:
    created = now()
    return JobRow(
        id=f"job_{secrets.token_hex(8)}",
        status="queued",
        created_at=created,
        due_at=created,
        voice=order.voice,
        embed=embed_bytes(order.embed),
        response_format=order.response_format,
        speed=order.speed,
        seed=order.seed,
        caller=order.caller,
        lexicon=orjson.dumps(dict(order.lexicon)).decode() if order.lexicon else None,
        preview=" ".join(piece.text for piece in order.pieces[:_PREVIEW])[:_PREVIEW],
        sentences=len(order.pieces),
    )


def _sentence_rows(job_id: str, pieces: list[Piece], first: int) -> list[dict[str, Any]]:
    return [
        {"job_id": job_id, "position": position, "text": piece.text, "pause": piece.pause}
        for position, piece in enumerate(pieces[first : first + _ROWS_AT_A_TIME], first)
    ]


def _served_at(session: Session, caller: str) -> int:
    """When the caller's other jobs had their last turn."""
    others = JobRow.status.in_(UNFINISHED), JobRow.caller == caller
    return session.scalar(select(func.max(JobRow.served_at)).where(*others)) or 0


def _too_many(jobs: str, limit: str) -> QueueFull:
    return QueueFull(
        f"{jobs} are waiting or running already, {limit}; try again when one is done, or cancel "
        "one",
        retry_after_seconds=_RETRY_SECONDS,
    )


def _is_there() -> ColumnElement[bool]:
    return or_(JobRow.expires_at.is_(None), JobRow.expires_at > retention_now())
