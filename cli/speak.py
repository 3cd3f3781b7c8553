"""`better speak`: a text in a voice, into a sound file."""

import sys
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from typing import Any, BinaryIO, get_args

import click
import numpy as np
import orjson

from cli.gateway import Gateway, GatewayError
from cli.sound_output import BadOutput, Write, check_output, sound_file, wav_stream
from client.chain import Chain
from shared.http.tensors import Float32Array
from shared.text.markup import TextFormat
from shared.voices import presets

_BAR_STEPS = 1000


@click.command()
@click.option(
    "--voice",
    required=True,
    metavar="FILE|NAME",
    help="A preset, a sound file, or a voice of the gateway.",
)
@click.option("--text", required=True, metavar="TEXT|-", help="What to say; - reads it from stdin.")
@click.option(
    "--out", required=True, metavar="FILE|-", help=".wav, .flac, .ogg, .opus or .mp3; - for stdout."
)
@click.option(
    "--seed", type=click.IntRange(0, 2**63 - 1), help="The same seed gives the same sound."
)
@click.option(
    "--text-format",
    type=click.Choice(get_args(TextFormat)),
    default="auto",
    show_default=True,
    help="auto: Markdown with tags, or SSML or HTML that begins as such a document.",
)
@click.option(
    "--lexicon",
    type=click.File("rb"),
    help='A JSON file of words and how they are to be said: {"Nguyen": "win"}.',
)
def speak(
    voice: str,
    text: str,
    out: str,
    seed: int | None,
    text_format: TextFormat,
    lexicon: BinaryIO | None,
) -> None:
    """Say a text in a voice."""
    words = _read_text(text)
    respellings = _read_lexicon(lexicon) if lexicon else None
    try:
        if out != "-":
            check_output(Path(out))
    except BadOutput as error:
        raise click.ClickException(str(error)) from error
    found = _find_voice(voice)
    with Chain(on_warning=warn) as chain, _progress_bar() as bar:
        embed = chain.embed(found) if isinstance(found, Path) else found
        options = {"seed": seed, "text_format": text_format, "lexicon": respellings}
        try:
            _speak_into(out, chain, words, embed, bar, options)
        except ValueError as error:  # of the text: its script, or a pause in it
            raise click.ClickException(str(error)) from None


def _find_voice(voice: str) -> Path | Float32Array:
    """The clip of a preset or a sound file, else the embedding [256] of a voice of the gateway.

    Raises ClickException.
    """
    if preset := presets().get(voice):
        return preset
    with suppress(OSError, ValueError):  # no path is so long, or holds a NUL
        if Path(voice).is_file():
            return Path(voice)
    try:
        with Gateway() as gateway:
            return np.array(gateway.voice_file(voice)["embedding"], np.float32)
    except GatewayError as error:
        shown = voice if len(voice) < 80 else f"{voice[:80]}…"
        raise click.ClickException(
            f"{shown} is neither a sound file nor a preset ({', '.join(presets())}), and "
            f"{error.message}"
        ) from None


def warn(message: str) -> None:
    click.echo(f"Warning: {message}", err=True)


def _speak_into(
    out: str, chain: Chain, text: str, embed: Float32Array, bar: Any, options: dict[str, Any]
) -> None:
    def show(done: float) -> None:
        bar.update(round(done * _BAR_STEPS) - bar.pos)

    with _opened(out) as write:
        for samples in chain.speak(text, embed, on_progress=show, **options):
            write(samples)


def _opened(out: str) -> AbstractContextManager[Write]:
    return wav_stream(sys.stdout.buffer) if out == "-" else sound_file(Path(out))


def _read_text(text: str) -> str:
    """Raises ClickException for a text that is empty or no UTF-8."""
    try:
        words = sys.stdin.buffer.read().decode("utf-8-sig") if text == "-" else text
        words.encode()  # an argument that was no UTF-8 fails here
    except UnicodeError as error:
        raise click.ClickException(f"the text is not UTF-8: {error}") from None
    if not words.strip():
        raise click.ClickException("the text is empty")
    return words


def _read_lexicon(file: BinaryIO) -> dict[str, str]:
    """Raises ClickException for anything but an object of strings."""
    try:
        entries = orjson.loads(file.read())
    except orjson.JSONDecodeError as error:
        raise click.ClickException(f"{file.name} is not JSON: {error}") from None
    if not (isinstance(entries, dict) and all(isinstance(said, str) for said in entries.values())):
        raise click.ClickException(f'{file.name} is no object such as {{"Nguyen": "win"}}')
    return entries


def _progress_bar() -> Any:
    return click.progressbar(
        length=_BAR_STEPS, label="Speaking", file=sys.stderr, hidden=not sys.stderr.isatty()
    )
