import shutil
import ssl
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import httpx
import limits
import pytest
import redis
from fastapi import FastAPI
from redis import asyncio as aio
from starlette.testclient import TestClient

from gateway_service.access import rate_limit
from gateway_service.access.middleware import access_middleware
from gateway_service.access.rate_limit import RequestCounter, redis_pool
from gateway_service.settings import Settings
from shared.http.app import create_app
from tests.conftest import free_port

pytestmark = pytest.mark.anyio
TWO_A_DAY = limits.parse("2/day")
REDIS_START_SECONDS = 20


@asynccontextmanager
async def client(peer: str = "10.0.0.1", **settings: Any) -> AsyncIterator[httpx.AsyncClient]:
    """A client of an app with two routes. peer: the client's address."""
    own = Settings(**settings)
    app: FastAPI = create_app("g", "", own, lambda: None, middleware=access_middleware(own))
    app.state.ready = True  # without a lifespan

    @app.get("/v1/jobs")
    @app.post("/v1/jobs")
    async def jobs() -> None:
        pass

    transport = httpx.ASGITransport(app, client=(peer, 1))
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        yield client


async def post(client: httpx.AsyncClient, key: str = "") -> httpx.Response:
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    return await client.post("/v1/jobs", headers=headers)


async def test_default_has_no_limit() -> None:
    async with client() as caller:
        assert {(await post(caller)).status_code for _ in range(50)} == {200}


async def test_request_over_the_limit_gets_429_with_retry_after() -> None:
    async with client(rate_limit="2/hour") as caller:
        statuses = [(await post(caller)).status_code for _ in range(3)]
        refused = await post(caller)
    assert statuses == [200, 200, 429]
    assert 3500 < int(refused.headers["retry-after"]) <= 3600
    error = refused.json()["error"]
    assert (error["type"], error["code"]) == ("rate_limit_error", "rate_limit_exceeded")
    assert refused.headers["x-request-id"]


async def test_each_of_several_limits_holds() -> None:
    async with client(rate_limit="5/day; 1/hour") as caller:
        assert [(await post(caller)).status_code for _ in range(2)] == [200, 429]


async def test_get_does_not_count() -> None:
    async with client(rate_limit="1/hour") as caller:
        for _ in range(3):
            assert (await caller.get("/v1/jobs")).status_code == 200
        assert (await post(caller)).status_code == 200


async def test_each_key_has_its_own_limit() -> None:
    async with client(rate_limit="1/hour", api_keys="one,two") as caller:
        statuses = [(await post(caller, key)).status_code for key in ("one", "one", "two")]
    assert statuses == [200, 429, 200]


async def test_rejected_key_does_not_count() -> None:
    async with client(rate_limit="1/hour", api_keys="one") as caller:
        statuses = [(await post(caller, key)).status_code for key in ("bad", "bad", "one")]
    assert statuses == [401, 401, 200]


# Redis


@contextmanager
def redis_server(port: int, folder: Path) -> Iterator[None]:
    program = shutil.which("redis-server") or pytest.skip("redis-server is not on the PATH")
    command = [program, "--port", str(port), "--save", "", "--dir", str(folder)]
    with (
        subprocess.Popen(command, stdout=subprocess.DEVNULL) as process,
        redis.Redis(port=port) as probe,
    ):
        try:
            deadline = time.monotonic() + REDIS_START_SECONDS
            while not answers(probe):
                assert time.monotonic() < deadline
                time.sleep(0.02)
            yield
        finally:
            process.kill()


def answers(probe: redis.Redis) -> bool:
    try:
        return bool(probe.ping())
    except redis.ConnectionError:
        return False


@pytest.mark.parametrize(
    ("query", "checked", "mode"),
    [("", True, ssl.CERT_REQUIRED), ("?ssl_cert_reqs=none", False, ssl.CERT_NONE)],
)
async def test_certificate_is_verified_unless_the_url_disables_that(
    query: str, checked: bool, mode: ssl.VerifyMode
) -> None:
    pool = redis_pool("rediss://:secret@127.0.0.1:6379/0" + query)
    connection = pool.make_connection()  # type: ignore[no-untyped-call]

    assert isinstance(connection, aio.SSLConnection)
    assert connection.check_hostname == checked
    assert connection.cert_reqs == mode


async def hits(counts: RequestCounter, n: int) -> list[bool]:
    """True for each request that was allowed."""
    return [await counts.seconds_until_allowed(TWO_A_DAY, "ash") == 0 for _ in range(n)]


async def test_processes_share_counts_in_redis(tmp_path: Path) -> None:
    port = free_port()
    with redis_server(port, tmp_path):
        one, other = (RequestCounter(f"redis://127.0.0.1:{port}/0") for _ in range(2))
        assert await hits(one, 1) == [True]
        assert await hits(other, 2) == [True, False]
        assert await hits(one, 1) == [False]
        await one.aclose()
        await other.aclose()


async def test_requests_are_counted_in_memory_until_redis_is_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rate_limit, "REDIS_RETRY_SECONDS", 0.0)
    port = free_port()
    counts = RequestCounter(f"redis://127.0.0.1:{port}/0")
    with redis_server(port, tmp_path):
        assert await hits(counts, 2) == [True, True]
    assert await hits(counts, 3) == [True, True, False]
    with redis_server(port, tmp_path):
        assert await hits(counts, 3) == [True, True, False]  # it starts empty
    await counts.aclose()


def test_connections_are_closed_with_the_app(monkeypatch: pytest.MonkeyPatch) -> None:
    closed: list[RequestCounter] = []

    async def record(counts: RequestCounter) -> None:
        closed.append(counts)

    monkeypatch.setattr(RequestCounter, "aclose", record)
    settings = Settings(rate_limit="1/hour")
    middleware = access_middleware(settings)
    with TestClient(create_app("g", "", settings, lambda: None, middleware=middleware)):
        assert not closed
    assert len(closed) == 1


async def test_failed_redis_is_not_asked_again_at_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    counts = RequestCounter(f"redis://:sk-hidden@127.0.0.1:{free_port()}/0")
    assert await hits(counts, 3) == [True, True, False]
    assert len(caplog.records) == 1
    assert "hidden" not in caplog.text
    await counts.aclose()
