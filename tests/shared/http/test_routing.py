"""Optional trailing slashes, and HEAD as GET."""

from collections.abc import AsyncIterator

import anyio
import pytest
from fastapi import FastAPI
from fastapi.responses import StreamingResponse
from fastapi.testclient import TestClient

from shared.http.routing import HeadAsGet, OptionalTrailingSlash


@pytest.fixture
def client() -> TestClient:
    app = FastAPI(redirect_slashes=False)

    @app.post("/with/")
    @app.post("/without")
    def post(body: dict[str, int]) -> dict[str, int]:
        return body

    @app.get("/stream")
    def stream() -> StreamingResponse:
        async def endless() -> AsyncIterator[bytes]:
            while True:
                yield b"chunk"
                await anyio.sleep(0)  # as a server does while it sends

        return StreamingResponse(endless())

    app.add_middleware(HeadAsGet)
    app.add_middleware(OptionalTrailingSlash, router=app.router)
    return TestClient(app)


@pytest.mark.parametrize("path", ["/with", "/with/", "/without", "/without/"])
def test_path_works_with_and_without_slash_and_keeps_its_body(
    client: TestClient, path: str
) -> None:
    answer = client.post(path, json={"a": 1}, follow_redirects=False)
    assert (answer.status_code, answer.json()) == (200, {"a": 1})


def test_unknown_path_stays_unknown(client: TestClient) -> None:
    assert client.post("/neither/", json={}).status_code == 404


def test_head_of_an_endless_stream_ends_without_a_body(client: TestClient) -> None:
    answer = client.head("/stream")
    assert (answer.status_code, answer.content) == (200, b"")
