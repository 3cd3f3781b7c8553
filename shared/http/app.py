"""The app factory: everything that all apps have besides their own routes.

Errors in one form, liveness and readiness, Prometheus metrics, request ids, admission control,
limits for bodies and connections, a page at /, and paths that work with and without a trailing
slash. The model is loaded in the lifespan: in the worker process, never before a fork.
"""

import logging
import sys
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from types import MappingProxyType
from typing import Annotated, Any

from anyio import to_thread
from fastapi import Depends, FastAPI, Request, Response
from fastapi.responses import HTMLResponse
from fastapi_offline import FastAPIOffline
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector
from starlette.middleware import Middleware

from shared import __version__
from shared.http.admission import ComputeSlot, set_switch_interval
from shared.http.app_state import AppState, get_model, get_slot, state_of
from shared.http.availability import ConnectionLimit, Draining
from shared.http.bodies import BodyLimit
from shared.http.browser_guard import BrowserGuard, describe_guard
from shared.http.deadlines import CancelOnDisconnect, SendDeadline
from shared.http.error_handlers import add_error_handlers
from shared.http.errors import NotReady
from shared.http.html_pages import docs_page, service_page
from shared.http.json_routes import ArrayResponse, JsonRoute
from shared.http.metrics import Metrics
from shared.http.openapi import content, errors, extend_openapi
from shared.http.process_memory import share_heaps
from shared.http.request_log import RequestLog
from shared.http.root_path import AddRootPath, StripRootPath
from shared.http.routing import HeadAsGet, OptionalTrailingSlash
from shared.http.startup_errors import StartupErrors
from shared.http.weights_header import WeightsHeader
from shared.settings import AppSettings, ServiceSettings

__all__ = ["Slot", "app_on_demand", "create_app", "get_model"]

log = logging.getLogger("better")

_STATIC_DOCS = "/static-docs"

Slot = Annotated[ComputeSlot, Depends(get_slot)]


def create_app(
    service: str,
    summary: str,
    settings: AppSettings,
    load: Callable[[], Any],
    weights: Callable[[], str] = lambda: "",
    example: Callable[[], dict[str, Any]] | None = None,
    examples: Mapping[str, Callable[[], Any]] = MappingProxyType({}),
    concurrency: int = 1,
    caller_share: float = 1.0,
    threads: int | None = None,
    unload: Callable[[Any], None] = lambda model: None,
    middleware: Sequence[Middleware] = (),
    collectors: Sequence[Collector] = (),
    check_ready: Callable[[Any], None] = lambda model: None,
) -> FastAPI:
    """An app without its own routes. Its state is an `AppState`.

    load: returns the app's model, which becomes `state.model`; runs when the app starts.
    weights: returns the SHA-256 of the model's weights, for the header of that name; runs after
        `load`.
    unload: gets the model when the app stops.
    check_ready: gets the model at each readiness probe. Raises NotReady; must not block.
    example: returns a body for POST /inference/, which the page at / shows. Without it the app has
        a page of its own.
    examples: by path, functions that return bodies for /docs.
    concurrency, threads: requests that compute at a time, and threads that they share; one for each
        if None.
    caller_share: fraction of concurrency and queue that one caller may hold, 0 to 1.
    middleware: the app's own, outermost first; it sees a request before its body is read.
    collectors: the app's own metrics, made with registry=None.
    """
    slot = ComputeSlot(
        settings.queue_limit, settings.queue_seconds, concurrency, threads, caller_share
    )
    state: AppState[Any] = AppState(
        settings=settings,
        slot=slot,
        metrics=Metrics(lambda: state.slot.queued if state.ready else 0, collectors),
    )
    # It serves the scripts of the page at /docs, which loads none from a CDN.
    app = FastAPIOffline(
        title=f"Better API: {service}",
        summary=summary,
        version=__version__,
        lifespan=_lifespan(service, state, load, weights, unload, check_ready),
        docs_url=None,
        redoc_url=None,
        static_url=_STATIC_DOCS,
    )
    app.state = state  # type: ignore[assignment]  # typed, where Starlette's is not
    app.router.route_class = JsonRoute
    extend_openapi(app, {**({"/inference/": example} if example else {}), **examples})
    if isinstance(settings, ServiceSettings):
        describe_guard(app)
    add_error_handlers(app)
    _add_health(app)
    _add_docs(app)
    if example is not None:
        _add_page(app, service, summary)
        _add_example(app, example)
    _add_middleware(app, service, state, middleware)
    return app


