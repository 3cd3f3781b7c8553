"""What a deployment sets through the environment. What a checkpoint fixes lives in its manifest."""

import re
from pathlib import Path
from typing import Annotated

from pydantic import BeforeValidator, Field
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

MIB = 2**20
REPOSITORY = Path(__file__).parents[1]
PUBLIC_WATERMARK_KEY = "better-api"
"""The key of those who set none: anyone can find the mark, anyone can forge it."""
_HOST_NAME = re.compile(r"[\w.-]+")
_ROOT_PATH = re.compile(r"(/[\w.~-]+)+")


def _host_names(listed: str | tuple[str, ...]) -> tuple[str, ...]:
    parts = listed.split(",") if isinstance(listed, str) else listed
    names = tuple(stripped.lower() for part in parts if (stripped := part.strip()))
    for name in names:
        if not _HOST_NAME.fullmatch(name):
            raise ValueError(f"{name} is no host name; write each out, as tts.example.org")
    return names


def _root_path(path: str) -> str:
    path = path.strip().rstrip("/")
    if path and not _ROOT_PATH.fullmatch(path):
        raise ValueError(f"{path!r} is no sub-path; write it as /tts or /speech/tts")
    return path


HostNames = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_host_names)]
"""Separated by commas; one that begins with a dot stands for all names that end with it."""


class AppSettings(BaseSettings):
    """Settings of every app; each adds its own limits."""

    model_config = SettingsConfigDict(frozen=True, hide_input_in_errors=True)

    root_path: Annotated[str, BeforeValidator(_root_path)] = ""
    """The sub-path at which a proxy serves the app, such as /tts; it may strip it or pass it on."""
    max_body_bytes: int = Field(default=16 * MIB, gt=0)
    """A longer request body is refused while it streams in."""
    max_held_bytes: int = Field(default=32 * MIB, gt=0)
    """Of the bodies that are held at a time; a request for whose body there is no room gets 429."""
    max_connections: int = Field(default=512, gt=0)
    """Of one process at a time; what comes on a further one gets 503, but for the health calls."""
    receive_seconds: float = Field(default=60.0, gt=0)
    """A request that has not come whole by then is dropped, with 408 if its body is waited for; so
    is a body that after 10 s falls behind 10 kB/s."""
    queue_limit: int = Field(default=16, ge=0)
    """Requests that may wait for a computing slot; the next one gets 429."""
    queue_seconds: float = Field(default=25.0, gt=0)
    """A request that waited longer is dropped with 504: Heroku's router cuts at 30 s."""
    send_seconds: float = Field(default=30.0, gt=0)
    """A client that takes nothing of its answer for so long is dropped."""


class ServiceSettings(AppSettings):
    """Settings of the three that hold a model."""

    checkpoints_dir: Path = REPOSITORY / "checkpoints"
    """Holds a folder encoder, synthesizer or vocoder: manifest.json and one .pt per parameter."""
    torch_threads: int = Field(default=1, gt=0)
    """Threads that one model uses. More than there are idle cores is slower, not faster."""
    allowed_hosts: HostNames = ()
    """The names by which it may be called, besides localhost, every address and every name without
    a dot. A page can make a browser on this machine call it by another."""
    dyno: str = ""
    """Set by Heroku, whose router passes on what is sent to the app's own names only: there all
    names are allowed."""
