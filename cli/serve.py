"""`better serve`: all services on this machine."""

from contextlib import suppress

import click

from cli.processes import ProcessError, ServiceProcesses
from shared.services import DEFAULT_PORT, SERVICES, all_apps, installed_apps
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
            click.echo("All are ready; Ctrl-C stops them.")
            services.watch()
    except ProcessError as error:
        raise click.ClickException(str(error)) from error
