"""The header by which a service states the weights that it computes with."""

from collections.abc import Callable

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

HEADER = "X-Weights-SHA256"


class WeightsHeader:
    """Middleware: adds the header to every response. weights: returns "" until they are loaded."""

    def __init__(self, app: ASGIApp, weights: Callable[[], str]) -> None:
        self.app = app
        self.weights = weights

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def stating_send(message: Message) -> None:
            if message["type"] == "http.response.start" and (weights := self.weights()):
                MutableHeaders(scope=message)[HEADER] = weights
            await send(message)

        await self.app(scope, receive, stating_send)
