"""Request ids: passed on from app to app, and in every log line about a request.

The id is a context variable, so a thread that anyio starts for the request sees it too. Work
outside a request may set its own. This is a module of its own because the client needs no more.
"""

import re
import uuid
from contextvars import ContextVar

HEADER = "X-Request-ID"

request_id: ContextVar[str | None] = ContextVar("request_id", default=None)

_ALLOWED = re.compile(r"[A-Za-z0-9_.-]{1,128}")


def accepted_or_new(given: str | None) -> str:
    """The caller's id if it is safe in a log; else a new one."""
    if given is not None and _ALLOWED.fullmatch(given):
        return given
    return f"req_{uuid.uuid4().hex}"
