"""Server settings of an app, from the environment, under gunicorn and under uvicorn alone.

SERVICE    encoder, synthesizer, vocoder or gateway
PORT       default 8000
BIND_HOST  default 0.0.0.0
WORKERS    default 1; each is a process with its own model
"""

import os
import sys
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from shared.http.startup_errors import read_settings
from shared.services import DEFAULT_PORT, all_apps, installed_apps

KEEPALIVE_SECONDS = 65
"""Long enough between two calls of a client that chains the services."""


@dataclass(frozen=True)
class ServerSettings:
    service: str
    host: str
    port: int
    workers: int

    @property
    def app(self) -> str:
        """The app as a server imports it, such as vocoder_service.app:app."""
        return f"{all_apps()[self.service].module}.app:app"

    def check_app_settings(self) -> None:
        """Exit with a line for each invalid setting of the app."""
        module = import_module(f"{all_apps()[self.service].module}.settings")
        read_settings(module.Settings)

    def log_config(self) -> dict[str, Any]:
        """Configuration for logging.config.dictConfig: a JSON object a line, on standard error."""
        return {
            "version": 1,
            "disable_existing_loggers": False,
            "formatters": {"line": {"()": "shared.http.logs.JsonLines", "service": self.service}},
            "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
            "root": {"level": "INFO", "handlers": ["stderr"]},
            "loggers": {
                "gunicorn.error": {"level": "INFO", "handlers": ["stderr"], "propagate": False},
                "httpx": {"level": "WARNING"},
                "alembic.runtime.plugins": {"level": "WARNING"},
            },
        }


def read_server_settings(root: Path) -> ServerSettings:
    """From the environment, in which OPENBLAS_NUM_THREADS and BIND_HOST are then set as well.

    root: the folder of the apps' packages. Exits with a line that names an unusable setting.
    """
    names = installed_apps(root)
    service = os.environ.get("SERVICE", "")
    if service not in names:
        sys.exit(f"SERVICE is {service!r}; set it to one of {', '.join(names)}")
    # TORCH_THREADS sets PyTorch's threads; a second pool beside them only wastes time.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    host = os.environ.get("BIND_HOST") or "0.0.0.0"
    os.environ["BIND_HOST"] = host  # the gateway requires keys if other machines can reach it
    # Not WEB_CONCURRENCY: Heroku sets it to 2 or more, and two models do not fit in a dyno.
    return ServerSettings(
        service, host, _number("PORT", DEFAULT_PORT, 65535), _number("WORKERS", 1, 64)
    )


def _number(name: str, default: int, highest: int) -> int:
    value = os.environ.get(name, "") or str(default)
    if not (value.isascii() and value.isdigit() and 1 <= int(value) <= highest):
        sys.exit(f"{name} is {value!r}; set it to a number from 1 to {highest}")
    return int(value)
