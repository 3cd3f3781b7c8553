"""Settings of the gateway, from the environment."""

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
from shared.settings import DATA_FOLDER, MIB, PUBLIC_WATERMARK_KEY, AppSettings, HostNames

_ORIGIN = re.compile(r"https?://[^/*\s]+")


def _origins(listed: str | tuple[str, ...]) -> tuple[str, ...]:
    """Origins without a trailing slash, as browsers send them."""
    parts = listed.split(",") if isinstance(listed, str) else listed
    origins = tuple(stripped for part in parts if (stripped := part.strip().rstrip("/")))
    for origin in origins:
        if not _ORIGIN.fullmatch(origin):
            raise ValueError(
                f"{origin} is not an origin; write each in full, as https://example.org"
            )
    return origins


class Settings(AppSettings, ClientSettings):
    """The client's settings, with addresses and timeouts of the services, and the gateway's own."""

    data_dir: Path = DATA_FOLDER
    """Folder of the SQLite database: voices and jobs."""
    min_free_bytes: int = Field(default=64 * MIB, ge=0)
    """Free space that the disk of a SQLite database needs. With less, nothing new is stored and no
    job runs. An eighth of it is reserved beside the database, for deleting on a full disk."""
    database_url: SecretStr = Field(
        default=SecretStr(""),
        validation_alias=AliasChoices("database_url", "jawsdb_url", "jawsdb_maria_url"),
    )
    """mysql+pymysql://user:password@host/database; a SQLite file in DATA_DIR if not set. Heroku's
    JAWSDB_URL is read as well."""
    database_connections: int = Field(default=5, ge=2)
    """Open connections of a process; small databases allow ten in all."""
    max_voices: int = Field(default=1000, gt=0)
    """Voices that users may create."""
    max_samples: int = Field(default=10, gt=0)
    """Samples of a voice. Of each, the encoder uses the best MAX_CLIP_SECONDS."""
    max_sample_bytes: int = Field(default=10 * MIB, gt=0)
    """Size of one sample; MAX_BODY_BYTES limits all of them together."""
    concurrency: int = Field(default=4, gt=0)
    """Speech requests that run at a time; the next QUEUE_LIMIT wait."""

    max_caller_share: float = Field(default=0.5, gt=0, le=1)
    """Fraction of CONCURRENCY, QUEUE_LIMIT and MAX_JOBS_WAITING that one API key may take; without
    keys, one address. A single key, and callers on this machine, may take all."""
    max_speech_seconds: float = Field(default=600.0, gt=0)
    """Sound of one request; send longer texts as a job."""
    stream_idle_seconds: float = Field(default=300.0, gt=0)
    """A WebSocket whose client sends no message for this long, while nothing is spoken, is
    closed."""
    max_sentence_seconds: float = Field(default=120.0, gt=0)
    """Sound of one sentence of a job. The synthesizer's MAX_FRAMES are 80 s at the lowest speed."""

    watermark: bool = True
    """Add an inaudible mark to all sound (docs/watermark.md)."""
    watermark_key: SecretStr = SecretStr(PUBLIC_WATERMARK_KEY)
    """Secret for finding and making the mark; the default is public."""
    max_verified_seconds: float = Field(default=600.0, gt=0)
    """Longest sound that is searched for the mark."""

    api_keys: SecretStr = SecretStr("")
    """API keys, separated by commas. Callers must send one; without any, no key is required."""
    api_keys_file: Path | None = None
    """File with more API keys, one per line; # starts a comment."""
    allow_anonymous: bool = False
    """Allow a non-loopback bind without API keys."""
    bind_host: str = "127.0.0.1"
    """Address to listen on, from gunicorn.conf.py."""
    cors_origins: Annotated[tuple[str, ...], NoDecode, BeforeValidator(_origins)] = ()
    """Sites whose pages may call the gateway from a browser, separated by commas."""
    allowed_hosts: HostNames = ()
    """Allowed host names of a gateway without keys, separated by commas; localhost and addresses
    are always allowed."""
    rate_limit: str = ""
    """Limit of POST requests for each caller, such as "60/minute; 1000/day"; none if empty."""
    redis_url: SecretStr = SecretStr("")
    """redis://host:6379/0, for several processes. `better worker` then runs the jobs, on any
    machine, and the gateway does not."""

    max_job_characters: int = Field(default=2_000_000, gt=0)
    """Longest text of a job; a long novel has one to two million."""
    max_job_sentences: int = Field(default=50_000, gt=0)
    """Sentences of a job, up to 200 characters each; a long novel has about 20,000."""
    max_jobs_waiting: int = Field(default=100, gt=0)
    """Jobs queued or running at a time; one more gets 429."""
    job_threads: int = Field(default=1, gt=0)
    """Jobs that a process runs at a time: a gateway, or with REDIS_URL a `better worker`."""
    job_attempts: int = Field(default=300, gt=0)
    """Attempts in a row without progress, up to 5 minutes apart, until a job fails: a day."""
    job_lease_seconds: float = Field(default=30.0, ge=1)
    """Lease of a job; a worker that does not renew it in time loses the job to another."""
    job_sweep_seconds: float = Field(default=2.0, gt=0)
    """Interval of the search for jobs without a worker and for expired jobs."""
    retention_days: float = Field(default=7.0, gt=0)
    """Days that a completed, failed or cancelled job is kept."""

    @cached_property
    def keys(self) -> ApiKeys:
        """All keys of API_KEYS and API_KEYS_FILE, read once."""
        return ApiKeys.read(self.api_keys.get_secret_value(), self.api_keys_file)

    @property
    def is_reached_by_others(self) -> bool:
        """True if other machines can reach the gateway: it has keys, it listens on more than the
        loopback, or it has a host name, as behind a proxy."""
        return bool(self.keys or self.allowed_hosts) or not is_loopback(self.bind_host)

    @property
    def mark_with(self) -> str | None:
        """Key of the mark that all sound gets; None for no mark."""
        return self.watermark_key.get_secret_value() if self.watermark else None

    @property
    def caller_share(self) -> float:
        return 1.0 if len(self.keys) == 1 else self.max_caller_share

    @field_validator("rate_limit")
    @classmethod
    def _is_rate_limit(cls, limit: str) -> str:
        try:
            _ = limit and parse_many(limit)
        except ValueError:
            raise ValueError(
                f"{limit!r} is not a rate limit; write it as 60/minute or 5/second"
            ) from None
        return limit

    @field_validator("redis_url")
    @classmethod
    def _is_redis_url(cls, url: SecretStr) -> SecretStr:
        try:
            _ = url.get_secret_value() and ConnectionPool.from_url(url.get_secret_value())
        except ValueError:  # its text may contain the password
            raise ValueError(
                "cannot be read; write redis://:password@host:6379/0 with every special character "
                "of the password percent-encoded"
            ) from None
        return url

    @model_validator(mode="after")
    def _is_open_on_purpose(self) -> Self:
        if not (self.keys or self.allow_anonymous or is_loopback(self.bind_host)):
            raise ValueError(
                f"{self.bind_host} is reachable from other machines, but has no keys: set "
                "API_KEYS, or ALLOW_ANONYMOUS=true to allow anyone, or BIND_HOST=127.0.0.1"
            )
        return self


def is_loopback(host: str) -> bool:
    """True if a host name or address is this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
