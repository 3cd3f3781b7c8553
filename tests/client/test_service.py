import threading
from collections.abc import AsyncIterator
from contextlib import aclosing
from itertools import chain, repeat
from typing import Any

import anyio
import httpx
import pytest

from client.errors import BadResponse, ServiceError, TimedOut, Unreachable
from client.retries import RetryPolicy
from client.service import Service
from shared.http.request_id import request_id
from tests.support.scripted_server import (
    ScriptedResponse,
    ScriptedServer,
    answer,
    broken_response,
    error_response,
    json_response,
)
from tests.support.stand_ins import AT_ONCE, MakeServer

pytestmark = pytest.mark.anyio

DONE = json_response({"done": True})
BYTES = bytes(range(256)) * 40
GONE = ScriptedResponse([], broken=True)


@pytest.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(timeout=5) as client:
        yield client


def service(
    server: ScriptedServer, http: httpx.AsyncClient, policy: RetryPolicy = AT_ONCE
) -> Service:
    return Service("encoder", server.url, http, policy)


def whole(response: dict[str, Any]) -> dict[str, Any]:
    return response


async def call(
    server: ScriptedServer, http: httpx.AsyncClient, policy: RetryPolicy = AT_ONCE
) -> object:
    encoder = service(server, http, policy)
    return await encoder.call("/inference/", b"{}", "application/json", whole)


async def streamed(service: Service) -> bytes:
    return b"".join([part async for part in service.stream("/inference/", b"{}", "audio/wav")])


async def test_cancelled_request_sends_nothing(
    make_server: MakeServer, http: httpx.AsyncClient
) -> None:
    server = make_server(DONE)
    with anyio.CancelScope() as scope:
        scope.cancel()
        await call(server, http)
    assert scope.cancelled_caught
    assert server.received == []


async def test_cancelling_leaves_a_silent_service_at_once(
    make_server: MakeServer, http: httpx.AsyncClient
) -> None:
    asked, ended, outcomes = anyio.Event(), threading.Event(), list[str]()

    def answer_never() -> None:
        anyio.from_thread.run_sync(asked.set, token=token)
        assert ended.wait(10)

    token = anyio.lowlevel.current_token()
    server = make_server(ScriptedResponse([b"HTTP/1.1 200 OK\r\n"], between=answer_never))
    silent = Service("encoder", server.url, http, AT_ONCE, lambda *call: outcomes.append(call[1]))
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(silent.call, "/inference/", b"{}", "application/json", whole)
        await asked.wait()
        tasks.cancel_scope.cancel()
    ended.set()

    assert outcomes == ["left"]


@pytest.mark.parametrize(
    "trouble",
    [
        error_response(503, "not ready"),
        error_response(429, "full", retry_after="3600"),
        answer(503, b"<h1>a router's page</h1>"),
        GONE,
        ScriptedResponse([b"HTTP/1.1 200 OK\r\ncontent-le"], broken=True),
        ScriptedResponse([b"HTTP/1.1 200 OK\r\ncontent-length: 90\r\n\r\n{"]),
        broken_response(b'{"done": true}', 5),
    ],
    ids=["503", "429", "router", "dropped", "in head", "closed in body", "reset in body"],
)
async def test_transient_failure_is_retried(
    trouble: ScriptedResponse, make_server: MakeServer, http: httpx.AsyncClient
) -> None:
    server = make_server(trouble, trouble, DONE)

    assert await call(server, http) == {"done": True}
    assert [request.body for request in server.received] == [b"{}"] * 3


async def test_broken_json_response_is_requested_anew(
    make_server: MakeServer, http: httpx.AsyncClient
) -> None:
    other = b'{"done": false, "attempt": 1}'
    server = make_server(broken_response(other, len(other) - 3), DONE)

    assert await call(server, http) == {"done": True}


async def test_lasting_failure_is_reported_after_five_attempts(
    make_server: MakeServer, http: httpx.AsyncClient
) -> None:
    server = make_server(GONE)

    with pytest.raises(Unreachable, match=r"encoder at http://127.0.0.1.* tried 5 times"):
        await call(server, http)

    assert len(server.received) == 5


async def test_refused_connection_is_reported(
    make_server: MakeServer, http: httpx.AsyncClient
) -> None:
    server = ScriptedServer(DONE)
    server.close()

    with pytest.raises(Unreachable, match="refused"):
        await call(server, http)


async def test_error_of_the_service_is_final_and_complete(
    make_server: MakeServer, http: httpx.AsyncClient
) -> None:
    server = make_server(error_response(400, "text is empty"))

    with pytest.raises(ServiceError) as raised:
        await call(server, http)

    assert str(raised.value) == "the encoder answered 400: text is empty"
    assert (raised.value.status, raised.value.param, raised.value.code) == (400, "text", "c")
    assert len(server.received) == 1


