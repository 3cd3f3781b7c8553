"""A folder with the repository's Procfile and gunicorn settings, and services that do nothing."""

import shutil
from pathlib import Path

from shared.settings import REPOSITORY

_APP = """
import os
import sys

async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        await receive()
        {at_start}
        await send({{"type": "lifespan.startup.complete"}})
        await receive()
        await send({{"type": "lifespan.shutdown.complete"}})
        return
    {at_request}
    await send({{"type": "http.response.start", "status": 200, "headers": []}})
    await send({{"type": "http.response.body", "body": {body}}})
"""
NO_MODEL = 'sys.stderr.write("weights are missing\\n"); sys.exit(3)'
DIES = "os._exit(9)"
ENVIRONMENT = "repr(dict(os.environ)).encode()"


def make_folder(folder: Path) -> Path:
    folder.mkdir()
    for name in ["Procfile", "gunicorn.conf.py"]:
        shutil.copy(REPOSITORY / name, folder)
    return folder


def add_service(
    folder: Path, name: str, at_start: str = "", at_request: str = "", body: str = ENVIRONMENT
) -> None:
    package = folder / f"{name}_service"
    package.mkdir()
    (package / "app.py").write_text(
        _APP.format(at_start=at_start or "pass", at_request=at_request or "pass", body=body)
    )
