"""`better speak`: write speech to a sound file."""

import sys
from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, BinaryIO, cast, get_args

import click
import orjson
from pydantic import ValidationError

from cli.sound_output import BadOutput, Write, check_folder, check_output, sound_file, wav_stream
from cli.speakers import find_voice, read_text
from client.chain import Chain
from client.options import MAX_SPEED, MIN_SPEED, SpeechOptions
from client.speech import Sentence, timed_sentences
from shared.captions import MEDIA_TYPES as CAPTION_TYPES
from shared.captions import CaptionFormat, captions_of, webvtt, written
from shared.http.schemas import MAX_TEMPERATURE, MIN_TEMPERATURE
from shared.http.tensors import Float32Array
from shared.text.markup import TextFormat
from shared.text.sentences import Piece

_BAR_STEPS = 1000


@click.command()
@click.option(
    "--voice",
    required=True,
    metavar="FILE|NAME",
    help="A preset, a sound file, a voice of the gateway, or a blend: ash(2)+birch(1).",
)
@click.option("--text", required=True, metavar="TEXT|-", help="Text; - reads it from stdin.")
@click.option(
    "--out", required=True, metavar="FILE|-", help=".wav, .flac, .ogg, .opus or .mp3; - for stdout."
)
@click.option(
    "--speed",
    type=click.FloatRange(MIN_SPEED, MAX_SPEED),
    default=1.0,
    show_default=True,
    help="Times the usual pace; the pitch stays.",
)
@click.option(
    "--seed", type=click.IntRange(0, 2**63 - 1), help="The same seed gives the same sound."
)
@click.option(
    "--temperature",
    type=click.FloatRange(MIN_TEMPERATURE, MAX_TEMPERATURE),
    default=1.0,
    show_default=True,
    help="For WaveRNN: below 1 smoother, above 1 rougher. Vocos ignores it.",
)
@click.option(
    "--text-format",
    type=click.Choice(get_args(TextFormat)),
    default="auto",
    show_default=True,
    help="auto detects SSML and HTML by the start of the text; other text is Markdown with tags.",
)
@click.option(
    "--lexicon",
    type=click.File("rb"),
    help='A JSON file of words and their respellings: {"Nguyen": "win"}.',
)
@click.option(
    "--captions",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Also write captions to this .srt, .vtt or .json file.",
)
@click.option("--karaoke", is_flag=True, help="Add the time of each word to a .vtt file.")
def speak(
    voice: str,
    text: str,
    out: str,
    speed: float,
    seed: int | None,
    temperature: float,
    text_format: TextFormat,
    lexicon: BinaryIO | None,
    captions: Path | None,
    karaoke: bool,
) -> None:
    """Speak a text in a voice.

    The services must run: start `better serve`, or set ENCODER_URL, SYNTHESIZER_URL and
    VOCODER_URL.
    """
    if captions:
        _check_captions(captions)
    if karaoke and (captions is None or captions.suffix.lower() != ".vtt"):
        raise click.ClickException("--karaoke needs WebVTT; add --captions with the name of a .vtt")
    source = _read_argument(text)
    respellings = read_lexicon(lexicon) if lexicon else None
    options = _options(
        speed=speed,
        seed=seed,
        temperature=temperature,
        text_format=text_format,
        lexicon=respellings,
        timestamps=captions is not None,
    )
    try:
        if out != "-":
            check_output(Path(out))
    except BadOutput as error:
        raise click.ClickException(str(error)) from error
    dialogue = read_text(source, text_format)
    own, others = find_voice(voice), [find_voice(asked) for asked in dialogue.asked]
    with Chain(on_warning=warn) as chain, _progress_bar() as bar:
        embeds = dialogue.each(own.embed(chain), [voice.embed(chain) for voice in others])
        sentences = _speak_into(out, chain, dialogue.pieces, embeds, bar, options)

    if captions:
        _write_captions(captions, sentences, karaoke)


def _check_captions(path: Path) -> None:
    """Raises ClickException if captions cannot be written there."""
    if path.suffix.removeprefix(".").lower() not in CAPTION_TYPES:
        known = ", ".join(f".{name}" for name in CAPTION_TYPES)
        raise click.ClickException(f"{path}: the captions' name must end in one of {known}")
    try:
        check_folder(path)
    except BadOutput as error:
        raise click.ClickException(str(error)) from error


def _write_captions(path: Path, sentences: list[Sentence], karaoke: bool) -> None:
    captions = captions_of(timed_sentences(sentences))
    kind = cast(CaptionFormat, path.suffix.removeprefix(".").lower())
    text = webvtt(captions, by_word=True) if karaoke and kind == "vtt" else written(captions, kind)
    path.write_text(text, encoding="utf-8")


def _options(**values: Any) -> SpeechOptions:
    """Raises ClickException for an invalid value."""
    try:
        return SpeechOptions(**values)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        field = ".".join(map(str, first["loc"]))
        raise click.ClickException(f"{field}: {first['msg']}") from None


def warn(message: str) -> None:
    click.echo(f"Warning: {message}", err=True)


def _speak_into(
    out: str,
    chain: Chain,
    pieces: Sequence[Piece],
    embeds: Float32Array,
    bar: Any,
    options: SpeechOptions,
) -> list[Sentence]:
    """The sentences that were spoken. embeds: [n, 256]."""
    sentences: list[Sentence] = []

    def show(done: float) -> None:
        bar.update(round(done * _BAR_STEPS) - bar.pos)

    with _opened(out) as write:
        for samples in chain.speak_pieces(pieces, embeds, options, show, sentences.append):
            write(samples)
    return sentences


def _opened(out: str) -> AbstractContextManager[Write]:
    return wav_stream(sys.stdout.buffer) if out == "-" else sound_file(Path(out))


def _read_argument(text: str) -> str:
    """The text. Raises ClickException if it is empty or not UTF-8."""
    try:
        words = sys.stdin.buffer.read().decode("utf-8-sig") if text == "-" else text
        words.encode()  # fails for an argument that was not UTF-8
    except UnicodeError as error:
        raise click.ClickException(f"the text is not UTF-8: {error}") from None
    if not words.strip():
        raise click.ClickException("the text is empty")
    return words


def read_lexicon(file: BinaryIO) -> dict[str, str]:
    """Words and respellings. Raises ClickException unless the file is an object of strings."""
    try:
        entries = orjson.loads(file.read())
    except orjson.JSONDecodeError as error:
        raise click.ClickException(f"{file.name} is not JSON: {error}") from None
    if not (isinstance(entries, dict) and all(isinstance(said, str) for said in entries.values())):
        raise click.ClickException(f'{file.name} must hold an object such as {{"Nguyen": "win"}}')
    return entries


def _progress_bar() -> Any:
    return click.progressbar(
        length=_BAR_STEPS, label="Speaking", file=sys.stderr, hidden=not sys.stderr.isatty()
    )
