"""Requests in progress when the server stops."""

import asyncio
import json
from types import SimpleNamespace
from typing import Any

import pytest
from starlette.types import Message, Receive, Scope, Send

from shared.http.availability import Draining
from shared.http.deadlines import CancelOnDisconnect, caller_state

pytestmark = pytest.mark.anyio

BEGIN: Message = {"type": "http.response.start", "status": 200, "headers": []}


class Endless:
    """An app that never ends its response, and may start it."""

    def __init__(self, begins: bool) -> None:
        self.begins, self.begun = begins, asyncio.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self.begins:
            await send(BEGIN)
        self.caller = caller_state.get()
        self.begun.set()
        await asyncio.Event().wait()


async def never() -> Message:
    await asyncio.Event().wait()
    raise AssertionError


async def cancelled(app: Endless, *, stopping: bool) -> list[Message]:
    """Messages sent when the server cancels the request. Raises the app's exceptions."""
    state: Any = SimpleNamespace(ready=True, requests_in_progress=0)
    draining = Draining(CancelOnDisconnect(app), state)
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "POST", "path": "/", "headers": []}
    task = asyncio.create_task(draining(scope, never, send))
    await app.begun.wait()
    assert state.requests_in_progress == 1
    state.ready = not stopping
    task.cancel()
    try:
        await task
    finally:
        assert state.requests_in_progress == 0
    return sent


async def test_cancelled_request_gets_503_when_stopping() -> None:
    start, body = await cancelled(Endless(begins=False), stopping=True)
    assert start["status"] == 503
    assert (b"connection", b"close") in start["headers"]
    assert json.loads(body["body"])["error"]["code"] == "not_ready"


async def test_started_response_is_aborted_when_stopping() -> None:
    assert await cancelled(Endless(begins=True), stopping=True) == [BEGIN]


async def test_threads_of_a_cancelled_request_are_reported() -> None:
    app = Endless(begins=False)
    await cancelled(app, stopping=True)
    assert app.caller
    assert app.caller.disconnected.is_set()  # as threads see it


async def test_request_cancelled_for_another_reason_gets_no_response() -> None:
    with pytest.raises(asyncio.CancelledError):
        await cancelled(Endless(begins=False), stopping=False)
