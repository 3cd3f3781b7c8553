"""The id that a request keeps on its way through the apps, and that every log line about it bears.

A context variable: a thread that anyio starts for the request sees it too. Work that nobody asked
for over HTTP may set one of its own.
"""

import re
import uuid
from contextvars import ContextVar

HEADER = "X-Request-ID"

request_id: ContextVar[str | None] = ContextVar("request_id", default=None)

_SANE = re.compile(r"[A-Za-z0-9_.-]{1,128}")


def accepted_or_new(given: str | None) -> str:
    """What the caller calls its request, if that may stand in a log; else a new id."""
    if given is not None and _SANE.fullmatch(given):
        return given
    return f"req_{uuid.uuid4().hex}"
