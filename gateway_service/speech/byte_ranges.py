"""Conditional and partial GETs after RFC 9110: ETag, If-None-Match, Range and If-Range.

Only a single range is served. A request for several gets the whole, as the RFC allows.
"""

import re

from starlette.datastructures import Headers

from shared.http.errors import RangeNotSatisfiable

_RANGE = re.compile(r"bytes=([0-9]{0,18})-([0-9]{0,18})")


def is_unchanged(headers: Headers, etag: str) -> bool:
    """True if the client has the version with this strong ETag, so that the response is 304."""
    given = headers.get("if-none-match", "")
    tags = [tag.strip().removeprefix("W/") for tag in given.split(",")]
    return etag in tags or tags == ["*"]


def asked_range(headers: Headers, etag: str, size: int) -> range | None:
    """The requested range of `size` bytes; None for the whole.

    A malformed Range is ignored, as is one for another version. Raises RangeNotSatisfiable.
    """
    asked = _RANGE.fullmatch(headers.get("range", "").strip())
    if asked is None or headers.get("if-range", etag) != etag:
        return None
    first, last = asked.groups()
    if first:
        start, end = int(first), min(int(last) + 1 if last else size, size)
        if last and int(last) < start:
            return None
    elif last:  # a suffix length
        start, end = max(0, size - int(last)), size
    else:
        return None
    if start >= end:
        error = RangeNotSatisfiable(
            f"range: {asked[0]} is outside of the {size} bytes; request bytes from 0 to {size - 1}",
            param="range",
        )
        error.headers = {"Content-Range": f"bytes */{size}"}
        raise error
    return range(start, end)
