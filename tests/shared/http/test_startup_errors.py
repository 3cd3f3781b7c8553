"""Startup errors: one line with the fix."""

from contextlib import nullcontext

import pytest
from pydantic import SecretStr, field_validator
from pydantic_settings import BaseSettings
from starlette.types import Message, Receive, Scope, Send

from shared.http.startup_errors import StartupError, StartupErrors, read_settings


class Settings(BaseSettings):
    max_frames: int = 10
    api_key: SecretStr = SecretStr("")

    @field_validator("api_key")
    @classmethod
    def _long(cls, key: SecretStr) -> SecretStr:
        if len(key.get_secret_value()) < 8:
            raise ValueError("is too short; make one of 8 characters")
        return key


def test_each_invalid_setting_has_a_line_without_its_value(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MAX_FRAMES", "many")
    monkeypatch.setenv("API_KEY", "hidden")

    with pytest.raises(SystemExit) as exit_:
        read_settings(Settings)

    first, second = str(exit_.value).splitlines()
    assert first.startswith("MAX_FRAMES: Input should be a valid integer")
    assert second == "API_KEY: is too short; make one of 8 characters"


async def run_lifespan(error: Exception | None) -> list[Message]:
    """The messages to the server of an app whose start ends with `error`."""
    sent: list[Message] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if error is None:
            await send({"type": "lifespan.startup.complete"})
            return
        await send({"type": "lifespan.startup.failed", "message": "Traceback ..."})
        raise error

    async def receive() -> Message:
        return {"type": "lifespan.startup"}

    async def send(message: Message) -> None:
        sent.append(message)

    with pytest.raises(type(error)) if error else nullcontext():
        await StartupErrors(app)({"type": "lifespan"}, receive, send)
    return sent


@pytest.mark.anyio
async def test_startup_error_is_reported_by_its_message() -> None:
    sent = await run_lifespan(StartupError("manifest.json is missing; fetch it"))
    assert sent == [
        {"type": "lifespan.startup.failed", "message": "manifest.json is missing; fetch it"}
    ]


@pytest.mark.anyio
async def test_unexpected_error_keeps_its_traceback() -> None:
    (message,) = await run_lifespan(RuntimeError("no"))
    assert message["message"] == "Traceback ..."


@pytest.mark.anyio
async def test_start_without_an_error_is_passed_on() -> None:
    assert await run_lifespan(None) == [{"type": "lifespan.startup.complete"}]
