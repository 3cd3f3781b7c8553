import asyncio
from contextlib import AsyncExitStack

import pytest
from starlette.types import Message

from shared.http.json_routes import HeldResponse

SCOPE = {"type": "http", "method": "GET", "path": "/", "headers": []}


async def _receive() -> Message:
    return {"type": "http.disconnect"}


@pytest.mark.parametrize("leaves", [False, True])
def test_resource_is_held_until_the_body_is_sent(leaves: bool) -> None:
    seen: list[str] = []

    async def send(message: Message) -> None:
        seen.append(message["type"])
        if leaves:
            raise asyncio.CancelledError

    async def answer() -> None:
        hold = AsyncExitStack()
        hold.callback(seen.append, "released")
        try:
            await HeldResponse(b"body", "audio/wav", hold)(SCOPE, _receive, send)
        except asyncio.CancelledError:
            assert leaves

    asyncio.run(answer())
    assert seen == ["http.response.start", *([] if leaves else ["http.response.body"]), "released"]
