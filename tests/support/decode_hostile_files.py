"""Decode many hostile files, each in a process of its own with shared.audio.decoding's limits.

python -m tests.support.decode_hostile_files FIRST_SEED FILES prints a line of JSON with the
outcomes. The processes are forked, which is faster than starting a new interpreter for each.
"""

import json
import os
import random
import signal
import sys
import tempfile
from collections import Counter
from typing import IO, NoReturn

from shared.audio.decoding import HEAD
from shared.audio.decoding_process import answer
from shared.audio.files import decode_sound
from shared.audio.media import decode_media
from tests.support.hostile_media import hostile_file

MAX_SECONDS = 60


def main() -> None:
    first, files = int(sys.argv[1]), int(sys.argv[2])
    ends: Counter[str] = Counter()
    faults: list[str] = []
    most_mib = most_seconds = 0.0
    for seed in range(first, first + files):
        data = hostile_file(random.Random(seed))
        for decoder in ("libsndfile", "ffmpeg"):
            with tempfile.TemporaryFile() as out:
                end, mib, seconds = _decode(decoder, data, out)
            ends[f"{decoder} {end}"] += 1
            most_mib, most_seconds = max(most_mib, mib), max(most_seconds, seconds)
            if end.startswith("status"):
                faults.append(f"seed {seed}, {decoder}: {end}")
    report = {"ends": ends, "faults": faults, "mib": most_mib, "seconds": most_seconds}
    sys.stdout.write(json.dumps(report))


def _decode(decoder: str, data: bytes, out: IO[bytes]) -> tuple[str, float, float]:
    """The outcome, the peak memory in MiB and the CPU time in seconds."""
    if not (pid := os.fork()):
        _answer_and_exit(decoder, data, out)
    _, wait_status, usage = os.wait4(pid, 0)
    return _end(wait_status, out), usage.ru_maxrss / 1024, usage.ru_utime + usage.ru_stime


def _answer_and_exit(decoder: str, data: bytes, out: IO[bytes]) -> NoReturn:
    status = 1
    try:
        if decoder == "libsndfile":
            answer(decode_sound(data, MAX_SECONDS), out)
        else:
            answer(decode_media(data, 16_000, MAX_SECONDS), out)
        out.flush()
        status = 0
    finally:
        os._exit(status)


def _end(wait_status: int, out: IO[bytes]) -> str:
    if os.WIFSIGNALED(wait_status):
        return signal.Signals(os.WTERMSIG(wait_status)).name
    if wait_status:
        return f"status {os.waitstatus_to_exitcode(wait_status)}"
    out.seek(0)
    while True:
        rate, samples = HEAD.unpack(out.read(HEAD.size))
        if not rate:
            break
        out.seek(4 * samples, os.SEEK_CUR)
    refusal = json.load(out)
    return refusal["code"] if refusal else "read"


if __name__ == "__main__":
    main()
