"""Access control: API keys, origins and host names, checked before the body is read."""

from typing import Any

from fastapi import FastAPI
from starlette.datastructures import Headers
from starlette.middleware import Middleware
from starlette.types import ASGIApp, Receive, Scope, Send

from gateway_service.access.api_keys import ApiKeys
from gateway_service.access.cors import cors
from gateway_service.access.rate_limit import RateLimit
from gateway_service.settings import Settings, is_loopback
from shared.http import browser_guard
from shared.http.browser_guard import (
    PASS_HOST_ON,
    host_name,
    is_from_other_site,
    is_known,
    unknown_host,
)
from shared.http.errors import ApiError, Forbidden, Unauthorized
from shared.http.fair_queue import caller
from shared.http.json_routes import ErrorResponse
from shared.http.openapi import add_error
from shared.http.routing import REQUESTS

# Open WebUI asks for the lists without a key, browsers for the icon.
OPEN_PATHS = browser_guard.OPEN_PATHS | {"/v1/audio/voices", "/v1/audio/models", "/favicon.ico"}
KEY_SUBPROTOCOL = "openai-insecure-api-key."
"""Prefix of a key in Sec-WebSocket-Protocol, as OpenAI's own clients send it."""
_OPEN_FOLDERS = (*browser_guard.OPEN_FOLDERS, "/static/")


def access_middleware(settings: Settings) -> list[Middleware]:
    """The middleware of the settings, outermost first.

    CORS comes before the keys, as a preflight has none. The rate limit comes last, so that rejected
    requests do not count.
    """
    sites = {"origins": settings.cors_origins, "hosts": settings.allowed_hosts}
    middleware = [Middleware(Access, keys=settings.keys, **sites)]
    if settings.cors_origins:
        middleware.insert(0, cors(settings.cors_origins))
    if settings.rate_limit:
        redis_url = settings.redis_url.get_secret_value()
        middleware.append(Middleware(RateLimit, limits=settings.rate_limit, redis_url=redis_url))
    return middleware


def describe_access(app: FastAPI, settings: Settings) -> None:
    """Add the security scheme and the access errors to the app's OpenAPI document."""
    generate = app.openapi

    def openapi() -> dict[str, Any]:
        document = generate()
        if settings.keys:
            bearer = {"type": "http", "scheme": "bearer", "description": "One of API_KEYS."}
            document["components"]["securitySchemes"] = {"key": bearer}
        for path, operations in document["paths"].items():
            for method, operation in operations.items():
                if _is_open({"path": path, "method": method.upper()}):
                    continue
                add_error(operation, 401 if settings.keys else 403)
                if settings.keys:
                    operation["security"] = [{"key": []}]
        return document

    app.openapi = openapi  # type: ignore[method-assign]


class Access:
    """Middleware that requires an API key, except for open paths.

    Without configured keys, anyone with network access may use the gateway. It then rejects web
    pages of other sites, because its users' browsers reach it too, even on a loopback address.

    origins: sites whose pages are allowed.
    hosts: names of this gateway. Other names are rejected to prevent DNS rebinding: anybody can
    point a name at the gateway, and pages under that name would count as the gateway's own.
    """

    def __init__(
        self,
        app: ASGIApp,
        keys: ApiKeys,
        origins: tuple[str, ...] = (),
        hosts: tuple[str, ...] = (),
    ) -> None:
        self.app = app
        self.keys = keys
        self.origins = origins
        self.hosts = hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in REQUESTS or (scope["type"] == "http" and _is_open(scope)):
            return await self.app(scope, receive, send)
        try:
            name = scope["caller"] = self._caller(scope, Headers(scope=scope))
        except ApiError as error:
            return await ErrorResponse(error)(scope, receive, send)
        # Callers on this machine have no quota.
        caller.set("" if not self.keys and is_loopback(name) else name)
        return await self.app(scope, receive, send)

    def _caller(self, scope: Scope, headers: Headers) -> str:
        """An ID of the caller for quotas: a key's fingerprint or an address.

        Raises Unauthorized and Forbidden.
        """
        if not self.keys and not is_known(name := host_name(headers), self.hosts):
            raise unknown_host("gateway", name)
        # A browser keeps a response from other sites' pages by CORS, but not a WebSocket.
        is_guarded = not self.keys or scope["type"] == "websocket"
        if is_guarded and is_from_other_site(headers, self.origins):
            raise Forbidden(
                "pages of other sites may not use this gateway; add their origin to CORS_ORIGINS. "
                f"If this is its own page behind a proxy, {PASS_HOST_ON}",
                param="origin",
            )
        if self.keys:
            return self._key_fingerprint(scope, headers)
        host, _ = scope.get("client") or ("unknown", 0)
        return str(host)

    def _key_fingerprint(self, scope: Scope, headers: Headers) -> str:
        scheme, _, key = headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            key = key_of_subprotocol(scope)
        if not key.strip():
            raise _unauthorized("the API key is missing; send it as Authorization: Bearer KEY")
        fingerprint = self.keys.fingerprint(key.strip().encode("latin-1"))  # the bytes as sent
        if fingerprint is None:
            raise _unauthorized("the API key is not valid; ask the gateway's operator for one")
        return fingerprint


def key_of_subprotocol(scope: Scope) -> str:
    """The key that a page sends with a WebSocket, for which it cannot set headers; "" if none."""
    keys = [name for name in scope.get("subprotocols", ()) if name.startswith(KEY_SUBPROTOCOL)]
    return keys[0].removeprefix(KEY_SUBPROTOCOL) if keys else ""


def _is_open(scope: Scope) -> bool:
    return browser_guard.is_open(scope, OPEN_PATHS, _OPEN_FOLDERS)


def _unauthorized(message: str) -> Unauthorized:
    error = Unauthorized(message)
    error.headers = {"WWW-Authenticate": 'Bearer realm="Better API"'}
    return error
