"""What the client reads from the environment."""

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
    """Until a connection stands."""
    read_seconds: float = Field(default=60.0, gt=0)
    """Between two parts of an answer, the first included."""
    deadline_seconds: float = Field(default=600.0, gt=0)
    """For one call with all its retries, to its last byte."""
    voices_dir: Path = Path(click.get_app_dir("better")) / "voices"
    """Where `better voices` keeps embeddings."""
