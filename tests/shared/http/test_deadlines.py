"""Work ends when nobody waits for it, and a deadline is kept until the answer begins."""

import asyncio
import math
import time
from collections.abc import Callable, Coroutine
from typing import Any

import anyio
import pytest
from anyio import to_thread
from starlette.types import Message, Receive, Scope, Send

from shared.http import deadlines
from shared.http.deadlines import CallerState, CancelOnDisconnect, ClientDisconnected

pytestmark = pytest.mark.anyio

App = Callable[[Scope, Receive, Send], Coroutine[Any, Any, None]]
BEGIN: Message = {"type": "http.response.start", "status": 200, "headers": []}
END: Message = {"type": "http.response.body", "body": b""}


class Client:
    """Sends a request with a body in two parts; leaves when told to."""

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


async def test_work_is_cancelled_where_it_is_when_its_client_leaves() -> None:
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


async def test_thread_at_work_learns_that_its_client_left() -> None:
    client = Client()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await read(receive)
        client.left.set()
        await to_thread.run_sync(deadlines.sleep, 3600)

    await client.ask(app)
    with pytest.raises(ClientDisconnected):
        deadlines.check_connected()
    assert client.received == []


async def test_app_that_listens_hears_of_the_leaving() -> None:
    client, heard = Client(), []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await read(receive)
        client.left.set()
        with anyio.CancelScope(shield=True):
            heard.append(await receive())

    await client.ask(app)
    assert heard == [{"type": "http.disconnect"}]


async def test_what_follows_a_whole_answer_is_not_cut_short() -> None:
    client, done = Client(), []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await read(receive)
        await send(BEGIN)
        await send(END)
        client.left.set()  # as a server says after a whole answer
        for _ in range(5):
            await asyncio.sleep(0)
        done.append(True)

    await client.ask(app)
    assert done == [True]
    assert client.received == [BEGIN, END]
    deadlines.check_connected()


async def test_answer_is_sent_while_the_client_stays() -> None:
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
async def test_deadline_is_read_and_rubbish_is_none(said: bytes, ends: float) -> None:
    seen: list[float] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(deadlines.seconds_left())
        await send(BEGIN)
        seen.append(deadlines.seconds_left())

    await Client().ask(app, (b"x-request-deadline", said))
    assert seen[0] <= ends
    assert math.isinf(seen[0]) == math.isinf(ends)
    assert seen[1] == math.inf  # it is for the beginning of the answer


async def test_errors_of_the_app_pass() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        raise KeyError("ours")

    with pytest.raises(KeyError, match="ours"):
        await Client().ask(app)


def test_sleep_for_nobody_in_particular_is_sleep(monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[float] = []
    monkeypatch.setattr(time, "sleep", waited.append)
    token = deadlines.caller_state.set(None)
    deadlines.sleep(3600)
    deadlines.caller_state.reset(token)
    assert waited == [3600]


def test_sleep_ends_when_the_caller_leaves() -> None:
    current = CallerState()
    current.disconnected.set()
    token = deadlines.caller_state.set(current)
    with pytest.raises(ClientDisconnected):
        deadlines.sleep(3600)
    deadlines.caller_state.reset(token)
