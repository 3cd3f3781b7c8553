"""Outputs for speech: a sound file, which appears when it is complete, or standard output."""

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
    """An output that cannot be written."""


def check_output(target: Path) -> None:
    """Raises BadOutput if speech cannot be written there."""
    if target.suffix.lower() not in _FORMATS:
        known = ", ".join(_FORMATS)
        raise BadOutput(f"{target}: the file's name must end in one of {known}")
    if target.exists() and not target.is_file():
        raise BadOutput(f"{target} is not a file; use - for standard output")
    check_folder(target)


def check_folder(target: Path) -> None:
    """Raises BadOutput unless the folder of a file to be written exists and is writable."""
    folder = target.resolve().parent
    if not folder.is_dir():
        raise BadOutput(f"{target}: the folder {folder} does not exist; create it first")
    if not os.access(folder, os.W_OK):
        raise BadOutput(f"{target}: the folder {folder} is not writable; choose another")


@contextmanager
def sound_file(target: Path) -> Iterator[Write]:
    """Write 16 kHz mono in the format of the file's suffix. Raises OSError."""
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
    """Write WAV (16 kHz, 16 bit, mono) with an open length in its header."""
    out.write(endless_wav_header(SAMPLE_RATE))

    def write(samples: Int16Array) -> None:
        out.write(samples.astype("<i2").tobytes())
        out.flush()

    yield write
