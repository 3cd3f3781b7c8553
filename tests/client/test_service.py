import threading
from collections.abc import Iterator
from itertools import chain, repeat

import httpx
import pytest

from client.errors import BadResponse, ServiceError, TimedOut, Unreachable
from client.retries import RetryPolicy
from client.service import Service
from shared.http.deadlines import CallerState, ClientDisconnected, caller_state
from shared.http.request_id import request_id
from tests.support.scripted_server import (
    Answer,
    ScriptedServer,
    answer,
    broken_answer,
    error_answer,
    json_answer,
)
from tests.support.stand_ins import AT_ONCE, MakeServer

DONE = json_answer({"done": True})
BYTES = bytes(range(256)) * 40
GONE = Answer([], broken=True)


@pytest.fixture
def http() -> Iterator[httpx.Client]:
    with httpx.Client(timeout=5) as client:
        yield client


def service(server: ScriptedServer, http: httpx.Client, policy: RetryPolicy = AT_ONCE) -> Service:
    return Service("encoder", server.url, http, policy)


def call(server: ScriptedServer, http: httpx.Client, policy: RetryPolicy = AT_ONCE) -> object:
    return service(server, http, policy).call("/inference/", b"{}", "application/json")


def test_nothing_is_asked_for_a_caller_that_left(
    make_server: MakeServer, http: httpx.Client
) -> None:
    server, caller = make_server(DONE), CallerState()
    caller.disconnected.set()
    token = caller_state.set(caller)
    with pytest.raises(ClientDisconnected):
        call(server, http)
    caller_state.reset(token)
    assert server.received == []


@pytest.mark.parametrize(
    "trouble",
    [
        error_answer(503, "not ready"),
        error_answer(429, "full", retry_after="3600"),
        answer(503, b"<h1>a router's page</h1>"),
        GONE,
        Answer([b"HTTP/1.1 200 OK\r\ncontent-le"], broken=True),
        Answer([b"HTTP/1.1 200 OK\r\ncontent-length: 90\r\n\r\n{"]),
        broken_answer(b'{"done": true}', 5),
    ],
    ids=["503", "429", "router", "dropped", "in head", "closed in body", "reset in body"],
)
def test_passing_trouble_is_tried_again(
    trouble: Answer, make_server: MakeServer, http: httpx.Client
) -> None:
    server = make_server(trouble, trouble, DONE)

    assert call(server, http) == {"done": True}
    assert [request.body for request in server.received] == [b"{}"] * 3


def test_trouble_that_stays_is_reported_after_five_attempts(
    make_server: MakeServer, http: httpx.Client
) -> None:
    server = make_server(GONE)

    with pytest.raises(Unreachable, match=r"encoder at http://127.0.0.1.* tried 5 times"):
        call(server, http)

    assert len(server.received) == 5


def test_a_refused_connection_is_reported(make_server: MakeServer, http: httpx.Client) -> None:
    server = ScriptedServer(DONE)
    server.close()

    with pytest.raises(Unreachable, match="refused"):
        call(server, http)


def test_an_error_of_the_service_is_told_whole_and_not_tried_again(
    make_server: MakeServer, http: httpx.Client
) -> None:
    server = make_server(error_answer(400, "text is empty"))

    with pytest.raises(ServiceError) as raised:
        call(server, http)

    assert str(raised.value) == "the encoder answered 400: text is empty"
    assert (raised.value.status, raised.value.param, raised.value.code) == (400, "text", "c")
    assert len(server.received) == 1


def test_an_error_without_our_object_is_told_by_its_reason(
    make_server: MakeServer, http: httpx.Client
) -> None:
    server = make_server(answer(502, b"<html>oops</html>"))

    with pytest.raises(ServiceError, match="answered 502: Said So"):
        call(server, http)


def test_a_moved_service_is_named(make_server: MakeServer, http: httpx.Client) -> None:
    server = make_server(answer(301, location="https://elsewhere/"))

    with pytest.raises(ServiceError, match="it has moved to https://elsewhere/"):
        call(server, http)


