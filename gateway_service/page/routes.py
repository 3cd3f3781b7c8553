"""The web page at / and its files, under a strict content security policy."""

from pathlib import Path

from fastapi import APIRouter, Request, Response
from starlette.staticfiles import StaticFiles

STATIC = Path(__file__).parent / "static"

CONTENT_SECURITY_POLICY = "; ".join(
    [
        "default-src 'self'",
        # Directives that do not fall back to default-src:
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    ]
)
HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": "microphone=(self)",
    # File names have no version, so browsers must revalidate; the usual response is 304.
    "Cache-Control": "no-cache",
}

router = APIRouter(include_in_schema=False)
_files = StaticFiles(directory=STATIC)


@router.get("/")
async def index(request: Request) -> Response:
    return await _file("index.html", request)


@router.get("/favicon.ico")
async def favicon(request: Request) -> Response:
    """Serve the icon that browsers ask for under this path by themselves."""
    return await _file("images/favicon.ico", request)


@router.get("/static/{path:path}")
async def static(path: str, request: Request) -> Response:
    """Serve a file. Raises a 404 for a missing file or a path outside the folder."""
    return await _file(path, request)


async def _file(path: str, request: Request) -> Response:
    response = await _files.get_response(path, request.scope)
    response.headers.update(HEADERS)
    return response
