"""An app under a sub-path, behind a proxy that strips the prefix or passes it on."""

import re
from collections.abc import AsyncIterator

import httpx
import pytest
from fastapi import FastAPI
from pydantic import ValidationError

from gateway_service.access.middleware import access_middleware
from gateway_service.settings import Settings
from shared.http.admission import ComputeSlot
from shared.http.app import create_app

pytestmark = pytest.mark.anyio
PREFIX = "/speech/tts"


def app_at(root_path: str) -> FastAPI:
    settings = Settings(root_path=root_path)
    app = create_app(
        "gateway", "", settings, load=lambda: None, middleware=access_middleware(settings)
    )
    app.state.ready, app.state.slot = True, ComputeSlot(1, 1.0)  # nothing starts it

    @app.get("/v1/things/{name}")
    async def thing(name: str) -> str:
        return name

    return app


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app_at(PREFIX))
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        yield client


@pytest.mark.parametrize("prefix", ["", PREFIX], ids=["stripped", "passed on"])
async def test_docs_and_their_links_work(client: httpx.AsyncClient, prefix: str) -> None:
    page = await client.get(f"{prefix}/docs")
    assert page.status_code == 200
    links = re.findall(r"""["'](/[^"']+\.(?:js|css|png|json))["']""", page.text)
    assert f"{PREFIX}/openapi.json" in links
    assert len(links) == 3
    for link in links:
        assert link.startswith(PREFIX)
        answer = await client.get(link if prefix else link.removeprefix(PREFIX))
        assert answer.status_code == 200, link
    document = (await client.get(f"{prefix}/openapi.json")).json()
    assert document["servers"] == [{"url": PREFIX}]


@pytest.mark.parametrize("prefix", ["", PREFIX], ids=["stripped", "passed on"])
async def test_calls_and_errors_work(client: httpx.AsyncClient, prefix: str) -> None:
    for path in ("/v1/things/one", "/v1/things/one/", "/health/live", "/check"):
        assert (await client.get(prefix + path)).status_code == 200, path
    assert (await client.head(f"{prefix}/check")).status_code == 200
    wrong = await client.get(f"{prefix}/things/one")
    assert wrong.status_code == 404
    assert f"use {PREFIX}/v1/things/one" in wrong.json()["error"]["message"]
    assert (await client.post(f"{prefix}/check")).headers["allow"] == "GET, HEAD"
    numbers = (await client.get(f"{prefix}/metrics")).text
    assert 'route="/v1/things/{name}"' in numbers


async def test_path_that_only_begins_like_the_prefix_is_another(client: httpx.AsyncClient) -> None:
    assert (await client.get(f"{PREFIX}2/docs")).status_code == 404


@pytest.mark.parametrize(("given", "read"), [("/tts/", "/tts"), ("", ""), ("/", "")])
async def test_setting_is_read(given: str, read: str) -> None:
    assert Settings(root_path=given).root_path == read


@pytest.mark.parametrize("path", ["tts", "https://example.org/tts", "/a b", "//tts"])
async def test_setting_that_is_no_path_ends_the_start(path: str) -> None:
    with pytest.raises(ValidationError, match="write it as /tts"):
        Settings(root_path=path)
