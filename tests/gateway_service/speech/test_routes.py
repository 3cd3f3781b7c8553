import base64
import io
import re
import threading
from collections.abc import AsyncGenerator, Iterator
from typing import Any

import av
import httpx
import numpy as np
import openai
import orjson
import pytest
import soundfile
from starlette.requests import ClientDisconnect

from gateway_service.settings import Settings
from gateway_service.speech.encoding import ResponseFormat
from gateway_service.speech.responses import abort_on_error
from gateway_service.speech.schemas import SpeechRequest
from shared.audio.files import UNKNOWN_WAV_SIZE
from shared.http.errors import InvalidRequest
from tests.support.leaving_clients import wait_until
from tests.support.speech_fixtures import (
    SpeechServer,
    client,
    server,
    server_of_module,
    speech_server,
)
from tests.support.stub_services import FRAMES_PER_CHARACTER, Refusal, tone_of

__all__ = ["client", "server", "server_of_module"]

TEXT = "Hello there. It is a fine day!"
# Two sentences of 80 frames per second, less the first frame of each, and the pause.
SECONDS = sum((FRAMES_PER_CHARACTER * n - 1) / 80 for n in (12, 17)) + 0.35
FORMATS: list[ResponseFormat] = ["mp3", "opus", "aac", "flac", "wav", "pcm"]


def decoded(data: bytes, response_format: str) -> tuple[Any, int]:
    """Samples in ±1, and their rate."""
    if response_format == "pcm":
        return np.frombuffer(data, "<i2") / 32_768, 24_000
    if response_format != "aac":
        wav, rate = soundfile.read(io.BytesIO(data))
        return wav, rate
    with av.open(io.BytesIO(data), "r") as container:
        frames = [frame.to_ndarray()[0] for frame in container.decode(audio=0)]
        return np.concatenate(frames), container.streams.audio[0].rate


def loudest(wav: Any, rate: int) -> float:
    return float(np.abs(np.fft.rfft(wav)).argmax() * rate / len(wav))


def events_of(response: httpx.Response) -> Iterator[dict[str, Any]]:
    for line in response.iter_lines():
        if line:
            assert line.startswith("data: ")
            yield orjson.loads(line.removeprefix("data: "))


def stream(server: SpeechServer, **fields: Any) -> Any:
    body = {"input": TEXT, "voice": "low", "model": "tts-1", **fields}
    return httpx.stream("POST", f"{server.url}/v1/audio/speech", json=body, timeout=30)


# The official client's view


@pytest.mark.parametrize("response_format", FORMATS)
def test_every_format_is_spoken(response_format: ResponseFormat, client: openai.OpenAI) -> None:
    speech = client.audio.speech.create(
        model="tts-1", voice="alloy", input=TEXT, response_format=response_format
    )

    wav, rate = decoded(speech.content, response_format)
    assert rate == 24_000
    assert len(wav) / rate == pytest.approx(SECONDS, abs=0.15)
    assert loudest(wav, rate) == pytest.approx(tone_of(5), rel=0.01)


def test_default_format_is_mp3(client: openai.OpenAI) -> None:
    speech = client.audio.speech.create(model="tts-1", voice="alloy", input=TEXT)

    assert speech.response.headers["content-type"] == "audio/mpeg"
    assert soundfile.info(io.BytesIO(speech.content)).format == "MP3"


@pytest.mark.parametrize(
    ("response_format", "media_type"),
    [
        ("opus", "audio/ogg"),
        ("aac", "audio/aac"),
        ("flac", "audio/flac"),
        ("wav", "audio/wav"),
        ("pcm", "audio/pcm"),
    ],
)
def test_answers_name_their_media_type(
    response_format: Any, media_type: str, client: openai.OpenAI
) -> None:
    speech = client.audio.speech.create(
        model="tts-1", voice="alloy", input="Hi.", response_format=response_format
    )

    assert speech.response.headers["content-type"] == media_type


