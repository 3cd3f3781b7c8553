"""Answers that are sent at once: the server gets them in blocks, while the client takes them."""

import asyncio

import pytest
from starlette.responses import Response
from starlette.types import Message

from shared.http.deadlines import SendDeadline

BLOCK = 65_536
SCOPE = {"type": "http", "method": "GET", "path": "/", "headers": []}


async def _receive() -> Message:
    return {"type": "http.disconnect"}


@pytest.mark.parametrize("size", [0, 1, BLOCK, BLOCK + 1, 3 * BLOCK, 3 * BLOCK + 7])
def test_answer_comes_whole_in_blocks(size: int) -> None:
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


def test_client_that_stops_to_take_it_gets_no_more() -> None:
    sent = 0

    async def send(message: Message) -> None:
        nonlocal sent
        if sent > BLOCK:
            await asyncio.Event().wait()
        sent += len(message.get("body", b""))

    asyncio.run(SendDeadline(Response(bytes(10 * BLOCK)), 0.01)(SCOPE, _receive, send))
    assert sent == 2 * BLOCK
