"""The queue that wakes workers, and the thread that tends it.

What is to be done stands in the database alone. An entry of the queue (Huey's; in a SQLite file, or
in Redis) bears no job, it says that there is one: the worker who gets it takes the oldest job that
is due. So an entry that is lost costs nothing but a moment, and one too many nothing at all: every
few seconds each gateway and worker adds as many as are missing.
"""

import json
import logging
import sqlite3
import threading
from pathlib import Path
from typing import Any

from huey import Huey, RedisHuey, SqliteHuey
from huey.registry import Message
from redis import RedisError

from client.chain import Chain
from client.retries import RetryPolicy
from gateway_service.database_url import StorageMisconfigured
from gateway_service.job_leases import Leases
from gateway_service.job_runner import JobRunner
from gateway_service.redis_pools import redis_pool
from gateway_service.service_metrics import note_call
from gateway_service.settings import Settings
from gateway_service.storage import Storage, StorageUnavailable

log = logging.getLogger("better")
# It tells of every entry, and of Redis being away with a traceback every time.
logging.getLogger("huey").setLevel(logging.CRITICAL)

STOP_SECONDS = 5.0
_NAME = "better"
_LONGEST_POLL = 1.0  # seconds between two looks into an empty queue in SQLite
_REDIS_SECONDS = 5.0


class JobQueue:
    """runner: runs the jobs of the queue in `threads` of this process; if None, others do.

    sweep_seconds: between two rounds in which lost entries are replaced and what is over is
    deleted.
    """

    def __init__(
        self,
        huey: Huey,
        leases: Leases,
        runner: JobRunner | None,
        *,
        threads: int = 1,
        sweep_seconds: float = 2.0,
    ) -> None:
        self._huey, self._leases, self._runner = huey, leases, runner
        self._sweep_seconds = sweep_seconds
        self._add_entry = huey.task(name="run_next")(runner.run_next if runner else _run_nothing)
        self._consumer = _consumer(huey, threads) if runner else None
        self._woken, self._stopping = threading.Event(), False
        self._is_away = False
        self._tending = threading.Thread(target=self._tend, name="job queue", daemon=True)

    def start(self) -> None:
        self._tending.start()
        if self._consumer:
            self._consumer.start()

    def wake(self) -> None:
        """To be called when a job has been made. Returns at once, whatever the queue does."""
        self._woken.set()

    def stop(self) -> None:
        """Returns within STOP_SECONDS or little more. A job at which this process works goes back,
        with all its sentences that are done."""
        self._stopping = True
        self._woken.set()
        if self._runner and self._consumer:
            self._runner.stop()
            self._consumer.stop(graceful=True)
            try:
                self._runner.give_back()
            except StorageUnavailable:
                log.warning("a job could not be given back; it goes on when its lease runs out")
            self._runner.chain.close()
        self._tending.join(STOP_SECONDS)
        self._huey.storage.close()

    def _tend(self) -> None:
        while not self._stopping:
            try:
                self._add_missing_entries()
                self._leases.delete_expired()
                self._is_away = False
            except StorageUnavailable:
                pass  # which is in the log already
            except (RedisError, sqlite3.Error) as error:
                if not self._is_away:
                    log.warning("the job queue is away, jobs wait: %s", error)
                self._is_away = True
            except Exception:
                log.exception("the job queue's round broke off")
            self._woken.wait(self._sweep_seconds)
            self._woken.clear()

    def _add_missing_entries(self) -> None:
        if due := self._leases.count_due():
            for _ in range(due - self._huey.pending_count()):
                self._add_entry()


def open_job_queue(settings: Settings, storage: Storage, *, runs_jobs: bool) -> JobQueue:
    """Not started yet. Raises StorageMisconfigured."""
    leases = Leases(storage, settings.job_lease_seconds, settings.retention_days)
    huey = open_huey(settings.redis_url.get_secret_value(), settings.data_dir)
    return JobQueue(
        huey,
        leases,
        _runner(settings, leases) if runs_jobs else None,
        threads=settings.job_threads,
        sweep_seconds=settings.job_sweep_seconds,
    )


def _runner(settings: Settings, leases: Leases) -> JobRunner:
    # What the chain would wait for at length, the job waits for in the queue.
    retries = RetryPolicy(
        attempts=2, longest_retry_after=1, deadline_seconds=settings.deadline_seconds
    )
    chain = Chain(settings=settings, retries=retries, on_call=note_call)
    return JobRunner(
        leases,
        chain,
        settings.job_attempts,
        max_sentence_seconds=settings.max_sentence_seconds,
    )


def open_huey(redis_url: str, data_dir: Path) -> Huey:
    """The queue in Redis, or if there is no address in a SQLite file in `data_dir`.

    Raises StorageMisconfigured.
    """
    options = {"results": False, "serializer": _JsonMessages()}
    if redis_url:
        pool = redis_pool(redis_url, _REDIS_SECONDS)
        return RedisHuey(_NAME, connection_pool=pool, **options)
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
        return SqliteHuey(_NAME, filename=str(data_dir / "queue.sqlite3"), **options)
    except (OSError, sqlite3.Error) as error:
        raise StorageMisconfigured(
            f"{data_dir} cannot hold the job queue ({error}); set DATA_DIR to a folder that can be "
            "written to, or REDIS_URL"
        ) from None


class _JsonMessages:
    """In place of Huey's pickle: who can write to the queue can run jobs, but no code."""

    def serialize(self, message: Message) -> bytes:
        return json.dumps(message).encode()

    def deserialize(self, data: bytes) -> Message:
        return Message(*json.loads(data))


def _run_nothing() -> None:
    raise NotImplementedError("this process only fills the queue")


def _consumer(huey: Huey, threads: int) -> Any:
    consumer = huey.create_consumer(
        workers=threads,
        periodic=False,
        max_delay=_LONGEST_POLL,
        scheduler_interval=60,  # nothing is ever scheduled
        shutdown_timeout=STOP_SECONDS,
    )
    # The process has its own; and signals are the main thread's business.
    consumer._set_signal_handlers = lambda: None
    return consumer
