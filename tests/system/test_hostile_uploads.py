"""Small hostile sound files, sent to the gateway and to the encoder in 512 MB."""

import io
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path

import av
import httpx
import numpy as np
import soundfile
import soxr

from shared.voices import sample_clip
from tests.support.hostile_media import BUILDERS, MAX_COUNTS
from tests.support.memory_limit import LIMIT_MIB, SmallMachine, small_machine
from tests.support.stub_services import StubServices

COSTLY = ["mp4 samples", "mp4 tracks", "matroska deflated", "id3v2.4 PRIV", "vorbis codebooks"]
MAX_GATEWAY_MIB = 400
CLIENTS = 4
MINUTES = 10


def test_gateway_bears_them(tmp_path: Path) -> None:
    with StubServices() as services:
        own = {"DATA_DIR": str(tmp_path), "DATABASE_URL": "", "REDIS_URL": ""}
        settings = own | services.environment | {"QUEUE_SECONDS": "300"}
        with small_machine("gateway", settings) as machine:
            for name in COSTLY:
                _send_from_all(machine, "/v1/audio/verify", {200, 415}, content=_hostile(name))
                clone = {"name": "Ann", "consent": "Ann said yes."}
                files = {"audio_sample": ("a.m4a", _hostile(name))}
                _send_from_all(machine, "/v1/audio/voices", {200, 400}, data=clone, files=files)
            _send_from_all(machine, "/v1/audio/verify", {200}, content=_long_opus())
            assert machine.peak_mib < MAX_GATEWAY_MIB
            _check_alive(machine)


def test_encoder_bears_them() -> None:
    with small_machine("encoder", {"QUEUE_SECONDS": "300"}) as machine:
        kind = {"Content-Type": "audio/ogg"}
        data = _hostile("vorbis codebooks")
        _send_from_all(machine, "/inference/", {415}, content=data, headers=kind)
        _send_from_all(machine, "/inference/", {200}, content=_long_speech(), headers=kind)
        assert machine.peak_mib < LIMIT_MIB
        _check_alive(machine)


@cache
def _hostile(name: str) -> bytes:
    return BUILDERS[name](MAX_COUNTS[name])


def _long_opus() -> bytes:
    """Ten minutes in some 80 KB: silence, which Opus makes very small."""
    file = io.BytesIO()
    rate = 16_000
    with av.open(file, "w", format="ogg") as output:
        stream = output.add_stream("libopus", rate=rate, layout="mono")
        assert isinstance(stream, av.AudioStream)
        for _ in range(MINUTES * 60 - 1):
            second = np.zeros((1, rate), np.float32)
            frame = av.AudioFrame.from_ndarray(second, format="flt", layout="mono")
            frame.sample_rate = rate
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    return file.getvalue()


def _long_speech() -> bytes:
    """Eleven minutes of a voice, at the highest rate that is read."""
    clip = sample_clip(seconds=9)
    wav = soxr.resample(clip.wav, clip.rate, 192_000)
    file = io.BytesIO()
    with soundfile.SoundFile(file, "w", 192_000, 1, format="OGG") as writer:
        for _ in range(11 * 60 // 9):
            for part in np.array_split(wav, 9):
                writer.write(part)
    return file.getvalue()


def _send_from_all(machine: SmallMachine, path: str, statuses: set[int], **body: object) -> None:
    """The same from several clients at a time."""

    def send(_: int) -> int:
        return httpx.post(machine.url + path, timeout=300, **body).status_code  # type: ignore[arg-type]

    with ThreadPoolExecutor(CLIENTS) as pool:
        assert {*pool.map(send, range(CLIENTS))} <= statuses


def _check_alive(machine: SmallMachine) -> None:
    assert httpx.get(f"{machine.url}/health/ready", timeout=60).is_success
    assert machine.group is None or machine.group.killed == 0
