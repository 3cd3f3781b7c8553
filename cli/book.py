"""`better book`: an EPUB, HTML, Markdown or text file as an audiobook with chapters.

Each finished chapter is kept as a FLAC in the folder OUT.chapters, under a name made of its text,
its voice, the options and the services' weights. A run that was stopped goes on after the last of
them, and a changed chapter is the only one that is made again.
"""

import hashlib
import math
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import click
import numpy as np
import soundfile

from cli.sound_output import sound_file
from cli.speak import read_lexicon, warn
from cli.speakers import find_voice, read_text
from client.chain import SAMPLE_RATE, Chain
from client.options import SpeechOptions
from client.wav_stream import Int16Array
from shared.atomic_files import replacing
from shared.http.tensors import Float32Array
from shared.stop_signals import StopSignal

if TYPE_CHECKING:
    from gateway_service.books.book import Book
    from gateway_service.speech.dialogue import Dialogue

FORMATS = {".m4b": "m4b", ".mp3": "mp3", ".zip": "zip"}
CHAPTER_PAUSE = 1.0  # seconds
CHARACTERS_A_SECOND = 15
"""English as it is read aloud, for the size that is stated before the work."""
_FLAC_BYTES_A_SECOND = 18_000
_BLOCK = SAMPLE_RATE  # samples


class Chapters(click.ParamType[set[int]]):
    """1-3,7: numbers of chapters, counted from 1."""

    name = "chapters"

    def convert(self, value: Any, param: click.Parameter | None, context: Any) -> set[int]:
        from gateway_service.books.book import BookError, chapter_numbers

        try:
            return chapter_numbers(str(value))
        except BookError as error:
            self.fail(str(error), param)


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--voice", metavar="FILE|NAME", help="As for `better speak`.")
@click.option("--out", type=click.Path(path_type=Path), help=".m4b, .mp3 or .zip.")
@click.option("--chapters", type=Chapters(), help="Only these, such as 1-3,7.")
@click.option("--list", "only_list", is_flag=True, help="Show the chapters and stop.")
@click.option("--seed", type=click.IntRange(0, 2**63 - 1), default=1, show_default=True)
@click.option("--lexicon", type=click.File("rb"), help='A JSON file: {"Nguyen": "win"}.')
@click.option("--title", help="[default: the book's]")
@click.option("--author", help="[default: the book's]")
@click.option("--keep-chapters", is_flag=True, help="Keep the folder of finished chapters.")
def book(
    file: Path,
    voice: str | None,
    out: Path | None,
    chapters: set[int] | None,
    only_list: bool,
    seed: int,
    lexicon: BinaryIO | None,
    title: str | None,
    author: str | None,
    keep_chapters: bool,
) -> None:
    """Make an audiobook with chapters.

    FILE is an EPUB, HTML, Markdown or text file. The services must run: start `better serve`.
    """
    from gateway_service.books.audiobook import Tags, write_audiobook
    from gateway_service.books.book import BookError
    from gateway_service.books.reading import read_book

    try:
        read = read_book(file.read_bytes(), file.name)
        read = read.chosen(chapters) if chapters else read
        if only_list:
            _show(read)
            return
    except BookError as error:
        raise click.ClickException(f"{file}: {error}") from None
    if voice is None or out is None:
        raise click.UsageError("--voice and --out are needed to speak; --list needs neither")
    kind = FORMATS.get(out.suffix.lower())
    if kind is None:
        raise click.ClickException(f"{out}: the file's name must end in {', '.join(FORMATS)}")
    folder = out.with_name(out.name + ".chapters")
    _check_space(out, read)
    options = {"seed": seed, "lexicon": read_lexicon(lexicon) if lexicon else None}
    own, texts = find_voice(voice), _texts(read)
    voices = {name: find_voice(name) for text in texts for name in text.asked}
    with _hint_to_continue(), Chain(on_warning=warn) as chain:
        embeds = {name: found.embed(chain) for name, found in voices.items()}
        speaker = _Speaker(chain, own.embed(chain), embeds, folder, options)
        sounds = [*speaker.speak(read, texts)]
    tags = Tags(title or read.title or file.stem, author or read.author, read.language, read.cover)
    with replacing(out) as path:
        write_audiobook(path, [sound.as_chapter() for sound in sounds], tags, kind)  # type: ignore[arg-type]
    length = _clock(sum(sound.seconds for sound in sounds))
    if not keep_chapters:
        shutil.rmtree(folder)
    click.echo(f"{out}: {length}, {_chapters(len(sounds))}")


@contextmanager
def _hint_to_continue() -> Iterator[None]:
    try:
        yield
    except (KeyboardInterrupt, StopSignal):
        click.echo("Stopped. The same command goes on after the last finished chapter.", err=True)
        raise


