"""Middleware of Ray's HTTP proxies: error responses in our form, and services for the gateway only.

Ray imports `middleware` by RAY_SERVE_HTTP_PROXY_CALLBACK_IMPORT_PATH=deploy.ray.proxy:middleware.
"""

import ipaddress

from starlette.datastructures import MutableHeaders
from starlette.middleware import Middleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.http.errors import ApiError, Forbidden, InternalError, NotFound, NotReady, QueueFull
from shared.http.json_routes import ErrorResponse
from shared.http.request_id import HEADER

SERVICE_PREFIXES = ("/encoder", "/synthesizer", "/vocoder")
RETRY_AFTER_SECONDS = 1


def middleware() -> list[Middleware]:
    """Middleware of Ray's proxies, innermost first."""
    return [Middleware(ProxyErrors), Middleware(ServicesFromThisNode)]


class ServicesFromThisNode:
    """Refuses requests to the services from other machines, since the services ask for no key.

    The gateway's replicas call them through the proxy of their own node.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and _is_service(scope["path"]) and not _is_from_here(scope):
            error = Forbidden("the services answer on this machine only; call the gateway at /")
            return await ErrorResponse(error)(scope, receive, send)
        return await self.app(scope, receive, send)


class ProxyErrors:
    """Gives the errors of the proxy itself, which are plain text, the form of our own.

    A full queue is 429 with Retry-After. A replica that died before its response started is 503,
    which the gateway's client retries.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        error: ApiError | None = None
        has_started = False

        async def send_app_response(message: Message) -> None:
            nonlocal error, has_started
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                _keep_first_request_id(headers)
                if _is_of_proxy(message["status"], headers, scope["path"]):
                    error = _error(message["status"], scope["path"])
                    return
                has_started = True
            if error is None:
                await send(message)

        await self.app(scope, receive, send_app_response)
        if error or not has_started:
            await ErrorResponse(error or _error(503, scope["path"]))(scope, receive, send)
        return None


def _is_service(path: str) -> bool:
    return any(path == prefix or path.startswith(f"{prefix}/") for prefix in SERVICE_PREFIXES)


def _is_from_here(scope: Scope) -> bool:
    # uvicorn takes the address from this header, which any caller may set; the gateway never does.
    if any(name == b"x-forwarded-for" for name, _ in scope["headers"]):
        return False
    host = (scope.get("client") or ("", 0))[0]
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _is_of_proxy(status: int, headers: MutableHeaders, path: str) -> bool:
    """True if Ray's proxy made an error response; our apps make theirs in JSON."""
    is_of_ray = path.startswith("/-/")  # its own health and routes
    return status >= 400 and not is_of_ray and headers.get("content-type", "").startswith("text/")


def _keep_first_request_id(headers: MutableHeaders) -> None:
    """Ray's middleware adds another X-Request-ID to that of the app."""
    if (own := headers.get(HEADER)) is not None:
        del headers[HEADER]
        headers[HEADER] = own


def _error(status: int, path: str) -> ApiError:
    if status == 404:
        return NotFound(f"No route {path[:200]}; docs/api.md lists all routes.")
    if status == 429:
        return QueueFull(
            f"all replicas are busy and their queue is full; try again in {RETRY_AFTER_SECONDS} s",
            retry_after_seconds=RETRY_AFTER_SECONDS,
        )
    if status in (408, 503):
        error = NotReady("no replica could answer; send the request again")
        error.headers = {"Retry-After": str(RETRY_AFTER_SECONDS)}
        return error
    return InternalError("an internal error occurred; the log of Ray Serve has it")
