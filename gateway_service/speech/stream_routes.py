"""WebSocket /v1/audio/speech/stream: text comes in as it is written, and its speech goes out."""

import asyncio
import logging
from collections import deque
from contextlib import suppress

import orjson
from fastapi import APIRouter, WebSocket, WebSocketDisconnect
from starlette.requests import ClientDisconnect

from gateway_service.access.middleware import KEY_SUBPROTOCOL
from gateway_service.access.rate_limit import COUNT_REQUEST
from gateway_service.gateway import Gateway
from gateway_service.speech.routes import find_voice
from gateway_service.speech.schemas import MAX_INPUT_CHARACTERS
from gateway_service.speech.stream_messages import (
    Event,
    SessionConfig,
    error_event,
    read_config,
    read_message,
    read_text,
)
from gateway_service.speech.utterance import Utterance
from shared.http.app_state import AppState, state_of
from shared.http.error_handlers import unexpected
from shared.http.errors import (
    ApiError,
    Conflict,
    InvalidRequest,
    NotReady,
    QueueFull,
    RequestTooSlow,
    TooLarge,
    UpgradeRequired,
)
from shared.http.request_log import record_error_code
from shared.http.tensors import Float32Array

log = logging.getLogger("better")

PATH = "/v1/audio/speech/stream"
MAX_WAITING_CHARACTERS = 4 * MAX_INPUT_CHARACTERS
"""Text of a session that is not spoken yet."""
MAX_WAITING_UTTERANCES = 16
STALL_SECONDS = 0.3
"""Without more text for this long, a sentence that ends with a full stop is spoken. More of it may
come: "at 5 p.m." ends a sentence or not, depending on the next word."""
NORMAL, GOING_AWAY, POLICY, INTERNAL = 1000, 1001, 1008, 1011
"""Close codes (RFC 6455, section 7.4.1). The server adds 1009, too long a message, and 1012, a
restart."""

NOTHING_CANCELLED: Event = {
    "type": "audio.cancelled",
    "utterance_index": None,
    "sentence_index": None,
    "reason": "client_cancel",
}

router = APIRouter()


@router.websocket(PATH)
async def stream_speech(websocket: WebSocket) -> None:
    """Text deltas in, sound and word times out."""
    await websocket.accept(_subprotocol(websocket))
    await StreamSession(websocket, state_of(websocket.app)).run()


@router.get(PATH, include_in_schema=False)
async def require_upgrade() -> None:
    """The answer to plain HTTP: of other clients, and behind proxies that drop the upgrade."""
    raise UpgradeRequired(
        "this is a WebSocket; connect to it by ws:// or wss://. Behind a proxy, let it pass the "
        "headers Upgrade and Connection on (nginx: proxy_http_version 1.1)"
    )


def _subprotocol(websocket: WebSocket) -> str | None:
    """The first that is no key. Browsers need one of those that they offer."""
    offered: list[str] = websocket.scope.get("subprotocols", [])
    return next((name for name in offered if not name.startswith(KEY_SUBPROTOCOL)), None) or next(
        iter(offered), None
    )


