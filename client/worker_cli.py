"""`better worker`: runs jobs of the queue in Redis, on this machine or any other."""

import logging
import os
import threading
from contextlib import suppress

import click

from client.stop_signals import StopSignal
from gateway_service.database_url import StorageMisconfigured
from gateway_service.gateway import open_storage
from gateway_service.job_queue import open_job_queue
from gateway_service.settings import Settings
from shared.logs import JsonLines


@click.command()
def worker() -> None:
    """Run jobs from the queue in REDIS_URL until Ctrl-C.

    It needs the gateway's settings: DATABASE_URL, and the addresses of the services.
    """
    _log_to_stderr()
    settings = Settings()
    if not settings.redis_url.get_secret_value():
        raise click.ClickException(
            "REDIS_URL is not set; without it the gateway runs the jobs itself"
        )
    try:
        _work(settings)
    except StorageMisconfigured as error:
        raise click.ClickException(str(error)) from error
    # A call to a service may be under way in a thread that Python would wait for.
    os._exit(0)


def _work(settings: Settings) -> None:
    storage = open_storage(settings)
    queue = open_job_queue(settings, storage, runs_jobs=True)
    with suppress(StopSignal):
        try:
            queue.start()
            if not settings.database_url.get_secret_value():
                click.echo(f"DATABASE_URL is not set: jobs are those of {settings.data_dir}.")
            click.echo("Ready for jobs; Ctrl-C stops.")
            threading.Event().wait()
        finally:
            queue.stop()
            storage.close()


def _log_to_stderr() -> None:
    handler = logging.StreamHandler()
    handler.setFormatter(JsonLines("worker"))
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    logging.getLogger("httpx").setLevel(logging.WARNING)
