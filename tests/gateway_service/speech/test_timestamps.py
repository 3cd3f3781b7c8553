"""Word times of speech: as events, and as Kokoro-FastAPI's clients ask for them."""

import io
import json
from base64 import b64decode
from typing import Any

import httpx
import pytest
import soundfile

from shared.captions import WordTime
from tests.support.speech_fixtures import SpeechServer, server, server_of_module

__all__ = ["server", "server_of_module"]

TEXT = "Good morning, Mr. Ash. It costs $5 — 20% less!"
WORDS = ["Good", "morning", "Mr", "Ash", "It", "costs", "5", "20", "less"]


def events_of(server: SpeechServer, **fields: Any) -> list[dict[str, Any]]:
    body = {"input": TEXT, "voice": "ash", "stream_format": "sse", "response_format": "wav"}
    answer = httpx.post(f"{server.url}/v1/audio/speech", json={**body, **fields}, timeout=60)
    lines = answer.raise_for_status().text.split("\n\n")
    return [json.loads(line.removeprefix("data: ")) for line in lines if line]


def captioned(server: SpeechServer, **fields: Any) -> httpx.Response:
    body = {"input": TEXT, "voice": "ash", "response_format": "wav", **fields}
    return httpx.post(f"{server.url}/dev/captioned_speech", json=body, timeout=60)


def words_of(events: list[dict[str, Any]]) -> list[WordTime]:
    return [
        WordTime(**word)
        for event in events
        if event["type"] == "speech.sentence.words"
        for word in event["words"]
    ]


def seconds_of(events: list[dict[str, Any]]) -> float:
    sound = b"".join(b64decode(e["audio"]) for e in events if e["type"] == "speech.audio.delta")
    samples, rate = soundfile.read(io.BytesIO(sound))
    return len(samples) / float(rate)


def test_words_come_before_the_sound_of_their_sentence(server: SpeechServer) -> None:
    events = events_of(server, timestamps=True)
    assert [word.word for word in words_of(events)] == WORDS
    kinds = [event["type"] for event in events]
    assert kinds[0] == "speech.sentence.words"
    assert kinds.index("speech.audio.delta") == 1
    assert [e["index"] for e in events if e["type"] == "speech.sentence.words"] == [0, 1]


@pytest.mark.parametrize("speed", [0.5, 1.0, 2.0])
def test_times_are_those_of_the_sound_as_sent(server: SpeechServer, speed: float) -> None:
    events = events_of(server, timestamps=True, speed=speed)
    words, seconds = words_of(events), seconds_of(events)
    assert [word.start for word in words] == sorted(word.start for word in words)
    assert all(0 <= word.start <= word.end <= seconds + 0.02 for word in words)
    first, second = (e for e in events if e["type"] == "speech.sentence.words")
    assert second["start"] - first["end"] == pytest.approx(0.35 / speed, abs=0.02)
    assert second["end"] == pytest.approx(seconds, abs=0.05)


def test_words_are_sent_on_request_only(server: SpeechServer) -> None:
    assert not words_of(events_of(server))


def test_captioned_speech_is_one_object_of_sound_and_words(server: SpeechServer) -> None:
    answer = captioned(server, stream=False).raise_for_status()
    content = answer.json()
    assert content["audio_format"] == "audio/wav"
    samples, rate = soundfile.read(io.BytesIO(b64decode(content["audio"])))
    assert [word["word"] for word in content["timestamps"]] == WORDS
    ends = [word["end_time"] for word in content["timestamps"]]
    assert 0 < ends[-1] <= len(samples) / rate + 0.02
    assert ends == sorted(ends)


def test_captioned_speech_streams_lines_that_make_the_same(server: SpeechServer) -> None:
    whole = captioned(server, stream=False, seed=3).json()
    answer = captioned(server, seed=3)
    lines = [json.loads(line) for line in answer.iter_lines()]
    assert answer.headers["content-type"].startswith("application/x-ndjson")
    assert b"".join(b64decode(line["audio"]) for line in lines) == b64decode(whole["audio"])
    assert [word for line in lines for word in line["timestamps"]] == whole["timestamps"]


def test_captioned_speech_without_times_has_none(server: SpeechServer) -> None:
    assert captioned(server, stream=False, return_timestamps=False).json()["timestamps"] == []


def test_captioned_speech_refuses_as_speech_does(server: SpeechServer) -> None:
    answer = captioned(server, voice="nobody")
    assert (answer.status_code, answer.json()["error"]["param"]) == (404, "voice")
