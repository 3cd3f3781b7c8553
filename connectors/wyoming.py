"""A Wyoming server: the gateway's voices for Home Assistant (https://github.com/OHF-Voice/wyoming).

Speech is sent as it is made. Of a text that streams in, each sentence is spoken as soon as it is
whole, while the rest still comes.
"""

import asyncio
import logging
from contextlib import suppress
from urllib.parse import urlsplit

from wyoming.audio import AudioChunk, AudioStart, AudioStop
from wyoming.error import Error
from wyoming.event import Event
from wyoming.info import Attribution, Describe, Info, TtsProgram, TtsVoice
from wyoming.ping import Ping, Pong
from wyoming.server import AsyncEventHandler, AsyncServer
from wyoming.tts import (
    Synthesize,
    SynthesizeChunk,
    SynthesizeStart,
    SynthesizeStop,
    SynthesizeStopped,
    SynthesizeVoice,
)

from connectors.gateway import PCM_RATE, Gateway, GatewayError
from shared import __version__
from shared.text.sentence_buffer import SentenceBuffer
from shared.text.sentences import Piece

log = logging.getLogger("better")

DEFAULT_URI = "tcp://127.0.0.1:10200"
CHUNK_BYTES = 2048
"""Size of an audio event: 43 ms, whole samples."""
MAX_TEXT_CHARACTERS = 100_000
"""Limit of one request; a longer text is refused."""
_SAMPLE_BYTES = 2
_ATTRIBUTION = Attribution(name="Better API", url="https://github.com/better-api/better-api")


class Handler(AsyncEventHandler):
    """One connection."""

    def __init__(
        self,
        gateway: Gateway,
        default_voice: str,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        super().__init__(reader, writer)
        self._gateway, self._default_voice = gateway, default_voice
        self._streamed: _StreamedText | None = None
        self._work: asyncio.Task[None] | None = None

    async def handle_event(self, event: Event) -> bool:
        if Describe.is_type(event.type):
            await self._describe()
        elif Ping.is_type(event.type):
            await self.write_event(Pong(text=Ping.from_event(event).text).event())
        elif SynthesizeStart.is_type(event.type):
            await self._stop_work()
            voice = self._voice(SynthesizeStart.from_event(event).voice)
            self._streamed = _StreamedText()
            self._work = asyncio.create_task(self._speak_streamed(self._streamed, voice))
        elif SynthesizeChunk.is_type(event.type) and self._streamed:
            self._streamed.add(SynthesizeChunk.from_event(event).text)
        elif SynthesizeStop.is_type(event.type) and self._streamed:
            self._streamed.finish()
            self._streamed = None
        elif Synthesize.is_type(event.type) and not self._streamed:
            # Within a stream it repeats the whole text, for servers that do not stream.
            request = Synthesize.from_event(event)
            await self._stop_work()
            self._work = asyncio.create_task(self._speak_whole(request))
        return True

    async def disconnect(self) -> None:
        await self._stop_work()

    async def _stop_work(self) -> None:
        if self._work:
            self._work.cancel()
            with suppress(asyncio.CancelledError):
                await self._work
            self._work = None

    def _voice(self, asked: SynthesizeVoice | None) -> str:
        return (asked and asked.name) or self._default_voice

    async def _describe(self) -> None:
        try:
            voices = await self._gateway.voices()
        except GatewayError as error:
            log.warning("%s", error)
            voices = []
        program = TtsProgram(
            name="better-api",
            description="Better API: cloned voices",
            attribution=_ATTRIBUTION,
            installed=True,
            version=__version__,
            supports_synthesize_streaming=True,
            voices=[
                TtsVoice(
                    name=voice["name"],
                    description=voice["name"],
                    attribution=_ATTRIBUTION,
                    installed=True,
                    version=None,
                    languages=["en"],
                )
                for voice in voices
            ],
        )
        await self.write_event(Info(tts=[program]).event())

    async def _speak_whole(self, request: Synthesize) -> None:
        form = "ssml" if str(getattr(request.text_format, "value", "")) == "ssml" else "plain"
        await self._speak(request.text, self._voice(request.voice), form)

    async def _speak_streamed(self, text: "_StreamedText", voice: str) -> None:
        while (sentence := await text.next_sentence()) is not None:
            if not await self._speak(sentence, voice, "plain"):
                break
        await self.write_event(SynthesizeStopped().event())

    async def _speak(self, text: str, voice: str, text_format: str) -> bool:
        """True if it was spoken; otherwise the client has been told the reason."""
        if not any(map(str.isalnum, text)):
            return True
        try:
            if len(text) > MAX_TEXT_CHARACTERS:
                raise GatewayError(f"the text is over {MAX_TEXT_CHARACTERS} characters", "too_long")
            async with self._gateway.speech(text, voice, text_format=text_format) as parts:
                await self.write_event(AudioStart(PCM_RATE, _SAMPLE_BYTES, 1).event())
                held = b""
                async for part in parts:
                    held += part
                    whole = len(held) // CHUNK_BYTES * CHUNK_BYTES
                    for at in range(0, whole, CHUNK_BYTES):
                        await self._write_sound(held[at : at + CHUNK_BYTES])
                    held = held[whole:]
                if held:
                    await self._write_sound(held)
                await self.write_event(AudioStop().event())
        except GatewayError as error:
            log.warning("%s", error)
            await self.write_event(Error(text=str(error), code=error.code).event())
            return False
        return True

    async def _write_sound(self, sound: bytes) -> None:
        await self.write_event(AudioChunk(PCM_RATE, _SAMPLE_BYTES, 1, sound).event())


class _StreamedText:
    """Text on its way in. Sentences wait here while others are spoken."""

    def __init__(self) -> None:
        self._buffer = SentenceBuffer()
        self._sentences: asyncio.Queue[str | None] = asyncio.Queue()
        self._characters = 0

    def add(self, text: str) -> None:
        self._characters += len(text)
        if self._characters <= MAX_TEXT_CHARACTERS:
            self._put(self._buffer.add(text))

    def finish(self) -> None:
        self._put(self._buffer.rest())
        self._sentences.put_nowait(None)

    def _put(self, pieces: list[Piece]) -> None:
        if pieces:
            self._sentences.put_nowait("\n".join(piece.text for piece in pieces))

    async def next_sentence(self) -> str | None:
        return await self._sentences.get()


async def serve(gateway: Gateway, uri: str, default_voice: str, with_zeroconf: bool) -> None:
    """Serves until it is cancelled or gets SIGTERM. Raises ValueError for a bad URI, OSError."""
    server = AsyncServer.from_uri(uri)
    if with_zeroconf:
        from wyoming.zeroconf import HomeAssistantZeroconf

        port = urlsplit(uri).port
        if port is None:
            raise ValueError("only a tcp:// address can be announced")
        await HomeAssistantZeroconf(port, name="better-api").register_server()

    def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Handler:
        return Handler(gateway, default_voice, reader, writer)

    await server.run(handler)
