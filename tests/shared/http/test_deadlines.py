"""Deadlines, cancellation on disconnect, and the deadline for sending."""

import asyncio
import math
import time
from collections.abc import Callable, Coroutine
from typing import Any

import anyio
import pytest
from anyio import to_thread
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from shared.http import deadlines
from shared.http.deadlines import CallerState, CancelOnDisconnect, ClientDisconnected, SendDeadline

pytestmark = pytest.mark.anyio

App = Callable[[Scope, Receive, Send], Coroutine[Any, Any, None]]
BEGIN: Message = {"type": "http.response.start", "status": 200, "headers": []}
END: Message = {"type": "http.response.body", "body": b""}


class Client:
    """Sends a request with a body in two parts; disconnects when told to."""

    def __init__(self) -> None:
        self.left = asyncio.Event()
        self.received: list[Message] = []
        self._body = [
            {"type": "http.request", "body": b"a", "more_body": True},
            {"type": "http.request", "body": b"b", "more_body": False},
        ]

    async def ask(self, app: App, *headers: tuple[bytes, bytes]) -> None:
        scope = {"type": "http", "method": "POST", "path": "/", "headers": headers}
        async with asyncio.timeout(30):
            await CancelOnDisconnect(app)(scope, self._send, self._receive)

    async def _send(self) -> Message:
        if self._body:
            return self._body.pop(0)
        await self.left.wait()
        return {"type": "http.disconnect"}

    async def _receive(self, message: Message) -> None:
        self.received.append(message)


async def read(receive: Receive) -> bytes:
    body = b""
    while True:
        message = await receive()
        body += bytes(message["body"])
        if not message["more_body"]:
            return body


async def test_work_is_cancelled_when_the_client_disconnects() -> None:
    client, ended = Client(), []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        assert await read(receive) == b"ab"
        client.left.set()
        try:
            await anyio.sleep_forever()
        finally:
            ended.append("cancelled")

    await client.ask(app)
    assert ended == ["cancelled"]
    assert client.received == []


async def test_thread_sees_that_the_client_disconnected() -> None:
    client = Client()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await read(receive)
        client.left.set()
        await to_thread.run_sync(deadlines.sleep, 3600)

    await client.ask(app)
    with pytest.raises(ClientDisconnected):
        deadlines.check_connected()
    assert client.received == []


async def test_app_that_receives_gets_the_disconnect() -> None:
    client, heard = Client(), []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await read(receive)
        client.left.set()
        with anyio.CancelScope(shield=True):
            heard.append(await receive())

    await client.ask(app)
    assert heard == [{"type": "http.disconnect"}]


async def test_work_after_a_complete_response_is_not_cancelled() -> None:
    client, done = Client(), []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await read(receive)
        await send(BEGIN)
        await send(END)
        client.left.set()  # as a server reports after a complete response
        for _ in range(5):
            await asyncio.sleep(0)
        done.append(True)

    await client.ask(app)
    assert done == [True]
    assert client.received == [BEGIN, END]
    deadlines.check_connected()


async def test_response_is_sent_while_the_client_stays() -> None:
    client = Client()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await read(receive)
        await anyio.sleep(0)
        await send(BEGIN)
        await send(END)

    await client.ask(app)
    assert client.received == [BEGIN, END]


@pytest.mark.parametrize(
    ("said", "ends"),
    [
        (b"100", 100),
        (b" 0.5 ", 0.5),
        (b"0", 0),
        *[(rubbish, math.inf) for rubbish in (b"soon", b"-1", b"1e9", b"nan", b"", b"9" * 400)],
    ],
)
async def test_deadline_is_parsed_and_a_malformed_one_ignored(said: bytes, ends: float) -> None:
    seen: list[float] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(deadlines.seconds_left())
        await send(BEGIN)
        seen.append(deadlines.seconds_left())

    await Client().ask(app, (b"x-request-deadline", said))
    assert seen[0] <= ends
    assert math.isinf(seen[0]) == math.isinf(ends)
    assert seen[1] == math.inf  # the deadline is for the start of the response


async def test_exceptions_of_the_app_are_raised() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        raise KeyError("ours")

    with pytest.raises(KeyError, match="ours"):
        await Client().ask(app)


def test_sleep_outside_a_request_is_plain_sleep(monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[float] = []
    monkeypatch.setattr(time, "sleep", waited.append)
    token = deadlines.caller_state.set(None)
    deadlines.sleep(3600)
    deadlines.caller_state.reset(token)
    assert waited == [3600]


def test_sleep_ends_when_the_client_disconnects() -> None:
    current = CallerState()
    current.disconnected.set()
    token = deadlines.caller_state.set(current)
    with pytest.raises(ClientDisconnected):
        deadlines.sleep(3600)
    deadlines.caller_state.reset(token)


BLOCK = 65_536
SCOPE = {"type": "http", "method": "GET", "path": "/", "headers": []}


async def _receive() -> Message:
    return {"type": "http.disconnect"}


@pytest.mark.parametrize("size", [0, 1, BLOCK, BLOCK + 1, 3 * BLOCK, 3 * BLOCK + 7])
def test_response_is_sent_completely_in_blocks(size: int) -> None:
    body = bytes(range(256)) * (size // 256 + 1)
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    asyncio.run(SendDeadline(Response(body[:size]), 60)(SCOPE, _receive, send))
    start, *parts = sent
    assert start["type"] == "http.response.start"
    assert b"".join(part["body"] for part in parts) == body[:size]
    assert max(len(part["body"]) for part in parts) <= BLOCK
    assert [part.get("more_body", False) for part in parts] == [True] * (len(parts) - 1) + [False]


def test_client_that_stops_reading_is_dropped() -> None:
    sent = 0

    async def send(message: Message) -> None:
        nonlocal sent
        if sent > BLOCK:
            await asyncio.Event().wait()
        sent += len(message.get("body", b""))

    asyncio.run(SendDeadline(Response(bytes(10 * BLOCK)), 0.01)(SCOPE, _receive, send))
    assert sent == 2 * BLOCK
