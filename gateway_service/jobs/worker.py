"""A worker, which runs the jobs of the queue in Redis; `better worker` is a process of one."""

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from gateway_service.jobs.queue import open_job_queue
from gateway_service.settings import Settings
from gateway_service.storage.database import open_storage
from gateway_service.storage.engine import StorageMisconfigured
from shared.http.logs import JsonLines
from shared.stop_signals import StopSignal


@contextmanager
def running_worker(settings: Settings) -> Iterator[None]:
    """Run jobs in threads while the context is open. Raises StorageMisconfigured."""
    if not settings.redis_url.get_secret_value():
        raise StorageMisconfigured(
            "REDIS_URL is not set: without Redis the gateway runs the jobs itself; set it for the "
            "gateway and the workers"
        )
    storage = open_storage(settings)
    queue = open_job_queue(settings, storage, runs_jobs=True)
    try:
        queue.start()
        yield
    finally:
        queue.stop()
        storage.close()


def work(say: Callable[[str], None]) -> None:
    """Run jobs until a stop signal.

    say: prints a line for the user.

    Raises StorageMisconfigured.
    """
    _log_to_stderr()
    settings = Settings()
    with suppress(StopSignal), running_worker(settings):
        if not settings.database_url.get_secret_value():
            say(f"DATABASE_URL is not set: using the jobs in {settings.data_dir}.")
        say("Ready for jobs; press Ctrl-C to stop.")
        threading.Event().wait()


def _log_to_stderr() -> None:
    handler = logging.StreamHandler()
    handler.setFormatter(JsonLines("worker"))
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    logging.getLogger("httpx").setLevel(logging.WARNING)
