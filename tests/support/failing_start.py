"""An app whose start fails, under gunicorn and uvicorn."""

import os
import subprocess
import sys

from tests.conftest import REPOSITORY, free_port

SERVERS = ["gunicorn", "uvicorn"]


def start_that_fails(name: str, server: str = "gunicorn", **environment: str) -> str:
    """The app's stderr, which has no traceback."""
    port = str(free_port())
    commands = {
        "gunicorn": ["gunicorn", "--config", "gunicorn.conf.py"],
        "uvicorn": ["uvicorn", f"{name}_service.app:app", "--port", port],
    }
    own = {"SERVICE": name, "BIND_HOST": "127.0.0.1", "PORT": port}
    ended = subprocess.run(
        [sys.executable, "-m", *commands[server]],
        cwd=REPOSITORY,
        env={**os.environ, **own, **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ended.returncode not in (0, -9)
    assert "Traceback" not in ended.stderr
    return ended.stderr
