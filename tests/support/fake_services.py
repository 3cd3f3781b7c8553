"""A folder with the Procfile and gunicorn's settings, and fake services without a model."""

import shutil
from pathlib import Path

from shared.settings import REPOSITORY

_APP = """
import asyncio
import os
import sys
from types import SimpleNamespace

async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        await receive()
        {at_start}
        await send({{"type": "lifespan.startup.complete"}})
        await receive()
        await send({{"type": "lifespan.shutdown.complete"}})
        return
    if scope["path"] == "/endless":
        print("asked", flush=True)
        await asyncio.sleep(600)
    await send({{"type": "http.response.start", "status": 200, "headers": []}})
    await send({{"type": "http.response.body", "body": repr(dict(os.environ)).encode()}})

settings = SimpleNamespace(receive_seconds=60.0, max_connections=512, root_path="")
app.state = SimpleNamespace(
    ready=True, requests_in_progress=0, settings=settings, socket_paths=frozenset()
)
"""
NO_MODEL = """return await send(
            {"type": "lifespan.startup.failed", "message": "weights are missing"}
        )"""


def make_folder(folder: Path) -> Path:
    folder.mkdir()
    for name in ["Procfile", "gunicorn.conf.py"]:
        shutil.copy(REPOSITORY / name, folder)
    return folder


def write_service(folder: Path, name: str, at_start: str = "pass") -> None:
    """A service that responds to every path with its environment, and never to /endless."""
    package = folder / f"{name}_service"
    package.mkdir(exist_ok=True)
    (package / "settings.py").write_text("from pydantic_settings import BaseSettings as Settings\n")
    (package / "app.py").write_text(_APP.format(at_start=at_start))
