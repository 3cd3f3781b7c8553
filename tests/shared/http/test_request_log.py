import logging
import re
from collections.abc import AsyncIterator

import httpx
import pytest
from fastapi import FastAPI
from fastapi.responses import StreamingResponse

from shared.http.app import create_app
from shared.http.request_id import request_id
from shared.settings import AppSettings

pytestmark = pytest.mark.anyio


@pytest.fixture
def app() -> FastAPI:
    app = create_app("test", "", AppSettings(), load=lambda: None)

    @app.get("/items/{name}")
    def item(name: str) -> dict[str, str | None]:
        return {"name": name, "seen_in_thread": request_id.get()}

    @app.get("/broken")
    def broken() -> None:
        raise RuntimeError("nobody foresaw this")

    @app.get("/stream")
    def stream() -> StreamingResponse:
        return StreamingResponse(iter([b"one", b"three"]))

    return app


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        yield client


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.INFO, "better.request")
    return caplog


def fields(log: pytest.LogCaptureFixture) -> dict[str, object]:
    (line,) = [line for line in log.records if line.name == "better.request"]
    found: dict[str, object] = line.__dict__["fields"]
    return found


async def test_callers_request_id_is_returned_and_reaches_the_route(
    client: httpx.AsyncClient,
) -> None:
    answer = await client.get("/items/ash", headers={"X-Request-ID": "mine-7"})
    assert answer.headers["x-request-id"] == "mine-7"
    assert answer.json()["seen_in_thread"] == "mine-7"


@pytest.mark.parametrize(("path", "status"), [("/nope", 404), ("/broken", 500), ("/check", 200)])
async def test_every_response_has_a_request_id(
    client: httpx.AsyncClient, path: str, status: int
) -> None:
    answer = await client.get(path)
    assert answer.status_code == status
    assert re.fullmatch("req_[0-9a-f]{32}", answer.headers["x-request-id"])
    again = await client.get(path)
    assert again.headers["x-request-id"] != answer.headers["x-request-id"]


async def test_internal_error_names_the_id_in_the_log(client: httpx.AsyncClient) -> None:
    answer = await client.get("/broken", headers={"X-Request-ID": "mine-8"})
    assert answer.headers.get_list("x-request-id") == ["mine-8"]
    assert answer.json()["error"]["message"].endswith(" mine-8")


async def test_request_has_one_line_with_its_route_and_no_path(
    client: httpx.AsyncClient, log: pytest.LogCaptureFixture
) -> None:
    path, headers = "/items/secret?also=secret", {"Authorization": "Bearer secret"}
    size = len((await client.get(path, headers=headers)).content)
    noted = fields(log)
    assert noted.pop("seconds") != 0
    assert noted == {"method": "GET", "route": "/items/{name}", "status": 200, "bytes": size}
    assert "secret" not in log.text


async def test_line_counts_the_bytes_of_a_stream(
    client: httpx.AsyncClient, log: pytest.LogCaptureFixture
) -> None:
    await client.get("/stream")
    assert fields(log)["bytes"] == 8


async def test_internal_error_is_counted_as_500(
    client: httpx.AsyncClient, log: pytest.LogCaptureFixture
) -> None:
    await client.get("/broken")
    assert fields(log)["status"] == 500
    metrics = (await client.get("/metrics")).text
    assert 'http_requests_total{method="GET",route="/broken",status="500"} 1.0' in metrics
