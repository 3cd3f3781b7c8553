"""The state of an app: one typed object, shared by its routes, middleware and server."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar, cast

from anyio import CapacityLimiter
from fastapi import FastAPI, Request

from shared.http.admission import ComputeSlot
from shared.http.metrics import Metrics
from shared.settings import AppSettings

ModelT = TypeVar("ModelT")


@dataclass
class AppState(Generic[ModelT]):
    """`app.state` of every app; `state_of` returns it with its type.

    model: the result of the app's `load`; None until then.
    weights: SHA-256 of the model's weights; "" until they are loaded, and for an app without.
    ready: true from then on, until the process begins to stop.
    parsing: held while a large JSON body is parsed, so that one takes memory at a time.
    requests_in_progress: those that change something or compute; the server waits for them.
    socket_paths: paths at which the server accepts WebSockets.
    """

    settings: AppSettings
    slot: ComputeSlot
    metrics: Metrics
    model: ModelT | None = None
    weights: str = ""
    ready: bool = False
    check_ready: Callable[[], None] = lambda: None
    parsing: CapacityLimiter = field(default_factory=lambda: CapacityLimiter(1))
    requests_in_progress: int = 0
    socket_paths: frozenset[str] = frozenset()


def state_of(app: FastAPI) -> AppState[Any]:
    """The state that `create_app` gave to an app."""
    return cast(AppState[Any], app.state)


async def get_model(request: Request) -> Any:
    """FastAPI dependency: the loaded model."""
    return state_of(request.app).model


async def get_slot(request: Request) -> ComputeSlot:
    """FastAPI dependency: the compute slot. A route that takes it is refused while the queue is
    full."""
    return state_of(request.app).slot
