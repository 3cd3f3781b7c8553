"""The threads that run jobs, wake those that do, and delete what is over.

What is to be done stands in the database alone. Without Redis the threads of this process look into
it: at once when a job is made here, else every second. With Redis an entry of the queue there bears
no job, it says that there is one: the worker who gets it takes the oldest job that is due. So an
entry that is lost costs nothing but a moment, and one too many nothing at all: every few seconds
each gateway and worker adds as many as are missing.
"""

import logging
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Any

from huey import Huey
from redis import RedisError

from client.chain import Chain
from client.retries import RetryPolicy
from gateway_service.jobs.leases import Leases
from gateway_service.jobs.redis_queue import entry_maker, is_reachable, make_consumer, open_huey
from gateway_service.jobs.runner import JobRunner
from gateway_service.service_metrics import note_call
from gateway_service.settings import Settings
from gateway_service.storage.database import Storage, StorageUnavailable
from shared.http.errors import NotReady

log = logging.getLogger("better")

STOP_SECONDS = 5.0
_POLL_SECONDS = 1.0  # between two looks for a job that this process was not told of


class QueueUnreachable(NotReady):
    """Redis is away. Jobs are taken, and wait."""

    code = "queue_unreachable"

    def __init__(self) -> None:
        super().__init__(
            "the job queue cannot be reached: the Redis of REDIS_URL does not answer; jobs wait, "
            "and go on by themselves when it does"
        )
        self.headers = {"Retry-After": "5"}


class JobQueue:
    """huey: the queue in Redis; without one the threads of this process need none.
    runner: runs the jobs in `threads` of this process; if None, others do.
    sweep_seconds: between two rounds in which lost entries are replaced and what is over is
    deleted.
    Raises StorageMisconfigured for a Redis that refuses us.
    """

    def __init__(
        self,
        huey: Huey | None,
        leases: Leases,
        runner: JobRunner | None,
        *,
        threads: int = 1,
        sweep_seconds: float = 2.0,
    ) -> None:
        self._huey, self._leases, self._runner = huey, leases, runner
        self._is_away = huey is not None and not is_reachable(huey)
        self._has_swept = False
        self._threads = [_Repeating("job sweep", self._sweep, sweep_seconds)]
        self._consumer: Any = None
        if huey:
            self._add_entry = entry_maker(huey, runner.run_next if runner else None)
            self._consumer = make_consumer(huey, threads, STOP_SECONDS) if runner else None
            fill = partial(self._add_missing_entries, huey)
            self._threads.append(_Repeating("job queue", fill, sweep_seconds))
        elif runner:
            pause = min(_POLL_SECONDS, sweep_seconds)
            self._threads += [_Repeating("jobs", runner.run_next, pause) for _ in range(threads)]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()
        if self._consumer:
            self._consumer.start()

    def wake(self) -> None:
        """To be called when a job has been made. Returns at once, whatever the queue does."""
        for thread in self._threads:
            thread.wake()

    def check_reachable(self) -> None:
        """Raises QueueUnreachable, by what the last round found. Never blocks."""
        if self._is_away:
            raise QueueUnreachable

    def stop(self) -> None:
        """Returns within STOP_SECONDS or little more. A job at which this process works goes back,
        with all its sentences that are done."""
        for thread in self._threads:
            thread.stop()
        if self._runner:
            self._runner.stop()
        if self._consumer:
            self._consumer.stop(graceful=True)
        deadline = time.monotonic() + STOP_SECONDS
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        if self._runner:
            self._give_back(self._runner)
        if self._huey:
            self._huey.storage.close()

    def _give_back(self, runner: JobRunner) -> None:
        try:
            runner.give_back()
        except StorageUnavailable:
            log.warning("a job could not be given back; it goes on when its lease runs out")
        runner.chain.close()

    def _sweep(self) -> None:
        storage = self._leases.storage
        try:
            if not self._has_swept:
                # A process that was killed may have left free pages.
                storage.give_back_space()
                self._has_swept = True
            storage.keep_reserve()
            if self._runner:
                self._leases.release_void()
            self._leases.delete_expired()
        except StorageUnavailable:
            pass  # which is in the log already

    def _add_missing_entries(self, huey: Huey) -> None:
        try:
            waiting = huey.pending_count()
            self._is_away = False
            for _ in range(self._leases.count_due() - waiting):
                self._add_entry()
        except StorageUnavailable:
            pass  # which is in the log already
        except RedisError as error:
            if not self._is_away:
                log.warning("the job queue is away, jobs wait: %s", error)
            self._is_away = True


class _Repeating:
    """A thread that takes a step at once when it is woken, or after True from the step before, and
    else every so many seconds."""

    def __init__(self, name: str, step: Callable[[], bool | None], seconds: float) -> None:
        self._name, self._step, self._seconds = name, step, seconds
        self._woken, self._is_stopping = threading.Event(), False
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def wake(self) -> None:
        self._woken.set()

    def stop(self) -> None:
        """It takes no further step."""
        self._is_stopping = True
        self._woken.set()

    def join(self, seconds: float) -> None:
        self._thread.join(seconds)

    def _run(self) -> None:
        while not self._is_stopping:
            self._woken.clear()
            try:
                is_done = not self._step()
            except Exception:
                log.exception("a round of the %s broke off", self._name)
                is_done = True
            if is_done and not self._is_stopping:
                self._woken.wait(self._seconds)


def open_job_queue(settings: Settings, storage: Storage, *, runs_jobs: bool) -> JobQueue:
    """Not started yet. Raises StorageMisconfigured."""
    leases = Leases(storage, settings.job_lease_seconds, settings.retention_days)
    redis_url = settings.redis_url.get_secret_value()
    return JobQueue(
        open_huey(redis_url) if redis_url else None,
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
        watermark_key=settings.mark_with,
    )
