"""Paths that work with and without their trailing slash."""

from starlette.routing import Match, Router
from starlette.types import ASGIApp, Receive, Scope, Send

_MAX_KNOWN_PATHS = 64  # paths that are remembered to exist


class OptionalTrailingSlash:
    """Lets every path work with and without its trailing slash, with no redirect that would cost
    the client its request body."""

    def __init__(self, app: ASGIApp, router: Router) -> None:
        self.app = app
        self.router = router
        self._known: set[str] = set()  # paths that exist

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and not self._matches(scope):
            path = scope["path"]
            other = {**scope, "path": path[:-1] if path.endswith("/") else path + "/"}
            if self._matches(other):
                scope = other
        await self.app(scope, receive, send)

    def _matches(self, scope: Scope) -> bool:
        path = scope["path"]
        if path not in self._known:
            if not any(route.matches(scope)[0] is not Match.NONE for route in self.router.routes):
                return False
            if len(self._known) < _MAX_KNOWN_PATHS:
                self._known.add(path)
        return True