def app_on_demand(build: Callable[[], FastAPI]) -> Callable[[str], FastAPI]:
    """A module's `__getattr__`, which builds its `app` when it is first asked for.

    So `gunicorn encoder_service.app:app` works, and importing the module reads no settings.
    """

    def module_attribute(name: str) -> FastAPI:
        if name != "app":
            raise AttributeError(f"module {build.__module__!r} has no attribute {name!r}")
        module = sys.modules[build.__module__]
        module.__dict__["app"] = app = build()
        return app

    return module_attribute


def _lifespan(
    service: str,
    state: AppState[Any],
    load: Callable[[], Any],
    weights: Callable[[], str],
    unload: Callable[[Any], None],
    check_ready: Callable[[Any], None],
) -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        share_heaps()
        set_switch_interval()
        state.model = await to_thread.run_sync(load)
        state.weights = await to_thread.run_sync(weights)
        state.check_ready = partial(check_ready, state.model)
        state.ready = True
        log.info("%s is ready", service)
        yield
        state.ready = False
        await to_thread.run_sync(unload, state.model)

    return lifespan


def _add_middleware(
    app: FastAPI, service: str, state: AppState[Any], own: Sequence[Middleware]
) -> None:
    """Innermost first. own: the app's own, outermost first."""
    settings = state.settings
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
    app.add_middleware(Draining, state=state)
    if isinstance(settings, ServiceSettings):
        hosts = None if settings.dyno else settings.allowed_hosts
        app.add_middleware(BrowserGuard, service=service, hosts=hosts)
        app.add_middleware(WeightsHeader, weights=lambda: state.weights)
    for entry in reversed(own):
        app.add_middleware(entry.cls, *entry.args, **entry.kwargs)
    app.add_middleware(ConnectionLimit, state=state)
    app.add_middleware(RequestLog, metrics=state.metrics)
    app.add_middleware(OptionalTrailingSlash, router=app.router)
    app.add_middleware(StartupErrors)
    if settings.root_path:
        app.add_middleware(StripRootPath, root_path=settings.root_path)


def _add_page(app: FastAPI, service: str, summary: str) -> None:
    @app.get("/", response_class=HTMLResponse, include_in_schema=False)
    async def index(request: Request) -> str:
        return service_page(service, summary, str(request.base_url))


def _add_docs(app: FastAPI) -> None:
    @app.get("/docs", response_class=HTMLResponse, include_in_schema=False)
    async def docs(request: Request) -> str:
        root_path = request.scope.get("root_path", "")
        return docs_page(app.title, root_path, str(app.openapi_url), _STATIC_DOCS)


def _add_example(app: FastAPI, example: Callable[[], dict[str, Any]]) -> None:
    body = content({"type": "object"}, "application/json")

    @app.get("/example.json", tags=["health"], response_class=ArrayResponse, responses=body)
    def example_body() -> ArrayResponse:
        """A valid body for POST /inference/."""
        return ArrayResponse(example())


def _add_health(app: FastAPI) -> None:
    as_text = content({"type": "string"}, "text/plain")

    @app.get("/check", tags=["health"])
    async def check() -> str:
        """The predecessor's liveness probe."""
        return "service available"

    @app.get("/health/live", tags=["health"])
    async def live() -> dict[str, str]:
        """Liveness probe: the process responds."""
        return {"status": "live"}

    @app.get("/health/ready", tags=["health"], responses=errors(503))
    async def ready(request: Request) -> dict[str, str]:
        """Readiness probe: the model is loaded, and new work is accepted."""
        state = state_of(request.app)
        if not state.ready:
            raise NotReady(
                "the model is not loaded yet, or the service is stopping; try again later"
            )
        state.check_ready()
        return {"status": "ready"}

    @app.get("/metrics", tags=["health"], response_class=Response, responses=as_text)
    def scrape(request: Request) -> Response:
        """Prometheus metrics."""
        registry = state_of(request.app).metrics.registry
        return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)
