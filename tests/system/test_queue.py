"""The queue of a service, over HTTP: 429 when full, 504 after a long wait."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import numpy as np

from tests.conftest import running

SECONDS = 60  # for a response

SHORT = {"spec": np.zeros((80, 2), int).tolist()}
LONG = {"spec": np.zeros((80, 4_800), int).tolist(), "sr": 48_000}
"""A minute, in so many bytes that they wait on the wire for a client that reads no further."""


@contextmanager
def stream_under_way(url: str) -> Iterator[None]:
    with httpx.stream("POST", f"{url}/inference/", json=LONG, timeout=SECONDS) as response:
        response.raise_for_status()
        body = response.iter_raw()  # keep a reference, or httpx closes the connection
        assert next(body)
        yield


def ask(url: str) -> httpx.Response:
    return httpx.post(f"{url}/inference/", json=SHORT, timeout=SECONDS)


def status_once_the_stream_is_closed(url: str) -> int:
    """200, or the last status before the deadline."""
    deadline = time.monotonic() + SECONDS
    while (status := ask(url).status_code) != 200 and time.monotonic() < deadline:
        time.sleep(0.05)
    return status


def error_of(answer: httpx.Response) -> dict[str, Any]:
    error: dict[str, Any] = answer.json()["error"]
    assert error.keys() == {"type", "message", "param", "code"}
    assert error["message"]
    return error


def test_full_queue_gives_429_with_retry_after() -> None:
    with running("vocoder", CONCURRENCY="1", QUEUE_LIMIT="0") as url:
        with stream_under_way(url):
            refused = ask(url)
        assert refused.status_code == 429
        assert int(refused.headers["Retry-After"]) >= 1
        error = error_of(refused)
        assert (error["type"], error["code"]) == ("rate_limit_error", "queue_full")
        assert status_once_the_stream_is_closed(url) == 200


def test_long_wait_gives_504() -> None:
    limits = {"QUEUE_LIMIT": "1", "QUEUE_SECONDS": "0.2"}
    with running("vocoder", CONCURRENCY="1", **limits) as url:
        with stream_under_way(url):
            late = ask(url)
        assert late.status_code == 504
        assert error_of(late)["code"] == "too_slow"
        assert "Retry-After" not in late.headers
        assert status_once_the_stream_is_closed(url) == 200
