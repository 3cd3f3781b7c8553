"""Decoding of untrusted sound files, each in a process of its own with limits.

Decoders trust the numbers in a file. A few kilobytes of index, codebooks or deflated tags can ask
for gigabytes or minutes, or crash. So a fresh process (decoding_process.py) decodes each file, with
limits on its memory and its processor time, and one works at a time.
"""

import json
import os
import signal
import struct
import subprocess
import sys
import threading
from collections.abc import Generator, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Literal

import numpy as np

from shared.http.errors import ApiError, InvalidRequest, TooLarge, UnsupportedMediaType
from shared.http.tensors import Float32Array

Decoder = Literal["libsndfile", "ffmpeg"]
Block = tuple[int, Float32Array]
"""Hz, and [n] float32, mono: consecutive samples of a file."""

MAX_MIB = 64
"""Memory that decoding may take, besides the file itself and the process at its start."""
MAX_SECONDS_TO_BEGIN = 5
MIN_SPEED = 10
"""Processor time of a file: MAX_SECONDS_TO_BEGIN, and a second for each MIN_SPEED seconds of its
sound."""

HEAD = struct.Struct("<II")
"""Before each block: Hz, and the number of samples. Two zeros end the blocks; the refusal, or null,
follows as JSON."""
_MAX_BLOCK = 2**20  # samples; decoders give a second at most


class CutOff(UnsupportedMediaType):
    """The file is damaged or ends after the samples that were decoded."""


class EndsEarly(CutOff):
    """The decoder reports no error, but the header promised more."""


REFUSALS: dict[str, type[ApiError]] = {
    kind.__name__: kind
    for kind in (InvalidRequest, TooLarge, UnsupportedMediaType, CutOff, EndsEarly)
}
_CRASH_SIGNALS = ("SIGSEGV", "SIGBUS", "SIGABRT", "SIGFPE", "SIGILL")
_CRASHES = {-getattr(signal, name) for name in _CRASH_SIGNALS if hasattr(signal, name)}
_CRASHES |= {0xC0000005, 0xC0000374, 0xC0000409}  # on Windows: bad access, heap, stack
_OUT_OF_TIME = -getattr(signal, "SIGXCPU", 24)
_KEPT_VARIABLES = ("PATH", "LD_LIBRARY_PATH", "PYTHONPATH", "PYTHONHOME", "SYSTEMROOT")
_decoding = threading.Lock()
_POLL_SECONDS = 0.5  # between checks that the client is still connected


class _Ended(Exception):
    """The decoder's output ended too early, or is not in its form."""


def decode(decoder: Decoder, data: bytes, max_seconds: float, rate: int = 0) -> Generator[Block]:
    """The sound of a file, block by block. rate: for ffmpeg, which resamples to it.

    Closing the iterator stops the process. Raises UnsupportedMediaType, InvalidRequest or TooLarge;
    CutOff after the last good block; ClientDisconnected while it waits for its turn.
    """
    with _turn(), _process(decoder, str(max_seconds), str(rate)) as process:
        assert process.stdin
        assert process.stdout
        try:
            with suppress(BrokenPipeError), process.stdin as file:
                file.write(data)
            yield from _blocks(process.stdout)
            refusal = json.load(process.stdout)
        except (_Ended, json.JSONDecodeError):
            process.kill()  # in case it lives; an ended process keeps its status
            raise _failure(process.wait()) from None
        finally:
            process.kill()
    if refusal:
        raise REFUSALS[refusal.pop("kind")](**refusal)


def too_much_memory() -> UnsupportedMediaType:
    return _invalid(
        f"decoding it takes over {MAX_MIB} MiB of memory: it is damaged or holds more than sound"
    )


@contextmanager
def _turn() -> Iterator[None]:
    # Imported here, because the decoding process does without its imports.
    from shared.http.deadlines import check_connected

    while not _decoding.acquire(timeout=_POLL_SECONDS):
        check_connected()
    try:
        yield
    finally:
        _decoding.release()


def _process(*arguments: str) -> subprocess.Popen[bytes]:
    """Without secrets in its environment; what the libraries print about a file is dropped."""
    kept = {name: os.environ[name] for name in _KEPT_VARIABLES if name in os.environ}
    return subprocess.Popen(
        [sys.executable, "-m", "shared.audio.decoding_process", *arguments],
        cwd=Path(__file__).parents[__name__.count(".")],  # where the outermost package lies
        env=kept | {"OPENBLAS_NUM_THREADS": "1"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )


def _blocks(output: IO[bytes]) -> Iterator[Block]:
    while True:
        rate, samples = HEAD.unpack(_read(output, HEAD.size))
        if not rate:
            return
        if samples > _MAX_BLOCK:
            raise _Ended
        yield rate, np.frombuffer(_read(output, 4 * samples), np.float32)


def _read(output: IO[bytes], size: int) -> bytes:
    data = output.read(size)
    if len(data) < size:
        raise _Ended
    return data


def _failure(status: int) -> Exception:
    """The error for a process that ended with this status."""
    if status == _OUT_OF_TIME:
        return _invalid(
            f"decoding it takes longer than {MAX_SECONDS_TO_BEGIN} s and a tenth of its length: "
            "it is damaged or holds more than sound"
        )
    if status in _CRASHES:
        return _invalid("it is damaged, and the decoder failed on it")
    return RuntimeError(f"the process that decodes a sound file ended with status {status}")


def _invalid(reason: str) -> UnsupportedMediaType:
    return UnsupportedMediaType(
        f"the sound file cannot be decoded: {reason}; save it anew as a WAV or FLAC file",
        param="file",
        code="invalid_sound_file",
    )
