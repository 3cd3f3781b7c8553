"""`better worker`: runs jobs of the queue in Redis, on this machine or any other."""

import os

import click


@click.command()
def worker() -> None:
    """Run jobs from the queue in REDIS_URL until Ctrl-C.

    It needs the gateway's settings: DATABASE_URL, and the addresses of the services.
    """
    # The gateway is built on the client: only when this runs does the client reach back.
    from gateway_service.jobs.worker import work
    from gateway_service.storage.engine import StorageMisconfigured

    try:
        work(say=click.echo)
    except StorageMisconfigured as error:
        raise click.ClickException(str(error)) from error
    # A call to a service may be under way in a thread that Python would wait for.
    os._exit(0)
