"""Settings of the client, read from the environment."""

from typing import TYPE_CHECKING

from pydantic import AnyHttpUrl, Field, create_model
from pydantic_settings import BaseSettings, SettingsConfigDict

from shared.services import SERVICES

if TYPE_CHECKING:
    ServiceUrls = BaseSettings
else:
    ServiceUrls = create_model(
        "ServiceUrls",
        __base__=BaseSettings,
        **{
            service.url_setting.lower(): (AnyHttpUrl, AnyHttpUrl(service.default_url))
            for service in SERVICES.values()
        },
    )
    """The address of each service: ENCODER_URL and so on."""


class Settings(ServiceUrls):
    model_config = SettingsConfigDict(frozen=True)

    connect_seconds: float = Field(default=5.0, gt=0)
    """Until a connection stands."""
    read_seconds: float = Field(default=60.0, gt=0)
    """Between two parts of an answer, the first included."""
    deadline_seconds: float = Field(default=600.0, gt=0)
    """For one call with all its retries, to its last byte."""

    def service_url(self, name: str) -> str:
        """The address of a service in the table of services."""
        return str(getattr(self, SERVICES[name].url_setting.lower()))
