"""Where speech goes: a sound file, written as it is made and there only when it is whole, or
standard output."""

import errno
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import soundfile

from client.chain import SAMPLE_RATE
from client.wav_stream import Int16Array
from shared.atomic_files import replacing
from shared.audio.files import endless_wav_header
from shared.audio.formats import FORMATS

_FORMATS = {
    suffix: info.libsndfile
    for info in FORMATS.values()
    if info.libsndfile
    for suffix in info.suffixes
}

Write = Callable[[Int16Array], None]


class BadOutput(ValueError):
    """The speech could not be written there."""


def check_output(target: Path) -> None:
    """Before any work is done. Raises BadOutput."""
    if target.suffix.lower() not in _FORMATS:
        known = ", ".join(_FORMATS)
        raise BadOutput(f"{target}: the file's name must end in one of {known}")
    if target.exists() and not target.is_file():
        raise BadOutput(f"{target} is not a file; use - for standard output")
    folder = target.resolve().parent
    if not folder.is_dir():
        raise BadOutput(f"{target}: there is no folder {folder}; make it first")
    if not os.access(folder, os.W_OK):
        raise BadOutput(f"{target}: nothing can be written into {folder}")


@contextmanager
def sound_file(target: Path) -> Iterator[Write]:
    """16 kHz mono, in the format that the name ends in. Raises OSError."""
    form, subtype = _FORMATS[target.suffix.lower()]
    with replacing(target) as path:
        try:
            with soundfile.SoundFile(path, "w", SAMPLE_RATE, 1, subtype, format=form) as file:
                yield file.write
        except soundfile.SoundFileError as error:
            why = f"cannot be written to the end ({error}); is the disk full?"
            raise OSError(errno.EIO, why, str(target)) from None


@contextmanager
def wav_stream(out: BinaryIO) -> Iterator[Write]:
    """A WAV of 16 kHz, 16 bit, mono, whose header leaves its length open."""
    out.write(endless_wav_header(SAMPLE_RATE))

    def write(samples: Int16Array) -> None:
        out.write(samples.astype("<i2").tobytes())
        out.flush()

    yield write
