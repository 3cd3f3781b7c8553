"""`better wyoming`: the gateway's voices for Home Assistant, over the Wyoming protocol."""

import asyncio
import sys

import click

from shared.voices import DEFAULT_VOICE

DEFAULT_URI = "tcp://127.0.0.1:10200"


@click.command()
@click.option(
    "--uri",
    default=DEFAULT_URI,
    show_default=True,
    help="Address to listen on; tcp://0.0.0.0:10200 lets other machines in.",
)
@click.option(
    "--voice", default=DEFAULT_VOICE, show_default=True, help="Used if Home Assistant names none."
)
@click.option("--zeroconf", is_flag=True, help="Let Home Assistant find it by itself.")
def wyoming(uri: str, voice: str, zeroconf: bool) -> None:
    """Speak for Home Assistant.

    GATEWAY_URL is the gateway's address. If it asks for a key, set API_KEY.
    """
    try:
        from connectors.wyoming import serve
    except ModuleNotFoundError as error:
        raise click.ClickException(
            f"the package {error.name} is missing; in the folder of Better API, run: "
            f"{sys.executable} -m pip install -e '.[wyoming]'"
        ) from None
    from connectors.gateway import Gateway, Settings

    async def run() -> None:
        async with Gateway(Settings()) as gateway:
            click.echo(f"{uri}, for the gateway at {gateway.url}", err=True)
            await serve(gateway, uri, voice, zeroconf)

    try:
        asyncio.run(run())
    except (OSError, ValueError) as error:
        raise click.ClickException(f"{uri}: {error}") from None
