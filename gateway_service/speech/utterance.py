"""An utterance of a WebSocket: its sentences are spoken while the rest of the text comes in."""

import asyncio
from base64 import b64encode
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing

from client.async_chain import SAMPLE_RATE
from client.speech import Sentence
from gateway_service.gateway import Gateway
from gateway_service.speech import speaking
from gateway_service.speech.encoding import RATE, SoundEncoder, encode_async
from gateway_service.speech.length import too_long
from gateway_service.speech.stream_messages import (
    Event,
    SessionConfig,
    error_event,
    timestamps_of,
)
from gateway_service.speech.streamed_text import StreamedText
from shared.http.admission import ComputeSlot
from shared.http.errors import ApiError, InvalidRequest
from shared.http.request_log import record_error_code
from shared.http.tensors import Float32Array
from shared.text.sentences import Piece

FRAME_BYTES = RATE * 2 // 10
"""Size of a message of streamed sound: 100 ms as PCM."""

SendEvent = Callable[[Event], Awaitable[None]]
SendSound = Callable[[bytes], Awaitable[None]]


class Utterance:
    """A text and its speech.

    index: among the session's utterances, from 0. voice_embed: [256]. sentence_index: of the
    sentence that is spoken now or next.
    """

    def __init__(
        self,
        index: int,
        config: SessionConfig,
        voice_embed: Float32Array,
        send_event: SendEvent,
        send_sound: SendSound,
    ) -> None:
        self.index, self.config = index, config
        self.sentence_index = 0
        self.text = StreamedText(config.text_format)
        self._voice_embed = voice_embed
        self._options = config.with_seed().model_copy(update={"timestamps": config.with_words})
        self._send_event, self._send_sound = send_event, send_sound
        self._samples = 0  # of 16 kHz
        self._unreadable = ""  # pieces of which words are left out

    async def speak(self, gateway: Gateway, slot: ComputeSlot) -> None:
        """Send the sound of the sentences as they come, then session.done.

        The slot is held while pieces are ready, not while the text is awaited. An error is sent; it
        ends the speech, unless only one sentence is at fault.
        """
        while await self.text.wait():
            try:
                async with slot.turn():
                    await self._speak_ready(gateway)
            except ApiError as error:
                self.text.discard()
                await self.report(error)
        notes = speaking.left_out(self._unreadable)
        await self._send_event(
            {
                "type": "session.done",
                "utterance_index": self.index,
                "total_sentences": self.sentence_index,
                **({"notes": notes} if notes else {}),
            }
        )

    async def add_rest(self, *, more: bool = False) -> None:
        """Take the text as whole. more: other text may follow. An error is sent."""
        try:
            self.text.add_rest(more=more)
        except InvalidRequest as error:
            await self.report(error)

    async def report(self, error: ApiError) -> None:
        """Send an error."""
        record_error_code(error.code)
        await self._send_event(error_event(error, self.index))

    def cancelled_event(self) -> Event:
        return {
            "type": "audio.cancelled",
            "utterance_index": self.index,
            "sentence_index": self.sentence_index,
            "reason": "client_cancel",
        }

    async def _speak_ready(self, gateway: Gateway) -> None:
        """Speak the pieces that are ready. The next is synthesized while one is vocoded."""
        ahead = self._start_next(gateway)
        try:
            while ahead:
                try:
                    sentence = await ahead
                except InvalidRequest as error:
                    sentence = None
                    await self.report(error)
                ahead = self._start_next(gateway)
                if sentence:
                    await self._send_sentence(gateway, sentence)
                ahead = ahead or self._start_next(gateway)
        finally:
            if ahead:
                ahead.cancel()

    def _start_next(self, gateway: Gateway) -> asyncio.Task[Sentence | None] | None:
        piece = self.text.take()
        if piece is None:
            return None
        task = asyncio.create_task(self._synthesize(gateway, piece))
        task.add_done_callback(lambda done: done.cancelled() or done.exception())  # it is seen
        return task

    async def _synthesize(self, gateway: Gateway, piece: Piece) -> Sentence | None:
        """None if nothing of the piece can be read."""
        readable = speaking.readable(piece, "text")
        if readable is not piece:
            self._unreadable += piece.text
        if not readable.speakable:
            return None
        sentences = speaking.synthesize(
            gateway.async_chain, [readable], self._voice_embed, self._options, field="text"
        )
        async with aclosing(sentences):
            return await anext(sentences)

    async def _send_sentence(self, gateway: Gateway, sentence: Sentence) -> None:
        start, self._samples = self._samples, self._samples + sentence.samples
        limit = gateway.settings.max_speech_seconds
        if self._samples > limit * SAMPLE_RATE:
            raise too_long("text", f"is over {limit:g} s of speech", limit)
        encoder = SoundEncoder(
            self.config.response_format, sentence.samples, gateway.settings.mark_with, start
        )
        sound = speaking.sound_of(gateway.async_chain, _only(sentence), self._options)
        encoded = encode_async(sound, encoder)
        sent = count = 0
        try:
            async with aclosing(self._messages(encoded)) as parts:
                async for part in parts:
                    if not count:
                        await self._send_event(self._start_event(sentence))
                    await self._send_part(part, sentence, count)
                    sent, count = sent + len(part), count + 1
        except ApiError:
            if sent:
                await self._send_done(sent, is_broken=True)
            raise
        await self._send_done(sent)

    async def _messages(self, encoded: AsyncGenerator[bytes]) -> AsyncGenerator[bytes]:
        """Parts of at most FRAME_BYTES as they are made, or the whole. Closes `encoded`."""
        async with aclosing(encoded):
            if not self.config.stream_audio:
                yield b"".join([part async for part in encoded])
                return
            async for part in encoded:
                for start in range(0, len(part), FRAME_BYTES):
                    yield part[start : start + FRAME_BYTES]

    def _start_event(self, sentence: Sentence) -> Event:
        return {
            "type": "audio.start",
            **self._indices,
            "sentence_text": sentence.text,
            "format": self.config.response_format,
            "sample_rate": RATE,
            "channels": 1,
        }

    async def _send_part(self, part: bytes, sentence: Sentence, chunk_id: int) -> None:
        if not self.config.with_words:
            await self._send_sound(part)
            return
        words = None if chunk_id else timestamps_of(sentence.words or ())
        await self._send_event(
            {
                "type": "audio.chunk",
                **self._indices,
                "chunk_id": chunk_id,
                "sample_rate": RATE,
                "channels": 1,
                "audio_b64": b64encode(part).decode(),
                "timestamps": words,
            }
        )

    async def _send_done(self, sent: int, *, is_broken: bool = False) -> None:
        done = {"type": "audio.done", **self._indices, "total_bytes": sent, "error": is_broken}
        await self._send_event(done)
        self.sentence_index += 1

    @property
    def _indices(self) -> Event:
        return {"utterance_index": self.index, "sentence_index": self.sentence_index}


async def _only(sentence: Sentence) -> AsyncGenerator[Sentence]:
    yield sentence