@dataclass(frozen=True)
class _Sound:
    """A finished chapter."""

    title: str
    path: Path

    @property
    def samples(self) -> int:
        frames: int = soundfile.info(self.path).frames
        return frames

    @property
    def seconds(self) -> float:
        return self.samples / SAMPLE_RATE

    def as_chapter(self) -> Any:
        from gateway_service.books.audiobook import ChapterSound

        return ChapterSound(self.title, self.samples, self._blocks)

    def _blocks(self) -> Iterator[Int16Array]:
        with soundfile.SoundFile(self.path) as file:
            yield from file.blocks(_BLOCK, dtype="int16")


def _texts(book: "Book") -> list["Dialogue"]:
    """The pieces of each chapter. Raises ClickException for a chapter that cannot be spoken."""
    return [
        read_text(chapter.text, book.text_format, f"chapter {number} ({chapter.title[:40]})")
        for number, chapter in enumerate(book.chapters, start=1)
    ]


class _Speaker:
    """own: the embedding [256] of the book's voice. voices: of those that its lines name."""

    def __init__(
        self,
        chain: Chain,
        own: Float32Array,
        voices: Mapping[str, Float32Array],
        folder: Path,
        options: dict[str, Any],
    ) -> None:
        self._chain, self._own, self._voices, self._options = chain, own, voices, options
        self._folder = folder
        folder.mkdir(exist_ok=True)

    def speak(self, book: "Book", texts: Sequence["Dialogue"]) -> Iterator[_Sound]:
        """The chapters in order; those that are there already are not made again."""
        characters = [len(chapter.text) for chapter in book.chapters]
        left, started, made = sum(characters), time.monotonic(), 0
        for number, (chapter, text) in enumerate(zip(book.chapters, texts, strict=True), start=1):
            size = len(chapter.text)
            path = self._path(chapter.text, book.text_format, text)
            sound = _Sound(chapter.title, path)
            if not path.exists():
                self._remove_other_weights(path, number)
                self._make(path, text)
                made += size
            left -= size
            seconds = (time.monotonic() - started) / made * left if made else 0.0
            rest = f", about {_clock(seconds)} left" if made and left else ""
            name = f"{number} of {len(characters)}: {chapter.title or 'untitled'}"
            click.echo(f"{name}, {_clock(sound.seconds)}{rest}", err=True)
            yield sound

    def _path(self, written: str, text_format: str, text: "Dialogue") -> Path:
        """The name tells everything that the sound depends on, the weights last."""
        digest = hashlib.sha256(self._own.tobytes())
        for name in text.asked:
            digest.update(self._voices[name].tobytes())
        digest.update(repr((written, text_format, sorted(self._options.items(), key=str))).encode())
        return self._folder / f"{digest.hexdigest()[:24]}-{self._chain.fetch_weights()[:8]}.flac"

    def _remove_other_weights(self, path: Path, number: int) -> None:
        """Remove the same chapter in the sound of other weights, which differs in voice."""
        for other in path.parent.glob(f"{path.name.partition('-')[0]}*.flac"):
            other.unlink()
            warn(f"chapter {number} is made again: the services' weights have changed since")

    def _make(self, path: Path, text: "Dialogue") -> None:
        embeds = text.each(self._own, [self._voices[name] for name in text.asked])
        with sound_file(path) as write:
            options = SpeechOptions(**self._options)
            for samples in self._chain.speak_pieces(text.pieces, embeds, options):
                write(samples)
            write(np.zeros(round(CHAPTER_PAUSE * SAMPLE_RATE), np.int16))


def _show(book: "Book") -> None:
    click.echo(f"{book.title or 'untitled'}, {book.author or 'author unknown'}")
    for number, chapter in enumerate(book.chapters, start=1):
        seconds = len(chapter.text) / CHARACTERS_A_SECOND
        click.echo(f"{number:4}  {chapter.title or 'untitled'}, about {_clock(seconds)}")


def _check_space(out: Path, book: "Book") -> None:
    """Raise ClickException if the disk has less space than the book needs."""
    folder = out.resolve().parent
    if not folder.is_dir():
        raise click.ClickException(f"{out}: no folder {folder}; make it first")
    seconds = sum(len(chapter.text) for chapter in book.chapters) / CHARACTERS_A_SECOND
    needed = round(seconds * (_FLAC_BYTES_A_SECOND + 8_000))
    free = shutil.disk_usage(folder).free
    size = (
        f"about {_clock(seconds)} of speech, {math.ceil(needed / 1e6)} MB on disk while it is made"
    )
    if free < needed:
        raise click.ClickException(f"{folder} has {free / 1e6:.0f} MB free; {size}")
    click.echo(f"{_chapters(len(book.chapters))}, {size}", err=True)


def _chapters(count: int) -> str:
    return "1 chapter" if count == 1 else f"{count} chapters"


def _clock(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"
