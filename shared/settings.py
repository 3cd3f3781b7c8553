"""Deployment settings, from the environment. Hyperparameters live in a checkpoint's manifest."""

import re
from pathlib import Path
from typing import Annotated

from pydantic import BeforeValidator, Field
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from shared.operating_system import data_folder

MIB = 2**20
REPOSITORY = Path(__file__).parents[1]
"""Folder of the packages, checkpoints/ and samples/: the repository, or an installed better_api."""
IS_INSTALLED = "." in __package__
"""True if this is better_api.shared, from a wheel (deploy/wheel.py)."""
DATA_FOLDER = data_folder() if IS_INSTALLED else REPOSITORY / "data"
"""Default folder of what the gateway stores."""
PUBLIC_WATERMARK_KEY = "better-api"
"""The default watermark key. Everybody knows it, so anybody can find and forge the mark."""
_HOST_NAME = re.compile(r"[\w.-]+")
_ROOT_PATH = re.compile(r"(/[\w.~-]+)+")


def _host_names(listed: str | tuple[str, ...]) -> tuple[str, ...]:
    parts = listed.split(",") if isinstance(listed, str) else listed
    names = tuple(stripped.lower() for part in parts if (stripped := part.strip()))
    for name in names:
        if not _HOST_NAME.fullmatch(name):
            raise ValueError(f"{name} is not a host name; write each in full, as tts.example.org")
    return names


def _root_path(path: str) -> str:
    path = path.strip().rstrip("/")
    if path and not _ROOT_PATH.fullmatch(path):
        raise ValueError(f"{path!r} is not a sub-path; write it as /tts or /speech/tts")
    return path


HostNames = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_host_names)]
"""Separated by commas. One that begins with a dot stands for all names that end with it."""


class AppSettings(BaseSettings):
    """Settings of every app; each adds its own."""

    model_config = SettingsConfigDict(frozen=True, hide_input_in_errors=True)

    root_path: Annotated[str, BeforeValidator(_root_path)] = ""
    """The sub-path at which a proxy serves the app, such as /tts; it may strip it or pass it on."""
    max_body_bytes: int = Field(default=16 * MIB, gt=0)
    """Longest request body; a longer one gets 413 while it arrives."""
    max_held_bytes: int = Field(default=32 * MIB, gt=0)
    """Bytes of all request bodies in memory; a body that does not fit gets 429."""
    max_connections: int = Field(default=512, gt=0)
    """Open connections of a process; a request on a further one gets 503, except health probes."""
    receive_seconds: float = Field(default=60.0, gt=0)
    """Time for a request to arrive, else 408. After 10 s a body must also keep up with 10 kB/s."""
    queue_limit: int = Field(default=16, ge=0)
    """Requests that may wait for a compute slot; the next one gets 429."""
    queue_seconds: float = Field(default=25.0, gt=0)
    """Longest wait for a compute slot, then 504. Heroku's router cuts at 30 s."""
    send_seconds: float = Field(default=30.0, gt=0)
    """A client that accepts none of its response for this long is dropped."""


class ServiceSettings(AppSettings):
    """Settings of the three services."""

    checkpoints_dir: Path = REPOSITORY / "checkpoints"
    """Folder of the checkpoints: in each, manifest.json and one .pt per parameter."""
    torch_threads: int = Field(default=1, gt=0)
    """Threads of PyTorch. More than the idle cores is slower, not faster."""
    allowed_hosts: HostNames = ()
    """Allowed host names, besides localhost, addresses and names without a dot. Others are refused
    because of DNS rebinding."""
    dyno: str = ""
    """Set by Heroku. All host names are allowed there, since its router checks them."""
