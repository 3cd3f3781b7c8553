"""Bodies of concurrent requests: memory, parsing, and minimum rate."""

import asyncio
import inspect
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import numpy as np
import orjson
import pytest
from starlette.types import Message, Receive, Scope, Send

import vocoder_service.app as vocoder
from shared.http import bodies, json_routes
from shared.http.bodies import BodyBudget, BodyLimit
from shared.http.errors import RequestTooSlow
from tests.conftest import running
from tests.support.leaving_clients import wait_until
from tests.support.served_app import served

LARGE = orjson.dumps({"spec": np.zeros((80, 800), int).tolist(), "seed": 1})
SMALL = orjson.dumps({"spec": [[1]]})
JSON = {"Content-Type": "application/json"}


class HeldParser:
    """Parses once it is released. threads: of its calls, the newest last."""

    def __init__(self, parse: Callable[[bytes], Any]) -> None:
        self.parse, self.threads = parse, list[int]()
        self.let_go = threading.Event()

    def __call__(self, body: bytes) -> Any:
        self.threads.append(threading.get_ident())
        assert len(body) < len(LARGE) or self.let_go.wait(60)
        return self.parse(body)


@pytest.fixture
def parser(monkeypatch: pytest.MonkeyPatch) -> HeldParser:
    parser = HeldParser(json_routes.parse_json)
    monkeypatch.setattr(json_routes, "parse_json", parser)
    return parser


def test_health_answers_while_a_large_body_is_parsed_and_the_next_waits(
    parser: HeldParser,
) -> None:
    def post(body: bytes) -> httpx.Response:
        return httpx.post(f"{url}/inference/", content=body, headers=JSON, timeout=60)

    with served(vocoder.app) as url, ThreadPoolExecutor(3) as pool:
        state = vocoder.app.state
        answers = [pool.submit(post, LARGE + b"}") for _ in range(3)]
        try:
            wait_until(lambda: state.slot.arriving == 3 and len(parser.threads) > 0)
            for path in ("/health/live", "/health/ready", "/metrics"):
                assert httpx.get(url + path, timeout=60).status_code == 200
            assert post(SMALL).status_code == 400  # is parsed on the event loop
            assert len(parser.threads) == 2
        finally:
            parser.let_go.set()
        assert [answer.result().status_code for answer in answers] == [400] * 3
        assert state.slot.arriving == 0


def test_exception_handlers_need_no_thread() -> None:
    handlers = vocoder.app.exception_handlers
    own = [handle for handle in handlers.values() if handle.__module__.startswith("shared.")]
    assert len(own) == 4
    assert all(map(inspect.iscoroutinefunction, own))


HELD = 290_000


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """URL of an encoder with little memory for bodies."""
    with running("encoder", MAX_BODY_BYTES="200000", MAX_HELD_BYTES=str(HELD)) as url:
        yield url


def half_sent(url: str, sent: int) -> socket.socket:
    """A client that has sent `sent` of 200,000 bytes of its body."""
    address = httpx.URL(url)
    client = socket.create_connection((address.host, address.port or 80), timeout=60)
    head = "POST /inference/ HTTP/1.1\r\nHost: x\r\nContent-Type: audio/wav\r\n"
    client.sendall(f"{head}Content-Length: 200000\r\n\r\n".encode() + bytes(sent))
    return client


def test_bodies_of_all_requests_share_their_memory(url: str) -> None:
    whole = httpx.get(f"{url}/example.json", timeout=60).content[:150_000]
    with half_sent(url, 150_000) as first, half_sent(url, 140_000):
        refused = httpx.post(
            f"{url}/inference/",
            content=bytes(150_000),
            headers={"Content-Type": "audio/wav"},
            timeout=60,
        )
        assert refused.status_code == 429
        assert int(refused.headers["retry-after"]) >= 1
        error = refused.json()["error"]
        assert (error["type"], error["code"]) == ("rate_limit_error", "queue_full")
        assert f"{HELD} bytes" in error["message"]
        first.close()
        wait_until(lambda: status(url, whole) != 429)


def status(url: str, body: bytes) -> int:
    """Status for a body of malformed JSON, which is read completely."""
    return httpx.post(f"{url}/inference/", content=body, headers=JSON, timeout=60).status_code


async def read_body(*messages: Message) -> int:
    """The number of bytes read of a body that stalls after these messages."""
    coming = iter(messages)
    came = 0

    async def receive() -> Message:
        if (message := next(coming, None)) is None:
            await asyncio.Event().wait()
        elif message.get("late"):
            await asyncio.sleep(0.01)
        assert message
        return message

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        nonlocal came
        more = True
        while more:
            message = await receive()
            came += len(message["body"])
            more = message["more_body"]

    async def send(message: Message) -> None:
        raise AssertionError

    limit = BodyLimit(app, max_bytes=10_000, max_held_bytes=10_000, seconds=3_600)
    await limit({"type": "http", "headers": []}, receive, send)
    return came


def piece(length: int, *, more: bool = True, late: bool = False) -> Message:
    return {"type": "http.request", "body": bytes(length), "more_body": more, "late": late}


@pytest.mark.anyio
async def test_body_that_does_not_arrive_is_rejected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "GRACE_SECONDS", 0.01)
    with pytest.raises(RequestTooSlow, match="bytes a second"):
        await read_body()


@pytest.mark.anyio
async def test_body_below_the_minimum_rate_is_rejected(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(bodies, "GRACE_SECONDS", 0.01)
    monkeypatch.setattr(bodies, "MIN_RATE", 1_000_000)
    with pytest.raises(RequestTooSlow):
        await read_body(piece(1_000))


@pytest.mark.anyio
async def test_body_at_the_minimum_rate_is_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(bodies, "GRACE_SECONDS", 0)
    monkeypatch.setattr(bodies, "MIN_RATE", 1)
    assert await read_body(piece(1_000), piece(10, late=True, more=False)) == 1_010


@pytest.mark.anyio
async def test_wait_for_memory_is_the_typical_age_of_held_bodies() -> None:
    limit = BodyLimit(vocoder.app, max_bytes=10, max_held_bytes=10, seconds=60)
    for seconds, held in ((1, 4), (40, 4), (50, 4), (3_600, 0), (3_600, 0), (3_600, 0)):
        hold = BodyBudget(limit)
        hold.add(held)
        hold.started -= seconds
    asking = BodyBudget(limit)
    asking.add(4)
    assert limit.seconds_held(excluding=asking) == 41
