"""The gateway's voices for other programs: `better wyoming` for Home Assistant, `better mcp` for
assistants."""

import asyncio
import sys
from pathlib import Path

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
        raise _without_extra("wyoming", error) from None
    from connectors.gateway import Gateway, Settings

    async def run() -> None:
        async with Gateway(Settings()) as gateway:
            click.echo(f"{uri}, for the gateway at {gateway.url}", err=True)
            await serve(gateway, uri, voice, zeroconf)

    try:
        asyncio.run(run())
    except (OSError, ValueError) as error:
        raise click.ClickException(f"{uri}: {error}") from None


@click.command()
@click.option(
    "--folder",
    required=True,
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Files are read and written only below this folder.",
)
@click.option(
    "--http",
    "port",
    type=click.IntRange(1, 65535),
    help="Serve streamable HTTP at 127.0.0.1 and this port, instead of stdio.",
)
@click.option(
    "--voice", default=DEFAULT_VOICE, show_default=True, help="Used if the assistant names none."
)
def mcp(folder: Path, port: int | None, voice: str) -> None:
    """Offer speech to assistants, over MCP.

    GATEWAY_URL is the gateway's address. If it asks for a key, set API_KEY.
    """
    try:
        import anyio

        from connectors.mcp import build_server
    except ModuleNotFoundError as error:
        raise _without_extra("mcp", error) from None
    from connectors.gateway import Gateway, Settings

    async def run() -> None:
        async with Gateway(Settings()) as gateway:
            server = build_server(gateway, folder, voice)
            if port is None:
                await server.run_stdio_async()
            else:
                click.echo(f"http://127.0.0.1:{port}/mcp", err=True)
                await server.run_streamable_http_async(host="127.0.0.1", port=port)

    anyio.run(run)


def _without_extra(extra: str, error: ModuleNotFoundError) -> click.ClickException:
    return click.ClickException(
        f"the package {error.name} is missing; in the folder of Better API, run: "
        f"{sys.executable} -m pip install -e '.[{extra}]'"
    )
