"""One service seen from a client: calls that survive a dropped connection or a busy service."""

import time
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import closing
from typing import Any

import httpx
import orjson

from client.errors import BadResponse, ServiceError
from client.retries import Attempts, RetryPolicy, parse_retry_after
from shared.http import deadlines
from shared.http.request_id import HEADER, request_id

_MAX_MESSAGE_CHARACTERS = 2**16  # bytes of an error's body that are read
_MAX_ERROR_BYTES = 2**26  # bytes of JSON; ten times the longest that a service sends

OnCall = Callable[[str, str, float], None]
"""Is told a service's name, the outcome of one attempt and its seconds. The outcome is a status,
"broken" if no whole answer came, or "left" if it was no longer wanted."""


def ignore_call(service: str, outcome: str, seconds: float) -> None:
    pass


class Service:
    """Calls to one service. Every call is idempotent, and tried again where that may help.

    All of them raise Unreachable, TimedOut, ServiceError or BadResponse.
    """

    def __init__(
        self,
        name: str,
        url: str,
        http: httpx.Client,
        policy: RetryPolicy,
        on_call: OnCall = ignore_call,
    ) -> None:
        self.name = name
        self.url = url.rstrip("/")
        self._http = http
        self._policy = policy
        self._on_call = on_call

    def call(self, path: str, body: bytes, content_type: str) -> dict[str, Any]:
        """POST, and the JSON object that comes back."""
        headers = {"content-type": content_type, "accept": "application/json"}
        attempts = Attempts(self.name, self.url, self._policy)
        while True:
            try:
                return self._parse(self._receive_whole(path, body, headers, attempts))
            except (httpx.RequestError, ServiceError) as error:
                attempts.wait_after(error)

    def stream(self, path: str, body: bytes, accept: str) -> Generator[bytes]:
        """POST of JSON, and the bytes that come back, as they arrive.

        The same body must always bring the same bytes: an attempt after one that broke off goes on
        where that one stopped.
        """
        headers = {"content-type": "application/json", "accept": accept}
        attempts = Attempts(self.name, self.url, self._policy)
        delivered = 0
        while True:
            try:
                with closing(self._receive(path, body, headers, attempts)) as received:
                    for chunk in _skip(received, delivered):
                        delivered += len(chunk)
                        yield chunk
                return
            except (httpx.RequestError, ServiceError) as error:
                attempts.wait_after(error)

    def _receive_whole(
        self, path: str, body: bytes, headers: Mapping[str, str], attempts: Attempts
    ) -> bytes:
        received = bytearray()
        with closing(self._receive(path, body, headers, attempts)) as chunks:
            for chunk in chunks:
                received += chunk
                if len(received) > _MAX_ERROR_BYTES:
                    raise self.bad_response(f"over {_MAX_ERROR_BYTES} bytes")
        return bytes(received)

    def _receive(
        self, path: str, body: bytes, headers: Mapping[str, str], attempts: Attempts
    ) -> Generator[bytes]:
        """One attempt. It bears the id of the request that it is made for, if there is one, and the
        seconds that we wait for its answer to begin."""
        deadlines.check_connected()
        attempts.check_deadline()
        timeout = _within(self._http.timeout, attempts.seconds_left())
        waits = (
            deadlines.MAX_SECONDS
            if timeout.read is None
            else min(timeout.read, deadlines.MAX_SECONDS)
        )
        headers = {**headers, deadlines.HEADER: f"{waits:.3f}"}
        if (current := request_id.get()) is not None:
            headers[HEADER] = current
        request = self._http.stream(
            "POST", self.url + path, content=body, headers=headers, timeout=timeout
        )
        started, outcome = time.monotonic(), "broken"
        try:
            with request as response:
                if not response.is_success:
                    outcome = str(response.status_code)
                    raise self._error_from(response)
                for chunk in response.iter_bytes():
                    attempts.check_deadline()
                    yield chunk
                outcome = str(response.status_code)
        except (GeneratorExit, deadlines.ClientDisconnected):
            outcome = "left"
            raise
        finally:
            self._on_call(self.name, outcome, time.monotonic() - started)

    def _error_from(self, response: httpx.Response) -> ServiceError:
        body = b""
        for chunk in response.iter_bytes():
            body += chunk
            if len(body) > _MAX_MESSAGE_CHARACTERS:
                break
        fields = _error_object(body)
        location = response.headers.get("location")
        otherwise = response.reason_phrase + (f", it has moved to {location}" if location else "")
        return ServiceError(
            self.name,
            response.status_code,
            str(fields.get("message") or otherwise),
            param=fields.get("param"),
            code=fields.get("code"),
            retry_after=parse_retry_after(response.headers.get("retry-after")),
        )

    def _parse(self, received: bytes) -> dict[str, Any]:
        try:
            parsed = orjson.loads(received)
        except orjson.JSONDecodeError as error:
            raise self.bad_response(f"not JSON ({error})") from None
        if not isinstance(parsed, dict):
            raise self.bad_response("no JSON object")
        return parsed

    def bad_response(self, what: str) -> BadResponse:
        return BadResponse(
            self.name,
            f"the {self.name} at {self.url} answered with {what}; "
            f"is {self.name.upper()}_URL right?",
        )


def _within(usual: httpx.Timeout, seconds: float) -> httpx.Timeout:
    limits = usual.as_dict().items()
    return httpx.Timeout(
        **{name: seconds if limit is None else min(limit, seconds) for name, limit in limits}
    )


def _error_object(body: bytes) -> dict[str, Any]:
    """{} for a body that holds none, such as a router's page."""
    try:
        error = orjson.loads(body)["error"]
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return {}
    return error if isinstance(error, dict) else {}


def _skip(chunks: Iterator[bytes], n: int) -> Iterator[bytes]:
    """What follows the first `n` bytes."""
    for chunk in chunks:
        if rest := chunk[n:]:
            yield rest
        n = max(0, n - len(chunk))
