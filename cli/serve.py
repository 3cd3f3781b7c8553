"""`better serve` runs all apps on this machine; `better worker` runs jobs on any machine."""

import os
from contextlib import suppress

import click

from cli.processes import ProcessError, ServiceProcesses
from shared.services import DEFAULT_PORT, SERVICES, all_apps, installed_apps, url_settings
from shared.settings import REPOSITORY
from shared.stop_signals import StopSignal


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port-base",
    default=DEFAULT_PORT,
    show_default=True,
    type=click.IntRange(1, 65535 - max(app.port_offset for app in SERVICES.values())),
    help="The gateway's port; the services take the ports after it.",
)
def serve(host: str, port_base: int) -> None:
    """Run all services until Ctrl-C."""
    apps = all_apps()
    ports = {name: port_base + apps[name].port_offset for name in installed_apps(REPOSITORY)}
    try:
        with suppress(StopSignal), ServiceProcesses(ports, host) as services:
            services.wait_until_ready()
            for name, url in services.urls.items():
                click.echo(f"{name:12} {url}")
            click.echo("All services are ready. Press Ctrl-C to stop them.")
            if port_base != DEFAULT_PORT:
                addresses = " ".join(f"{k}={v}" for k, v in url_settings(services.urls).items())
                click.echo(f"For `better` in another terminal: export {addresses}")
            services.watch()
    except ProcessError as error:
        raise click.ClickException(str(error)) from error


@click.command()
def worker() -> None:
    """Run jobs from the queue in REDIS_URL until Ctrl-C.

    Set it up like the gateway: DATABASE_URL, and the addresses of the services.
    """
    # The gateway's modules are heavy, and no other command needs them.
    from gateway_service.jobs.worker import work
    from gateway_service.storage.engine import StorageMisconfigured

    try:
        work(say=click.echo)
    except StorageMisconfigured as error:
        raise click.ClickException(str(error)) from error
    # Python would wait for a thread that is still calling a service.
    os._exit(0)
