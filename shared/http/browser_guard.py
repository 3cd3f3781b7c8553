"""Keeps pages of other sites away from an app that asks for no key.

A browser on this machine reaches what only this machine can reach, and a page of any site can make
it send requests. The browser says which site the page is of, in Origin and Sec-Fetch-Site. A site
can also point a name of its own at this machine (DNS rebinding): its page is then of the same site
as the app, and only the name in Host gives it away.
"""

import ipaddress
import re
from collections.abc import Collection
from typing import Any
from urllib.parse import urlsplit

from fastapi import FastAPI
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from shared.http.errors import ApiError, Forbidden
from shared.http.json_routes import ErrorResponse
from shared.http.openapi import add_error

OPEN_PATHS = frozenset({"/", "/check", "/docs", "/openapi.json", "/health/live", "/health/ready"})
"""Paths of every app that tell nothing. Probes call them by any name."""
OPEN_FOLDERS = ("/static-docs/",)
PASS_HOST_ON = (
    "let it pass the caller's Host header on (nginx: proxy_set_header Host $host; or, on a port "
    "other than 80 and 443, proxy_set_header Host $http_host;)"
)
_SHORT_NAME = re.compile(r"[a-z0-9_-]+")  # has no dot


class BrowserGuard:
    """For a service, which is called by the gateway and other programs, and by no page but its own.

    hosts: names by which it may be called besides those that nobody can register: an address,
    `localhost`, or a name without a dot, such as a container's. None allows every name.
    """

    def __init__(self, app: ASGIApp, service: str, hosts: Collection[str] | None) -> None:
        self.app = app
        self.service = service
        self.hosts = hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or is_open(scope):
            return await self.app(scope, receive, send)
        try:
            self._check(Headers(scope=scope))
        except ApiError as error:
            return await ErrorResponse(error)(scope, receive, send)
        return await self.app(scope, receive, send)

    def _check(self, headers: Headers) -> None:
        name = host_name(headers)
        if not (self.hosts is None or is_known(name, self.hosts) or _SHORT_NAME.fullmatch(name)):
            raise unknown_host(self.service, name)
        if is_from_other_site(headers):
            raise Forbidden(
                f"pages of other sites may not use the {self.service}; let them call the gateway",
                param="origin",
            )


def describe_guard(app: FastAPI) -> None:
    """From now on the OpenAPI document has the guard's 403."""
    plain = app.openapi

    def openapi() -> dict[str, Any]:
        document = plain()
        for path, operations in document["paths"].items():
            for method, operation in operations.items():
                if not is_open({"path": path, "method": method.upper()}):
                    add_error(operation, 403)
        return document

    app.openapi = openapi  # type: ignore[method-assign]


def is_open(
    scope: Scope, paths: Collection[str] = OPEN_PATHS, folders: tuple[str, ...] = OPEN_FOLDERS
) -> bool:
    path: str = scope["path"]
    return (path in paths or path.startswith(folders)) and scope["method"] in {"GET", "HEAD"}


def is_known(name: str, hosts: Collection[str]) -> bool:
    """hosts: names; one that begins with a dot stands for all names that end with it."""
    if name == "localhost" or name in hosts or _is_address(name):
        return True
    return any(host.startswith(".") and name.endswith(host) for host in hosts)


def is_from_other_site(headers: Headers, origins: Collection[str] = ()) -> bool:
    """origins: of other sites that may."""
    # Browsers send Sec-Fetch-Site to addresses they trust only: https and this machine's own.
    origin = headers.get("origin")
    other_site = headers.get("sec-fetch-site") in {"cross-site", "same-site"}
    if origin is not None:
        other_site |= origin.partition("://")[2] != headers.get("host", "").lower()
    return other_site and origin not in origins


def host_name(headers: Headers) -> str:
    """The name in the Host header, without the port and the brackets of an IPv6 address."""
    host = headers.get("host", "")
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return host


def unknown_host(app: str, name: str) -> Forbidden:
    return Forbidden(
        f"the Host header is {name[:80]!r}, by which this {app} is not known; add the name to "
        f"ALLOWED_HOSTS. Behind a proxy, {PASS_HOST_ON}",
        param="host",
    )


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
