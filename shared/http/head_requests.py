"""HEAD wherever GET is: what GET would answer, without the body."""

from anyio import CancelScope
from starlette.types import ASGIApp, Message, Receive, Scope, Send


class HeadAsGet:
    """Has HEAD answered by the routes of GET, so that none has to be made, or described, twice. A
    long answer ends with its head: what it would have streamed
    after its first piece is not made."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self.app(scope, receive, send)
            return
        is_answered = False

        async def send_head(message: Message) -> None:
            nonlocal is_answered
            if message["type"] == "http.response.start":
                await send(message)
            elif not is_answered:
                is_answered = True
                await send({"type": "http.response.body", "body": b""})
                if message.get("more_body"):
                    work.cancel()

        as_get = {**scope, "method": "GET"}
        try:
            with CancelScope() as work:
                await self.app(as_get, receive, send_head)
        finally:
            if route := as_get.get("route"):  # for the log
                scope["route"] = route
