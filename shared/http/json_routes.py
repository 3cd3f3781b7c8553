"""JSON routes and responses: how every app reads requests and writes responses."""

import json
import re
from codecs import BOM_UTF8
from collections.abc import AsyncGenerator, Callable, Coroutine, Iterator
from contextlib import AsyncExitStack, aclosing, contextmanager, nullcontext
from typing import Any

import numpy as np
import orjson
from anyio import to_thread
from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, StreamingResponse
from fastapi.routing import APIRoute
from pydantic import ValidationError
from starlette.types import Message, Receive, Scope, Send

from shared.http import deadlines
from shared.http.app_state import get_slot, state_of
from shared.http.errors import ApiError, InvalidRequest, TooLarge, UnsupportedMediaType
from shared.http.request_log import record_error_code
from shared.http.tensors import Float32Array

MAX_JSON_VALUES = 1_000_000
"""Values in a JSON body: a minute of sound at 16 kHz. Each takes about 60 bytes once parsed."""
_WEIGHTS = {b",": 1, b":": 2, b"[": 4, b"{": 4}
"""Values that each character counts as: the memory of the item, pair, list or object it begins."""
_SMALL_BYTES = 65_536  # a body up to this size is parsed on the event loop

_NOT_JSON_NUMBER = re.compile(rb"[-+]?(?:NaN|Infinity|inf|nan)|-?\d[\d.eE+-]*")
_KEY = re.compile(rb'"(\w{1,64})"\s{0,8}:')
_KEY_DISTANCE = 2**21  # bytes before a bad number in which its key is looked for


class ArrayResponse(Response):
    """A JSON object whose values may be NumPy arrays; float32 in its shortest decimal form."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        return orjson.dumps(content, option=orjson.OPT_SERIALIZE_NUMPY)


def wav_json_stream(chunks: Iterator[Float32Array], rate: int) -> Iterator[bytes]:
    """{"sr", "wav"} in pieces, from chunks [n] in ±1.

    The first bytes come with the first samples, so that an earlier error can become an error
    response.
    """
    before = b'{"sr":%d,"wav":[' % rate
    for chunk in filter(len, chunks):
        clipped = np.clip(chunk, -1, 1)  # resampling overshoots
        yield before + orjson.dumps(clipped, option=orjson.OPT_SERIALIZE_NUMPY)[1:-1]
        before = b","
    yield b"]}" if before == b"," else before + b"]}"


class ChunksResponse(StreamingResponse):
    """A response sent while its chunks are made. However sending ends, the generator is closed."""

    def __init__(self, chunks: AsyncGenerator[bytes], media_type: str) -> None:
        super().__init__(chunks, media_type=media_type)
        self.chunks = chunks

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with aclosing(self.chunks):
            await super().__call__(scope, receive, send)


class HeldResponse(Response):
    """A response that holds a resource, such as a turn, until it has been sent."""

    def __init__(self, body: bytes, media_type: str, hold: AsyncExitStack) -> None:
        super().__init__(body, media_type=media_type)
        self.hold = hold

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with self.hold:
            await super().__call__(scope, receive, send)


class ErrorResponse(JSONResponse):
    """An ApiError as JSON, with its status and headers. Its code goes to the log and metrics."""

    def __init__(self, error: ApiError) -> None:
        super().__init__(error.body(), error.status, error.headers)
        self.code = error.code

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        record_error_code(self.code)
        await super().__call__(scope, receive, send)


class ResponseTracker:
    """Passes a response on, and knows whether it has started."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.has_started = False

    async def send(self, message: Message) -> None:
        self.has_started = True
        await self._send(message)


def parse_json(body: bytes) -> Any:
    """Parse a request body with orjson.

    Raises InvalidRequest, which names the field of a number that is not finite (NaN, 1e999), and
    TooLarge for a body with the memory of more than MAX_JSON_VALUES values.
    """
    if sum(weight * body.count(sign) for sign, weight in _WEIGHTS.items()) >= MAX_JSON_VALUES:
        raise TooLarge(
            f"the body holds more than the limit of {MAX_JSON_VALUES:,} values; send less, or "
            "send sound as a file",
            param="body",
            code="too_many_values",
        )
    try:
        return orjson.loads(body.removeprefix(BOM_UTF8))
    except json.JSONDecodeError as error:
        raise _explain(body, error) from None


def without_nulls(parsed: Any) -> Any:
    """A body whose fields of null are absent: many clients send every field that they know."""
    if not isinstance(parsed, dict):
        return parsed
    return {name: value for name, value in parsed.items() if value is not None}


