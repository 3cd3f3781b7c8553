import json
from typing import Any

import httpx
import numpy as np
import pytest

from gateway_service.settings import Settings
from gateway_service.speech.legacy_routes import JsonEncoder
from shared.services import SERVICES
from tests.support.speech_fixtures import SpeechServer, server, server_of_module, speech_server
from tests.support.stub_services import FRAMES_PER_CHARACTER, Refusal, stub_embed, tone_of

__all__ = ["server", "server_of_module"]

TEXT = "Hello there. It is me."
SECONDS = sum((FRAMES_PER_CHARACTER * n - 1) / 80 for n in (12, 9)) + 0.35
CLIP = {"wav": [0.0, 0.1, -0.1, 0.2] * 4_000, "sr": 22_050}
EMBED = {"embed": stub_embed(12).tolist(), "sr": 16_000}


def post(server: SpeechServer, path: str, **fields: Any) -> httpx.Response:
    return httpx.post(
        f"{server.url}{path}", json=fields, headers={"authorization": "Bearer sk-one"}, timeout=30
    )


def test_clip_and_text_become_sound_at_the_clips_rate(server: SpeechServer) -> None:
    answer = post(server, "/inference-c/", **CLIP, text=TEXT)

    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.json()["sr"] == 22_050
    wav = np.array(answer.json()["wav"])
    assert len(wav) / 22_050 == pytest.approx(SECONDS, abs=0.001)
    assert np.abs(wav).max() == pytest.approx(0.5, abs=0.1)
    (sent,) = server.services.encoder.headers
    assert sent["content-type"] == "audio/wav"


@pytest.mark.parametrize("rate", [8_000, 16_000, 44_100])
def test_embed_and_text_become_sound_at_the_rate(rate: int, server: SpeechServer) -> None:
    answer = post(server, "/inference-w/", **{**EMBED, "sr": rate}, text=TEXT).json()

    wav = np.array(answer["wav"])
    assert answer["sr"] == rate
    assert len(wav) / rate == pytest.approx(SECONDS, abs=0.001)
    loudest = np.abs(np.fft.rfft(wav)).argmax() * rate / len(wav)
    assert loudest == pytest.approx(tone_of(12), rel=0.01)


@pytest.mark.parametrize("path", ["/inference-c", "/inference-w"])
def test_trailing_slash_is_optional(path: str, server: SpeechServer) -> None:
    answer = post(server, path, **{**CLIP, **EMBED}, text="Hi.")

    assert answer.status_code == 200


@pytest.mark.parametrize(
    ("path", "fields", "param"),
    [
        ("/inference-c/", {**CLIP, "text": ""}, "text"),
        ("/inference-c/", {**CLIP, "text": "你好。"}, "text"),
        ("/inference-c/", {**CLIP, "sr": 3_999, "text": "Hi."}, "sr"),
        ("/inference-c/", {**CLIP, "wav": [], "text": "Hi."}, "wav"),
        ("/inference-c/", {**CLIP, "wav": [[0.1]], "text": "Hi."}, "wav"),
        ("/inference-c/", {"sr": 16_000, "text": "Hi."}, "wav"),
        ("/inference-w/", {**EMBED, "embed": [0.5] * 255, "text": "Hi."}, "embed"),
        ("/inference-w/", {**EMBED, "text": 5}, "text"),
        ("/inference-w/", {**EMBED, "sr": 192_001, "text": "Hi."}, "sr"),
    ],
)
def test_bad_field_is_named(
    path: str, fields: dict[str, Any], param: str, server: SpeechServer
) -> None:
    answer = post(server, path, **fields)

    assert answer.status_code == 400
    assert answer.json()["error"]["param"] == param


REACHABLE: list[dict[str, Any]] = [
    {"bind_host": "0.0.0.0", "allow_anonymous": True},
    {"api_keys": "sk-one"},
    {"allowed_hosts": "tts.example.org"},
]


@pytest.mark.parametrize("settings", REACHABLE)
@pytest.mark.parametrize("consent", [None, "", ".", "\u200b" * 20, "x" * 2_001])
@pytest.mark.parametrize("path", ["/inference-c/", "/inference-w/"])
def test_voice_needs_consent_where_others_can_reach_the_gateway(
    settings: dict[str, Any], consent: str | None, path: str
) -> None:
    with speech_server(Settings(**settings)) as server:
        answer = post(server, path, **{**CLIP, **EMBED}, text="Hi.", consent=consent)

        assert answer.status_code == 400
        assert answer.json()["error"]["param"] == "consent"
        assert server.services.encoder.requests == []


@pytest.mark.parametrize("path", ["/inference-c/", "/inference-w/"])
def test_voice_with_consent_speaks_where_others_can_reach_the_gateway(path: str) -> None:
    with speech_server(Settings(**REACHABLE[0])) as server:
        answer = post(server, path, **{**CLIP, **EMBED}, text="Hi.", consent="It is mine.")

        assert answer.status_code == 200


def test_clip_without_a_voice_is_an_invalid_request(server: SpeechServer) -> None:
    message = "wav: there is no voice in it"
    server.services.encoder.refusal = Refusal(400, message, "wav", "unusable_clip")

    answer = post(server, "/inference-c/", **CLIP, text="Hi.")

    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "unusable_clip"
    assert answer.json()["error"]["message"] == message


def test_failing_text_is_named_as_the_caller_names_it(server: SpeechServer) -> None:
    server.services.synthesizer.refusal = Refusal(400, "text: it failed", "text", "speech_failed")

    error = post(server, "/inference-w/", **EMBED, text="Hi.").json()["error"]

    assert (error["param"], error["code"]) == ("text", "speech_failed")
    assert error["message"] == "text: it failed"


@pytest.mark.parametrize("name", SERVICES)
def test_failing_service_is_named(name: str, server: SpeechServer) -> None:
    getattr(server.services, name).refusal = Refusal(500)

    answer = post(server, "/inference-c/", **CLIP, text="Hi.")

    assert answer.status_code == 502
    assert f"the {name} failed" in answer.json()["error"]["message"]


def test_failure_after_the_first_byte_aborts_the_response(server: SpeechServer) -> None:
    vocoder = server.services.vocoder

    def fail_second(path: str) -> None:
        if len(vocoder.requests) == 2:
            vocoder.refusal = Refusal(500)

    vocoder.before = fail_second

    with pytest.raises(httpx.RemoteProtocolError):
        post(server, "/inference-w/", **EMBED, text=TEXT)


def test_empty_sound_is_valid_json() -> None:
    assert json.loads(JsonEncoder(16_000, None).flush()) == {"sr": 16_000, "wav": []}
