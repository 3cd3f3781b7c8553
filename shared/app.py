"""The app factory: what every service has besides its own routes.

Errors in one form, liveness and readiness, Prometheus metrics, request ids, a page at /, a body
limit, and paths that work with and without the trailing slash. The model is loaded in lifespan: in
the worker process, never before a fork.
"""

import logging
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Annotated, Any

from anyio import CapacityLimiter, to_thread
from fastapi import Depends, FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse
from fastapi_offline import FastAPIOffline
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.routing import Match

from shared.api_document import content, describe_errors, errors
from shared.bodies import BodyLimit
from shared.compute import ComputeSlot, get_slot, share_the_lock
from shared.connections import ConnectionLimit
from shared.draining import Draining
from shared.either_slash import EitherSlash
from shared.errors import (
    ApiError,
    InternalError,
    InvalidRequest,
    MethodNotAllowed,
    NotFound,
    NotReady,
)
from shared.head import HeadAsGet
from shared.memory import share_heaps
from shared.metrics import Metrics
from shared.page import service_page
from shared.patience import StopForNobody
from shared.refusing import Door
from shared.request_id import HEADER, request_id
from shared.request_log import RequestLog
from shared.settings import AppSettings
from shared.starting import OneLineStart
from shared.wire import (
    ArrayResponse,
    SendDeadline,
    WireRoute,
    error_response,
)

log = logging.getLogger("better")


def create_app(
    service: str,
    summary: str,
    settings: AppSettings,
    load: Callable[[], Any],
    example: Callable[[], dict[str, Any]] | None = None,
    concurrency: int = 1,
    unload: Callable[[Any], None] = lambda model: None,
    middleware: Sequence[Middleware] = (),
    collectors: Sequence[Collector] = (),
) -> FastAPI:
    """A service's app without its own routes.

    load: builds the model from its checkpoint; what it returns is `app.state.model`, which `unload`
    gets when the process ends.
    example: a request body for POST /inference/ that works, shown by the page at /; without one the
    app brings a page of its own.
    concurrency: requests that may compute at a time.
    middleware: the app's own, outermost first; it sees a request before its body is read.
    collectors: the app's own metrics.
    """

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        share_heaps()
        share_the_lock()
        app.state.slot = ComputeSlot(settings.queue_limit, settings.queue_seconds, concurrency)
        app.state.parsing = CapacityLimiter(1)
        app.state.model = await to_thread.run_sync(load)
        if not middleware:  # else it has to see a request first
            app.state.door.watch(app.routes)
        app.state.ready = True
        log.info("%s is ready", service)
        yield
        app.state.ready = False
        await to_thread.run_sync(unload, app.state.model)

    # Its page at /docs brings its scripts along: none comes from a CDN.
    app = FastAPIOffline(
        title=f"Better API: {service}",
        summary=summary,
        version="0.1.0",
        lifespan=lifespan,
        redoc_url=None,
        static_url="/static-docs",
    )
    app.router.route_class = WireRoute
    describe_errors(app)
    app.state.ready = False
    app.state.receive_seconds = settings.receive_seconds
    app.state.max_connections = settings.max_connections
    _add_error_handlers(app)
    _add_health(app)
    if example is not None:
        _add_page(app, service, summary)
        _add_example(app, example)
    metrics = Metrics(lambda: app.state.slot.queued if app.state.ready else 0, collectors)
    _add_metrics(app, metrics)
    app.state.metrics, app.state.door = metrics, Door(app.state)
    app.add_middleware(HeadAsGet)
    app.add_middleware(
        BodyLimit,
        max_bytes=settings.max_body_bytes,
        max_held_bytes=settings.max_held_bytes,
        seconds=settings.receive_seconds,
    )
    app.add_middleware(SendDeadline, seconds=settings.send_seconds)
    app.add_middleware(StopForNobody)
    app.add_middleware(Draining, state=app.state)
    for own in reversed(middleware):
        app.add_middleware(own.cls, *own.args, **own.kwargs)
    app.add_middleware(ConnectionLimit, state=app.state)
    app.add_middleware(RequestLog, metrics=metrics)
    app.add_middleware(EitherSlash, router=app.router)
    app.add_middleware(OneLineStart)
    return app