def _explain(body: bytes, error: json.JSONDecodeError) -> InvalidRequest:
    # orjson gives the position in characters; for -Infinity, just after the sign.
    at = len(error.doc[: error.pos].encode()) if error.doc else error.pos
    start = at - 1 if body[at - 1 : at] in (b"-", b"+") else at
    number = _NOT_JSON_NUMBER.match(body, start)
    if number is None:
        where = f"line {error.lineno} column {error.colno}"
        if "surrogates not allowed" in error.msg:
            return InvalidRequest("the body is not UTF-8; encode it as UTF-8", code="invalid_json")
        if "surrogate" in error.msg:
            return InvalidRequest(
                f"the body holds half a character at {where} ({error.msg}), as when a text is cut "
                "within an emoji; cut it between characters",
                code="invalid_json",
            )
        return InvalidRequest(f"the body is not JSON: {error.msg} at {where}", code="invalid_json")
    keys = _KEY.findall(body, max(0, start - _KEY_DISTANCE), start)
    param = keys[-1].decode(errors="replace") if keys else None
    return InvalidRequest(
        f"{param or 'the body'}: {number[0][:20].decode()} is not a finite number; "
        "send finite numbers only",
        param=param,
        code="not_finite",
    )


def media_type(request: Request) -> str:
    """The request's content type in lower case, without parameters; "" if it has none."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def require_identity_encoding(request: Request) -> None:
    """Raises UnsupportedMediaType for a compressed body."""
    encoding = request.headers.get("content-encoding", "identity")
    if encoding != "identity":
        raise UnsupportedMediaType(
            f"Content-Encoding {encoding[:80]} is not supported; send the body uncompressed",
            param="content-encoding",
        )


def require_valid_deadline(request: Request) -> None:
    """Raises InvalidRequest for a malformed X-Request-Deadline."""
    value = request.headers.get(deadlines.HEADER, "0")
    if not deadlines.is_seconds(value):
        raise InvalidRequest(
            f"{deadlines.HEADER}: {value[:40]!r} is not a number of seconds from 0 to "
            f"{deadlines.MAX_SECONDS}; send one, such as 12.5, or omit the header",
            param=deadlines.HEADER.lower(),
        )


@contextmanager
def body_validation() -> Iterator[None]:
    """Turn pydantic's errors into the response that FastAPI's own validation gives."""
    try:
        yield
    except ValidationError as error:
        located = [{**e, "loc": ("body", *e["loc"])} for e in error.errors(include_url=False)]
        raise RequestValidationError(located) from None


class JsonRequest(Request):
    """A request whose JSON body is parsed once, and then freed.

    A large body is parsed in a thread, so that the event loop goes on; one body at a time, since
    Python objects take many times the memory of their JSON.
    """

    received: bytes | None = None
    is_parsed = False
    parsed: Any = None

    async def body(self) -> bytes:
        if self.received is None:
            self.received = b"".join([chunk async for chunk in self.stream()])
        return self.received

    async def json(self) -> Any:
        if not self.is_parsed:
            await self.read_json(lambda value: value)
        return self.parsed

    async def read_json(self, validate: Callable[[Any], Any]) -> Any:
        """Parse the body and return `validate` of it, as `json` does from then on."""
        if media_type(self) != "application/json":
            given = self.headers.get("content-type") or "missing"
            raise UnsupportedMediaType(
                f"Content-Type is {given[:80]}; send JSON with Content-Type: application/json",
                param="content-type",
            )
        body = await self.body()

        def work() -> Any:
            return validate(without_nulls(parse_json(body)))

        if len(body) < _SMALL_BYTES:
            self.parsed = work()
        else:
            limiter = state_of(self.app).parsing
            self.parsed = await to_thread.run_sync(work, limiter=limiter)
        self.is_parsed = True
        self.received = b"{}"  # FastAPI only checks that it is not empty
        self.scope["body_hold"].release()
        return self.parsed


class JsonRoute(APIRoute):
    """A route that reads JSON with orjson and responds with our own errors.

    The body is read, parsed and validated before FastAPI's own reader, which would replace our
    errors. A route that computes is refused before its body is read if the queue is full.
    """

    @property
    def computes(self) -> bool:
        """True if the route takes the compute slot."""
        return any(needed.call is get_slot for needed in self.dependant.dependencies)

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()
        computes = self.computes

        async def read_and_handle(request: Request) -> Response:
            request = JsonRequest(request.scope, request.receive)
            require_identity_encoding(request)
            if request.method not in ("GET", "HEAD"):  # these never wait
                require_valid_deadline(request)
            with state_of(request.app).slot.admit() if computes else nullcontext():
                if self.body_field is not None:
                    await request.read_json(self.validate_body)
                return await handle(request)

        return read_and_handle

    def validate_body(self, value: Any) -> Any:
        """Validate as FastAPI does, which accepts the result as it is."""
        if self.body_field is None or not isinstance(value, dict):
            return value
        validated, errors = self.body_field.validate(value, {}, loc=("body",))
        if errors:
            raise RequestValidationError(errors)
        return validated
