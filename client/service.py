"""Calls to one service, retried when the connection drops or the service is busy."""

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import aclosing
from dataclasses import replace
from typing import Any, TypeVar

import httpx
import orjson

from client.errors import BadResponse, ServiceError
from client.retries import Attempts, RetryPolicy, parse_retry_after
from shared.http import deadlines
from shared.http.request_id import HEADER, request_id
from shared.http.weights_header import HEADER as WEIGHTS_HEADER

T = TypeVar("T")

_MAX_RESPONSE_BYTES = 2**26  # of JSON; ten times the largest that a service sends
_MAX_ERROR_BYTES = 2**16  # of an error's body that are read
_MAX_HASH_CHARACTERS = 64
_WEIGHTS_SECONDS = 5.0
_SMALL = 2**16  # bytes of JSON that parse too fast to need a thread

OnCall = Callable[[str, str, float], None]
"""Called after each attempt with the service's name, the outcome and the seconds it took. The
outcome is a status, "broken" for an incomplete response, or "left" for a cancelled call."""


def ignore_call(service: str, outcome: str, seconds: float) -> None:
    pass


class Service:
    """A client of one service. Every call is idempotent, so it may be retried.

    All methods raise Unreachable, TimedOut, ServiceError or BadResponse.
    """

    def __init__(
        self,
        name: str,
        url: str,
        http: httpx.AsyncClient,
        policy: RetryPolicy,
        on_call: OnCall = ignore_call,
    ) -> None:
        self.name = name
        self.url = url.rstrip("/")
        self.weights = ""
        """SHA-256 of the weights behind the last response; "" if the service does not tell."""
        self._http = http
        self._policy = policy
        self._on_call = on_call

    async def fetch_weights(self) -> str:
        """Ask for `weights`, once and for a few seconds."""
        policy = replace(self._policy, attempts=1, deadline_seconds=_WEIGHTS_SECONDS)
        attempts = Attempts(self.name, self.url, policy)
        await self._received("/health/ready", None, {"accept": "application/json"}, attempts)
        return self.weights

    async def call(
        self, path: str, body: bytes, content_type: str, parse: Callable[[dict[str, Any]], T]
    ) -> T:
        """POST, and return the response's JSON object as read by `parse`.

        Large responses are parsed in a thread, so `parse` must be thread-safe.
        """
        headers = {"content-type": content_type, "accept": "application/json"}
        attempts = Attempts(self.name, self.url, self._policy)
        received = await self._received(path, body, headers, attempts)

        def work() -> T:
            return parse(self._json_object(received))

        return work() if len(received) < _SMALL else await asyncio.to_thread(work)

    async def stream(self, path: str, body: bytes, accept: str) -> AsyncGenerator[bytes]:
        """POST JSON, and yield the response body as it arrives.

        The same request must always give the same bytes: a retry skips those that were yielded.
        """
        headers = {"content-type": "application/json", "accept": accept}
        attempts = Attempts(self.name, self.url, self._policy)
        delivered = 0
        while True:
            try:
                async with aclosing(self._attempt(path, body, headers, attempts)) as received:
                    async for chunk in _skip(received, delivered):
                        delivered += len(chunk)
                        yield chunk
                return
            except (httpx.RequestError, ServiceError) as error:
                wait = attempts.retry_wait(error)
            await asyncio.sleep(wait)

    async def _received(
        self, path: str, body: bytes | None, headers: Mapping[str, str], attempts: Attempts
    ) -> bytes:
        """The whole response body. body: of a POST; None for a GET."""
        while True:
            try:
                return await self._whole(path, body, headers, attempts)
            except (httpx.RequestError, ServiceError) as error:
                wait = attempts.retry_wait(error)
            await asyncio.sleep(wait)

    async def _whole(
        self, path: str, body: bytes | None, headers: Mapping[str, str], attempts: Attempts
    ) -> bytes:
        received = bytearray()
        async with aclosing(self._attempt(path, body, headers, attempts)) as chunks:
            async for chunk in chunks:
                received += chunk
                if len(received) > _MAX_RESPONSE_BYTES:
                    raise self.bad_response(f"over {_MAX_RESPONSE_BYTES} bytes")
        return bytes(received)

    async def _attempt(
        self, path: str, body: bytes | None, headers: Mapping[str, str], attempts: Attempts
    ) -> AsyncGenerator[bytes]:
        """The response body of one attempt."""
        attempts.check_deadline()
        timeout = _at_most(self._http.timeout, attempts.seconds_left())
        request = self._http.stream(
            "GET" if body is None else "POST",
            self.url + path,
            content=body,
            headers={**headers, **_context_headers(timeout)},
            timeout=timeout,
        )
        started, outcome = time.monotonic(), "broken"
        try:
            async with request as response:
                if not response.is_success:
                    outcome = str(response.status_code)
                    raise await self._error_from(response)
                self.weights = response.headers.get(WEIGHTS_HEADER, "")[:_MAX_HASH_CHARACTERS]
                async for chunk in response.aiter_bytes():
                    attempts.check_deadline()
                    yield chunk
                outcome = str(response.status_code)
        except (GeneratorExit, asyncio.CancelledError):
            outcome = "left"
            raise
        finally:
            self._on_call(self.name, outcome, time.monotonic() - started)

    async def _error_from(self, response: httpx.Response) -> ServiceError:
        body = b""
        async for chunk in response.aiter_bytes():
            body += chunk
            if len(body) > _MAX_ERROR_BYTES:
                break
        fields = _error_object(body)
        location = response.headers.get("location")
        moved = f", it has moved to {location}" if location else ""
        return ServiceError(
            self.name,
            response.status_code,
            str(fields.get("message") or response.reason_phrase + moved),
            param=fields.get("param"),
            code=fields.get("code"),
            retry_after=parse_retry_after(response.headers.get("retry-after")),
        )

    def _json_object(self, received: bytes) -> dict[str, Any]:
        try:
            parsed = orjson.loads(received)
        except orjson.JSONDecodeError as error:
            raise self.bad_response(f"invalid JSON ({error})") from None
        if not isinstance(parsed, dict):
            raise self.bad_response("JSON that is not an object")
        return parsed

    def bad_response(self, problem: str) -> BadResponse:
        return BadResponse(
            self.name,
            f"the {self.name} at {self.url} answered with {problem}; "
            f"is {self.name.upper()}_URL right?",
        )


def _at_most(timeout: httpx.Timeout, seconds: float) -> httpx.Timeout:
    limits = timeout.as_dict().items()
    return httpx.Timeout(
        **{name: seconds if limit is None else min(limit, seconds) for name, limit in limits}
    )


def _context_headers(timeout: httpx.Timeout) -> dict[str, str]:
    """The deadline for the service, and the id of the request that is being served, if any."""
    read = deadlines.MAX_SECONDS if timeout.read is None else timeout.read
    headers = {deadlines.HEADER: f"{min(read, deadlines.MAX_SECONDS):.3f}"}
    if (current := request_id.get()) is not None:
        headers[HEADER] = current
    return headers


def _error_object(body: bytes) -> dict[str, Any]:
    """{} for a body without one, such as a router's page."""
    try:
        error = orjson.loads(body)["error"]
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return {}
    return error if isinstance(error, dict) else {}


async def _skip(chunks: AsyncIterator[bytes], n: int) -> AsyncIterator[bytes]:
    """The chunks without their first `n` bytes."""
    async for chunk in chunks:
        if rest := chunk[n:]:
            yield rest
        n = max(0, n - len(chunk))
