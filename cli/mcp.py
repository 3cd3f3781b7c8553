"""`better mcp`: the gateway's voices as tools of assistants, over the Model Context Protocol."""

import sys
from pathlib import Path

import anyio
import click

from shared.voices import DEFAULT_VOICE


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
        from connectors.mcp import build_server
    except ModuleNotFoundError as error:
        raise click.ClickException(
            f"the package {error.name} is missing; in the folder of Better API, run: "
            f"{sys.executable} -m pip install -e '.[mcp]'"
        ) from None
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
