"""The process that decodes one sound file for shared/audio/decoding.py.

python -m shared.audio.decoding_process libsndfile|ffmpeg MAX_SECONDS RATE reads the file from
standard input and writes its sound to standard output.
"""

import json
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from shared.audio.decoding import (
    HEAD,
    MAX_MIB,
    MAX_SECONDS_TO_BEGIN,
    MIN_SPEED,
    Block,
    too_much_memory,
)
from shared.http.errors import ApiError

_STATM = Path("/proc/self/statm")


def main() -> None:
    for ignored in (signal.SIGINT, signal.SIGTERM):  # its parent kills it
        signal.signal(ignored, signal.SIG_IGN)
    blocks = _decoder(sys.argv[1], sys.stdin.buffer.read(), float(sys.argv[2]), int(sys.argv[3]))
    answer(blocks, sys.stdout.buffer)


def answer(blocks: Iterator[Block], out: IO[bytes]) -> None:
    """Decode within limits and write the form that shared/audio/decoding.py reads.

    The limits stay in force for the process.
    """
    _limit("RLIMIT_CORE", 0)
    _limit_memory()
    refusal: ApiError | None = None
    try:
        _write(blocks, out)
    except MemoryError:
        refusal = too_much_memory()
    except ApiError as error:
        refusal = error
    out.write(HEAD.pack(0, 0) + json.dumps(_as_json(refusal)).encode())


def _decoder(name: str, data: bytes, max_seconds: float, rate: int) -> Iterator[Block]:
    if name == "libsndfile":
        from shared.audio.files import decode_sound

        return decode_sound(data, max_seconds)
    from shared.audio.media import decode_media  # FFmpeg's libraries take 10 MB

    return decode_media(data, rate, max_seconds)


def _write(blocks: Iterator[Block], out: IO[bytes]) -> None:
    seconds = 0.0
    _limit_time(seconds)
    for rate, wav in blocks:
        out.write(HEAD.pack(rate, len(wav)) + wav.tobytes())
        seconds += len(wav) / rate
        _limit_time(seconds)


def _limit_memory() -> None:
    """Limit the memory taken from here on. Only Linux tells its size and enforces the limit."""
    if _STATM.exists():
        pages = int(_STATM.read_text().split()[0])
        _limit("RLIMIT_AS", pages * os.sysconf("SC_PAGE_SIZE") + MAX_MIB * 2**20)


def _limit_time(seconds: float) -> None:
    """Limit the processor time. seconds: of sound decoded so far."""
    _limit("RLIMIT_CPU", MAX_SECONDS_TO_BEGIN + int(seconds / MIN_SPEED))


def _limit(name: str, limit: int) -> None:
    """Lower a soft limit, never above the hard one. Windows has no such limits."""
    try:
        import resource
    except ImportError:
        return
    kind = getattr(resource, name)
    _, hard = resource.getrlimit(kind)
    soft = limit if hard == resource.RLIM_INFINITY else min(limit, hard)
    resource.setrlimit(kind, (soft, hard))


def _as_json(refusal: ApiError | None) -> dict[str, Any] | None:
    if refusal is None:
        return None
    fields = {"message": refusal.message, "param": refusal.param, "code": refusal.code}
    return {"kind": type(refusal).__name__, **fields}


if __name__ == "__main__":
    main()
