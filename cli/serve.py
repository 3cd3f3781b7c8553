"""`better serve`: all services on this machine."""

from contextlib import suppress

import click

from cli.processes import PORT_OFFSETS, ProcessError, ServiceProcesses, installed_services
from shared.stop_signals import StopSignal


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port-base",
    default=8000,
    show_default=True,
    type=click.IntRange(1, 65535 - max(PORT_OFFSETS.values())),
    help="The gateway's; the next are the encoder's, the synthesizer's and the vocoder's.",
)
def serve(host: str, port_base: int) -> None:
    """Run all services until Ctrl-C."""
    ports = {name: port_base + PORT_OFFSETS[name] for name in installed_services()}
    try:
        with suppress(StopSignal), ServiceProcesses(ports, host) as services:
            services.wait_until_ready()
            for name, url in services.urls.items():
                click.echo(f"{name:12} {url}")
            click.echo("All are ready; Ctrl-C stops them.")
            services.watch()
    except ProcessError as error:
        raise click.ClickException(str(error)) from error
