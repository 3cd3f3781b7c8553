"""Voice agents' plugins for OpenAI's speech, unchanged, against the HTTP route.

The first two tests make the calls that the plugins make. The others run the plugins themselves
where they are installed: `pip install pipecat-ai livekit-plugins-openai`.
"""

import json
from base64 import b64decode
from typing import Any

import openai
import pytest

from tests.support.speech_fixtures import SpeechServer, server, server_of_module

__all__ = ["server", "server_of_module"]

pytestmark = pytest.mark.anyio
TEXT = "Good morning. How are you?"
PCM_SECOND = 48_000  # bytes


async def test_call_of_pipecat_gets_pcm_as_it_is_made(server: SpeechServer) -> None:
    """`OpenAITTSService.run_tts` of Pipecat 1.14."""
    async with (
        openai.AsyncOpenAI(base_url=f"{server.url}/v1", api_key="none") as client,
        client.audio.speech.with_streaming_response.create(
            input=TEXT, model="gpt-4o-mini-tts", voice="alloy", response_format="pcm", speed=1.1
        ) as response,
    ):
        assert response.status_code == 200
        chunks = [chunk async for chunk in response.iter_bytes(PCM_SECOND // 2)]
    assert sum(map(len, chunks)) > PCM_SECOND


@pytest.mark.parametrize(
    ("model", "stream_format"), [("gpt-4o-mini-tts", "sse"), ("tts-1", "audio")]
)
async def test_call_of_livekit_gets_events_or_sound(
    server: SpeechServer, model: str, stream_format: Any
) -> None:
    """`ChunkedStream._run` of LiveKit's plugin 1.8."""
    async with (
        openai.AsyncOpenAI(base_url=f"{server.url}/v1", api_key="none", max_retries=0) as client,
        client.audio.speech.with_streaming_response.create(
            input=TEXT,
            model=model,
            voice="ash",
            response_format="mp3",
            speed=1.0,
            instructions=openai.omit,
            stream_format=stream_format,
        ) as response,
    ):
        assert response.request_id
        if stream_format == "audio":
            assert response.headers["content-type"] == "audio/mpeg"
            assert [chunk async for chunk in response.iter_bytes()]
            return
        assert response.headers["content-type"].startswith("text/event-stream")
        lines = [line async for line in response.iter_lines() if line.startswith("data: ")]
    events = [json.loads(line[6:]) for line in lines]
    assert all(b64decode(event["audio"]) for event in events[:-1])
    assert events[-1]["type"] == "speech.audio.done"
    assert events[-1]["usage"]["output_tokens"] > 0


async def test_pipecat_speaks(server: SpeechServer) -> None:
    tts = pytest.importorskip("pipecat.services.openai.tts")
    frames = pytest.importorskip("pipecat.frames.frames")
    run_test = pytest.importorskip("pipecat.tests.utils").run_test
    service = tts.OpenAITTSService(
        base_url=f"{server.url}/v1",
        api_key="none",
        settings=tts.OpenAITTSService.Settings(voice="alloy"),
    )
    down, _ = await run_test(service, frames_to_send=[frames.TTSSpeakFrame(text=TEXT)])
    sound = [frame.audio for frame in down if isinstance(frame, frames.TTSAudioRawFrame)]
    assert sum(map(len, sound)) > 2 * PCM_SECOND
    assert not [frame for frame in down if isinstance(frame, frames.ErrorFrame)]


@pytest.mark.parametrize("model", ["gpt-4o-mini-tts", "tts-1"])
async def test_livekit_speaks(server: SpeechServer, model: str) -> None:
    plugin = pytest.importorskip("livekit.plugins.openai")
    tts = plugin.TTS(base_url=f"{server.url}/v1", api_key="none", voice="ash", model=model)
    frames = [heard.frame async for heard in tts.synthesize(TEXT)]
    await tts.aclose()
    assert {frame.sample_rate for frame in frames} == {24_000}
    assert sum(frame.duration for frame in frames) > 2
