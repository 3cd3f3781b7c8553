"""Settings of the client, read from the environment."""

from pathlib import Path

import click
from pydantic import AnyHttpUrl, Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    model_config = SettingsConfigDict(frozen=True)

    encoder_url: AnyHttpUrl = AnyHttpUrl("http://127.0.0.1:8001")
    synthesizer_url: AnyHttpUrl = AnyHttpUrl("http://127.0.0.1:8002")
    vocoder_url: AnyHttpUrl = AnyHttpUrl("http://127.0.0.1:8003")
    connect_seconds: float = Field(default=5.0, gt=0)
    """Timeout of a connection attempt."""
    read_seconds: float = Field(default=60.0, gt=0)
    """Timeout between two parts of a response, and before the first."""
    deadline_seconds: float = Field(default=600.0, gt=0)
    """Deadline of one call with all its retries, to the last byte."""
    voices_dir: Path = Path(click.get_app_dir("better")) / "voices"
    """Folder in which `better voices` keeps embeddings."""
