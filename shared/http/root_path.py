"""An app under a sub-path, behind a proxy that strips the prefix or passes it on.

Within the app, middleware sees paths without the prefix. Starlette's router and its static files
want them with the prefix, and `root_path` beside them.
"""

from starlette.types import ASGIApp, Receive, Scope, Send

from shared.http.routing import REQUESTS


class StripRootPath:
    """The outermost part: removes the prefix, if the proxy has left it there."""

    def __init__(self, app: ASGIApp, root_path: str) -> None:
        self.app = app
        self.root_path = root_path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] in REQUESTS:
            path: str = scope["path"]
            if path == self.root_path or path.startswith(f"{self.root_path}/"):
                scope = {**scope, "path": path[len(self.root_path) :] or "/"}
        await self.app(scope, receive, send)


class AddRootPath:
    """The innermost part: names the prefix, from which the page at /docs builds its links."""

    def __init__(self, app: ASGIApp, root_path: str) -> None:
        self.app = app
        self.root_path = root_path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] in REQUESTS:
            # In place: the router's own notes in the scope, such as the route, are read outside.
            scope["path"] = self.root_path + scope["path"]
            scope["root_path"] = self.root_path
        await self.app(scope, receive, send)
