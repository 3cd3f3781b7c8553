"""The Wyoming server, as the wyoming package's own client sees it."""

import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator

import pytest

pytest.importorskip("wyoming", reason="the extra wyoming is not installed")

from wyoming.audio import AudioChunk, AudioStart, AudioStop
from wyoming.client import AsyncTcpClient
from wyoming.error import Error
from wyoming.event import Event
from wyoming.info import Describe, Info
from wyoming.ping import Ping, Pong
from wyoming.tts import (
    Synthesize,
    SynthesizeChunk,
    SynthesizeStart,
    SynthesizeStop,
    SynthesizeStopped,
    SynthesizeVoice,
)

from connectors.gateway import PCM_RATE
from tests.conftest import REPOSITORY, free_port
from tests.connectors.conftest import KEY


@pytest.fixture(scope="module")
def port(gateway_url: str) -> Iterator[int]:
    port = free_port()
    command = [sys.executable, "-m", "cli", "wyoming", "--uri", f"tcp://127.0.0.1:{port}"]
    environment = {**os.environ, "GATEWAY_URL": gateway_url, "API_KEY": KEY}
    with subprocess.Popen(
        command, cwd=REPOSITORY, env=environment, stderr=subprocess.PIPE, text=True
    ) as server:
        assert server.stderr
        assert gateway_url in server.stderr.readline()
        yield port
        server.terminate()
        assert server.wait(10) == 0, server.stderr.read()


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def client(port: int) -> AsyncIterator[AsyncTcpClient]:
    client = AsyncTcpClient("127.0.0.1", port)
    for _ in range(200):
        try:
            await client.connect()
            break
        except ConnectionRefusedError:
            pass
    yield client
    await client.disconnect()


async def until(client: AsyncTcpClient, last: str) -> list[Event]:
    events: list[Event] = []
    while not events or events[-1].type != last:
        event = await client.read_event()
        assert event is not None
        events.append(event)
    return events


def seconds(events: list[Event]) -> float:
    chunks = [AudioChunk.from_event(e) for e in events if AudioChunk.is_type(e.type)]
    assert {(chunk.rate, chunk.width, chunk.channels) for chunk in chunks} == {(PCM_RATE, 2, 1)}
    assert all(len(chunk.audio) % 2 == 0 for chunk in chunks)
    return sum(len(chunk.audio) for chunk in chunks) / 2 / PCM_RATE


@pytest.mark.anyio
async def test_describe_lists_the_voices_of_the_gateway(client: AsyncTcpClient) -> None:
    await client.write_event(Describe().event())
    [event] = await until(client, "info")
    [program] = Info.from_event(event).tts
    assert {"ash", "birch", "cedar", "elm", "hazel", "rowan"} <= {v.name for v in program.voices}
    assert program.supports_synthesize_streaming


@pytest.mark.anyio
async def test_ping_is_answered(client: AsyncTcpClient) -> None:
    await client.write_event(Ping(text="x").event())
    [event] = await until(client, "pong")
    assert Pong.from_event(event).text == "x"


@pytest.mark.anyio
@pytest.mark.parametrize("voice", ["birch", "ash(2)+birch(1)"])
async def test_text_becomes_sound(client: AsyncTcpClient, voice: str) -> None:
    request = Synthesize(text="Good morning.", voice=SynthesizeVoice(name=voice))
    await client.write_event(request.event())
    events = await until(client, "audio-stop")
    assert AudioStart.is_type(events[0].type)
    assert seconds(events) > 0.3


@pytest.mark.anyio
async def test_two_requests_on_one_connection_are_answered_in_turn(client: AsyncTcpClient) -> None:
    for text in ("One.", "Two."):
        await client.write_event(Synthesize(text=text).event())
        assert seconds(await until(client, "audio-stop")) > 0.1


@pytest.mark.anyio
async def test_first_sentence_is_heard_while_the_text_still_comes(client: AsyncTcpClient) -> None:
    await client.write_event(SynthesizeStart(voice=SynthesizeVoice(name="ash")).event())
    await client.write_event(SynthesizeChunk(text="The first sentence. And ").event())
    assert seconds(await until(client, "audio-stop")) > 0.3
    await client.write_event(SynthesizeChunk(text="the second").event())
    await client.write_event(Synthesize(text="The first sentence. And the second").event())
    await client.write_event(SynthesizeStop().event())
    events = await until(client, "synthesize-stopped")
    assert sum(AudioStop.is_type(event.type) for event in events) == 1
    assert SynthesizeStopped.is_type(events[-1].type)


@pytest.mark.anyio
async def test_unknown_voice_is_an_error_and_the_connection_stays(client: AsyncTcpClient) -> None:
    request = Synthesize(text="Hello.", voice=SynthesizeVoice(name="nobody"))
    await client.write_event(request.event())
    [event] = await until(client, "error")
    assert "nobody" in Error.from_event(event).text
    await client.write_event(Synthesize(text="Hello.").event())
    assert await until(client, "audio-stop")


@pytest.mark.anyio
async def test_stream_of_nothing_is_stopped_at_once(client: AsyncTcpClient) -> None:
    await client.write_event(SynthesizeStart().event())
    await client.write_event(SynthesizeChunk(text=" \n").event())
    await client.write_event(SynthesizeStop().event())
    assert len(await until(client, "synthesize-stopped")) == 1