async def get_model(request: Request) -> Any:
    return request.app.state.model


Slot = Annotated[ComputeSlot, Depends(get_slot)]


def _add_page(app: FastAPI, service: str, summary: str) -> None:
    @app.get("/", response_class=HTMLResponse, include_in_schema=False)
    async def index(request: Request) -> str:
        return service_page(service, summary, str(request.base_url))


def _add_example(app: FastAPI, example: Callable[[], dict[str, Any]]) -> None:
    a_body = content({"type": "object"}, "application/json")

    @app.get("/example.json", tags=["health"], response_class=ArrayResponse, responses=a_body)
    def example_body() -> ArrayResponse:
        """A body for POST /inference/ that works."""
        return ArrayResponse(example())


def _add_health(app: FastAPI) -> None:
    @app.get("/check", tags=["health"])
    async def check() -> str:
        """The predecessor's liveness check."""
        return "service available"

    @app.get("/health/live", tags=["health"])
    async def live() -> dict[str, str]:
        """The process answers."""
        return {"status": "live"}

    @app.get("/health/ready", tags=["health"], responses=errors(503))
    async def ready(request: Request) -> dict[str, str]:
        """Weights are verified and loaded, and new work is taken."""
        if not request.app.state.ready:
            raise NotReady("the model is not loaded, or the service is stopping; try again later")
        return {"status": "ready"}


def _add_metrics(app: FastAPI, metrics: Metrics) -> None:
    as_text = content({"type": "string"}, "text/plain")

    @app.get("/metrics", tags=["health"], response_class=Response, responses=as_text)
    def scrape() -> Response:
        """Prometheus metrics."""
        return Response(generate_latest(metrics.registry), media_type=CONTENT_TYPE_LATEST)


def _add_error_handlers(app: FastAPI) -> None:
    def answer(kind: type[Exception], error_of: Callable[[Request, Any], ApiError]) -> None:
        # async: Starlette would run a plain function in a thread, and refusing has to cost little.
        async def handle(request: Request, error: Exception) -> Response:
            return error_response(error_of(request, error))

        app.add_exception_handler(kind, handle)

    answer(ApiError, lambda _, error: error)
    answer(RequestValidationError, lambda _, error: _from_validation(error))
    answer(HTTPException, _from_http)
    answer(Exception, lambda *_: _unforeseen())


_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
_NO_OBJECT = "must be a JSON object"
_PLAIN = {
    "missing": "is missing",
    "dict_type": _NO_OBJECT,
    "model_type": _NO_OBJECT,
    "model_attributes_type": _NO_OBJECT,
    "too_long": "the list has over {max_length} entries, which is the most in one request; send "
    "the others in another",
    "string_too_long": "is over {max_length} characters long; split it at its sentences and send "
    "them one by one",
}


def _unforeseen() -> InternalError:
    current = request_id.get() or ""
    error = InternalError(f"something broke here; it is in our log under {current}")
    error.headers = {HEADER: current}  # this answer is made beyond the middleware that adds it
    return error


def _from_validation(invalid: RequestValidationError) -> InvalidRequest:
    first = invalid.errors()[0]
    names = [part for part in first["loc"] if isinstance(part, str)]
    context = first.get("ctx", {})
    plain = _PLAIN.get(first["type"])
    # The second name of a body that is no object is only that of a form it might have had.
    least = 2 if plain == _NO_OBJECT else 1
    param = names[-1] if len(names) > least else None
    message = plain.format(**context) if plain else first["msg"]
    return InvalidRequest(
        f"{param or 'the body'}: {message[:1].lower()}{message[1:]}; what belongs here is at /docs",
        param=param,
        code=context.get("code", first["type"]),
    )


def _from_http(request: Request, error: HTTPException) -> ApiError:
    if error.status_code == 404:
        return NotFound(f"there is no {request.url.path} here; what there is is at /docs")
    if error.status_code == 405:
        allowed = _allowed(request)
        wrong = MethodNotAllowed(f"{request.method} is not for {request.url.path}; use {allowed}")
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
