"""How requests are read and responses written, the same in every service."""

import asyncio
import json
import re
from codecs import BOM_UTF8
from collections.abc import AsyncGenerator, Callable, Coroutine, Iterator
from contextlib import AsyncExitStack, aclosing, contextmanager, nullcontext, suppress
from typing import Any

import numpy as np
import orjson
from anyio import to_thread
from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, StreamingResponse
from fastapi.routing import APIRoute
from pydantic import ValidationError
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.http import deadlines
from shared.http.admission import get_slot
from shared.http.errors import ApiError, InvalidRequest, TooLarge, UnsupportedMediaType
from shared.http.request_log import note_problem
from shared.http.tensors import Float32Array

MAX_JSON_VALUES = 1_000_000
"""In a JSON body: a minute of sound at 16 kHz. A parsed value takes sixty bytes for a while."""
_VALUES_OF = {b",": 1, b":": 2, b"[": 4, b"{": 4}
"""How many values what these stand for takes the memory of: keys, lists and objects take more."""

_NOT_JSON_NUMBER = re.compile(rb"[-+]?(?:NaN|Infinity|inf|nan)|-?\d[\d.eE+-]*")
_KEY = re.compile(rb'"(\w{1,64})"\s{0,8}:')
_SENT_BYTES = 65_536  # at a time: the server takes all that it gets, and then waits for nobody
_SMALL = 65_536  # bytes of a body that is parsed in no time
_KEY_IS_NEAR = 2**21  # bytes of the body before a number in which its field's name is looked for


class ArrayResponse(Response):
    """A JSON object whose values may be NumPy arrays. float32 is written in its shortest form."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        return orjson.dumps(content, option=orjson.OPT_SERIALIZE_NUMPY)


def wav_json_stream(chunks: Iterator[Float32Array], rate: int) -> Iterator[bytes]:
    """{"sr", "wav"} while the sound is made, chunks [n] in ±1. The first bytes come with the first
    samples, so that an error before them can be answered."""
    before = b'{"sr":%d,"wav":[' % rate
    for chunk in filter(len, chunks):
        clipped = np.clip(chunk, -1, 1)  # resampling overshoots
        yield before + orjson.dumps(clipped, option=orjson.OPT_SERIALIZE_NUMPY)[1:-1]
        before = b","
    yield b"]}" if before == b"," else before + b"]}"


class ChunksResponse(StreamingResponse):
    """Chunks as they are made. However the sending ends, their making ends with it, at once."""

    def __init__(self, chunks: AsyncGenerator[bytes], media_type: str) -> None:
        super().__init__(chunks, media_type=media_type)
        self._chunks = chunks

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with aclosing(self._chunks):
            await super().__call__(scope, receive, send)


class HeldResponse(Response):
    """A whole body that holds something, such as a turn, until it is sent."""

    def __init__(self, body: bytes, media_type: str, hold: AsyncExitStack) -> None:
        super().__init__(body, media_type=media_type)
        self._hold = hold

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with self._hold:
            await super().__call__(scope, receive, send)


class ErrorResponse(JSONResponse):
    def __init__(self, error: ApiError) -> None:
        super().__init__(error.body(), error.status, error.headers)
        self._code = error.code

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        note_problem(self._code)
        await super().__call__(scope, receive, send)


def parse_json(body: bytes) -> Any:
    """Raises InvalidRequest that names the field a number that is none (NaN, 1e999) stands in, and
    TooLarge for what takes as much memory as MAX_JSON_VALUES values."""
    if sum(weight * body.count(sign) for sign, weight in _VALUES_OF.items()) >= MAX_JSON_VALUES:
        raise TooLarge(
            f"the body holds over {MAX_JSON_VALUES:,} values, which take much memory; send less, "
            "or sound as a file",
            param="body",
            code="too_many_values",
        )
    try:
        return orjson.loads(body.removeprefix(BOM_UTF8))
    except json.JSONDecodeError as error:
        raise _explain(body, error) from None


def _without_nulls(parsed: Any) -> Any:
    """A body whose fields of null are absent: many clients send every field that they know."""
    if not isinstance(parsed, dict):
        return parsed
    return {name: value for name, value in parsed.items() if value is not None}


def _explain(body: bytes, error: json.JSONDecodeError) -> InvalidRequest:
    # orjson points at a character, or just past the sign of -Infinity.
    at = len(error.doc[: error.pos].encode()) if error.doc else error.pos
    start = at - 1 if body[at - 1 : at] in (b"-", b"+") else at
    number = _NOT_JSON_NUMBER.match(body, start)
    if number is None:
        where = f"line {error.lineno} column {error.colno}"
        return InvalidRequest(f"the body is not JSON: {error.msg} at {where}", code="invalid_json")
    keys = _KEY.findall(body, max(0, start - _KEY_IS_NEAR), start)
    param = keys[-1].decode(errors="replace") if keys else None
    return InvalidRequest(
        f"{param or 'the body'}: {number[0][:20].decode()} is not a finite number; "
        "every value must be one",
        param=param,
        code="not_finite",
    )


def media_type(request: Request) -> str:
    """The request's content type without parameters, in lower case; "" if there is none."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def require_identity_encoding(request: Request) -> None:
    encoding = request.headers.get("content-encoding", "identity")
    if encoding != "identity":
        raise UnsupportedMediaType(
            f"Content-Encoding {encoding[:80]} is not read here; send the body as it is",
            param="content-encoding",
        )


