"""The gateway as the `better` command calls it: its library of voices, over HTTP.

GatewayError
├── GatewayUnreachable   nothing answers at GATEWAY_URL
└── GatewayRefusal       the gateway answered with an error, such as 401 without a key
"""

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote

import click
import httpx
import orjson
from pydantic import AnyHttpUrl, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from shared.services import GATEWAY

TIMEOUT = httpx.Timeout(60.0, connect=5.0)  # seconds; making a voice of ten samples takes a few
_VOICES = "/v1/audio/voices"
_THIS_MACHINE = ("127.0.0.1", "localhost", "[::1]")


class Settings(BaseSettings):
    """Settings of the commands that use the gateway."""

    model_config = SettingsConfigDict(frozen=True)

    gateway_url: AnyHttpUrl = AnyHttpUrl(GATEWAY.default_url)
    """The gateway whose voices `better voices` and `--voice NAME` use."""
    api_key: SecretStr = SecretStr("")
    """One of the gateway's API_KEYS; not needed for a gateway without keys."""
    voices_dir: Path = Path(click.get_app_dir("better")) / "voices"
    """Voices of versions up to 0.1; `better voices import` moves them to the gateway."""


class GatewayError(click.ClickException):
    """The message is one line with the remedy."""


class GatewayUnreachable(GatewayError):
    pass


class GatewayRefusal(GatewayError):
    """status: of HTTP."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Gateway:
    """Calls to the gateway's voices. Every method raises a GatewayError."""

    def __init__(self, settings: Settings | None = None) -> None:
        settings = settings or Settings()
        self._url = str(settings.gateway_url).rstrip("/")
        key = settings.api_key.get_secret_value().strip().encode()
        self._http = httpx.Client(
            base_url=self._url,
            timeout=TIMEOUT,
            headers=[(b"authorization", b"Bearer " + key)] if key else None,
            # A proxy is for other machines.
            trust_env=settings.gateway_url.host not in _THIS_MACHINE,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._http.close()

    def voices(self) -> list[dict[str, Any]]:
        """Presets first, then the others, the newest first."""
        listed: list[dict[str, Any]] = self._call("GET", _VOICES)["voices"]
        return listed

    def voice(self, name: str) -> dict[str, Any]:
        """A voice by its name or id, with its consent and the verdict on each sample."""
        return self._call("GET", _path(name))

    def voice_file(self, name: str) -> dict[str, Any]:
        """A voice as a file, with its embedding."""
        return self._call("GET", f"{_path(name)}/file")

    def add_voice(self, name: str, clips: Sequence[Path], consent: str) -> dict[str, Any]:
        """Make a voice from sound files of one person. Returns it as `voice` does."""
        with ExitStack() as stack:
            files = [
                ("audio_sample", (clip.name, stack.enter_context(clip.open("rb"))))
                for clip in clips
            ]
            form = {"name": _utf8(name), "consent": _utf8(consent)}
            return self._call("POST", _VOICES, data=form, files=files)

    def import_voice(self, file: dict[str, Any]) -> dict[str, Any]:
        """Add a voice from its file. Returns it as `voice` does."""
        return self._call("POST", _VOICES, json=file)

    def delete_voice(self, name: str) -> None:
        self._call("DELETE", _path(name))

    def _call(self, method: str, path: str, **body: Any) -> dict[str, Any]:
        try:
            response = self._http.request(method, path, **body)
        except httpx.TimeoutException:
            raise GatewayUnreachable(f"the gateway at {self._url} did not answer in time") from None
        except httpx.TransportError as error:
            raise GatewayUnreachable(
                f"no gateway answers at {self._url} ({error}); start one with `better serve`, or "
                "set GATEWAY_URL"
            ) from None
        try:
            answer = orjson.loads(response.content)
        except orjson.JSONDecodeError:
            answer = None
        if response.is_success and isinstance(answer, dict):
            return answer
        raise self._refusal(response, answer)

    def _refusal(self, response: httpx.Response, answer: Any) -> GatewayRefusal:
        error = answer.get("error") if isinstance(answer, dict) else None
        if not isinstance(error, dict):
            reason = f"{response.status_code} {response.reason_phrase}".strip()
            message = f"{self._url} answered {reason}, which no gateway does; check GATEWAY_URL"
        elif response.status_code == 401:
            message = f"the gateway at {self._url} asks for an API key; set API_KEY to one of its"
        else:
            message = f"the gateway answered {response.status_code}: {error.get('message')}"
        return GatewayRefusal(response.status_code, message)


def _path(name: str) -> str:
    """The path of a voice. Raises GatewayError for a name that no path can hold."""
    if not name.strip(".") or "/" in name:
        raise GatewayError(f"{name!r} cannot be a voice's name; `better voices list` lists them")
    return f"{_VOICES}/{quote(_utf8(name), safe='')}"


def _utf8(text: str) -> str:
    """The text. Raises GatewayError for an argument that was not UTF-8."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise GatewayError(f"{text!a} is not UTF-8; use a UTF-8 terminal") from None
    return text
