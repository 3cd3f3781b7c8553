"""`better verify`: detect the watermark of a Better API gateway."""

from pathlib import Path

import click

from shared.audio.media import stream_media
from shared.audio.watermark import MIN_SECONDS, SAMPLE_RATE, find_in_stream
from shared.http.errors import ApiError
from shared.settings import PUBLIC_WATERMARK_KEY

_MAX_SECONDS = 3600.0


class Unreadable(click.ClickException):
    exit_code = 2


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--key",
    envvar="WATERMARK_KEY",
    default=PUBLIC_WATERMARK_KEY,
    help="The gateway's WATERMARK_KEY, if one is set.",
)
def verify(file: Path, key: str) -> None:
    """Look for the gateway's inaudible watermark in FILE.

    Exit code 1 means that there is none, 2 that FILE cannot be read.
    """
    try:
        finding = find_in_stream(stream_media(file.read_bytes(), SAMPLE_RATE, _MAX_SECONDS), key)
    except ApiError as error:
        raise Unreadable(f"{file}: {error.message}") from None
    figures = f"score {finding.score:.1f}, {finding.seconds:.1f} s searched"
    if finding.found:
        click.echo(f"{file}: marked ({figures})")
        return
    is_short = finding.seconds < MIN_SECONDS
    note = f"; under {MIN_SECONDS:g} s the result is unreliable" if is_short else ""
    click.echo(f"{file}: no mark ({figures}{note})")
    raise SystemExit(1)
