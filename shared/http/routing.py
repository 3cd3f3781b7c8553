"""Middleware for paths and methods: optional trailing slashes, and HEAD as GET."""

from anyio import CancelScope
from starlette.routing import Match, Router
from starlette.types import ASGIApp, Message, Receive, Scope, Send

REQUESTS = frozenset({"http", "websocket"})
"""Types of scopes that a client opens."""
_MAX_KNOWN_PATHS = 64


def route_path(scope: Scope) -> str:
    """The path within the app, without the prefix under which a proxy mounts it."""
    path: str = scope["path"]
    root: str = scope.get("root_path", "")
    return path.removeprefix(root) if path.startswith(f"{root}/") or path == root else path


class HeadAsGet:
    """Responds to HEAD with the route of GET, without the body.

    A stream is cancelled after its first chunk.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self.app(scope, receive, send)
            return
        is_complete = False

        async def send_head(message: Message) -> None:
            nonlocal is_complete
            if message["type"] == "http.response.start":
                await send(message)
            elif not is_complete:
                is_complete = True
                await send({"type": "http.response.body", "body": b""})
                if message.get("more_body"):
                    work.cancel()

        as_get = {**scope, "method": "GET"}
        try:
            with CancelScope() as work:
                await self.app(as_get, receive, send_head)
        finally:
            if route := as_get.get("route"):  # for the request log
                scope["route"] = route


class OptionalTrailingSlash:
    """Serves every path with and without its trailing slash.

    A redirect would lose the body of a POST.
    """

    def __init__(self, app: ASGIApp, router: Router) -> None:
        self.app = app
        self.router = router
        self._known: set[str] = set()  # paths that have a route

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] in REQUESTS and not self._has_route(scope):
            path = scope["path"]
            other = {**scope, "path": path[:-1] if path.endswith("/") else path + "/"}
            if self._has_route(other):
                scope = other
        await self.app(scope, receive, send)

    def _has_route(self, scope: Scope) -> bool:
        path = scope["path"]
        if path not in self._known:
            if not any(route.matches(scope)[0] is not Match.NONE for route in self.router.routes):
                return False
            if len(self._known) < _MAX_KNOWN_PATHS:
                self._known.add(path)
        return True
