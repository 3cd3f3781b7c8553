"""An app on its own port, in a thread of this process."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn
from fastapi import FastAPI

from tests.conftest import free_port


@contextmanager
def served(app: FastAPI, **options: Any) -> Iterator[str]:
    """Serve an app and give its URL. options: of uvicorn.

    The event loop is that of the apps, also where another package has brought uvloop.
    """
    port = free_port()
    options |= {"log_level": "error", "timeout_graceful_shutdown": 1, "loop": "asyncio"}
    config = uvicorn.Config(app, port=port, **options)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            thread.join(0.01)
            assert thread.is_alive(), "the server did not start"
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join()
