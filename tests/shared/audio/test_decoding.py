"""Hostile sound files cost little, and are read or rejected with a reason."""

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest

from shared.audio import decoding
from shared.audio.decoding import MAX_MIB, Decoder, decode
from shared.audio.files import decode_sound, read_sound
from shared.audio.media import read_media, stream_media
from shared.http.deadlines import CallerState, ClientDisconnected, caller_state
from shared.http.errors import TooLarge, UnsupportedMediaType
from tests.conftest import REPOSITORY
from tests.support.hostile_media import BUILDERS, MAX_COUNTS
from tests.support.media_files import sound_file

FILES = os.environ.get("FUZZ_FILES", "25")
WHOLE_PROCESS_MIB = 60 + MAX_MIB
"""With Python and the libraries."""

MEASURED = """
import resource, sys
from pathlib import Path
from shared.http.errors import ApiError
{imports}
try:
    {read}
except ApiError as error:
    pass
own = int(Path("/proc/self/status").read_text().partition("VmHWM:")[2].split()[0])
print(max(own, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss) / 1024)
"""
READ_BY: dict[Decoder, str] = {
    "libsndfile": MEASURED.format(
        imports="from shared.audio.files import read_sound",
        read="read_sound(sys.stdin.buffer.read(), 60)",
    ),
    "ffmpeg": MEASURED.format(
        imports="from shared.audio.media import read_media",
        read="read_media(sys.stdin.buffer.read(), 16_000, 600)",
    ),
}


def hostile(name: str) -> bytes:
    return BUILDERS[name](MAX_COUNTS[name])


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs Linux's /proc")
@pytest.mark.parametrize(
    ("decoder", "name"),
    [
        ("ffmpeg", "mp4 samples"),
        ("ffmpeg", "mp4 tracks"),
        ("ffmpeg", "matroska deflated"),
        ("ffmpeg", "id3v2.4 PRIV"),
        ("ffmpeg", "id3v2.4 APIC"),
        ("ffmpeg", "aiff id3"),
        ("ffmpeg", "id3 pictures"),
        ("ffmpeg", "asf texts"),
        ("ffmpeg", "asf packet size"),
        ("ffmpeg", "amr empty frames"),
        ("libsndfile", "vorbis codebooks"),
    ],
)
def test_small_file_takes_little_memory(decoder: Decoder, name: str) -> None:
    """The process that reads it and the one that decodes it, whichever needs more."""
    command = [sys.executable, "-c", READ_BY[decoder]]
    result = subprocess.run(
        command, input=hostile(name), cwd=REPOSITORY, capture_output=True, check=True
    )
    assert float(result.stdout) < WHOLE_PROCESS_MIB + len(hostile(name)) / 2**20


def test_hostile_files_are_read_or_refused() -> None:
    """Of both decoders; `make fuzz` tries far more."""
    command = [sys.executable, "-m", "tests.support.decode_hostile_files", "0", FILES]
    result = subprocess.run(command, cwd=REPOSITORY, capture_output=True, check=True)
    report = json.loads(result.stdout)
    assert report["faults"] == []
    assert report["mib"] < WHOLE_PROCESS_MIB + 20  # of the files' own
    assert sum(report["ends"].values()) == 2 * int(FILES)


@pytest.mark.parametrize(
    ("read", "name", "reason"),
    [
        (
            partial(read_media, rate=16_000, max_seconds=600),
            "matroska deflated",
            "over 64 MiB of memory",
        ),
        (partial(read_sound, max_seconds=60), "vorbis codebooks", "damaged"),
    ],
)
def test_refusal_names_the_fault(read: partial[object], name: str, reason: str) -> None:
    with pytest.raises(UnsupportedMediaType, match=reason) as refusal:
        read(hostile(name))
    assert refusal.value.code == "invalid_sound_file"


def test_file_that_takes_long_is_refused() -> None:
    """The system stops the process: a decoder in C looks at no clock."""
    with pytest.raises(UnsupportedMediaType, match="longer than 5 s and a tenth of its length"):
        read_media(hostile("id3 texts"), 16_000, max_seconds=60)


@pytest.mark.parametrize("kind", ["AU", "CAF", "W64", "VOC", "AVR", "PAF", "IRCAM", "NIST"])
def test_format_that_is_not_documented_is_refused_by_name(kind: str) -> None:
    with pytest.raises(UnsupportedMediaType, match=r"the sound file is .*files are read here"):
        [*decode_sound(sound_file(kind), max_seconds=10)]


def test_output_of_the_decoders_is_dropped(capfd: pytest.CaptureFixture[str]) -> None:
    read_sound(hostile("id3v2.4 TIT2"), max_seconds=60)
    assert capfd.readouterr().err == ""


def test_limits_hold_in_the_process_that_asks() -> None:
    with pytest.raises(TooLarge, match="longer than 1 s"):
        read_media(sound_file("FLAC"), 16_000, max_seconds=1)


def test_decoding_stops_where_it_is_no_longer_wanted() -> None:
    with closing(stream_media(sound_file("FLAC"), 16_000, 60)) as blocks:
        assert len(next(blocks))
    assert read_media(sound_file("FLAC"), 16_000, 60).size  # the next has its turn


def test_one_file_is_decoded_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without turns, the processes of all threads would start before the first has ended."""
    counts: list[int] = []
    processes: list[subprocess.Popen[bytes]] = []
    start = decoding._process

    def counted(*arguments: str) -> subprocess.Popen[bytes]:
        processes.append(start(*arguments))
        counts.append(sum(process.poll() is None for process in processes))
        return processes[-1]

    monkeypatch.setattr(decoding, "_process", counted)
    with ThreadPoolExecutor(4) as pool:
        clips = [*pool.map(lambda _: read_sound(sound_file("FLAC"), 60), range(4))]
    assert len(clips) == 4
    assert counts == [1] * 4


def test_caller_that_leaves_waits_for_no_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decoding, "_POLL_SECONDS", 0.01)
    caller = CallerState()
    caller.disconnected.set()
    token = caller_state.set(caller)
    try:
        with closing(decode("libsndfile", sound_file("FLAC"), 60)) as first:
            next(first)
            with pytest.raises(ClientDisconnected):
                next(decode("libsndfile", sound_file("FLAC"), 60))
    finally:
        caller_state.reset(token)
