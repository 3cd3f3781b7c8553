"""What broke or was refused, as one of our errors: in our own words where a
library's would not do."""

from collections.abc import Callable
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.routing import Match

from shared.http.errors import ApiError, InternalError, InvalidRequest, MethodNotAllowed, NotFound
from shared.http.json_routes import ErrorResponse
from shared.http.path_hints import suggested_path
from shared.http.request_id import HEADER, request_id


def add_error_handlers(app: FastAPI) -> None:
    def answer(kind: type[Exception], error_of: Callable[[Request, Any], ApiError]) -> None:
        # async: Starlette would run a plain function in a thread, and refusing has to cost little.
        async def handle(request: Request, error: Exception) -> Response:
            return ErrorResponse(error_of(request, error))

        app.add_exception_handler(kind, handle)

    answer(ApiError, lambda _, error: error)
    answer(RequestValidationError, lambda _, error: _from_validation(error))
    answer(HTTPException, _from_http)
    answer(Exception, lambda *_: _unforeseen())


_SHOWN = 200  # characters of a path
_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
_NO_OBJECT = "must be a JSON object"
_PLAIN = {
    "missing": "is missing",
    **dict.fromkeys(
        ("int_parsing", "int_parsing_size", "int_type", "int_from_float"), "must be a whole number"
    ),
    **dict.fromkeys(("float_parsing", "float_type", "finite_number"), "must be a number"),
    **dict.fromkeys(("bool_parsing", "bool_type"), "must be true or false"),
    "dict_type": _NO_OBJECT,
    "model_type": _NO_OBJECT,
    "model_attributes_type": _NO_OBJECT,
    "too_long": "the list has over {max_length} entries, which is the most in one request; send "
    "the others in another",
    "string_too_long": "is over {max_length} characters long, which is the most; send a shorter "
    "one, a long text sentence by sentence",
}


def _unforeseen() -> InternalError:
    current = request_id.get() or ""
    error = InternalError(f"something broke here; it is in our log under {current}")
    error.headers = {HEADER: current}  # this answer is made beyond the middleware that adds it
    return error


def _from_validation(invalid: RequestValidationError) -> InvalidRequest:
    first = invalid.errors()[0]
    # The place, <the form of the body>, the field, and pydantic's additions: an entry, a type.
    names = [part for part in first["loc"] if isinstance(part, str) and not part.startswith("<")]
    context = first.get("ctx", {})
    plain = _PLAIN.get(first["type"])
    param = names[1] if len(names) > 1 else None
    message = plain.format(**context) if plain else first["msg"]
    return InvalidRequest(
        f"{param or 'the body'}: {message[:1].lower()}{message[1:]}; what belongs here is at /docs",
        param=param,
        code=context.get("code", first["type"]),
    )


def _from_http(request: Request, error: HTTPException) -> ApiError:
    path = request.url.path[:_SHOWN]
    if error.status_code == 404:
        if right := suggested_path(request.app.router.routes, request.scope):
            return NotFound(f"no route {path}; use {request.scope.get('root_path', '')}{right}")
        return NotFound(f"there is no {path} here; what there is is at /docs")
    if error.status_code == 405:
        allowed = _allowed(request)
        wrong = MethodNotAllowed(f"{request.method[:20]} is not for {path}; use {allowed}")
        wrong.headers = {"Allow": allowed}
        return wrong
    return InvalidRequest(str(error.detail))


def _allowed(request: Request) -> str:
    """Of all routes of the path: the error itself knows but those of the first."""
    routes = request.app.router.routes

    def answers(method: str) -> bool:
        asked = {**request.scope, "method": "GET" if method == "HEAD" else method}
        return any(route.matches(asked)[0] is Match.FULL for route in routes)

    return ", ".join(filter(answers, _METHODS))
