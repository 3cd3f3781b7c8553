"""The header by which a service states the weights that it computes with."""

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.http.app_state import AppState

HEADER = "X-Weights-SHA256"


class WeightsHeader:
    """Middleware: adds the hash of the app's weights to every response, once they are loaded."""

    def __init__(self, app: ASGIApp, state: AppState[object]) -> None:
        self.app = app
        self.state = state

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def stating_send(message: Message) -> None:
            if message["type"] == "http.response.start" and self.state.weights:
                MutableHeaders(scope=message)[HEADER] = self.state.weights
            await send(message)

        await self.app(scope, receive, stating_send)