@pytest.mark.parametrize("stream_format", ["audio", "sse"])
def test_proxies_are_told_not_to_buffer(stream_format: str, server: SpeechServer) -> None:
    with stream(server, stream_format=stream_format) as response:
        assert response.headers["x-accel-buffering"] == "no"
        assert response.headers["cache-control"] == "no-store"


def test_streamed_wav_leaves_its_length_open(client: openai.OpenAI) -> None:
    speech = client.audio.speech.create(
        model="tts-1", voice="alloy", input="Hi.", response_format="wav"
    )

    assert int.from_bytes(speech.content[40:44], "little") == UNKNOWN_WAV_SIZE


@pytest.mark.parametrize("speed", [0.25, 0.5, 2.0, 4.0])
def test_speed_keeps_the_pitch(speed: float, client: openai.OpenAI) -> None:
    speech = client.audio.speech.create(
        model="tts-1", voice="high", input=TEXT, speed=speed, response_format="pcm"
    )

    wav, rate = decoded(speech.content, "pcm")
    assert len(wav) / rate == pytest.approx(SECONDS / speed, rel=0.03)
    assert loudest(wav, rate) == pytest.approx(tone_of(30), rel=0.01)


def test_a_voice_may_be_given_by_its_id(client: openai.OpenAI) -> None:
    speech = client.audio.speech.create(
        model="tts-1", voice={"id": "high"}, input=TEXT, response_format="pcm"
    )

    assert loudest(*decoded(speech.content, "pcm")) == pytest.approx(tone_of(30), rel=0.01)


def test_voices_change_at_the_lines_that_name_them(
    client: openai.OpenAI, server: SpeechServer
) -> None:
    client.audio.speech.create(
        model="tts-1",
        voice="low",
        input="One.\n\n[voice: Ada]\nTwo.\n\n[voice: low(1) + high]\nThree.",
        extra_body={"voices": {"Ada": {"id": "high"}}},
    )

    spoken = {
        request["text"]: np.array(request["embed"])
        for request in server.services.synthesizer.requests
        if "text" in request
    }
    low, high, blend = spoken["One."], spoken["Two."], spoken["Three."]
    assert not np.allclose(low, high)
    assert blend == pytest.approx((low + high) / np.linalg.norm(low + high), abs=1e-4)


@pytest.mark.parametrize(
    "model",
    [
        "tts-1",
        "tts-1-hd",
        "tts-1-1106",
        "gpt-4o-mini-tts",
        "gpt-4o-mini-tts-2025-12-15",
        "better-tts",
        "kokoro",
        "whisper-1",
        "",
    ],
)
def test_every_model_name_speaks(model: str, client: openai.OpenAI) -> None:
    assert client.audio.speech.create(model=model, voice="alloy", input="Hi.").content


def test_unknown_fields_are_ignored(client: openai.OpenAI) -> None:
    speech = client.audio.speech.create(
        model="gpt-4o-mini-tts",
        voice="alloy",
        input="Hi.",
        instructions="Speak like a pirate.",
        extra_body={"language": "en", "options": {"deep": []}},
    )

    assert speech.content


def test_same_seed_asks_for_the_same_sound(client: openai.OpenAI, server: SpeechServer) -> None:
    for _ in range(2):
        client.audio.speech.create(
            model="tts-1", voice="alloy", input=TEXT, extra_body={"seed": 11}
        )

    assert {request["seed"] for request in server.services.synthesizer.requests} == {11}
    assert {request["seed"] for request in server.services.vocoder.requests} == {11}


@pytest.mark.parametrize("temperature", [0.5, "0.5"])
def test_temperature_reaches_the_vocoder(
    temperature: Any, client: openai.OpenAI, server: SpeechServer
) -> None:
    client.audio.speech.create(
        model="tts-1", voice="alloy", input=TEXT, extra_body={"temperature": temperature}
    )

    assert {request["temperature"] for request in server.services.vocoder.requests} == {0.5}


