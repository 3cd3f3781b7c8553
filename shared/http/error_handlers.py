"""Exception handlers: every error becomes an ApiError, with our own wording where needed."""

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

_MAX_PATH_CHARACTERS = 200  # of a path in a message
_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
_DOCS = ("/docs", "/openapi.json", "/static-docs")
_NOT_AN_OBJECT = "must be a JSON object"
_MESSAGES = {
    "missing": "is missing",
    **dict.fromkeys(
        ("int_parsing", "int_parsing_size", "int_type", "int_from_float"), "must be a whole number"
    ),
    **dict.fromkeys(("float_parsing", "float_type", "finite_number"), "must be a number"),
    **dict.fromkeys(("bool_parsing", "bool_type"), "must be true or false"),
    "dict_type": _NOT_AN_OBJECT,
    "model_type": _NOT_AN_OBJECT,
    "model_attributes_type": _NOT_AN_OBJECT,
    "too_long": "the list has over {max_length} entries, the limit of one request; send the rest "
    "in another",
    "string_too_long": "is over {max_length} characters long, the limit; shorten it",
}
"""By pydantic's type of error."""
_TEXTS = ("text", "texts")
"""Fields with a text to speak, in the synthesizer."""


def add_error_handlers(app: FastAPI) -> None:
    """Register handlers of ApiError, validation errors, HTTPException and all other exceptions."""

    def handle(kind: type[Exception], to_error: Callable[[Request, Any], ApiError]) -> None:
        # async, since Starlette runs a plain function in a thread, and rejections have to be cheap
        async def respond(request: Request, error: Exception) -> Response:
            return ErrorResponse(to_error(request, error))

        app.add_exception_handler(kind, respond)

    handle(ApiError, lambda _, error: error)
    handle(RequestValidationError, lambda _, error: from_validation(error))
    handle(HTTPException, _from_http)
    handle(Exception, lambda *_: unexpected())


def unexpected() -> InternalError:
    """The error of an exception that nothing expects. Its log has the request id."""
    current = request_id.get() or ""
    error = InternalError(f"an internal error occurred; it is in our log under {current}")
    error.headers = {HEADER: current}  # this response is made outside the middleware that adds it
    return error


def from_validation(invalid: RequestValidationError) -> InvalidRequest:
    """The first of the errors, by the name of its field."""
    first = invalid.errors()[0]
    # Where it was found, <the form of the body>, the field; then pydantic's: an entry, a type.
    names = [part for part in first["loc"] if isinstance(part, str) and not part.startswith("<")]
    context = first.get("ctx", {})
    known = _MESSAGES.get(first["type"])
    param = names[1] if len(names) > 1 else None
    message = known.format(**context) if known else first["msg"]
    if first["type"] == "string_too_long" and param in _TEXTS:
        message += ", or send it sentence by sentence"
    return InvalidRequest(
        f"{param or 'the body'}: {message[:1].lower()}{message[1:]}; see /docs",
        param=param,
        code=context.get("code", first["type"]),
    )


def _from_http(request: Request, error: HTTPException) -> ApiError:
    path = request.url.path
    shown = path[:_MAX_PATH_CHARACTERS]
    if error.status_code == 404:
        if right := suggested_path(request.app.router.routes, request.scope):
            return NotFound(f"No route {shown}; use {request.scope.get('root_path', '')}{right}.")
        # A page below /docs that does not exist must not send the reader back to /docs.
        remedy = "docs/api.md lists all routes" if path.startswith(_DOCS) else "see /docs"
        return NotFound(f"No route {shown}; {remedy}.")
    if error.status_code == 405:
        allowed = _allowed_methods(request)
        not_allowed = MethodNotAllowed(
            f"{request.method[:20]} is not allowed for {shown}; use {allowed}"
        )
        not_allowed.headers = {"Allow": allowed}
        return not_allowed
    return InvalidRequest(str(error.detail))


def _allowed_methods(request: Request) -> str:
    """Methods of all routes of the path; the exception has those of the first route only."""
    routes = request.app.router.routes

    def is_allowed(method: str) -> bool:
        scope = {**request.scope, "method": "GET" if method == "HEAD" else method}
        return any(route.matches(scope)[0] is Match.FULL for route in routes)

    return ", ".join(filter(is_allowed, _METHODS))
