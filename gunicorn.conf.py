"""gunicorn's settings for every app: on Heroku, in a container and under `better serve`.

SERVICE    encoder, synthesizer, vocoder or gateway
PORT       default 8000
BIND_HOST  default 0.0.0.0
WORKERS    default 1; each is a process with its own model
"""

import os
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

_ROOT = Path(__file__).resolve().parent
sys.path.insert(0, str(_ROOT))

from shared.services import DEFAULT_PORT, installed_apps  # noqa: E402

_SERVICES = installed_apps(_ROOT)
_SERVICE = os.environ.get("SERVICE", "")
if _SERVICE not in _SERVICES:
    sys.exit(f"SERVICE is {_SERVICE!r}; set it to one of {', '.join(_SERVICES)}")


def _number(name: str, default: int, highest: int) -> int:
    value = os.environ.get(name, "") or str(default)
    if not (value.isascii() and value.isdigit() and 1 <= int(value) <= highest):
        sys.exit(f"{name} is {value!r}; set it to a number from 1 to {highest}")
    return int(value)


# TORCH_THREADS sets PyTorch's threads; a second pool beside them only wastes time.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

chdir = str(_ROOT)
wsgi_app = f"{_SERVICE}_service.app:app"
proc_name = f"better-{_SERVICE}"
_PORT = _number("PORT", DEFAULT_PORT, 65535)
_HOST = os.environ.get("BIND_HOST") or "0.0.0.0"
os.environ["BIND_HOST"] = _HOST  # the gateway requires keys if other machines can reach it
bind = f"[{_HOST}]:{_PORT}" if ":" in _HOST else f"{_HOST}:{_PORT}"
worker_class = "shared.http.uvicorn_server.DrainingWorker"
# Not WEB_CONCURRENCY: Heroku sets it to 2 or more, and two models do not fit in a dyno.
workers = _number("WORKERS", 1, 64)

timeout = 120  # seconds without a heartbeat; a worker sends none while it loads a model
graceful_timeout = 28  # seconds; 20 are for requests in progress, Heroku kills after 30
keepalive = 65  # seconds; long enough between two calls of a client that chains the services

# The source folder may be read-only, and a slow disk delays heartbeats.
worker_tmp_dir = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
control_socket_disable = True

logconfig_dict = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"()": "shared.http.logs.JsonLines", "service": _SERVICE}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"level": "INFO", "handlers": ["stderr"]},
    "loggers": {
        "gunicorn.error": {"level": "INFO", "handlers": ["stderr"], "propagate": False},
        "httpx": {"level": "WARNING"},
        "alembic.runtime.plugins": {"level": "WARNING"},
    },
}


def on_starting(_: Any) -> None:
    """Exit with a line for each invalid setting, before any worker starts."""
    # Imported here, since the console script has the source folder on its path only by now.
    from shared.http.startup_errors import read_settings

    read_settings(import_module(f"{_SERVICE}_service.settings").Settings)