class StreamSession:
    """A connection: one task reads messages, another speaks the utterances in their order."""

    def __init__(self, websocket: WebSocket, state: AppState[Gateway]) -> None:
        self._websocket, self._state = websocket, state
        self._config: SessionConfig | None = None
        self._voice_embed: Float32Array
        self._count = 0  # utterances so far
        self._utterances: deque[Utterance] = deque()  # that are not finished
        self._open: Utterance | None = None  # its text is coming in
        self._speech: asyncio.Task[None] | None = None
        self._is_closed = False

    @property
    def _gateway(self) -> Gateway:
        assert self._state.model  # it is loaded before the server accepts connections
        return self._state.model

    async def run(self) -> None:
        """Serve the connection until one side closes it."""
        try:
            async with asyncio.TaskGroup() as self._tasks:
                await self._read_messages()
                await self._stop_speech()
        except* (WebSocketDisconnect, ClientDisconnect):
            pass  # while something was sent
        except* Exception:
            log.exception("a WebSocket failed")
            with suppress(WebSocketDisconnect, ClientDisconnect):
                await self._report(unexpected())
                await self._close(INTERNAL)

    async def _read_messages(self) -> None:
        while not self._is_closed and (received := await self._receive()) is not None:
            try:
                await self._handle(read_message(received))
            except ApiError as error:
                await self._report(error)

    async def _receive(self) -> str | bytes | None:
        """The next message; None once the connection is closed, by the client or as idle."""
        while True:
            stalling = self._open if self._open and self._open.text.ends_sentence else None
            seconds = STALL_SECONDS if stalling else self._gateway.settings.stream_idle_seconds
            try:
                async with asyncio.timeout(seconds):
                    message = await self._websocket.receive()
            except TimeoutError:
                if stalling:
                    await stalling.add_rest(more=True)
                elif self._is_idle():
                    await self._close_idle(seconds)
                    return None
                continue
            if message["type"] == "websocket.disconnect":
                return None
            return message.get("text") or message.get("bytes") or b""

    async def _handle(self, message: Event) -> None:
        match kind := message.pop("type", None):
            case "session.config":
                await self._configure(message)
            case "input.text":
                await self._add_text(read_text(message))
            case "input.done":
                await self._end_text()
            case "input.cancel":
                await self._cancel()
            case "session.close":
                await self._finish()
            case _:
                raise InvalidRequest(
                    f"type: {str(kind)[:40]!r} is none of session.config, input.text, input.done, "
                    "input.cancel and session.close; send one of them",
                    param="type",
                )

    async def _configure(self, message: Event) -> None:
        if self._open:
            raise Conflict(
                "session.config: an utterance is in progress; send input.done or input.cancel first"
            )
        config = read_config(message)
        self._voice_embed = (await find_voice(self._gateway, config.voice)).embed
        self._config = config

    async def _add_text(self, text: str) -> None:
        if not text:
            return
        utterance = self._open or await self._begin()
        waiting = sum(other.text.characters for other in self._utterances)
        if waiting + len(text) > MAX_WAITING_CHARACTERS:
            utterance.text.discard()
            raise TooLarge(
                f"text: over {MAX_WAITING_CHARACTERS} characters wait to be spoken, the limit of a "
                "session; send the next text when some of it has been spoken",
                param="text",
                code="too_long",
            )
        utterance.text.add(text)

    async def _end_text(self) -> None:
        utterance = self._open or await self._begin(counts=False)
        self._open = None
        self._start_speech()  # of one that was not admitted, to send session.done
        await utterance.add_rest()

    async def _begin(self, *, counts: bool = True) -> Utterance:
        """A new utterance, whose text is ignored if it is not admitted. counts: as a request."""
        if self._config is None:
            await self._report(InvalidRequest("the first message must be session.config"))
            await self._close(POLICY)
            raise WebSocketDisconnect(POLICY)
        if len(self._utterances) == MAX_WAITING_UTTERANCES:
            raise QueueFull(
                f"{MAX_WAITING_UTTERANCES} utterances wait, the limit of a session; send the next "
                "after a session.done",
                retry_after_seconds=1,
            )
        utterance = self._open = Utterance(
            self._count, self._config, self._voice_embed, self._send, self._websocket.send_bytes
        )
        self._count += 1
        self._utterances.append(utterance)
        try:
            await self._require_admission(counts=counts)
        except ApiError:
            utterance.text.discard()
            raise
        self._start_speech()
        return utterance

    async def _require_admission(self, *, counts: bool) -> None:
        """Raises NotReady while the process stops, and RateLimited."""
        if not self._state.ready:
            raise NotReady("the service is stopping; connect again, to another process")
        if counts and (count_request := self._websocket.scope.get(COUNT_REQUEST)):
            await count_request()

    def _start_speech(self) -> None:
        if not self._has_speech():
            self._speech = self._tasks.create_task(self._speak())

    def _has_speech(self) -> bool:
        return self._speech is not None and not self._speech.done()

    async def _speak(self) -> None:
        """Speak the utterances. A server that stops waits for them."""
        self._state.requests_in_progress += 1
        try:
            while self._utterances:
                await self._utterances[0].speak(self._gateway, self._state.slot)
                self._utterances.popleft()
        finally:
            self._state.requests_in_progress -= 1

    async def _stop_speech(self) -> None:
        if self._speech:
            self._speech.cancel()
            await asyncio.wait([self._speech])

    async def _cancel(self) -> None:
        await self._stop_speech()
        cancelled = [utterance.cancelled_event() for utterance in self._utterances]
        self._utterances.clear()
        self._open = None
        for event in cancelled or [NOTHING_CANCELLED]:
            await self._send(event)

    async def _finish(self) -> None:
        """Close once everything has been spoken."""
        if self._open:
            await self._end_text()
        if self._speech:
            await asyncio.wait([self._speech])
        await self._close(NORMAL)

    def _is_idle(self) -> bool:
        return not self._has_speech() or self._utterances[0].text.is_awaited

    async def _close_idle(self, seconds: float) -> None:
        await self._report(
            RequestTooSlow(
                f"no message arrived for {seconds:g} s (STREAM_IDLE_SECONDS); connect again",
                code="idle",
            )
        )
        await self._close(GOING_AWAY)

    async def _close(self, code: int) -> None:
        self._is_closed = True
        await self._websocket.close(code)

    async def _report(self, error: ApiError) -> None:
        record_error_code(error.code)
        await self._send(error_event(error, self._open.index if self._open else None))

    async def _send(self, event: Event) -> None:
        await self._websocket.send_text(orjson.dumps(event).decode())
