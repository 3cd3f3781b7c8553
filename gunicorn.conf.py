"""gunicorn's settings for every app: on Heroku, in a container and under `better serve`.

The environment sets SERVICE, PORT, BIND_HOST and WORKERS (shared/http/server_settings.py).
"""

import os
import sys
from pathlib import Path
from typing import Any

_ROOT = Path(__file__).resolve().parent
if not (_ROOT / "__main__.py").exists():  # not in a wheel, where better_api is importable
    sys.path.insert(0, str(_ROOT))
    chdir = str(_ROOT)

from shared.http.server_settings import KEEPALIVE_SECONDS, read_server_settings  # noqa: E402

_SERVER = read_server_settings(_ROOT)

wsgi_app = _SERVER.app
proc_name = f"better-{_SERVER.service}"
bind = (
    f"[{_SERVER.host}]:{_SERVER.port}" if ":" in _SERVER.host else f"{_SERVER.host}:{_SERVER.port}"
)
worker_class = "shared.http.gunicorn_worker.DrainingWorker"
workers = _SERVER.workers

timeout = 120  # seconds without a heartbeat; a worker sends none while it loads a model
graceful_timeout = 28  # seconds; 20 are for requests in progress, Heroku kills after 30
keepalive = KEEPALIVE_SECONDS

# The source folder may be read-only, and a slow disk delays heartbeats.
worker_tmp_dir = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
control_socket_disable = True

logconfig_dict = _SERVER.log_config()


def on_starting(_: Any) -> None:
    """Exit with a line for each invalid setting, before any worker starts."""
    _SERVER.check_app_settings()