def require_readable_deadline(request: Request) -> None:
    said = request.headers.get(deadlines.HEADER, "0")
    if not deadlines.is_seconds(said):
        raise InvalidRequest(
            f"{deadlines.HEADER}: {said[:40]!r} is no number of seconds from 0 to "
            f"{deadlines.MAX_SECONDS}; send one, such as 12.5, or leave the header out",
            param=deadlines.HEADER.lower(),
        )


@contextmanager
def body_validation() -> Iterator[None]:
    """For bodies that FastAPI does not read: what pydantic finds wrong is answered as if it did."""
    try:
        yield
    except ValidationError as error:
        located = [{**e, "loc": ("body", *e["loc"])} for e in error.errors(include_url=False)]
        raise RequestValidationError(located) from None


class JsonRequest(Request):
    """Parses its JSON body once, in a thread if it is large: the event loop answers meanwhile. One
    body at a time, for as Python objects it is many times what it was, and what is made of it."""

    async def json(self) -> Any:
        if not hasattr(self, "_parsed"):
            await self.read_json(lambda value: value)
        return self._parsed

    async def read_json(self, validate: Callable[[Any], Any]) -> Any:
        """What `validate` makes of the body, which is forgotten; `json` gives it from now on."""
        if media_type(self) != "application/json":
            given = self.headers.get("content-type", "none")
            raise UnsupportedMediaType(
                f"Content-Type is {given[:80]}; send JSON with Content-Type: application/json",
                param="content-type",
            )
        body = await self.body()

        def work() -> Any:
            return validate(_without_nulls(parse_json(body)))

        if len(body) < _SMALL:
            self._parsed = work()
        else:
            self._parsed = await to_thread.run_sync(work, limiter=self.app.state.parsing)
        self._body = b"{}"  # FastAPI looks whether there was one
        self.scope["body_hold"].release()
        return self._parsed


class JsonRoute(APIRoute):
    """A route that reads JSON bodies with orjson and answers with our own errors.

    The body is read, parsed and validated before FastAPI's own reader, which would turn our errors
    into its. Where it would only find the queue full, it is not read at all: refusing has to cost
    little.
    """

    @property
    def computes(self) -> bool:
        return any(needed.call is get_slot for needed in self.dependant.dependencies)

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()
        computes = self.computes

        async def wire_handle(request: Request) -> Response:
            request = JsonRequest(request.scope, request.receive)
            require_identity_encoding(request)
            if request.method not in ("GET", "HEAD"):  # which wait for nothing
                require_readable_deadline(request)
            with (await get_slot(request)).place() if computes else nullcontext():
                if self.body_field is not None:
                    await request.read_json(self._validated)
                return await handle(request)

        return wire_handle

    def _validated(self, parsed: Any) -> Any:
        """As FastAPI would, which takes for valid what is of its class already."""
        if self.body_field is None or not isinstance(parsed, dict):
            return parsed
        value, errors = self.body_field.validate(parsed, {}, loc=("body",))
        if errors:
            raise RequestValidationError(errors)
        return value


class Answer:
    """Passes an answer on, and knows whether it has begun."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.has_begun = False

    async def send(self, message: Message) -> None:
        self.has_begun = True
        await self._send(message)


class SendDeadline:
    """Drops a client that takes no more of its answer, so that it cannot hold a computing slot, nor
    the memory of an answer that is sent at once."""

    def __init__(self, app: ASGIApp, seconds: float) -> None:
        self.app = app
        self.seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def timely_send(message: Message) -> None:
            try:
                for part in _in_blocks(message):
                    async with asyncio.timeout(self.seconds):
                        await send(part)
            except TimeoutError:
                raise ClientDisconnect from None

        # The server closes the connection of an answer that was not brought to its end.
        with suppress(ClientDisconnect):
            await self.app(scope, receive, timely_send)


def _in_blocks(message: Message) -> Iterator[Message]:
    body = message.get("body", b"")
    for end in range(_SENT_BYTES, len(body), _SENT_BYTES):
        yield {**message, "body": body[end - _SENT_BYTES : end], "more_body": True}
    rest = (len(body) - 1) // _SENT_BYTES * _SENT_BYTES
    yield {**message, "body": body[rest:]} if rest > 0 else message