@pytest.mark.parametrize("response_format", ["mp3", "opus", "aac", "flac", "wav", "pcm"])
def test_sound_arrives_before_its_end_is_made(
    response_format: Any, client: openai.OpenAI, server: SpeechServer
) -> None:
    heard = threading.Event()
    asked = threading.Event()

    def wait(path: str) -> None:
        if len(server.services.vocoder.requests) == 2:
            asked.set()
            assert heard.wait(10)

    server.services.vocoder.before = wait
    with client.audio.speech.with_streaming_response.create(
        model="tts-1", voice="alloy", input=TEXT, response_format=response_format
    ) as speech:
        received = 0
        for part in speech.iter_bytes():
            received += len(part)
            if received > 2_000:
                heard.set()

    assert asked.is_set()
    assert heard.is_set()


def test_models_are_listed_and_retrieved(client: openai.OpenAI) -> None:
    models = {model.id for model in client.models.list()}

    assert models >= {"tts-1", "tts-1-hd", "gpt-4o-mini-tts", "better-tts"}
    assert client.models.retrieve("tts-1").object == "model"
    assert client.models.retrieve("tts-1").created > 0


def test_models_are_listed(client: openai.OpenAI, server: SpeechServer) -> None:
    assert {model.to_dict()["root"] for model in client.models.list()} == {"better-tts"}
    listed = httpx.get(f"{server.url}/v1/audio/models").json()
    models = [model.to_dict() for model in client.models.list()]
    assert [model["id"] for model in listed["models"]] == [model["id"] for model in models]
    assert listed["data"] == models
    assert client.models.retrieve("tts-1-1106").to_dict()["root"] == "better-tts"


@pytest.mark.parametrize("model", ["whisper-1", "kokoro"])
def test_foreign_model_is_not_there(model: str, client: openai.OpenAI) -> None:
    with pytest.raises(openai.NotFoundError) as caught:
        client.models.retrieve(model)

    assert (caught.value.code, caught.value.param) == ("model_not_found", "model")


def speak(server: SpeechServer, **fields: Any) -> httpx.Response:
    body = {"input": TEXT, "voice": "ash", **fields}
    return httpx.post(f"{server.url}/v1/audio/speech", json=body, timeout=60)


def test_null_counts_as_absent_in_every_optional_field(server: SpeechServer) -> None:
    fields = SpeechRequest.model_fields.items()
    optional = [name for name, field in fields if not field.is_required()]
    answer = speak(server, **dict.fromkeys(optional))
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "audio/mpeg"
    missing = speak(server, voice=None)
    assert (missing.status_code, missing.json()["error"]["code"]) == (400, "missing")
    assert httpx.post(f"{server.url}/v1/text", json={"input": "Hi.", "lexicon": None}).is_success


@pytest.mark.parametrize(
    ("fields", "kind"),
    [
        ({"speed": "1.0"}, "audio/mpeg"),
        ({"speed": "2", "seed": "7"}, "audio/mpeg"),
        ({"response_format": "MP3"}, "audio/mpeg"),
        ({"response_format": "Wav"}, "audio/wav"),
        ({"response_format": " wav "}, "audio/wav"),
        ({"timestamps": "False", "details": "true"}, "audio/mpeg"),
        ({"stream_format": "SSE"}, "text/event-stream; charset=utf-8"),
        ({"text_format": "Plain"}, "audio/mpeg"),
    ],
)
def test_spellings_of_clients_are_taken(
    server: SpeechServer, fields: dict[str, str], kind: str
) -> None:
    answer = speak(server, **fields)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == kind


@pytest.mark.parametrize("speed", ["fast", "", "nan", "inf", "-1", "9", "1,5", "1e0", "٣"])
def test_string_that_is_no_speed_is_refused(server: SpeechServer, speed: str) -> None:
    answer = speak(server, speed=speed)
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "speed")


def test_byte_order_mark_before_json_is_read(server: SpeechServer) -> None:
    body = b"\xef\xbb\xbf" + b'{"input": "Hi.", "voice": "ash"}'
    kind = {"content-type": "application/json"}
    assert httpx.post(f"{server.url}/v1/audio/speech", content=body, headers=kind).is_success


