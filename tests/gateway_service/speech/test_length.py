"""The seconds of sound that one request may make."""

from collections.abc import AsyncGenerator, Iterator, Sequence
from typing import Any

import httpx
import numpy as np
import orjson
import pytest

from client.speech import Sentence
from gateway_service.settings import Settings
from gateway_service.speech.length import require_short, within
from gateway_service.speech.speaking import pieces_of
from shared.http.errors import TooLarge
from tests.support.speech_fixtures import SpeechServer, speech_server
from tests.support.stub_services import stub_embed

DIGITS = "9" * 4096
SECONDS = 7.0
TEXT = "Here is one sentence. " * 4
"""Which at 16 characters a second would fit, and as the stubs say it does not."""


class Speller:
    """As the synthesizer, which writes each digit out. asked: all texts."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def symbol_counts(self, texts: Sequence[str], lexicon: Any = None) -> list[int]:
        self.asked += texts
        return [5 * len(text) for text in texts]


async def refused(text: str, speed: float = 1.0, max_seconds: float = 600) -> TooLarge | None:
    try:
        await require_short(Speller(), pieces_of(text), speed, max_seconds)  # type: ignore[arg-type]
    except TooLarge as error:
        return error
    return None


@pytest.mark.anyio
async def test_digits_count_as_they_are_spoken() -> None:
    error = await refused(DIGITS)
    assert error
    assert (error.status, error.code, error.param) == (413, "speech_too_long", "input")
    for named in ("600 s", "MAX_SPEECH_SECONDS", "POST /v1/jobs"):
        assert named in error.message
    assert await refused(DIGITS[:1000]) is None


@pytest.mark.anyio
async def test_ordinary_text_of_the_most_characters_fits() -> None:
    assert await refused(("It was a bright cold day in April. " * 200)[:4096]) is None


@pytest.mark.anyio
async def test_speed_and_pauses_count() -> None:
    text = "It was a bright cold day in April. " * 100
    assert await refused(text) is None
    assert await refused(text, speed=0.25)
    assert await refused("a.\n\n" * 1000)  # most of it pauses
    assert await refused("a.\n\n" * 1000, speed=4) is None


@pytest.mark.anyio
@pytest.mark.parametrize("text", ["I have 3 apples.", "It was a bright cold day. " * 100])
async def test_synthesizer_is_not_asked_where_it_makes_no_difference(text: str) -> None:
    speller = Speller()
    await require_short(speller, pieces_of(text), 1.0, 600)  # type: ignore[arg-type]
    assert speller.asked == []


@pytest.mark.anyio
async def test_sentences_are_given_until_there_would_be_too_much() -> None:
    second = Sentence("One.", np.zeros((80, 81), np.float32), None, 0.0)

    async def sentences(n: int) -> AsyncGenerator[Sentence]:
        for _ in range(n):
            yield second

    given = within(sentences(5), 3)
    assert [await anext(given) for _ in range(3)] == [second] * 3
    with pytest.raises(TooLarge):
        await anext(given)
    assert len([sentence async for sentence in within(sentences(3), 3)]) == 3


@pytest.fixture(scope="module")
def server() -> Iterator[SpeechServer]:
    with speech_server(Settings(max_speech_seconds=SECONDS)) as server:
        yield server


def say(server: SpeechServer, **fields: object) -> httpx.Response:
    body = {"input": TEXT, "voice": "low", "response_format": "wav", **fields}
    return httpx.post(f"{server.url}/v1/audio/speech", json=body, timeout=60)


def test_text_that_is_too_long_is_refused_before_any_work(server: SpeechServer) -> None:
    before = len(server.services.synthesizer.requests)
    for path, body in {
        "/v1/audio/speech": {"input": TEXT * 9, "voice": "low"},
        "/inference-w/": {"text": TEXT * 9, "embed": stub_embed().tolist(), "sr": 16_000},
    }.items():
        answer = httpx.post(server.url + path, json=body, timeout=60)
        assert answer.status_code == 413
        assert answer.json()["error"]["code"] == "speech_too_long"
        assert answer.json()["error"]["param"] in body
    assert len(server.services.synthesizer.requests) == before


def test_sound_that_becomes_too_long_is_broken_off(server: SpeechServer) -> None:
    """It cannot be taken for whole."""
    with pytest.raises(httpx.RemoteProtocolError):
        say(server)
    body = {"text": TEXT, "embed": stub_embed().tolist(), "sr": 16_000}
    with pytest.raises(httpx.RemoteProtocolError):
        httpx.post(f"{server.url}/inference-w/", json=body, timeout=60)


def test_events_end_with_the_error(server: SpeechServer) -> None:
    lines = say(server, stream_format="sse").text.split("\n\n")
    *sound, last = [orjson.loads(line.removeprefix("data: ")) for line in lines if line]
    assert {event["type"] for event in sound} == {"speech.audio.delta"}
    assert (last["type"], last["error"]["code"]) == ("error", "speech_too_long")


def test_length_that_is_known_before_the_first_byte_is_refused(server: SpeechServer) -> None:
    answer = say(server, response_format="flac")
    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "speech_too_long")


def test_higher_speed_makes_it_fit(server: SpeechServer) -> None:
    assert say(server, speed=2).is_success
