"""The web page at / and its files, under a strict content security policy."""

import gzip
import hashlib
import html
from functools import lru_cache
from pathlib import Path

from fastapi import APIRouter, Request, Response
from starlette.responses import FileResponse
from starlette.staticfiles import StaticFiles

STATIC = Path(__file__).parent / "static"
PREVIEW = "static/images/preview.png"
TEXT_FILES = {".html", ".js", ".css", ".svg"}  # other files are compressed already

CONTENT_SECURITY_POLICY = "; ".join(
    [
        "default-src 'self'",
        # The player's sounds are in memory.
        "media-src 'self' blob:",
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
    """Serve the page.

    The address of its preview picture is absolute, because link previews need an absolute URL.
    """
    page = (STATIC / "index.html").read_text()
    content = page.replace(PREVIEW, f"{html.escape(str(request.base_url))}{PREVIEW}", 1).encode()
    tag = f'W/"{hashlib.sha256(content).hexdigest()[:32]}"'
    headers = {**HEADERS, "ETag": tag, "Vary": "Accept-Encoding"}
    if tag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    if "gzip" in request.headers.get("accept-encoding", ""):
        content = gzip.compress(content, mtime=0)
        headers["Content-Encoding"] = "gzip"
    return Response(content, headers=headers, media_type="text/html")


@router.get("/favicon.ico")
async def favicon(request: Request) -> Response:
    """Serve the icon that browsers request by default."""
    return await _file("images/favicon.ico", request)


@router.get("/static/{path:path}")
async def static(path: str, request: Request) -> Response:
    """Serve a file. Raises a 404 for a missing file or a path outside the folder."""
    return await _file(path, request)


async def _file(path: str, request: Request) -> Response:
    response = await _files.get_response(path, request.scope)
    if _can_compress(response, request):
        response = _compressed(response)
    response.headers.update(HEADERS)
    return response


def _can_compress(response: Response, request: Request) -> bool:
    accepted = request.headers.get("accept-encoding", "")
    return (
        isinstance(response, FileResponse)
        and Path(response.path).suffix in TEXT_FILES
        and "gzip" in accepted
        and "range" not in request.headers
    )


def _compressed(response: Response) -> Response:
    """The same file in gzip. Its tag is weak: it names the content, not the bytes."""
    assert isinstance(response, FileResponse)
    tag = response.headers["etag"]
    headers = {"Content-Encoding": "gzip", "ETag": f"W/{tag}", "Vary": "Accept-Encoding"}
    content = _gzipped(Path(response.path), tag)
    return Response(content, headers=headers, media_type=response.media_type)


@lru_cache(maxsize=256)
def _gzipped(path: Path, tag: str) -> bytes:
    """tag: changes with the file, so that the cache holds no old one."""
    return gzip.compress(path.read_bytes(), mtime=0)
