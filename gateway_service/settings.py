"""What a deployment of the gateway sets through the environment."""

import ipaddress
import re
from functools import cached_property
from pathlib import Path
from typing import Annotated, Self

from limits import parse_many
from pydantic import (
    AliasChoices,
    BeforeValidator,
    Field,
    SecretStr,
    field_validator,
    model_validator,
)
from pydantic_settings import NoDecode
from redis import ConnectionPool

from client.settings import Settings as ClientSettings
from gateway_service.access.api_keys import ApiKeys
from shared.http.startup_errors import read_settings
from shared.settings import MIB, PUBLIC_WATERMARK_KEY, REPOSITORY, AppSettings, HostNames

_ORIGIN = re.compile(r"https?://[^/*\s]+")


def _origins(listed: str | tuple[str, ...]) -> tuple[str, ...]:
    """Without the slash that a browser never sends."""
    parts = listed.split(",") if isinstance(listed, str) else listed
    origins = tuple(stripped for part in parts if (stripped := part.strip().rstrip("/")))
    for origin in origins:
        if not _ORIGIN.fullmatch(origin):
            raise ValueError(f"{origin} is no origin; write each out, as https://example.org")
    return origins


class Settings(AppSettings, ClientSettings):
    """The addresses of the services and the time limits of calls to them are the client's."""

    data_dir: Path = REPOSITORY / "data"
    """Where SQLite's files are kept: voices and jobs."""
    min_free_bytes: int = Field(default=64 * MIB, ge=0)
    """Free space that a SQLite database's disk must have: with less, nothing new is stored and no
    job is run. An eighth of it is set aside beside the database, for deleting on a full disk."""
    database_url: SecretStr = Field(
        default=SecretStr(""),
        validation_alias=AliasChoices("database_url", "jawsdb_url", "jawsdb_maria_url"),
    )
    """mysql+pymysql://user:password@host/database; a SQLite file in DATA_DIR if not set. Heroku's
    JawsDB sets JAWSDB_URL, which is read as well."""
    database_connections: int = Field(default=5, ge=2)
    """The most that a process holds open at a time; small databases allow ten in all."""
    max_voices: int = Field(default=1000, gt=0)
    """That people may make."""
    max_samples: int = Field(default=10, gt=0)
    """Of one voice. Of each, the encoder uses the best MAX_CLIP_SECONDS."""
    max_sample_bytes: int = Field(default=10 * MIB, gt=0)
    """Of one sample, where MAX_BODY_BYTES is the most for all of them together."""
    concurrency: int = Field(default=4, gt=0)
    """Speech requests that are worked on at a time; the next QUEUE_LIMIT wait."""

    max_caller_share: float = Field(default=0.5, gt=0, le=1)
    """The share of CONCURRENCY, QUEUE_LIMIT and MAX_JOBS_WAITING that one key may take, or one
    address where there are no keys. A single key, and callers on this machine, may take all."""
    max_speech_seconds: float = Field(default=600.0, gt=0)
    """Sound that one request may make; a longer text is a job."""
    max_sentence_seconds: float = Field(default=120.0, gt=0)
    """Sound that one sentence of a job may make. The synthesizer's MAX_FRAMES are 80 s at the
    lowest speed."""

    watermark: bool = True
    """Whether sound that is given out carries an inaudible mark (docs/watermark.md)."""
    watermark_key: SecretStr = SecretStr(PUBLIC_WATERMARK_KEY)
    """Who knows it can find the mark, and make it; the default is public."""
    max_verified_seconds: float = Field(default=600.0, gt=0)
    """Of sound in which the mark is looked for."""

    api_keys: SecretStr = SecretStr("")
    """Separated by commas. Callers must send one of them; if there are none, nothing is asked."""
    api_keys_file: Path | None = None
    """More of them, one a line; what follows a # is a comment."""
    allow_anonymous: bool = False
    """Whether it may be without keys where others than this machine can reach it."""
    bind_host: str = "127.0.0.1"
    """The address listened on, as gunicorn.conf.py says it."""
    cors_origins: Annotated[tuple[str, ...], NoDecode, BeforeValidator(_origins)] = ()
    """Separated by commas: the sites whose pages may call the gateway from a browser."""
    allowed_hosts: HostNames = ()
    """Separated by commas: the names by which a gateway without keys may be called, besides
    localhost and every address."""
    rate_limit: str = ""
    """POST requests of one caller, such as "60/minute; 1000/day"; as many as come if empty."""
    redis_url: SecretStr = SecretStr("")
    """redis://host:6379/0, where several processes meet. Jobs are then run by `better worker`, on
    this machine and others, and no longer by the gateway."""

    max_job_characters: int = Field(default=2_000_000, gt=0)
    """A longer text is refused; a long novel has one to two million."""
    max_job_sentences: int = Field(default=50_000, gt=0)
    """Sentences of one job, each of up to 200 characters; a long novel has some 20,000."""
    max_jobs_waiting: int = Field(default=100, gt=0)
    """Jobs that are queued or running at a time; one more is refused with 429."""
    job_threads: int = Field(default=1, gt=0)
    """Jobs that one process works on at a time: a gateway, or with REDIS_URL a `better worker`."""
    job_attempts: int = Field(default=300, gt=0)
    """In a row without a sentence made, at waits of up to 5 minutes, before a job fails: a day."""
    job_lease_seconds: float = Field(default=30.0, ge=1)
    """A worker that gave no sign of life for so long is dead, and another takes its job."""
    job_sweep_seconds: float = Field(default=2.0, gt=0)
    """Between two looks for jobs that no worker was told of, and for those whose time is over."""
    retention_days: float = Field(default=7.0, gt=0)
    """How long a job that is completed, failed or cancelled is kept."""

    @cached_property
    def keys(self) -> ApiKeys:
        """All of API_KEYS and API_KEYS_FILE, read once."""
        return ApiKeys.read(self.api_keys.get_secret_value(), self.api_keys_file)

    @property
    def is_reached_by_others(self) -> bool:
        """As far as the settings tell: there are keys, it listens beyond the loopback, or it has a
        name, by which a proxy on this machine lets others in."""
        return bool(self.keys or self.allowed_hosts) or not is_loopback(self.bind_host)

    @property
    def caller_share(self) -> float:
        return 1.0 if len(self.keys) == 1 else self.max_caller_share

    @field_validator("rate_limit")
    @classmethod
    def _is_rate_limit(cls, limit: str) -> str:
        try:
            _ = limit and parse_many(limit)
        except ValueError:
            raise ValueError(f"{limit!r} is none; write it as 60/minute or 5/second") from None
        return limit

    @field_validator("redis_url")
    @classmethod
    def _is_redis_url(cls, url: SecretStr) -> SecretStr:
        try:
            _ = url.get_secret_value() and ConnectionPool.from_url(url.get_secret_value())
        except ValueError:  # whose text may hold the password
            raise ValueError(
                "cannot be read; write redis://:password@host:6379/0 with every special character "
                "of the password percent-encoded"
            ) from None
        return url

    @model_validator(mode="after")
    def _is_open_on_purpose(self) -> Self:
        if not (self.keys or self.allow_anonymous or is_loopback(self.bind_host)):
            raise ValueError(
                f"others can reach {self.bind_host}, and there are no keys: set API_KEYS, or "
                "ALLOW_ANONYMOUS=true to let anybody in, or BIND_HOST=127.0.0.1"
            )
        return self


def is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


settings = read_settings(Settings)
