"""The watermark, from the gateway's sound to the route that detects it."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any, get_args

import httpx
import numpy as np
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from pydantic import SecretStr

from client.wav_stream import Int16Array
from gateway_service.settings import Settings
from gateway_service.speech import verify_routes
from gateway_service.speech.encoding import ResponseFormat, encode
from shared.audio.files import read_sound, resample_stream
from shared.audio.watermark import Finding
from shared.http.admission import ComputeSlot
from shared.http.app import Slot, create_app
from shared.settings import PUBLIC_WATERMARK_KEY
from shared.voices import sample_path
from tests.support.job_fixtures import wait_until
from tests.support.speech_fixtures import speech_server
from tests.support.stub_services import stub_embed


@pytest.fixture(scope="module")
def speech() -> Int16Array:
    """[n] 16 kHz."""
    clip = read_sound(sample_path("ash").read_bytes(), max_seconds=60)
    wav = np.concatenate([*resample_stream([clip.wav], clip.rate, 16_000)])
    return (wav * 32_767).astype(np.int16)


def verifying_app(settings: Settings, concurrency: int = 1) -> FastAPI:
    slot = ComputeSlot(settings.queue_limit, settings.queue_seconds)
    gateway = SimpleNamespace(settings=settings, verify_slot=slot)
    app = create_app("gateway", "verify", settings, load=lambda: gateway, concurrency=concurrency)
    app.include_router(verify_routes.router)
    return app


@contextmanager
def verifying(**settings: Any) -> Iterator[TestClient]:
    with TestClient(verifying_app(Settings(**settings))) as client:
        yield client


@pytest.fixture(scope="module")
def api() -> Iterator[TestClient]:
    with verifying() as client:
        yield client


def sound_file(
    speech: Int16Array, response_format: ResponseFormat, key: str | None = PUBLIC_WATERMARK_KEY
) -> bytes:
    return b"".join(encode(np.array_split(speech, 20), response_format, watermark_key=key))


@pytest.mark.parametrize("response_format", sorted({*get_args(ResponseFormat)} - {"pcm"}))
def test_mark_is_found_in_every_format(
    api: TestClient, speech: Int16Array, response_format: ResponseFormat
) -> None:
    data = sound_file(speech, response_format)
    answer = api.post("/v1/audio/verify", files={"file": ("speech", data)}).json()
    assert answer["marked"] is True
    assert answer["score"] > 9
    assert answer["seconds"] == pytest.approx(len(speech) / 16_000, abs=0.2)


def test_body_may_be_the_file(api: TestClient) -> None:
    data, kind = sample_path().read_bytes(), {"Content-Type": "audio/wav"}
    answer = api.post("/v1/audio/verify", content=data, headers=kind).json()
    assert answer["marked"] is False


def test_mark_can_be_left_out(api: TestClient, speech: Int16Array) -> None:
    data = sound_file(speech, "flac", Settings(watermark=False).mark_with)
    assert api.post("/v1/audio/verify", content=data).json()["marked"] is False


def test_key_of_ones_own_makes_another_mark(api: TestClient, speech: Int16Array) -> None:
    own = SecretStr("our own secret")
    data = sound_file(speech, "flac", Settings(watermark_key=own).mark_with)
    assert api.post("/v1/audio/verify", content=data).json()["marked"] is False
    with verifying(watermark_key=own) as with_key:
        assert with_key.post("/v1/audio/verify", content=data).json()["marked"] is True


def test_jobs_pieces_are_marked_as_one(speech: Int16Array) -> None:
    """The pattern continues across chunks, so joining sentences does not weaken it."""
    whole = encode([speech], "pcm")
    pieces = encode(np.array_split(speech, 50), "pcm")
    first, second = (np.frombuffer(b"".join(each), "<i2") for each in (whole, pieces))
    np.testing.assert_allclose(first, second, atol=2)


@pytest.mark.parametrize(
    ("body", "status", "param"),
    [
        ({"content": b"no sound at all"}, 415, "file"),
        ({"content": b""}, 415, "file"),
        ({"files": {"other": ("a.wav", b"RIFF")}}, 400, "file"),
    ],
)
def test_other_bodies_are_rejected_by_name(
    api: TestClient, body: dict[str, bytes], status: int, param: str
) -> None:
    answer = api.post("/v1/audio/verify", **body)  # type: ignore[arg-type]
    assert answer.status_code == status
    assert answer.json()["error"]["param"] == param


def test_sound_that_is_too_long_is_refused() -> None:
    with verifying(max_verified_seconds=2) as api:
        answer = api.post("/v1/audio/verify", content=sample_path().read_bytes())
    assert answer.status_code == 413
    assert "longer than 2 s" in answer.json()["error"]["message"]


def test_long_files_leave_slots_to_others(monkeypatch: pytest.MonkeyPatch) -> None:
    is_over = threading.Event()

    def search(*_: object) -> Finding:
        assert is_over.wait(60)
        return Finding(found=False, score=0.0, seconds=600.0)

    monkeypatch.setattr(verify_routes, "find_in_stream", search)
    app = verifying_app(Settings(queue_seconds=5), concurrency=2)

    @app.post("/speak")
    async def speak(slot: Slot) -> str:
        return await slot.run(lambda: "spoken")

    with TestClient(app) as api, ThreadPoolExecutor(3) as pool:
        files = [pool.submit(api.post, "/v1/audio/verify", content=b"RIFF") for _ in range(3)]
        slot = app.state.slot
        wait_until(lambda: slot.queued + slot.running == len(files))
        assert api.post("/speak").text == '"spoken"'
        is_over.set()
        assert [file.result().status_code for file in files] == [200] * len(files)


@pytest.mark.parametrize("path", ["/v1/audio/speech", "/inference-w/"])
def test_settings_decide_about_the_mark_of_each_route(path: str) -> None:
    body = {
        "/v1/audio/speech": {"input": "Hello there.", "voice": "low", "response_format": "pcm"},
        "/inference-w/": {"text": "Hello there.", "embed": stub_embed().tolist(), "sr": 16_000},
    }[path]

    def sound(**settings: Any) -> bytes:
        with speech_server(Settings(**settings)) as server:
            answer = httpx.post(server.url + path, json={**body, "seed": 1}, timeout=60)
            return answer.raise_for_status().content

    public, own, none = sound(), sound(watermark_key=SecretStr("our own")), sound(watermark=False)
    assert len({public, own, none}) == 3
