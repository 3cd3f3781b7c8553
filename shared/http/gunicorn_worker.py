"""gunicorn's worker class for all apps: uvicorn with our limits. gunicorn needs Linux or macOS."""

import asyncio
import signal
import sys
from functools import partial
from typing import Any, ClassVar

from gunicorn.arbiter import Arbiter
from uvicorn_worker import UvicornWorker

from shared.http.uvicorn_server import UVICORN_CONFIG, DrainingServer, TimeoutProtocol


class DrainingWorker(UvicornWorker):  # type: ignore[misc]  # uvicorn_worker has no types
    CONFIG_KWARGS: ClassVar[dict[str, Any]] = {**UvicornWorker.CONFIG_KWARGS, **UVICORN_CONFIG}

    def run(self) -> None:
        asyncio.run(self.serve())

    async def serve(self) -> None:
        """Serve the app until the process is told to stop."""
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGQUIT, self.handle_exit, signal.SIGQUIT, None)
        self.config.app = self.wsgi
        self.config.http = partial(TimeoutProtocol, self.wsgi.state)
        server = DrainingServer(self.config, self.wsgi.state)
        await server.serve(sockets=self.sockets)
        if not server.started:
            sys.exit(Arbiter.WORKER_BOOT_ERROR)
