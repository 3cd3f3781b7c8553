"""Bodies in JSON, as clients send them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import httpx
import pytest
from pydantic import BaseModel
from starlette.types import Message

from gateway_service.settings import Settings
from shared.http.app import create_app
from shared.http.app_state import state_of
from shared.http.json_routes import HeldResponse

SCOPE = {"type": "http", "method": "GET", "path": "/", "headers": []}


class Body(BaseModel):
    name: str
    speed: float = 1.0
    tags: list[str | None] = []
    options: dict[str, int | None] = {}


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    app = create_app("gateway", "", Settings(), load=lambda: None)
    state_of(app).ready = True

    @app.post("/echo")
    async def echo(body: Body) -> Body:
        return body

    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        yield client


@pytest.mark.anyio
async def test_field_of_null_is_absent(client: httpx.AsyncClient) -> None:
    nulls: dict[str, Any] = {"speed": None, "tags": None, "options": None, "unknown": None}
    answer = await client.post("/echo", json={"name": "a", **nulls})
    assert answer.json() == {"name": "a", "speed": 1.0, "tags": [], "options": {}}


@pytest.mark.anyio
async def test_required_field_of_null_is_missing(client: httpx.AsyncClient) -> None:
    answer = await client.post("/echo", json={"name": None})
    assert answer.status_code == 400
    error = answer.json()["error"]
    assert (error["param"], error["code"]) == ("name", "missing")


@pytest.mark.anyio
async def test_null_within_a_value_stays(client: httpx.AsyncClient) -> None:
    body = {"name": "a", "tags": ["b", None], "options": {"c": None}}
    answer = await client.post("/echo", json=body)
    assert answer.json() == {**body, "speed": 1.0}


@pytest.mark.anyio
async def test_byte_order_mark_is_skipped(client: httpx.AsyncClient) -> None:
    kind = {"content-type": "application/json"}
    answer = await client.post("/echo", content=b'\xef\xbb\xbf{"name": "a"}', headers=kind)
    assert answer.json()["name"] == "a"
    broken = await client.post("/echo", content=b'{"name": \xef\xbb\xbf"a"}', headers=kind)
    assert broken.json()["error"]["code"] == "invalid_json"


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("body", "remedy"),
    [
        ('{"name": "café"}'.encode("latin-1"), "encode it as UTF-8"),
        ('{"name": "a"}'.encode("utf-16"), "encode it as UTF-8"),
        (rb'{"name": "Hi \ud83d!"}', "cut it between characters"),
    ],
)
async def test_error_names_the_remedy_for_broken_text(
    client: httpx.AsyncClient, body: bytes, remedy: str
) -> None:
    kind = {"content-type": "application/json"}
    error = (await client.post("/echo", content=body, headers=kind)).json()["error"]
    assert error["code"] == "invalid_json"
    assert error["message"].endswith(remedy)


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
