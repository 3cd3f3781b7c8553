"""How the start of an app ends that cannot be: with a line that names the thing and the remedy, and
an exit code that is not 0, whichever server starts it."""

import sys
from typing import TypeVar

from pydantic import ValidationError
from pydantic_settings import BaseSettings
from starlette.types import ASGIApp, Message, Receive, Scope, Send

S = TypeVar("S", bound=BaseSettings)


class StartupError(Exception):
    """What no waiting mends. The message is one line."""


class StartupErrors:
    """Tells the server of StartupError by its message alone, where Starlette sends a traceback."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "lifespan":
            return await self.app(scope, receive, send)
        failure: Message | None = None

        async def send_but_failure(message: Message) -> None:
            nonlocal failure
            if message["type"] == "lifespan.startup.failed":
                failure = message
            else:
                await send(message)

        try:
            await self.app(scope, receive, send_but_failure)
        except StartupError as error:
            failure = {"type": "lifespan.startup.failed", "message": str(error)}
            raise
        finally:
            if failure:
                await send(failure)


def read_settings(kind: type[S]) -> S:
    """Out of the environment. Ends the process with a line for each that cannot be used."""
    try:
        return kind()
    except ValidationError as invalid:
        problems = []
        for error in invalid.errors():
            name = "_".join(map(str, error["loc"])).upper() or "The settings"
            # Never the value: it may be a secret that was meant for another setting.
            problems.append(f"{name}: {error['msg'].removeprefix('Value error, ')}")
        sys.exit("\n".join(problems))
