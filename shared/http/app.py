"""The app factory: what every service has besides its own routes.

Errors in one form, liveness and readiness, Prometheus metrics, request ids, a page at /, a body
limit, and paths that work with and without the trailing slash. The model is loaded in lifespan: in
the worker process, never before a fork.
"""

import logging
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from typing import Annotated, Any

from anyio import CapacityLimiter, to_thread
from fastapi import Depends, FastAPI, Request, Response
from fastapi.responses import HTMLResponse
from fastapi_offline import FastAPIOffline
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector
from starlette.middleware import Middleware

from shared.http.admission import ComputeSlot, get_slot, set_switch_interval
from shared.http.bodies import BodyLimit
from shared.http.browser_guard import BrowserGuard, describe_guard
from shared.http.connections import ConnectionLimit
from shared.http.deadlines import CancelOnDisconnect
from shared.http.draining import Draining
from shared.http.error_handlers import add_error_handlers
from shared.http.errors import NotReady
from shared.http.head_requests import HeadAsGet
from shared.http.index_page import service_page
from shared.http.json_routes import ArrayResponse, JsonRoute, SendDeadline
from shared.http.load_shedding import LoadShedder
from shared.http.metrics import Metrics
from shared.http.openapi import content, describe_errors, errors
from shared.http.process_memory import share_heaps
from shared.http.request_log import RequestLog
from shared.http.root_path import AddRootPath, StripRootPath
from shared.http.startup_errors import StartupErrors
from shared.http.trailing_slash import OptionalTrailingSlash
from shared.settings import AppSettings, ServiceSettings

log = logging.getLogger("better")


def create_app(
    service: str,
    summary: str,
    settings: AppSettings,
    load: Callable[[], Any],
    example: Callable[[], dict[str, Any]] | None = None,
    concurrency: int = 1,
    caller_share: float = 1.0,
    threads: int | None = None,
    unload: Callable[[Any], None] = lambda model: None,
    middleware: Sequence[Middleware] = (),
    collectors: Sequence[Collector] = (),
    check_ready: Callable[[Any], None] = lambda model: None,
) -> FastAPI:
    """A service's app without its own routes.

    load: builds the model from its checkpoint; what it returns is `app.state.model`, which `unload`
    gets when the process ends.
    example: a request body for POST /inference/ that works, shown by the page at /; without one the
    app brings a page of its own.
    concurrency: requests that may compute at a time.
    caller_share: of them, and of the queue, that one caller may have, 0 to 1.
    threads: that they share; one for each if None.
    middleware: the app's own, outermost first; it sees a request before its body is read.
    collectors: the app's own metrics.
    check_ready: gets the model; raises NotReady, and never blocks.
    """
    # Its page at /docs brings its scripts along: none comes from a CDN.
    app = FastAPIOffline(
        title=f"Better API: {service}",
        summary=summary,
        version="0.1.0",
        lifespan=_lifespan(
            service,
            settings,
            concurrency,
            caller_share,
            threads,
            load,
            unload,
            middleware,
            check_ready,
        ),
        redoc_url=None,
        static_url="/static-docs",
    )
    app.router.route_class = JsonRoute
    describe_errors(app)
    if isinstance(settings, ServiceSettings):
        describe_guard(app)
    _add_state(app, settings)
    add_error_handlers(app)
    _add_health(app)
    if example is not None:
        _add_page(app, service, summary)
        _add_example(app, example)
    metrics = Metrics(lambda: app.state.slot.queued if app.state.ready else 0, collectors)
    _add_metrics(app, metrics)
    app.state.metrics, app.state.door = metrics, LoadShedder(app.state)
    _add_middleware(app, service, settings, metrics, middleware)
    return app


def _lifespan(
    service: str,
    settings: AppSettings,
    concurrency: int,
    caller_share: float,
    threads: int | None,
    load: Callable[[], Any],
    unload: Callable[[Any], None],
    own: Sequence[Middleware],
    check_ready: Callable[[Any], None],
) -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        share_heaps()
        set_switch_interval()
        app.state.slot = ComputeSlot(
            settings.queue_limit, settings.queue_seconds, concurrency, threads, caller_share
        )
        app.state.parsing = CapacityLimiter(1)
        app.state.model = await to_thread.run_sync(load)
        app.state.check_ready = partial(check_ready, app.state.model)
        if not own:  # else it has to see a request first
            app.state.door.watch(app.routes)
        app.state.ready = True
        log.info("%s is ready", service)
        yield
        app.state.ready = False
        await to_thread.run_sync(unload, app.state.model)

    return lifespan


def _add_state(app: FastAPI, settings: AppSettings) -> None:
    """What is there before the app starts: its middleware and its server look at it."""
    app.state.ready = False
    app.state.check_ready = lambda: None
    app.state.receive_seconds = settings.receive_seconds
    app.state.max_connections = settings.max_connections


def _add_middleware(
    app: FastAPI,
    service: str,
    settings: AppSettings,
    metrics: Metrics,
    own: Sequence[Middleware],
) -> None:
    """Innermost first. own: the app's own, outermost first."""
    if settings.root_path:
        app.add_middleware(AddRootPath, root_path=settings.root_path)
    app.add_middleware(HeadAsGet)
    app.add_middleware(
        BodyLimit,
        max_bytes=settings.max_body_bytes,
        max_held_bytes=settings.max_held_bytes,
        seconds=settings.receive_seconds,
    )
    app.add_middleware(SendDeadline, seconds=settings.send_seconds)
    app.add_middleware(CancelOnDisconnect)
    app.add_middleware(Draining, state=app.state)
    if isinstance(settings, ServiceSettings):
        hosts = None if settings.dyno else settings.allowed_hosts
        app.add_middleware(BrowserGuard, service=service, hosts=hosts)
    for its in reversed(own):
        app.add_middleware(its.cls, *its.args, **its.kwargs)
    app.add_middleware(ConnectionLimit, state=app.state)
    app.add_middleware(RequestLog, metrics=metrics)
    app.add_middleware(OptionalTrailingSlash, router=app.router)
    app.add_middleware(StartupErrors)
    if settings.root_path:
        app.add_middleware(StripRootPath, root_path=settings.root_path)


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
        request.app.state.check_ready()
        return {"status": "ready"}


def _add_metrics(app: FastAPI, metrics: Metrics) -> None:
    as_text = content({"type": "string"}, "text/plain")

    @app.get("/metrics", tags=["health"], response_class=Response, responses=as_text)
    def scrape() -> Response:
        """Prometheus metrics."""
        return Response(generate_latest(metrics.registry), media_type=CONTENT_TYPE_LATEST)