async def test_error_without_an_error_object_has_its_reason_phrase(
    make_server: MakeServer, http: httpx.AsyncClient
) -> None:
    server = make_server(answer(502, b"<html>oops</html>"))

    with pytest.raises(ServiceError, match="answered 502: Said So"):
        await call(server, http)


async def test_redirect_names_the_new_address(
    make_server: MakeServer, http: httpx.AsyncClient
) -> None:
    server = make_server(answer(301, location="https://elsewhere/"))

    with pytest.raises(ServiceError, match="it has moved to https://elsewhere/"):
        await call(server, http)


async def test_silent_service_times_out_without_a_retry(make_server: MakeServer) -> None:
    ended = threading.Event()
    server = make_server(ScriptedResponse([b"HTTP/1.1 200 OK\r\n"], between=ended.wait))

    async with httpx.AsyncClient(timeout=0.05) as http:
        with pytest.raises(TimedOut, match="encoder"):
            await call(server, http)
    ended.set()

    assert len(server.received) == 1


async def test_endless_response_meets_the_deadline(
    make_server: MakeServer, http: httpx.AsyncClient
) -> None:
    head = b"HTTP/1.1 200 OK\r\ncontent-length: 999999999\r\n\r\n"
    server = make_server(ScriptedResponse(chain([head], repeat(b" "))))

    with pytest.raises(TimedOut, match="did not finish within"):
        await call(server, http, RetryPolicy(deadline_seconds=0.05))


@pytest.mark.parametrize("body", [b"<html>", b"[1]", b"", b'{"embed": NaN}'])
async def test_response_without_a_json_object_names_the_setting(
    body: bytes, make_server: MakeServer, http: httpx.AsyncClient
) -> None:
    with pytest.raises(BadResponse, match=r"is ENCODER_URL right\?"):
        await call(make_server(answer(200, body)), http)


async def test_path_of_the_url_is_kept(make_server: MakeServer, http: httpx.AsyncClient) -> None:
    server = make_server(DONE)
    prefixed = Service("encoder", server.url + "/prefix/", http, AT_ONCE)
    await prefixed.call("/inference/", b"", "audio/wav", whole)

    assert server.received[0].path == "/prefix/inference/"
    assert server.received[0].headers["content-type"] == "audio/wav"


async def test_stream_resumes_where_it_broke(
    make_server: MakeServer, http: httpx.AsyncClient
) -> None:
    server = make_server(
        broken_response(BYTES, 3000),
        GONE,
        error_response(503, "busy"),
        broken_response(BYTES, 1000),
        answer(200, BYTES),
    )

    assert await streamed(service(server, http)) == BYTES
    assert len(server.received) == 5


async def test_stream_arrives_while_it_is_made(
    make_server: MakeServer, http: httpx.AsyncClient
) -> None:
    heard = threading.Event()
    head = b"HTTP/1.1 200 OK\r\ncontent-length: 8\r\n\r\n"
    server = make_server(ScriptedResponse([head + b"half", b"rest"], between=lambda: heard.wait(5)))

    received = service(server, http).stream("/inference/", b"{}", "audio/wav")

    assert await anext(received) == b"half"
    heard.set()
    assert b"".join([part async for part in received]) == b"rest"


async def test_error_of_a_stream_has_its_message(
    make_server: MakeServer, http: httpx.AsyncClient
) -> None:
    server = make_server(error_response(413, "spec is too long"))

    with pytest.raises(ServiceError, match="spec is too long"):
        await streamed(service(server, http))


async def test_call_carries_the_request_id(
    make_server: MakeServer, http: httpx.AsyncClient
) -> None:
    server = make_server(DONE)
    await call(server, http)
    token = request_id.set("mine-9")
    await call(server, http)
    request_id.reset(token)

    assert [request.headers.get("x-request-id") for request in server.received] == [None, "mine-9"]


async def test_every_attempt_is_reported_with_its_outcome(
    make_server: MakeServer, http: httpx.AsyncClient
) -> None:
    server = make_server(GONE, error_response(503, "busy"), answer(200, BYTES), answer(200, BYTES))
    seen: list[str] = []
    observed = Service("encoder", server.url, http, AT_ONCE, lambda *call: seen.append(call[1]))

    await streamed(observed)
    async with aclosing(observed.stream("/inference/", b"{}", "audio/wav")) as stopped_early:
        await anext(stopped_early)

    assert seen == ["broken", "503", "200", "left"]
