"""Scripted servers in place of the services, and a chain that retries without waiting."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from client.chain import Chain
from client.retries import RetryPolicy
from shared.audio.files import endless_wav_header
from shared.http.tensors import Float32Array
from tests.support.scripted_server import (
    Received,
    Reply,
    ScriptedResponse,
    ScriptedServer,
    answer,
    json_response,
)

AT_ONCE = RetryPolicy(first_wait=0, max_retry_after=0)
SAMPLES_PER_FRAME = 200
MakeServer = Callable[..., ScriptedServer]


@pytest.fixture
def make_server() -> Iterator[MakeServer]:
    servers: list[ScriptedServer] = []

    def make(*replies: Reply) -> ScriptedServer:
        servers.append(ScriptedServer(*replies))
        return servers[-1]

    yield make
    for server in servers:
        server.close()


@pytest.fixture
def embed() -> Float32Array:
    """[256], unit length."""
    return np.full(256, 1 / 16, np.float32)


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """A file that the stand-in accepts as a sound file."""
    path = tmp_path / "voice.flac"
    path.write_bytes(b"sound of a voice")
    return path


class StandIns:
    """Services that answer at once. A text of n characters becomes n frames, and every sample is
    n."""

    def __init__(self, make_server: MakeServer, embed: Float32Array) -> None:
        self.encoder = make_server(json_response({"embed": embed}))
        self.synthesizer = make_server(spec_of)
        self.vocoder = make_server(wav_of)

    @property
    def urls(self) -> tuple[str, str, str]:
        return self.encoder.url, self.synthesizer.url, self.vocoder.url


def spec_of(request: Received) -> ScriptedResponse:
    n = len(request.json["text"])
    answer: dict[str, Any] = {"spec": np.full((80, n), n / 1000, np.float32)}
    if request.json.get("timestamps"):
        words = request.json["text"].strip(".").split()
        answer["words"] = [
            {"word": word, "start": i / 9, "end": (i + 1) / 9} for i, word in enumerate(words)
        ]
    return json_response(answer)


def wav_of(request: Received) -> ScriptedResponse:
    spec = np.array(request.json["spec"])
    samples = np.full(spec.shape[1] * SAMPLES_PER_FRAME, round(spec[0, 0] * 1000), "<i2")
    return answer(200, endless_wav_header(16_000) + samples.tobytes(), content_type="audio/wav")


@pytest.fixture
def stand_ins(
    make_server: MakeServer, embed: Float32Array, monkeypatch: pytest.MonkeyPatch
) -> StandIns:
    """Services whose URLs are in the environment."""
    services = StandIns(make_server, embed)
    for name, url in zip(["ENCODER", "SYNTHESIZER", "VOCODER"], services.urls, strict=True):
        monkeypatch.setenv(f"{name}_URL", url)
    return services


@pytest.fixture
def chain(stand_ins: StandIns) -> Iterator[Chain]:
    with Chain(*stand_ins.urls, retries=AT_ONCE) as chain:
        yield chain