@pytest.mark.parametrize(
    ("asked", "right"),
    [
        ("/v1/v1/audio/speech", "/v1/audio/speech"),
        ("/audio/speech", "/v1/audio/speech"),
        ("//v1/audio/speech", "/v1/audio/speech"),
        ("/v1//audio/speech", "/v1/audio/speech"),
        ("/openai/v1/audio/speech/", "/v1/audio/speech"),
        ("/api/models", "/v1/models"),
        ("/text", "/v1/text"),
        ("/v1/inference-w", "/inference-w"),
    ],
)
def test_wrong_path_is_refused_with_the_right_one(
    server: SpeechServer, asked: str, right: str
) -> None:
    for method in ("GET", "POST"):
        answer = httpx.request(method, f"{server.url}{asked}")
        assert answer.status_code == 404
        error = answer.json()["error"]
        assert error["code"] == "not_found"
        assert f"use {right}" in error["message"].replace("/ ", " ")


def test_unknown_voice_is_not_found(client: openai.OpenAI) -> None:
    with pytest.raises(openai.NotFoundError) as caught:
        client.audio.speech.create(model="tts-1", voice="nobody", input="Hi.")

    assert (caught.value.code, caught.value.param) == ("voice_not_found", "voice")


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"input": ""}, "input"),
        ({"input": " \n"}, "input"),
        ({"input": "x" * 4097}, "input"),
        ({"input": ["Hi."]}, "input"),
        ({"input": "Hello. 你好，世界！你好吗？"}, "input"),
        ({"voice": 5}, "voice"),
        ({"voice": {"name": "low"}}, "voice"),
        ({"voice": None}, "voice"),
        ({"response_format": "m4a"}, "response_format"),
        ({"speed": 0.2}, "speed"),
        ({"speed": 4.1}, "speed"),
        ({"speed": "fast"}, "speed"),
        ({"stream_format": "websocket"}, "stream_format"),
        ({"seed": -1}, "seed"),
        ({"temperature": 0.05}, "temperature"),
        ({"temperature": 2.1}, "temperature"),
        ({"details": "yes"}, "details"),
        ({"model": 1}, "model"),
    ],
)
def test_bad_field_is_named_before_any_work(
    fields: dict[str, Any], param: str, client: openai.OpenAI, server: SpeechServer
) -> None:
    body = {"model": "tts-1", "voice": "low", "input": "Hi.", **fields}

    with pytest.raises(openai.BadRequestError) as caught:
        client.post("/audio/speech", body=body, cast_to=object)

    assert caught.value.param == param
    assert caught.value.code
    assert param in caught.value.message
    assert server.services.vocoder.requests == []


def test_voice_of_a_wrong_type_is_explained(client: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError, match=r'or \{"id": …\}'):
        client.post("/audio/speech", body={"input": "Hi.", "voice": 5}, cast_to=object)


