"""The threads that run jobs, notify workers, and delete expired jobs.

The database alone holds the jobs. Without Redis, threads of this process poll it: at once after a
job is created here, otherwise every second. With Redis, a message in the queue says that a job is
due, but not which; the worker that receives it claims the next one. So a lost message delays a job
by seconds, and a surplus message is harmless. Every few seconds each gateway and worker sends the
missing messages.
"""

import logging
import threading
import time
from collections.abc import Callable
from functools import partial

from huey import Huey
from redis import RedisError

from client.chain import Chain
from client.retries import RetryPolicy
from gateway_service.jobs.leases import Leases
from gateway_service.jobs.redis_queue import (
    is_reachable,
    message_sender,
    open_huey,
    run_next_message,
)
from gateway_service.jobs.runner import JobRunner
from gateway_service.service_calls import note_call
from gateway_service.settings import Settings
from gateway_service.storage.database import Storage, StorageUnavailable
from shared.http.errors import NotReady

log = logging.getLogger("better")

STOP_SECONDS = 5.0
_POLL_SECONDS = 1.0


class QueueUnreachable(NotReady):
    """Redis does not respond. Jobs are accepted, and wait."""

    code = "queue_unreachable"

    def __init__(self) -> None:
        super().__init__(
            "the job queue is unreachable: the Redis of REDIS_URL does not respond; jobs wait, and "
            "continue when it does"
        )
        self.headers = {"Retry-After": "5"}


class JobQueue:
    """Starts, wakes and stops the threads of this process.

    huey: the queue in Redis; None for a gateway without Redis.
    runner: runs jobs in `threads` of this process; None if other processes do.
    sweep_seconds: time between two rounds of sending missing messages and deleting expired jobs.

    Raises StorageMisconfigured if Redis refuses the connection.
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
        self._is_unreachable = huey is not None and not is_reachable(huey)
        self._has_swept = False
        self._threads = [_PeriodicThread("job sweep", self._sweep, sweep_seconds)]
        if huey:
            self._send_message = message_sender(huey, runner.run_next if runner else None)
            send_missing = partial(self._send_missing_messages, huey)
            self._threads.append(_PeriodicThread("job queue", send_missing, sweep_seconds))
        if runner:
            run_next = partial(run_next_message, huey) if huey else runner.run_next
            poll_seconds = min(_POLL_SECONDS, sweep_seconds)
            self._threads += [
                _PeriodicThread("jobs", run_next, poll_seconds) for _ in range(threads)
            ]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def wake(self) -> None:
        """Announce a new job. Never blocks."""
        for thread in self._threads:
            thread.wake()

    def check_reachable(self) -> None:
        """Raise QueueUnreachable if the last round failed to reach Redis. Never blocks."""
        if self._is_unreachable:
            raise QueueUnreachable

    def stop(self) -> None:
        """Stop the threads and release their jobs, with all finished sentences.

        Returns within about STOP_SECONDS.
        """
        for thread in self._threads:
            thread.stop()
        if self._runner:
            self._runner.stop()
        deadline = time.monotonic() + STOP_SECONDS
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        if self._runner:
            self._release_jobs(self._runner)
        if self._huey:
            self._huey.storage.close()

    def _release_jobs(self, runner: JobRunner) -> None:
        try:
            runner.release_jobs()
        except StorageUnavailable:
            log.warning("a job was not released; it continues when its lease expires")
        runner.chain.close()

    def _sweep(self) -> None:
        storage = self._leases.storage
        try:
            if not self._has_swept:
                # A killed process may have left free pages.
                storage.reclaim_space()
                self._has_swept = True
            storage.create_reserve()
            if self._runner:
                self._leases.reset_future_leases()
            self._leases.delete_expired()
        except StorageUnavailable:
            pass  # the storage has logged it

    def _send_missing_messages(self, huey: Huey) -> None:
        try:
            waiting = huey.pending_count()
            self._is_unreachable = False
            for _ in range(self._leases.count_due() - waiting):
                self._send_message()
        except StorageUnavailable:
            pass  # the storage has logged it
        except RedisError as error:
            if not self._is_unreachable:
                log.warning("the job queue is unreachable, jobs wait: %s", error)
            self._is_unreachable = True


class _PeriodicThread:
    """Calls `step` every so many seconds, and at once when woken or after a step returned True."""

    def __init__(self, name: str, step: Callable[[], bool | None], seconds: float) -> None:
        self._name, self._step, self._seconds = name, step, seconds
        self._woken, self._is_stopping = threading.Event(), False
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def wake(self) -> None:
        self._woken.set()

    def stop(self) -> None:
        """Let the current step be the last one. Does not wait for its end."""
        self._is_stopping = True
        self._woken.set()

    def join(self, seconds: float) -> None:
        self._thread.join(seconds)

    def _run(self) -> None:
        while not self._is_stopping:
            self._woken.clear()
            try:
                is_idle = not self._step()
            except Exception:
                log.exception("a step of the thread %r failed", self._name)
                is_idle = True
            if is_idle and not self._is_stopping:
                self._woken.wait(self._seconds)


def open_job_queue(settings: Settings, storage: Storage, *, runs_jobs: bool) -> JobQueue:
    """Create the queue; `start` starts it. Raises StorageMisconfigured.

    runs_jobs: whether this process runs jobs itself.
    """
    leases = Leases(storage, settings.job_lease_seconds, settings.retention_days)
    redis_url = settings.redis_url.get_secret_value()
    return JobQueue(
        open_huey(redis_url) if redis_url else None,
        leases,
        _open_runner(settings, leases) if runs_jobs else None,
        threads=settings.job_threads,
        sweep_seconds=settings.job_sweep_seconds,
    )


def _open_runner(settings: Settings, leases: Leases) -> JobRunner:
    # A failed job waits in the queue, not in the chain.
    retries = RetryPolicy(attempts=2, max_retry_after=1, deadline_seconds=settings.deadline_seconds)
    return JobRunner(
        leases,
        Chain(settings=settings, retries=retries, on_call=note_call),
        settings.job_attempts,
        max_sentence_seconds=settings.max_sentence_seconds,
        watermark_key=settings.mark_with,
    )
