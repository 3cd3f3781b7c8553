"""What `better worker` does: it runs jobs of the queue in Redis."""

import logging
import threading
from collections.abc import Callable
from contextlib import suppress

from gateway_service.gateway import open_storage
from gateway_service.jobs.queue import open_job_queue
from gateway_service.settings import Settings
from gateway_service.storage.database_url import StorageMisconfigured
from shared.http.logs import JsonLines
from shared.stop_signals import StopSignal


def work(say: Callable[[str], None]) -> None:
    """Returns at a stop signal. say: gets lines for who started it.

    Raises StorageMisconfigured.
    """
    _log_to_stderr()
    settings = Settings()
    if not settings.redis_url.get_secret_value():
        raise StorageMisconfigured(
            "REDIS_URL is not set; without it the gateway runs the jobs itself"
        )
    storage = open_storage(settings)
    queue = open_job_queue(settings, storage, runs_jobs=True)
    with suppress(StopSignal):
        try:
            queue.start()
            if not settings.database_url.get_secret_value():
                say(f"DATABASE_URL is not set: jobs are those of {settings.data_dir}.")
            say("Ready for jobs; Ctrl-C stops.")
            threading.Event().wait()
        finally:
            queue.stop()
            storage.close()


def _log_to_stderr() -> None:
    handler = logging.StreamHandler()
    handler.setFormatter(JsonLines("worker"))
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    logging.getLogger("httpx").setLevel(logging.WARNING)
