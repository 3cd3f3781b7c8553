"""Startup errors: one line with the fix, then a non-zero exit, under gunicorn and uvicorn."""

import sys
from typing import TypeVar

from pydantic import ValidationError
from pydantic_settings import BaseSettings
from starlette.types import ASGIApp, Message, Receive, Scope, Send

S = TypeVar("S", bound=BaseSettings)


class StartupError(Exception):
    """An error that no waiting fixes. Its message is one line."""


class StartupErrors:
    """Middleware: reports a StartupError to the server by its message, without a traceback."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "lifespan":
            return await self.app(scope, receive, send)
        failure: Message | None = None

        async def hold_failure(message: Message) -> None:
            nonlocal failure
            if message["type"] == "lifespan.startup.failed":
                failure = message
            else:
                await send(message)

        try:
            await self.app(scope, receive, hold_failure)
        except StartupError as error:
            failure = {"type": "lifespan.startup.failed", "message": str(error)}
            raise
        finally:
            if failure:
                await send(failure)


def read_settings(kind: type[S]) -> S:
    """Settings from the environment. Exits with a line for each one that is invalid."""
    try:
        return kind()
    except ValidationError as invalid:
        lines = []
        for error in invalid.errors():
            name = "_".join(map(str, error["loc"])).upper() or "The settings"
            # Never the value: it may be a secret.
            lines.append(f"{name}: {error['msg'].removeprefix('Value error, ')}")
        sys.exit("\n".join(lines))
