"""Rejects requests that a page of another site made a browser send to an app without keys.

A page of any site can make its user's browser send requests to this machine. The browser names the
page's site in Origin and Sec-Fetch-Site. A site can also point its own host name at this machine
(DNS rebinding); its page then has the same origin as the app, and only the Host header differs.
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
from shared.http.routing import route_path

OPEN_PATHS = frozenset({"/", "/check", "/docs", "/openapi.json", "/health/live", "/health/ready"})
"""Paths of every app that reveal nothing. Probes may call them by any host name."""
OPEN_FOLDERS = ("/static-docs/",)
PASS_HOST_ON = (
    "let it pass the caller's Host header on (nginx: proxy_set_header Host $host; or, on a port "
    "other than 80 and 443, proxy_set_header Host $http_host;)"
)
_SHORT_NAME = re.compile(r"[a-z0-9_-]+")  # has no dot


class BrowserGuard:
    """Middleware of the services: only programs and the service's own page may call it.

    hosts: allowed host names, besides names that cannot be registered: an address, `localhost`, or
    a name without a dot, such as a container's. None allows every name.
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
                f"pages of other sites may not call the {self.service}; let them call the gateway",
                param="origin",
            )


def describe_guard(app: FastAPI) -> None:
    """Add the guard's 403 to the app's OpenAPI document."""
    describe = app.openapi

    def openapi() -> dict[str, Any]:
        document = describe()
        for path, operations in document["paths"].items():
            for method, operation in operations.items():
                if not is_open({"path": path, "method": method.upper()}):
                    add_error(operation, 403)
        return document

    app.openapi = openapi  # type: ignore[method-assign]


def is_open(
    scope: Scope, paths: Collection[str] = OPEN_PATHS, folders: tuple[str, ...] = OPEN_FOLDERS
) -> bool:
    path = route_path(scope)
    return (path in paths or path.startswith(folders)) and scope["method"] in {"GET", "HEAD"}


def is_known(name: str, hosts: Collection[str]) -> bool:
    """True if a host name is an address, localhost or one of `hosts`.

    A host that begins with a dot stands for all names that end with it.
    """
    if name == "localhost" or name in hosts or _is_address(name):
        return True
    return any(host.startswith(".") and name.endswith(host) for host in hosts)


def is_from_other_site(headers: Headers, origins: Collection[str] = ()) -> bool:
    """True if the page that sent the request is of another site, and not of `origins`."""
    # Browsers send Sec-Fetch-Site only to https and to this machine, so Origin counts as well.
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