def test_missing_input_is_named(client: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        client.post("/audio/speech", body={"voice": "low"}, cast_to=object)

    assert caught.value.param == "input"


def test_too_long_input_is_sent_to_jobs(client: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError, match=r"4097 characters.*POST /v1/jobs"):
        client.audio.speech.create(model="tts-1", voice="low", input="x" * 4097)


def test_longest_input_is_spoken(client: openai.OpenAI, server: SpeechServer) -> None:
    text = ("Ninety one words or so, " * 5 + "and on. ") * 32

    client.audio.speech.create(
        model="tts-1", voice="low", input=text, response_format="pcm", speed=4.0
    )

    assert len(text) == 4096
    assert "".join(server.services.synthesizer.texts).replace(" ", "") == text.replace(" ", "")


# Failures of services


@pytest.mark.parametrize(
    ("refusal", "error", "code"),
    [
        (Refusal(500), openai.InternalServerError, "service_failed"),
        (Refusal(503), openai.InternalServerError, "service_unavailable"),
        (Refusal(504), openai.InternalServerError, "service_timeout"),
        (Refusal(429), openai.RateLimitError, "queue_full"),
    ],
)
@pytest.mark.parametrize("name", ["synthesizer", "vocoder"])
@pytest.mark.parametrize("fields", [{"response_format": "wav"}, {"stream_format": "sse"}])
def test_failing_service_is_an_error_before_the_first_byte(
    refusal: Refusal,
    error: type[openai.APIStatusError],
    code: str,
    name: str,
    fields: Any,
    client: openai.OpenAI,
    server: SpeechServer,
) -> None:
    getattr(server.services, name).refusal = refusal

    with pytest.raises(error, match=f"the {name}") as caught:
        client.audio.speech.create(model="tts-1", voice="low", input=TEXT, **fields)

    assert caught.value.code == code


def test_absent_service_is_unavailable() -> None:
    with (
        speech_server(VOCODER_URL="http://127.0.0.1:9") as server,
        server.openai as client,
        pytest.raises(openai.InternalServerError, match="the vocoder is unreachable") as caught,
    ):
        client.audio.speech.create(model="tts-1", voice="low", input=TEXT)

    assert caught.value.status_code == 503
    assert int(caught.value.response.headers["retry-after"]) > 0


def test_requests_beyond_the_queue_are_rejected() -> None:
    busy, done = threading.Event(), threading.Event()
    settings = Settings(concurrency=1, queue_limit=0)
    with speech_server(settings) as server, server.openai as client:

        def hold(path: str) -> None:
            busy.set()
            done.wait(10)

        server.services.vocoder.before = hold
        first = threading.Thread(
            target=client.audio.speech.create,
            kwargs={"model": "tts-1", "voice": "low", "input": "Hi."},
        )
        first.start()
        assert busy.wait(10)
        with pytest.raises(openai.RateLimitError) as caught:
            client.audio.speech.create(model="tts-1", voice="low", input="Hi.")
        done.set()
        first.join()

    assert caught.value.code == "queue_full"
    assert int(caught.value.response.headers["retry-after"]) > 0


def fail_second_sentence(server: SpeechServer) -> None:
    def fail(path: str) -> None:
        if len(server.services.vocoder.requests) == 2:
            server.services.vocoder.refusal = Refusal(500)

    server.services.vocoder.before = fail


@pytest.mark.parametrize("response_format", ["mp3", "wav", "pcm"])
def test_failure_after_the_first_byte_aborts_the_response(
    response_format: str, server: SpeechServer
) -> None:
    fail_second_sentence(server)
    before = broken_off(server)

    with stream(server, response_format=response_format) as response:
        assert response.status_code == 200
        with pytest.raises(httpx.RemoteProtocolError):
            response.read()
    wait_until(lambda: broken_off(server) == before + 1)


def broken_off(server: SpeechServer) -> float:
    """Aborted responses in the metrics."""
    counted = re.search(
        r'http_errors_total\{code="service_failed",route="/v1/audio/speech"\} (\S+)',
        httpx.get(f"{server.url}/metrics").text,
    )
    return float(counted[1]) if counted else 0


def test_failure_after_the_first_event_is_an_event(server: SpeechServer) -> None:
    fail_second_sentence(server)
    before = broken_off(server)

    with stream(server, stream_format="sse") as response:
        *deltas, last = events_of(response)

    assert {event["type"] for event in deltas} == {"speech.audio.delta"}
    assert last["type"] == "error"
    assert last["error"]["code"] == "service_failed"
    wait_until(lambda: broken_off(server) == before + 1)


@pytest.mark.parametrize("fields", [{}, {"stream_format": "sse"}])
def test_work_stops_when_the_client_leaves(fields: dict[str, str], server: SpeechServer) -> None:
    vocoder = server.services.vocoder
    vocoder.before_part = lambda: vocoder.left.wait(0.02)  # slow, as a vocoder is
    sentences = 20

    text = ("x" * 180 + ". ") * sentences
    with stream(server, input=text, response_format="wav", **fields) as response:
        next(response.iter_raw())

    assert vocoder.left.wait(10)
    assert len(vocoder.requests) < sentences


@pytest.mark.anyio
async def test_aborting_error_is_logged_without_the_text(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def chunks() -> AsyncGenerator[bytes]:
        yield b"sound"
        raise InvalidRequest("text: 'a secret' cannot be spoken", code="nothing_to_speak")

    with pytest.raises(ClientDisconnect):
        _ = [chunk async for chunk in abort_on_error(chunks())]
    assert "InvalidRequest, nothing_to_speak" in caplog.text
    assert "secret" not in caplog.text


def test_preset_is_found_without_the_database(client: openai.OpenAI) -> None:
    # The voices of the server have no such name.
    assert client.audio.speech.create(model="tts-1", voice="ash", input="Hi.").content


# Events


def test_events_carry_the_sound_and_its_usage(server: SpeechServer) -> None:
    with stream(server, stream_format="sse", response_format="mp3") as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        *deltas, done = events_of(response)

    wav, rate = soundfile.read(
        io.BytesIO(b"".join(base64.b64decode(delta["audio"]) for delta in deltas))
    )
    assert {delta["type"] for delta in deltas} == {"speech.audio.delta"}
    assert len(wav) / rate == pytest.approx(SECONDS, abs=0.15)
    assert done["type"] == "speech.audio.done"
    usage = done["usage"]
    assert usage["input_tokens"] == len(TEXT)
    assert usage["output_tokens"] == pytest.approx(SECONDS * 80, abs=1)
    assert usage["total_tokens"] == usage["input_tokens"] + usage["output_tokens"]


def test_official_client_receives_events(client: openai.OpenAI) -> None:
    with client.audio.speech.with_streaming_response.create(
        model="gpt-4o-mini-tts", voice="alloy", input=TEXT, stream_format="sse"
    ) as speech:
        events = [line for line in speech.iter_lines() if line]

    assert "speech.audio.done" in events[-1]


@pytest.mark.parametrize("response_format", ["pcm", "flac"])
def test_details_come_before_the_sound_of_their_sentence(
    response_format: str, server: SpeechServer
) -> None:
    with stream(
        server, stream_format="sse", details=True, response_format=response_format
    ) as response:
        events = list(events_of(response))

    kinds = [event["type"] for event in events]
    details = [event for event in events if event["type"] == "speech.sentence.details"]
    assert kinds[0] == "speech.sentence.details"
    assert [detail["index"] for detail in details] == [0, 1]
    assert [detail["count"] for detail in details] == [2, 2]
    assert [detail["text"] for detail in details] == ["Hello there.", "It is a fine day!"]


def test_sound_between_details_is_that_of_one_sentence(server: SpeechServer) -> None:
    with stream(server, stream_format="sse", details=True, response_format="pcm") as response:
        events = list(events_of(response))

    second = [event.get("index") for event in events].index(1)
    samples = sum(len(base64.b64decode(event.get("audio", ""))) // 2 for event in events[:second])
    frames = FRAMES_PER_CHARACTER * len("Hello there.") - 1
    assert samples / 24_000 == pytest.approx(frames / 80 + 0.35, abs=0.05)


def test_details_draw_the_mel_and_the_attention(server: SpeechServer) -> None:
    with stream(
        server, stream_format="sse", details=True, response_format="pcm", speed=2.0
    ) as response:
        first = next(events_of(response))

    mel = np.frombuffer(base64.b64decode(first["mel"]), np.uint8).reshape(80, first["mel_frames"])
    attention = np.frombuffer(base64.b64decode(first["attention"]), np.uint8)
    attention = attention.reshape(first["steps"], first["characters"])
    assert first["mel_frames"] == FRAMES_PER_CHARACTER * len("Hello there.") / 2
    assert set(np.unique(mel)) == {0, 191}  # -4 and 2 of -4 to 4
    assert first["characters"] == len("Hello there.")
    assert attention.sum() == 255 * first["steps"]


def test_details_come_only_on_request(server: SpeechServer) -> None:
    with stream(server, stream_format="sse") as response:
        kinds = {event["type"] for event in events_of(response)}

    assert "speech.sentence.details" not in kinds
    assert not any("attention" in request for request in server.services.synthesizer.requests)