def test_a_silent_service_times_out_and_is_not_asked_again(make_server: MakeServer) -> None:
    ended = threading.Event()
    server = make_server(Answer([b"HTTP/1.1 200 OK\r\n"], between=ended.wait))

    with httpx.Client(timeout=0.05) as http, pytest.raises(TimedOut, match="encoder"):
        call(server, http)
    ended.set()

    assert len(server.received) == 1


def test_an_answer_that_never_ends_meets_the_deadline(
    make_server: MakeServer, http: httpx.Client
) -> None:
    head = b"HTTP/1.1 200 OK\r\ncontent-length: 999999999\r\n\r\n"
    server = make_server(Answer(chain([head], repeat(b" "))))

    with pytest.raises(TimedOut, match="was not done in"):
        call(server, http, RetryPolicy(deadline_seconds=0.05))


@pytest.mark.parametrize("body", [b"<html>", b"[1]", b"", b'{"embed": NaN}'])
def test_an_answer_that_is_no_json_object_names_the_setting(
    body: bytes, make_server: MakeServer, http: httpx.Client
) -> None:
    with pytest.raises(BadResponse, match=r"is ENCODER_URL right\?"):
        call(make_server(answer(200, body)), http)


def test_a_path_in_the_url_stays(make_server: MakeServer, http: httpx.Client) -> None:
    server = make_server(DONE)
    Service("encoder", server.url + "/prefix/", http, AT_ONCE).call("/inference/", b"", "audio/wav")

    assert server.received[0].path == "/prefix/inference/"
    assert server.received[0].headers["content-type"] == "audio/wav"


def test_a_stream_goes_on_where_it_broke(make_server: MakeServer, http: httpx.Client) -> None:
    server = make_server(
        broken_answer(BYTES, 3000),
        GONE,
        error_answer(503, "busy"),
        broken_answer(BYTES, 1000),
        answer(200, BYTES),
    )

    received = service(server, http).stream("/inference/", b"{}", "audio/wav")

    assert b"".join(received) == BYTES
    assert len(server.received) == 5


def test_a_stream_arrives_while_it_is_made(make_server: MakeServer, http: httpx.Client) -> None:
    heard = threading.Event()
    head = b"HTTP/1.1 200 OK\r\ncontent-length: 8\r\n\r\n"
    server = make_server(Answer([head + b"half", b"rest"], between=lambda: heard.wait(5)))

    received = service(server, http).stream("/inference/", b"{}", "audio/wav")

    assert next(received) == b"half"
    heard.set()
    assert b"".join(received) == b"rest"


def test_a_stream_that_is_refused_says_why(make_server: MakeServer, http: httpx.Client) -> None:
    server = make_server(error_answer(413, "spec is too long"))

    with pytest.raises(ServiceError, match="spec is too long"):
        list(service(server, http).stream("/inference/", b"{}", "audio/wav"))


def test_a_call_bears_the_id_of_the_request_it_is_made_for(
    make_server: MakeServer, http: httpx.Client
) -> None:
    server = make_server(DONE)
    call(server, http)
    token = request_id.set("mine-9")
    call(server, http)
    request_id.reset(token)

    assert [request.headers.get("x-request-id") for request in server.received] == [None, "mine-9"]


def test_every_attempt_is_reported_with_its_outcome(
    make_server: MakeServer, http: httpx.Client
) -> None:
    server = make_server(GONE, error_answer(503, "busy"), answer(200, BYTES), answer(200, BYTES))
    seen: list[str] = []
    observed = Service("encoder", server.url, http, AT_ONCE, lambda *call: seen.append(call[1]))

    list(observed.stream("/inference/", b"{}", "audio/wav"))
    stopped_early = observed.stream("/inference/", b"{}", "audio/wav")
    next(stopped_early)
    stopped_early.close()

    assert seen == ["broken", "503", "200", "left"]
