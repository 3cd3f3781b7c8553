"""gunicorn for one app: the same on Heroku, in a container and under `better serve`.

SERVICE    which one: encoder, synthesizer, vocoder or gateway
PORT       8000 if not set
BIND_HOST  0.0.0.0 if not set
WORKERS    1 if not set; each is a process with a model of its own
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


# Torch's threads are set by TORCH_THREADS; a second pool beside them only spins.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

chdir = str(_ROOT)
wsgi_app = f"{_SERVICE}_service.app:app"
proc_name = f"better-{_SERVICE}"
_PORT = _number("PORT", DEFAULT_PORT, 65535)
_HOST = os.environ.get("BIND_HOST") or "0.0.0.0"
os.environ["BIND_HOST"] = _HOST  # the gateway is stricter where others can reach it
bind = f"[{_HOST}]:{_PORT}" if ":" in _HOST else f"{_HOST}:{_PORT}"
worker_class = "shared.http.draining.DrainingWorker"
# Not WEB_CONCURRENCY: Heroku sets that to 2 or more by itself, and two models do not fit a dyno.
workers = _number("WORKERS", 1, 64)

timeout = 120  # seconds without a sign of life; loading a model gives none, a long stream does
graceful_timeout = 28  # seconds; 20 are for requests under way, Heroku kills after 30
keepalive = 65  # seconds; a client that chains the services comes back within that

# The source folder may be read-only, and a disk slow enough to make a heartbeat late.
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
    """Ends with a line for each setting that cannot be used, before anything is forked."""
    import_module(f"{_SERVICE}_service.settings")
