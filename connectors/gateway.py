"""A client of the gateway for the connectors: voices, speech, jobs and the mark, over HTTP."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote

import httpx
from pydantic import AnyHttpUrl, Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from shared.services import GATEWAY

PCM_RATE = 24_000
"""Samples a second of the gateway's `pcm`: 16 bits, little-endian, mono."""
POLL_SECONDS = 1.0


class Settings(BaseSettings):
    """Read from the environment: where the gateway is, and the key for it."""

    model_config = SettingsConfigDict(frozen=True, hide_input_in_errors=True)

    gateway_url: AnyHttpUrl = AnyHttpUrl(GATEWAY.default_url)
    """GATEWAY_URL."""
    api_key: SecretStr = SecretStr("")
    """API_KEY, one of the gateway's API_KEYS; empty for a gateway without keys."""
    gateway_timeout: float = Field(default=60.0, gt=0)
    """GATEWAY_TIMEOUT: seconds between two parts of an answer."""


class GatewayError(Exception):
    """The gateway could not do it. The message is one line for people; code is the gateway's."""

    def __init__(self, message: str, code: str = "gateway_error") -> None:
        super().__init__(message)
        self.code = code


class Gateway:
    """Use as an async context manager. Every method raises GatewayError."""

    def __init__(self, settings: Settings) -> None:
        key = settings.api_key.get_secret_value()
        self.url = str(settings.gateway_url).rstrip("/")
        self._http = httpx.AsyncClient(
            base_url=self.url,
            headers={"Authorization": f"Bearer {key}"} if key else {},
            timeout=httpx.Timeout(settings.gateway_timeout, connect=5.0),
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._http.aclose()

    async def voices(self) -> list[dict[str, Any]]:
        """{"id", "name", "preset", ...} of each voice, presets first."""
        found: list[dict[str, Any]] = (await self._json("GET", "/v1/audio/voices"))["voices"]
        return sorted(found, key=lambda voice: not voice.get("preset"))

    @asynccontextmanager
    async def speech(
        self, text: str, voice: str, response_format: str = "pcm", **options: Any
    ) -> AsyncIterator[AsyncIterator[bytes]]:
        """The sound of a text, part by part as it is made. options: further fields of the request,
        such as speed. Leaving the context stops the work."""
        body = {"input": text, "voice": voice, "response_format": response_format, **options}
        async with self._stream("POST", "/v1/audio/speech", json=body) as response:
            yield self._parts(response)

    async def make_voice(self, name: str, samples: Sequence[Path], consent: str) -> dict[str, Any]:
        files = [("audio_sample", (path.name, path.read_bytes())) for path in samples]
        data = {"name": name, "consent": consent}
        return await self._json("POST", "/v1/audio/voices", data=data, files=files)

    async def verify(self, file: Path) -> dict[str, Any]:
        """{"marked", "score", "seconds"}."""
        form = {"file": (file.name, file.read_bytes())}
        return await self._json("POST", "/v1/audio/verify", files=form)

    async def run_job(
        self,
        document: Path,
        voice: str,
        response_format: str,
        on_progress: Callable[[int, int], Any],
        **options: str,
    ) -> dict[str, Any]:
        """A job from its beginning to its end; it is cancelled if this is.

        document: an EPUB, HTML, Markdown or text file. on_progress: gets the sentences that are
        done, and all of them.
        """
        form = {"file": (document.name, document.read_bytes())}
        data = {"voice": voice, "response_format": response_format, **options}
        job = await self._json("POST", "/v1/jobs", data=data, files=form)
        path = f"/v1/jobs/{quote(job['id'], safe='')}"
        try:
            while job["state"] in ("queued", "running"):
                await asyncio.sleep(POLL_SECONDS)
                job = await self._json("GET", path)
                progress = job["progress"]
                await on_progress(progress["done"], progress["sentences"])
        except asyncio.CancelledError:
            await asyncio.shield(self._cancel(path))
            raise
        if job["state"] != "completed":
            error = job.get("error") or {}
            said = error.get("message", f"the job is {job['state']}")
            raise GatewayError(said, error.get("code", "job_failed"))
        return job

    async def _cancel(self, path: str) -> None:
        with suppress(GatewayError):  # it is over, or cannot be reached
            await self._json("DELETE", path)

    async def job_sound(self, job_id: str, target: Path) -> None:
        """The sound of a finished job, into a file that is there only when it is whole."""
        part = target.with_name(target.name + ".part")
        path = f"/v1/jobs/{quote(job_id, safe='')}/audio"
        async with self._stream("GET", path) as response:
            with part.open("wb") as file:
                async for block in self._parts(response):
                    file.write(block)
        part.replace(target)

    @asynccontextmanager
    async def _stream(self, method: str, path: str, **body: Any) -> AsyncIterator[httpx.Response]:
        try:
            async with self._http.stream(method, path, **body) as response:
                if response.is_error:
                    await response.aread()
                    raise _error_of(response)
                yield response
        except httpx.TransportError as error:
            raise self._unreachable(error) from None

    async def _parts(self, response: httpx.Response) -> AsyncIterator[bytes]:
        try:
            async for part in response.aiter_bytes():
                yield part
        except httpx.TransportError as error:
            raise self._unreachable(error) from None

    async def _json(self, method: str, path: str, **body: Any) -> dict[str, Any]:
        try:
            response = await self._http.request(method, path, **body)
        except httpx.TransportError as error:
            raise self._unreachable(error) from None
        if response.is_error:
            raise _error_of(response)
        try:
            content: dict[str, Any] = response.json()
        except ValueError:
            raise GatewayError(
                f"{self.url} is not a Better API gateway; check GATEWAY_URL"
            ) from None
        return content

    def _unreachable(self, error: httpx.TransportError) -> GatewayError:
        why = "does not answer in time" if isinstance(error, httpx.TimeoutException) else "is away"
        return GatewayError(
            f"the gateway at {self.url} {why}; start it, or set GATEWAY_URL", "gateway_unreachable"
        )


def _error_of(response: httpx.Response) -> GatewayError:
    try:
        error = response.json()["error"]
        message, code = str(error["message"]), str(error["code"])
    except (ValueError, KeyError, TypeError):
        return GatewayError(f"the gateway answered {response.status_code}")
    if response.status_code == 401:
        message += " (API_KEY)"
    return GatewayError(message, code)
