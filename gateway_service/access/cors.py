"""CORS: calls from the pages of listed sites, with rejections as error objects."""

from starlette.datastructures import Headers
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import Response

from shared.http.errors import InvalidRequest
from shared.http.json_routes import ErrorResponse
from shared.http.request_id import HEADER

METHODS = ("GET", "POST", "PATCH", "DELETE")
_EXPOSED = (
    *(HEADER, "Retry-After", "Content-Disposition"),
    *("Content-Range", "Accept-Ranges", "ETag", "X-Notes"),
)


class Cors(CORSMiddleware):
    """Starlette's, which refuses a preflight in plain text."""

    def preflight_response(self, request_headers: Headers) -> Response:
        response = super().preflight_response(request_headers)
        if response.status_code < 400:
            return response
        origin = request_headers["origin"]
        if self.is_allowed_origin(origin):
            asked = request_headers["access-control-request-method"]
            problem, param = f"{asked[:20]} is not allowed; use {', '.join(METHODS)}", "method"
        else:
            problem = f"the site {origin[:80]!r} may not call this gateway; add it to CORS_ORIGINS"
            param = "origin"
        refusal = ErrorResponse(InvalidRequest(problem, param=param, code="preflight_refused"))
        for name in ("vary", "access-control-allow-origin"):
            if name in response.headers:
                refusal.headers[name] = response.headers[name]
        return refusal


def cors(origins: tuple[str, ...]) -> Middleware:
    return Middleware(
        Cors,
        allow_origins=origins,
        allow_methods=METHODS,
        allow_headers=["*"],  # openai in a browser sends a dozen of its own
        expose_headers=_EXPOSED,
    )
